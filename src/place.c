// SPDX-License-Identifier: GPL-2.0-only
/*
 * On which CPU a ticker ticks: choose it, move it, arm its timers there.
 *
 * A pinned hrtimer can only be armed on its own CPU. Whoever has to arm the
 * timers of a ticker from elsewhere puts the ticker on the list of its CPU and
 * sends that CPU an interrupt. Nobody waits for it: the CPU may have interrupts
 * off for long. A ticker leaves the list when it is halted.
 */
#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "place.h"
#include "ticker.h"

/**
 * struct ticker_place_cpu - what is known of one CPU; under ticker_place_lock
 * @csd: the interrupt
 * @tickers: tickers whose timers are to be armed there
 * @sent: @csd is on its way
 * @count: number of tickers that are placed there
 */
struct ticker_place_cpu {
	call_single_data_t csd;
	struct list_head tickers;
	bool sent;
	unsigned int count;
};

static DEFINE_PER_CPU(struct ticker_place_cpu, ticker_place_cpus);

/*
 * Nested in the lock of a ticker. Not taken by a tick, unless it runs on a CPU
 * that its ticker has just been moved away from.
 */
static DEFINE_RAW_SPINLOCK(ticker_place_lock);

static void ticker_place_ipi_fn(void *unused)
{
	struct ticker_place_cpu *here = this_cpu_ptr(&ticker_place_cpus);
	struct ticker *ticker;

	raw_spin_lock(&ticker_place_lock);
	here->sent = false;
	while (!list_empty(&here->tickers)) {
		ticker = list_first_entry(&here->tickers, struct ticker,
					  place_node);
		list_del_init(&ticker->place_node);
		ticker->placing++;
		raw_spin_unlock(&ticker_place_lock);
		ticker_arm_here(ticker);
		raw_spin_lock(&ticker_place_lock);
		ticker->placing--;
	}
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_arm() - have a ticker's timers armed on the CPU where it is placed
 * @ticker: the ticker, armed
 *
 * Returns before they are.
 *
 * Context: under @lock; not on that CPU.
 */
void ticker_place_arm(struct ticker *ticker)
{
	struct ticker_place_cpu *there = per_cpu_ptr(&ticker_place_cpus, ticker->cpu);

	lockdep_assert_held(&ticker->lock);

	raw_spin_lock(&ticker_place_lock);
	list_move_tail(&ticker->place_node, &there->tickers);
	/* It fails if the CPU is offline; then the ticker is about to be moved. */
	if (!there->sent)
		there->sent = !smp_call_function_single_async(ticker->cpu,
							      &there->csd);
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_forget() - have a ticker's timers armed by nobody
 * @ticker: the ticker, not armed
 *
 * Context: process context; waits for another CPU's interrupt, which is short.
 */
void ticker_place_forget(struct ticker *ticker)
{
	bool placing;

	for (;;) {
		raw_spin_lock_irq(&ticker_place_lock);
		list_del_init(&ticker->place_node);
		placing = ticker->placing;
		raw_spin_unlock_irq(&ticker_place_lock);
		if (!placing)
			return;
		cpu_relax();
	}
}

static bool ticker_place_is_housekeeping(unsigned int cpu)
{
	return housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN) &&
	       housekeeping_test_cpu(cpu, HK_TYPE_TIMER) &&
	       housekeeping_test_cpu(cpu, HK_TYPE_WQ);
}

/* The housekeeping CPU with the fewest tickers; of equal ones this CPU. */
static int ticker_place_choose(int except)
{
	int best = -1, fallback = -1, this_cpu = smp_processor_id();
	unsigned int count, least = UINT_MAX;
	int cpu;

	lockdep_assert_held(&ticker_place_lock);

	for_each_online_cpu(cpu) {
		if (cpu == except)
			continue;
		fallback = cpu;
		if (!ticker_place_is_housekeeping(cpu))
			continue;
		count = per_cpu(ticker_place_cpus, cpu).count;
		if (count < least || (count == least && cpu == this_cpu)) {
			least = count;
			best = cpu;
		}
	}
	/* The housekeeping CPUs may be offline. */
	return best < 0 ? fallback : best;
}

static void ticker_place_set(struct ticker *ticker, int cpu)
{
	lockdep_assert_held(&ticker_place_lock);

	if (ticker->cpu >= 0)
		per_cpu(ticker_place_cpus, ticker->cpu).count--;
	if (cpu >= 0)
		per_cpu(ticker_place_cpus, cpu).count++;
	/* The alarm reads it and takes no lock. */
	WRITE_ONCE(ticker->cpu, cpu);
}

/**
 * ticker_place_enter() - place a ticker according to its settings
 * @ticker: the ticker
 *
 * One that may be anywhere stays where it is, if it is placed.
 *
 * Context: under @lock, and cpus_read_lock().
 */
void ticker_place_enter(struct ticker *ticker)
{
	int cpu = ticker->config.cpu;

	lockdep_assert_held(&ticker->lock);
	if (cpu < 0 && ticker->cpu >= 0)
		return;

	raw_spin_lock(&ticker_place_lock);
	ticker_place_set(ticker, cpu < 0 ? ticker_place_choose(-1) : cpu);
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_leave() - note that a ticker is on no CPU
 * @ticker: the ticker, halted
 *
 * Context: under @lock.
 */
void ticker_place_leave(struct ticker *ticker)
{
	lockdep_assert_held(&ticker->lock);

	raw_spin_lock(&ticker_place_lock);
	ticker_place_set(ticker, -1);
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_cpu_down() - move a ticker away from a CPU that goes offline
 * @ticker: the ticker
 * @cpu: the CPU, which still runs
 *
 * Context: CPU hotplug. Under @lock alone: waiting for @control would make
 * hotplug wait for a tick.
 */
void ticker_place_cpu_down(struct ticker *ticker, int cpu)
{
	lockdep_assert_held(&ticker->lock);

	if (ticker->config.cpu == cpu)
		WRITE_ONCE(ticker->config.cpu, -1);
	if (ticker->cpu != cpu)
		return;

	raw_spin_lock(&ticker_place_lock);
	ticker_place_set(ticker, ticker_place_choose(cpu));
	raw_spin_unlock(&ticker_place_lock);
	if (ticker->armed)
		ticker_place_arm(ticker);
}

/**
 * ticker_place_cpu_up() - move a ticker to a CPU that came online, if it has fewer
 * @ticker: the ticker
 * @cpu: the CPU, which is the one that runs this
 *
 * Context: CPU hotplug, under @lock alone.
 * Return: whether it was moved, and its timers are to be armed here.
 */
bool ticker_place_cpu_up(struct ticker *ticker, int cpu)
{
	bool move;

	lockdep_assert_held(&ticker->lock);

	if (ticker->config.cpu >= 0 || ticker->cpu < 0)
		return false;

	raw_spin_lock(&ticker_place_lock);
	/* One that had no housekeeping CPU goes to the first that comes. */
	move = ticker_place_is_housekeeping(cpu) &&
	       (per_cpu(ticker_place_cpus, cpu).count + 1 <
		per_cpu(ticker_place_cpus, ticker->cpu).count ||
		!ticker_place_is_housekeeping(ticker->cpu));
	if (move)
		ticker_place_set(ticker, cpu);
	raw_spin_unlock(&ticker_place_lock);
	return move && ticker->armed;
}

/**
 * ticker_place_init() - prepare for the first ticker
 */
void ticker_place_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct ticker_place_cpu *there = per_cpu_ptr(&ticker_place_cpus, cpu);

		INIT_LIST_HEAD(&there->tickers);
		there->csd.func = ticker_place_ipi_fn;
	}
}

/**
 * ticker_place_exit() - wait for interrupts that are on their way
 *
 * No ticker is left, so no more of them is sent.
 */
void ticker_place_exit(void)
{
	bool sent;
	int cpu;

	for_each_possible_cpu(cpu) {
		do {
			raw_spin_lock_irq(&ticker_place_lock);
			sent = per_cpu(ticker_place_cpus, cpu).sent;
			raw_spin_unlock_irq(&ticker_place_lock);
			if (sent)
				schedule_timeout_uninterruptible(1);
		} while (sent);
	}
	/* The last of them may not have returned. */
	synchronize_rcu();
}
