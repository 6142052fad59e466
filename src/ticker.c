// SPDX-License-Identifier: GPL-2.0-only
/*
 * One ticker: its object, its life and death. What it does is in tick.c, what
 * may be changed of it in control.c, what it tells unasked in event.c.
 */
#include <linux/completion.h>
#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "place.h"
#include "ticker.h"

const struct ticker_config ticker_config_default = {
	.period_ms = 1000,
	.timer = TICKER_TIMER_HRTIMER,
	.clock = TICKER_CLOCK_MONOTONIC,
	.phase_ms = -1,
	.cpu = -1,
};

static const struct kobj_type *ticker_ktype;
static int ticker_cpuhp_state;

/*
 * Nothing of it is in sysfs: the directory of its name is the default ticker's, and
 * a kset has no events itself. It only is what the events of its members, the
 * tickers, call their SUBSYSTEM.
 */
static struct kset *ticker_kset;

/* One for all that is not released, tickers and kset, and one for the module. */
static struct kref ticker_live;
static DECLARE_COMPLETION(ticker_all_released);

static void ticker_complete_release(struct kref *kref)
{
	complete(&ticker_all_released);
}

/**
 * ticker_read_snapshot() - read everything at one instant
 * @ticker: the ticker
 * @snapshot: where to
 *
 * Periods that passed while a tick is overdue are in the snapshot as missed:
 * counter + missed is the number of periods elapsed, less the one in flight.
 *
 * Context: process context; does not sleep.
 */
void ticker_read_snapshot(struct ticker *ticker,
			  struct ticker_snapshot *snapshot)
{
	raw_spin_lock_irq(&ticker->lock);
	if (ticker->config.enabled)
		ticker->counts.missed +=
			ticker_timeline_count_missed(&ticker->timeline,
						     ticker_read_clock(ticker));
	snapshot->config = ticker->config;
	snapshot->counts = ticker->counts;
	raw_spin_unlock_irq(&ticker->lock);
}

static int ticker_cpu_up(unsigned int cpu, struct hlist_node *node)
{
	struct ticker *ticker = hlist_entry(node, struct ticker,
					    cpuhp_node);
	unsigned long flags;
	bool moved;

	raw_spin_lock_irqsave(&ticker->lock, flags);
	moved = ticker_place_cpu_up(ticker, cpu);
	raw_spin_unlock(&ticker->lock);
	if (moved)
		ticker_arm_here(ticker);
	local_irq_restore(flags);
	return 0;
}

static int ticker_cpu_down(unsigned int cpu, struct hlist_node *node)
{
	struct ticker *ticker = hlist_entry(node, struct ticker,
					    cpuhp_node);

	raw_spin_lock_irq(&ticker->lock);
	ticker_place_cpu_down(ticker, cpu);
	raw_spin_unlock_irq(&ticker->lock);
	return 0;
}

/**
 * ticker_release() - free a ticker; for the ktype alone
 * @kobj: its kobject
 *
 * ticker_destroy() has stopped the work long before; flushing it again
 * finds nothing, unless someone broke that, and then it saves the day.
 *
 * Context: may sleep. Never from the tick, which holds no reference.
 */
void ticker_release(struct kobject *kobj)
{
	struct ticker *ticker = to_ticker(kobj);

	ticker->dying = true;
	ticker_halt(ticker);
	ticker_event_cancel(ticker);
	mutex_destroy(&ticker->control);
	kfree(ticker->event);
	kfree(ticker);
	kref_put(&ticker_live, ticker_complete_release);
}

/**
 * ticker_create() - make a ticker, and start it if its config says so
 * @name: what tracepoints call it, at most TICKER_NAME_LEN bytes
 * @dirname: what its directory is called
 * @parent: where its directory goes
 * @config: its settings, each in range
 *
 * Context: may sleep.
 * Return: the ticker, to be given to ticker_destroy(), or an ERR_PTR().
 */
struct ticker *ticker_create(const char *name, const char *dirname,
			     struct kobject *parent,
			     const struct ticker_config *config)
{
	struct ticker *ticker;
	int err;

	ticker = kzalloc(sizeof(*ticker), GFP_KERNEL);
	if (!ticker)
		return ERR_PTR(-ENOMEM);
	/* That it is enabled from birth on is no change. */
	err = ticker_event_setup(ticker, config->enabled);
	if (err) {
		kfree(ticker);
		return ERR_PTR(err);
	}

	strscpy(ticker->name, name, sizeof(ticker->name));
	mutex_init(&ticker->control);
	raw_spin_lock_init(&ticker->lock);
	ticker->config = *config;
	ticker->config.enabled = 0;
	ticker_setup(ticker);

	/* From here on the release frees it. */
	kref_get(&ticker_live);
	ticker_kobject_init(&ticker->kobj, ticker_ktype);
	ticker->kobj.kset = ticker_kset;

	/* Before the files are there: a store may name a CPU at once. */
	err = cpuhp_state_add_instance_nocalls(ticker_cpuhp_state,
					       &ticker->cpuhp_node);
	if (err)
		goto err_put;
	/* Who finds the files at once waits until the ticker is whole. */
	mutex_lock(&ticker->control);
	err = kobject_add(&ticker->kobj, parent, "%s", dirname);
	if (!err) {
		ticker->event->counter.node = sysfs_get_dirent(ticker->kobj.sd,
							       "counter");
		ticker->event->enabled.node = sysfs_get_dirent(ticker->kobj.sd,
							       "enabled");
		kobject_uevent(&ticker->kobj, KOBJ_ADD);
		ticker_set_enabled(ticker, config->enabled);
	}
	mutex_unlock(&ticker->control);
	if (err)
		goto err_cpuhp;
	return ticker;

err_cpuhp:
	cpuhp_state_remove_instance_nocalls(ticker_cpuhp_state,
					    &ticker->cpuhp_node);
err_put:
	kobject_put(&ticker->kobj);
	return ERR_PTR(err);
}

