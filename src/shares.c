// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shares of a ticker, taken together: which there are, which are active,
 * and sums.
 *
 * Settings change under cpus_read_lock() and CPU hotplug runs under the write lock,
 * so neither sees the other's changes half done. A ticker is halted across a wait
 * for a tick, without that lock: shares that come online meanwhile become active
 * but are not armed.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "place.h"
#include "shares.h"
#include "ticker.h"
#include "ticker_cpu.h"

/**
 * ticker_next_share() - iterate over the shares of a ticker
 * @ticker: the ticker
 * @share: a share of it, or NULL to start
 *
 * Context: any. A share that is added meanwhile may be left out.
 * Return: the next share, by CPU, or NULL.
 */
struct ticker_cpu *ticker_next_share(struct ticker *ticker,
				     struct ticker_cpu *share)
{
	unsigned long cpu = 0;

	if (!share)
		return ticker->any;
	if (share == ticker->any)
		return xa_find(&ticker->shares, &cpu, ULONG_MAX, XA_PRESENT);
	cpu = share->cpu;
	return xa_find_after(&ticker->shares, &cpu, ULONG_MAX, XA_PRESENT);
}

/**
 * ticker_is_several() - whether a set of CPUs has more than one timeline
 * @cpus: an enum ticker_cpus
 * @list: the CPUs of TICKER_CPUS_LIST
 *
 * Return: false if at most one CPU at a time runs ticks.
 */
bool ticker_is_several(int cpus, const struct cpumask *list)
{
	return cpus != TICKER_CPUS_ANY &&
	       (cpus != TICKER_CPUS_LIST || cpumask_weight(list) > 1);
}

/**
 * ticker_has_cpu() - whether a CPU is in a set
 * @cpus: an enum ticker_cpus
 * @list: the CPUs of TICKER_CPUS_LIST
 * @cpu: the CPU
 *
 * Return: false for each CPU if @cpus is TICKER_CPUS_ANY.
 */
bool ticker_has_cpu(int cpus, const struct cpumask *list, unsigned int cpu)
{
	switch (cpus) {
	case TICKER_CPUS_ALL:
		return true;
	case TICKER_CPUS_HOUSEKEEPING:
		return ticker_place_is_housekeeping(cpu);
	case TICKER_CPUS_LIST:
		return cpumask_test_cpu(cpu, list);
	default:
		return false;
	}
}

static bool ticker_uses_share(struct ticker *ticker, struct ticker_cpu *share)
{
	const struct ticker_config *config = &ticker->config;

	if (!config->enabled)
		return false;
	if (!ticker_cpu_is_bound(share))
		return config->cpus == TICKER_CPUS_ANY;
	return cpu_online(share->cpu) &&
	       ticker_has_cpu(config->cpus, ticker_cpu_list(ticker),
			      share->cpu);
}

/* A file of percpu, for all tickers. */
struct ticker_percpu_attr {
	struct attribute attr;
	char name[12];
};

static DEFINE_PER_CPU(struct ticker_percpu_attr, ticker_percpu_attr);

static struct attribute *ticker_percpu_attrs[] = { NULL };

static const struct attribute_group ticker_percpu_group = {
	.name = "percpu",
	.attrs = ticker_percpu_attrs,
};

/* Create the file of a share; the first one also creates the directory. */
static int ticker_show_share(struct ticker *ticker, struct ticker_cpu *share)
{
	int err = 0;

	if (share->shown)
		return 0;
	if (!ticker->has_percpu)
		err = sysfs_create_group(&ticker->kobj, &ticker_percpu_group);
	if (err)
		return err;
	ticker->has_percpu = true;

	err = sysfs_add_file_to_group(&ticker->kobj,
				      &per_cpu_ptr(&ticker_percpu_attr,
						   share->cpu)->attr,
				      ticker_percpu_group.name);
	share->shown = !err;
	return err;
}

/**
 * ticker_find_share() - find the share that a file of percpu shows
 * @ticker: the ticker
 * @attr: the file
 *
 * Return: the share, or NULL if @attr is no file of percpu.
 */
struct ticker_cpu *ticker_find_share(struct ticker *ticker,
				     const struct attribute *attr)
{
	unsigned int cpu;

	/* No other file has a name that starts with a digit. */
	if (!isdigit(attr->name[0]) || kstrtouint(attr->name, 10, &cpu))
		return NULL;
	return xa_load(&ticker->shares, cpu);
}

/**
 * ticker_create_share() - allocate the share of a CPU, if there is none
 * @ticker: the ticker
 * @cpu: the CPU
 *
 * Context: may sleep. With cpus_read_lock() or in CPU hotplug.
 * Return: 0 or a negative error code.
 */
