// SPDX-License-Identifier: GPL-2.0-only
/*
 * Placement: choose the CPU of a share that is bound to none, move the share, and
 * arm the timers of any share on its CPU.
 *
 * A pinned hrtimer can only be armed on its own CPU. Code that has to arm the
 * timers of a share from another CPU puts the share on the list of its CPU and
 * sends that CPU an interrupt. It does not wait for the interrupt, because the CPU
 * may have interrupts off for long. A share is taken off the list when it is
 * disarmed.
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
#include "ticker_cpu.h"

/**
 * struct ticker_place - state of one CPU; under ticker_place_lock
 * @csd: the interrupt
 * @shares: shares whose timers are to be armed there
 * @sent: @csd was sent and has not arrived
 * @count: number of unbound shares placed there
 */
struct ticker_place {
	call_single_data_t csd;
	struct list_head shares;
	bool sent;
	unsigned int count;
};

static DEFINE_PER_CPU(struct ticker_place, ticker_places);

/*
 * Nested in the lock of a share. A tick takes it only if it does not run on the CPU
 * of its share.
 */
static DEFINE_RAW_SPINLOCK(ticker_place_lock);

static void ticker_place_ipi_fn(void *unused)
{
	struct ticker_place *here = this_cpu_ptr(&ticker_places);
	struct ticker_cpu *share;

	raw_spin_lock(&ticker_place_lock);
	here->sent = false;
	while (!list_empty(&here->shares)) {
		share = list_first_entry(&here->shares, struct ticker_cpu,
					 place_node);
		list_del_init(&share->place_node);
		share->placing++;
		raw_spin_unlock(&ticker_place_lock);
		ticker_cpu_arm_here(share);
		raw_spin_lock(&ticker_place_lock);
		share->placing--;
	}
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_arm() - have the timers of a share armed on its CPU
 * @share: the share, armed
 *
 * Returns before they are armed.
 *
 * Context: under @lock; not on that CPU.
 */
void ticker_place_arm(struct ticker_cpu *share)
{
	struct ticker_place *there = per_cpu_ptr(&ticker_places, share->cpu);

	lockdep_assert_held(&share->lock);

	raw_spin_lock(&ticker_place_lock);
	list_move_tail(&share->place_node, &there->shares);
	/* Fails if the CPU is offline; hotplug then moves or stops the share. */
	if (!there->sent)
		there->sent = !smp_call_function_single_async(share->cpu,
							      &there->csd);
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_forget() - undo ticker_place_arm()
 * @share: the share, not armed
 *
 * Context: process context; waits for another CPU's interrupt, which is short.
 */
void ticker_place_forget(struct ticker_cpu *share)
{
	bool placing;

	for (;;) {
		raw_spin_lock_irq(&ticker_place_lock);
		list_del_init(&share->place_node);
		placing = share->placing;
		raw_spin_unlock_irq(&ticker_place_lock);
		if (!placing)
			return;
		cpu_relax();
	}
}

/**
 * ticker_place_is_housekeeping() - whether a CPU is not isolated
 * @cpu: the CPU
 *
 * Return: false for CPUs of isolcpus= and nohz_full=.
 */
bool ticker_place_is_housekeeping(unsigned int cpu)
{
	bool housekeeping;

	/* Newer kernels replace the mask of domains when a cpuset changes. */
	rcu_read_lock();
	housekeeping = housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN) &&
		       housekeeping_test_cpu(cpu, HK_TYPE_TIMER) &&
		       housekeeping_test_cpu(cpu, HK_TYPE_WQ);
	rcu_read_unlock();
	return housekeeping;
}

/* The housekeeping CPU with the fewest unbound shares; this CPU among equals. */
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
		count = per_cpu(ticker_places, cpu).count;
		if (ticker_place_is_housekeeping(cpu) &&
		    (count < least || (count == least && cpu == this_cpu))) {
			least = count;
			best = cpu;
		}
	}
	/* All housekeeping CPUs may be offline. */
	return best < 0 ? fallback : best;
}