/**
 * ticker_destroy() - stop a ticker and take its files away
 * @ticker: the ticker; gone, for the caller, when this returns
 *
 * Context: may sleep; waits for a tick that is running and for readers and
 * writers that are inside. Not from the tick, nor under a lock that it takes.
 */
void ticker_destroy(struct ticker *ticker)
{
	mutex_lock(&ticker->control);
	raw_spin_lock_irq(&ticker->lock);
	ticker->dying = true;
	raw_spin_unlock_irq(&ticker->lock);
	ticker_set_enabled(ticker, 0);
	mutex_unlock(&ticker->control);
	/* What it had to tell is overtaken by the removal. */
	ticker_event_cancel(ticker);

	/* Before its parent may go: older kernels send it when it is released. */
	kobject_uevent(&ticker->kobj, KOBJ_REMOVE);
	kobject_del(&ticker->kobj);
	cpuhp_state_remove_instance_nocalls(ticker_cpuhp_state,
					    &ticker->cpuhp_node);
	ticker_waker_end(ticker->event);
	kobject_put(&ticker->kobj);
}

static void ticker_kset_release(struct kobject *kobj)
{
	kfree(to_kset(kobj));
	kref_put(&ticker_live, ticker_complete_release);
}

static const struct kobj_type ticker_kset_ktype = {
	.release = ticker_kset_release,
};

/* kset_init() is not exported; kset_register() would make a directory. */
static struct kset *ticker_kset_create(void)
{
	struct kset *kset = kzalloc(sizeof(*kset), GFP_KERNEL);

	if (!kset)
		return NULL;
	INIT_LIST_HEAD(&kset->list);
	spin_lock_init(&kset->list_lock);
	kref_get(&ticker_live);
	ticker_kobject_init(&kset->kobj, &ticker_kset_ktype);
	if (kobject_set_name(&kset->kobj, "sched_tick")) {
		kset_put(kset);
		return NULL;
	}
	return kset;
}

static void ticker_wait_released(void)
{
	kref_put(&ticker_live, ticker_complete_release);
	wait_for_completion(&ticker_all_released);
	/*
	 * The release that completed it may have been preempted before it
	 * returned, and its code is about to be freed; so may the last
	 * ticker_trace_put(). Neither sleeps after that point, so once every
	 * task has scheduled of its own accord or been in user mode, none is
	 * left inside.
	 */
	synchronize_rcu_tasks();
}

/**
 * ticker_init() - make ready for ticker_create()
 * @ktype: the type of every ticker's kobject, with ticker_release()
 *
 * Return: 0 or a negative error code.
 */
int ticker_init(const struct kobj_type *ktype)
{
	int err;

	ticker_ktype = ktype;
	kref_init(&ticker_live);
	ticker_place_init();

	err = ticker_work_init();
	if (err)
		return err;
	err = ticker_event_init();
	if (err)
		goto err_tick;

	err = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "sched_tick:online",
				      ticker_cpu_up, ticker_cpu_down);
	if (err < 0)
		goto err_event;
	ticker_cpuhp_state = err;

	ticker_kset = ticker_kset_create();
	if (!ticker_kset) {
		err = -ENOMEM;
		goto err_kset;
	}
	return 0;

err_kset:
	/* Its name may have been what memory was short for. */
	ticker_wait_released();
	cpuhp_remove_multi_state(ticker_cpuhp_state);
err_event:
	ticker_event_exit();
err_tick:
	ticker_work_exit();
	return err;
}

/**
 * ticker_exit() - undo ticker_init(), when no ticker is left
 *
 * Waits until the last ticker is released, which may be later than the last
 * ticker_destroy().
 */
void ticker_exit(void)
{
	kset_put(ticker_kset);
	ticker_wait_released();

	cpuhp_remove_multi_state(ticker_cpuhp_state);
	ticker_event_exit();
	ticker_work_exit();
	ticker_place_exit();
}