int ticker_create_share(struct ticker *ticker, unsigned int cpu)
{
	struct ticker_cpu *share = xa_load(&ticker->shares, cpu);
	int err;

	if (!share) {
		share = ticker_cpu_create(ticker, cpu);
		if (!share)
			return -ENOMEM;
		err = xa_insert(&ticker->shares, cpu, share, GFP_KERNEL);
		if (err) {
			ticker_cpu_free(share);
			return err;
		}
	}
	return ticker_show_share(ticker, share);
}

/**
 * ticker_create_shares() - allocate the shares of a set of CPUs
 * @ticker: the ticker
 * @cpus: an enum ticker_cpus
 * @list: the CPUs of TICKER_CPUS_LIST
 *
 * Shares that it allocated before an error stay, unused, until the ticker is
 * released.
 *
 * Context: may sleep. Under @control and cpus_read_lock().
 * Return: 0 or a negative error code.
 */
int ticker_create_shares(struct ticker *ticker, int cpus,
			 const struct cpumask *list)
{
	unsigned int cpu;
	int err;

	for_each_online_cpu(cpu) {
		if (!ticker_has_cpu(cpus, list, cpu))
			continue;
		err = ticker_create_share(ticker, cpu);
		if (err)
			return err;
	}
	return 0;
}

/**
 * ticker_settle() - count and report the overdue ticks of a ticker
 * @ticker: the ticker, halted
 * @end: also end its timeline
 *
 * Context: may sleep. Under @control and cpus_read_lock().
 */
void ticker_settle(struct ticker *ticker, bool end)
{
	struct ticker_cpu *share = NULL;

	while ((share = ticker_next_share(ticker, share)))
		ticker_cpu_settle(share, end);
}

/**
 * ticker_start_timeline() - give a ticker a timeline that starts now
 * @ticker: the ticker, halted, none of its shares active
 *
 * Context: under @control and cpus_read_lock().
 */
void ticker_start_timeline(struct ticker *ticker)
{
	const struct ticker_config *config = &ticker->config;
	u64 phase_ns = TICKER_PHASE_NONE;

	if (config->phase_ms >= 0)
		phase_ns = (u64)config->phase_ms * NSEC_PER_MSEC;
	ticker_timeline_start(&ticker->timeline,
			      (u64)config->period_ms * NSEC_PER_MSEC, phase_ns,
			      ticker_read_clock(ticker));
}

/**
 * ticker_update_shares() - start and stop shares as the settings say
 * @ticker: the ticker, halted
 *
 * Context: may sleep. Under @control and cpus_read_lock().
 */
void ticker_update_shares(struct ticker *ticker)
{
	struct ticker_cpu *share = NULL;
	bool uses;

	while ((share = ticker_next_share(ticker, share))) {
		uses = ticker_uses_share(ticker, share);
		if (!uses)
			ticker_cpu_settle(share, true);
		raw_spin_lock_irq(&share->lock);
		if (uses && !share->active)
			ticker_cpu_start(share);
		if (!uses && !ticker_cpu_is_bound(share))
			ticker_place_leave(share);
		raw_spin_unlock_irq(&share->lock);
	}
}

/**
 * ticker_update_queue() - move the work items of a ticker to the queue of its settings
 * @ticker: the ticker, halted
 *
 * Context: may sleep. Under @control and cpus_read_lock().
 */
void ticker_update_queue(struct ticker *ticker)
{
	struct ticker_cpu *share = NULL;

	while ((share = ticker_next_share(ticker, share)))
		ticker_cpu_init_work(share);
	ticker->wq = ticker_cpu_wq(ticker->config.queue);
}

/**
 * ticker_halt() - keep a ticker from ticking
 * @ticker: the ticker
 *
 * When this has succeeded no tick runs, none will, and no timer is armed. The
 * timelines continue; periods that pass are counted later.
 *
 * Context: may sleep; waits for ticks that run. Under @control. Not from the tick.
 * Return: 0, or -EINTR if the process was killed while it waited; a tick runs then.
 * ticker_resume() has to follow in both cases.
 */
int ticker_halt(struct ticker *ticker)
{
	struct ticker_cpu *share = NULL;
	int err;

	cpus_read_lock();
	ticker->halted = true;
	while ((share = ticker_next_share(ticker, share)))
		ticker_cpu_disarm(share);
	cpus_read_unlock();

	while ((share = ticker_next_share(ticker, share))) {
		err = ticker_cpu_wait(share);
		if (err)
			return err;
	}
	return 0;
}