static void ticker_place_set(struct ticker_cpu *share, int cpu)
{
	lockdep_assert_held(&ticker_place_lock);

	if (share->cpu >= 0)
		per_cpu(ticker_places, share->cpu).count--;
	if (cpu >= 0)
		per_cpu(ticker_places, cpu).count++;
	/* The timer reads it without the lock. */
	WRITE_ONCE(share->cpu, cpu);
}

/**
 * ticker_place_enter() - choose a CPU for an unbound share that has none
 * @share: the share
 *
 * Context: under @lock, and cpus_read_lock().
 */
void ticker_place_enter(struct ticker_cpu *share)
{
	lockdep_assert_held(&share->lock);
	if (share->cpu >= 0)
		return;

	raw_spin_lock(&ticker_place_lock);
	ticker_place_set(share, ticker_place_choose(-1));
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_leave() - release the CPU of an unbound share
 * @share: the share, not armed
 *
 * Context: under @lock.
 */
void ticker_place_leave(struct ticker_cpu *share)
{
	lockdep_assert_held(&share->lock);

	raw_spin_lock(&ticker_place_lock);
	ticker_place_set(share, -1);
	raw_spin_unlock(&ticker_place_lock);
}

/**
 * ticker_place_cpu_offline() - move an unbound share away from a CPU
 * @share: the share
 * @cpu: the CPU, which goes offline and still runs
 *
 * Context: CPU hotplug, under @lock.
 */
void ticker_place_cpu_offline(struct ticker_cpu *share, int cpu)
{
	lockdep_assert_held(&share->lock);

	if (share->cpu != cpu)
		return;

	raw_spin_lock(&ticker_place_lock);
	ticker_place_set(share, ticker_place_choose(cpu));
	raw_spin_unlock(&ticker_place_lock);
	if (share->armed)
		ticker_place_arm(share);
}

/**
 * ticker_place_cpu_online() - move an unbound share to a CPU that has fewer of them
 * @share: the share
 * @cpu: the CPU that came online; it runs this
 *
 * Context: CPU hotplug, under @lock.
 * Return: true if it was moved and its timers have to be armed here.
 */
bool ticker_place_cpu_online(struct ticker_cpu *share, int cpu)
{
	bool move;

	lockdep_assert_held(&share->lock);

	if (share->cpu < 0)
		return false;

	raw_spin_lock(&ticker_place_lock);
	/* A share without a housekeeping CPU goes to the first that comes. */
	move = ticker_place_is_housekeeping(cpu) &&
	       (per_cpu(ticker_places, cpu).count + 1 <
		per_cpu(ticker_places, share->cpu).count ||
		!ticker_place_is_housekeeping(share->cpu));
	if (move)
		ticker_place_set(share, cpu);
	raw_spin_unlock(&ticker_place_lock);
	return move && share->armed;
}

/**
 * ticker_place_init() - prepare for the first ticker
 */
void ticker_place_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct ticker_place *there = per_cpu_ptr(&ticker_places, cpu);

		INIT_LIST_HEAD(&there->shares);
		there->csd.func = ticker_place_ipi_fn;
	}
}

/**
 * ticker_place_exit() - wait for interrupts that were sent
 *
 * No ticker is left, so no more interrupts are sent.
 */
void ticker_place_exit(void)
{
	bool sent;
	int cpu;

	for_each_possible_cpu(cpu) {
		do {
			raw_spin_lock_irq(&ticker_place_lock);
			sent = per_cpu(ticker_places, cpu).sent;
			raw_spin_unlock_irq(&ticker_place_lock);
			if (sent)
				schedule_timeout_uninterruptible(1);
		} while (sent);
	}
	/* The function of the last interrupt may not have returned. */
	synchronize_rcu();
}