/* Number a tick by the ticks of all shares; by those of its own if several tick. */
static void ticker_update_base(struct ticker *ticker)
{
	const struct cpumask *list = ticker_cpu_list(ticker);
	struct ticker_cpu *share = NULL;
	int cpus = ticker->config.cpus;
	u64 counter = 0;
	bool ticks;

	while ((share = ticker_next_share(ticker, share))) {
		ticks = ticker_cpu_is_bound(share) ?
			ticker_has_cpu(cpus, list, share->cpu) :
			cpus == TICKER_CPUS_ANY;
		if (!ticks && !ticker_is_several(cpus, list))
			counter += share->counts.counter;
	}
	ticker->counter_base = counter;
}

/**
 * ticker_resume() - arm the active shares of a ticker that is halted
 * @ticker: the ticker
 *
 * Context: under @control and cpus_read_lock().
 */
void ticker_resume(struct ticker *ticker)
{
	struct ticker_cpu *share = NULL;

	ticker_update_base(ticker);
	ticker->halted = false;
	while ((share = ticker_next_share(ticker, share))) {
		raw_spin_lock_irq(&share->lock);
		if (share->active)
			ticker_cpu_resume(share);
		raw_spin_unlock_irq(&share->lock);
	}
}

/**
 * ticker_shares_init() - prepare the files of percpu
 */
void ticker_shares_init(void)
{
	struct ticker_percpu_attr *file;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		file = per_cpu_ptr(&ticker_percpu_attr, cpu);
		snprintf(file->name, sizeof(file->name), "%u", cpu);
		sysfs_attr_init(&file->attr);
		file->attr.name = file->name;
		file->attr.mode = 0444;
	}
}

/**
 * ticker_read_counts() - read the counts of a share at one instant
 * @share: the share
 * @counts: set to the counts
 * @late: set to where its lateness went; 0 if it is bound to no CPU
 *
 * Periods that passed while a tick is overdue are counted as missed: counter +
 * missed is the number of periods elapsed, minus the one of the overdue tick.
 *
 * Context: process context; does not sleep.
 * Return: whether the share is active.
 */
static bool ticker_read_counts(struct ticker_cpu *share,
			       struct ticker_counts *counts,
			       struct ticker_late *late)
{
	bool active;

	raw_spin_lock_irq(&share->lock);
	active = share->active;
	if (active)
		share->counts.missed +=
			ticker_timeline_count_missed(&share->timeline,
						     ticker_read_clock(share->ticker));
	*counts = share->counts;
	*late = share->late ? share->late->sums : (struct ticker_late){ };
	raw_spin_unlock_irq(&share->lock);
	return active;
}

static void ticker_read_config(struct ticker *ticker,
			       struct ticker_config *config)
{
	const int *from = (const int *)&ticker->config;
	int *to = (int *)config;
	size_t i;

	BUILD_BUG_ON(sizeof(*config) % sizeof(*to));
	for (i = 0; i < sizeof(*config) / sizeof(*to); i++)
		to[i] = READ_ONCE(from[i]);
}

/**
 * ticker_read_share() - read the settings of a ticker and the counts of one share
 * @share: the share
 * @snapshot: set to both
 *
 * Context: process context; does not sleep.
 */
void ticker_read_share(struct ticker_cpu *share,
		       struct ticker_snapshot *snapshot)
{
	ticker_read_config(share->ticker, &snapshot->config);
	snapshot->cpus = ticker_read_counts(share, &snapshot->counts,
					    &snapshot->late);
}

/**
 * ticker_read_snapshot() - read the settings of a ticker and the sums of its counts
 * @ticker: the ticker
 * @snapshot: set to both
 *
 * The counts of each share are of one instant.
 *
 * Context: process context; does not sleep.
 */
void ticker_read_snapshot(struct ticker *ticker,
			  struct ticker_snapshot *snapshot)
{
	struct ticker_counts counts;
	struct ticker_cpu *share = ticker->any;
	struct ticker_late late;

	ticker_read_share(share, snapshot);
	while ((share = ticker_next_share(ticker, share))) {
		snapshot->cpus += ticker_read_counts(share, &counts, &late);
		snapshot->counts.counter += counts.counter;
		snapshot->counts.missed += counts.missed;
		snapshot->counts.stalls += counts.stalls;
		ticker_lateness_merge(&snapshot->counts.lateness,
				      &counts.lateness);
		ticker_lateness_merge(&snapshot->counts.timer_lateness,
				      &counts.timer_lateness);
		ticker_late_merge(&snapshot->late, &late);
	}
}
