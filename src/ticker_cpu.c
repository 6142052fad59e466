// SPDX-License-Identifier: GPL-2.0-only
/*
 * One CPU's share of a ticker: its life, its timeline, its work queue. The tick
 * itself is in tick.c.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "cputime.h"
#include "event.h"
#include "place.h"
#include "stall.h"
#include "ticker.h"
#include "ticker_cpu.h"

static const clockid_t ticker_clock_ids[TICKER_CLOCKS] = {
	[TICKER_CLOCK_MONOTONIC]	= CLOCK_MONOTONIC,
	[TICKER_CLOCK_BOOTTIME]		= CLOCK_BOOTTIME,
	[TICKER_CLOCK_REALTIME]		= CLOCK_REALTIME,
};

/*
 * The per-CPU queues run a tick on the CPU whose timer fired. They are not
 * freezable, so that the time it takes to freeze user programs is not suspended
 * time. WQ_MAX_ACTIVE: no tick waits for others whose subscribers sleep. The kernel
 * copies the name at each run; up to 7 letters are copied at once.
 */
static const struct {
	const char *name;
	unsigned int flags;
	int max_active;
} ticker_queues[TICKER_QUEUES_MAX] = {
	[TICKER_QUEUE_HIGHPRI] = {
		"ticker", WQ_PERCPU | WQ_HIGHPRI, WQ_MAX_ACTIVE
	},
	[TICKER_QUEUE_NORMAL] = {
		"sched_tick_normal", WQ_PERCPU, WQ_MAX_ACTIVE
	},
	[TICKER_QUEUE_UNBOUND] = {
		"sched_tick_unbound", WQ_UNBOUND, WQ_MAX_ACTIVE
	},
	[TICKER_QUEUE_BH] = { "sched_tick_bh", TICKER_WQ_BH, 0 },
};

static struct workqueue_struct *ticker_wqs[TICKER_QUEUES_MAX];

static bool ticker_cpu_is_running(struct ticker_cpu *share)
{
	/* Orders what the tick did before. Pairs with ticker_work_fn(). */
	return smp_load_acquire(&share->running);
}

/**
 * ticker_cpu_cancel() - cancel the timers of a share that is not armed
 * @share: the share
 *
 * The hrtimer may have queued the work item once more; a run that finds the share
 * not armed does nothing.
 *
 * Context: process context; waits for timers that run.
 */
void ticker_cpu_cancel(struct ticker_cpu *share)
{
	ticker_place_forget(share);
	hrtimer_cancel(&share->watchdog);
	hrtimer_cancel(&share->timer);
	cancel_delayed_work(&share->work);
}

/**
 * ticker_cpu_disarm() - keep a share from starting another tick
 * @share: the share
 *
 * The timeline continues; periods that pass are counted later.
 *
 * Context: process context; does not wait for a tick that runs.
 */
void ticker_cpu_disarm(struct ticker_cpu *share)
{
	raw_spin_lock_irq(&share->lock);
	share->armed = false;
	raw_spin_unlock_irq(&share->lock);
	ticker_cpu_cancel(share);
}

/**
 * ticker_cpu_wait() - wait until the tick of a share that is not armed has ended
 * @share: the share
 *
 * A tick may take long, because subscribers may sleep. The wait can be killed,
 * unless the ticker is being removed, which has no subscriber.
 *
 * Context: may sleep. Not from the tick.
 * Return: 0, or -EINTR if the process was killed; the tick still runs then.
 */
int ticker_cpu_wait(struct ticker_cpu *share)
{
	int err;

	if (share->ticker->dying) {
		cancel_delayed_work_sync(&share->work);
		return 0;
	}

	WRITE_ONCE(share->halting, true);
	err = wait_var_event_killable(&share->running,
				      !ticker_cpu_is_running(share));
	WRITE_ONCE(share->halting, false);
	return err ? -EINTR : 0;
}

/**
 * ticker_cpu_start() - give a share the ticker's timeline
 * @share: the share, neither active nor armed
 *
 * Its first deadline is the next one from now on.
 *
 * Context: under @lock, with cpus_read_lock() or in CPU hotplug.
 */
void ticker_cpu_start(struct ticker_cpu *share)
{
	struct ticker *ticker = share->ticker;
	clockid_t clock_id = ticker_clock_ids[ticker->config.clock];
	struct ticker_instant now = ticker_read_clocks(ticker);

	lockdep_assert_held(&share->lock);

	share->timeline = ticker->timeline;
	ticker_timeline_skip(&share->timeline, now.ns);
	share->clock_offset_ns = now.ns - now.mono_ns;
	atomic64_set(&share->timer_fired_ns, 0);
	if (share->late)
		ticker_cputime_update(&share->late->cputime, share->cpu);
	hrtimer_setup(&share->timer, ticker_timer_fn, clock_id,
		      HRTIMER_MODE_ABS_HARD);
	hrtimer_setup(&share->watchdog, ticker_watchdog_fn, clock_id,
		      HRTIMER_MODE_ABS_HARD);
	WRITE_ONCE(share->active, true);
}

/* End the timeline: an overdue tick is missed, and its stall is over. */
static bool ticker_cpu_end_timeline(struct ticker_cpu *share)
{
	struct ticker_instant now = ticker_read_clocks(share->ticker);
	u64 late_ns = 0;

	lockdep_assert_held(&share->lock);

	WRITE_ONCE(share->active, false);
	share->armed = false;
	/* The clock may have been set back to before the deadline. */
	if (share->stalled && now.ns >= share->timeline.first_due_ns)
		late_ns = now.mono_ns -
			  ticker_cpu_reached_ns(share, now,
						atomic64_read(&share->timer_fired_ns));
	share->counts.missed += ticker_timeline_end(&share->timeline, now.ns);
	return ticker_cpu_end_stall(share, late_ns);
}

/**
 * ticker_cpu_settle() - count and report the overdue tick of a share
 * @share: the share
 * @end: also end its timeline
 *
 * Does nothing if the share is not active.
 *
 * Context: process context.
 */
void ticker_cpu_settle(struct ticker_cpu *share, bool end)
{
	bool stall = false, recovered = false;
	struct ticker_culprit culprit;
	struct sched_tick_info info;

	raw_spin_lock_irq(&share->lock);
	if (share->active) {
		stall = ticker_cpu_check_remote(share, &info);
		if (end)
			recovered = ticker_cpu_end_timeline(share);
	}
	culprit = share->stall.culprit;
	raw_spin_unlock_irq(&share->lock);

	if (stall)
		ticker_event_stall(share->ticker, &info, &culprit);
	else if (recovered)
		ticker_event_queue(share->ticker);
}

/**
 * ticker_cpu_resume() - arm an active share
 * @share: the share, not armed
 *
 * Context: under @lock, with cpus_read_lock() or in CPU hotplug.
 */
void ticker_cpu_resume(struct ticker_cpu *share)
{
	const struct ticker_config *config = &share->ticker->config;

	lockdep_assert_held(&share->lock);

	share->armed = true;
	if (!ticker_cpu_is_bound(share))
		ticker_place_enter(share);
	/*
	 * A timer that restarts itself halves the programming of the clock event
	 * device. On a clock that is set back it would fire too late.
	 */
	share->timer_restarts = config->timer == TICKER_TIMER_HRTIMER &&
				config->clock != TICKER_CLOCK_REALTIME;
	/* It fires while its worker is stuck. */
	share->timer_watches = share->timer_restarts &&
			       config->stall_ms >= config->period_ms;
	share->timer_suffices = share->timer_restarts &&
				(!config->stall_ms || share->timer_watches) &&
				ticker_is_monotonic(share->ticker);
	share->check_next = ticker_check_time(ktime_get_ns());
	ticker_cpu_arm_all(share);
}

/*
 * Each use of the macro gives lockdep a class: a work item in softirq may interrupt
 * one in a worker.
 */
static void ticker_cpu_init_worker_work(struct ticker_cpu *share)
{
	INIT_DELAYED_WORK(&share->work, ticker_work_fn);
}

static void ticker_cpu_init_softirq_work(struct ticker_cpu *share)
{
	INIT_DELAYED_WORK(&share->work, ticker_work_fn);
}

/**
 * ticker_cpu_init_work() - prepare the work item of a share for its queue
 * @share: the share, not armed
 *
 * Context: may sleep; waits for the work item, if it runs.
 */
void ticker_cpu_init_work(struct ticker_cpu *share)
{
	if (share->work.work.func)
		cancel_delayed_work_sync(&share->work);
	if (share->ticker->config.queue == TICKER_QUEUE_BH)
		ticker_cpu_init_softirq_work(share);
	else
		ticker_cpu_init_worker_work(share);
}

/**
 * ticker_cpu_create() - allocate a share of a ticker
 * @ticker: the ticker
 * @cpu: its CPU; -1 if it is bound to none
 *
 * Context: may sleep.
 * Return: the share, or NULL if memory is short.
 */
struct ticker_cpu *ticker_cpu_create(struct ticker *ticker, int cpu)
{
	int node = cpu < 0 ? NUMA_NO_NODE : cpu_to_node(cpu);
	struct ticker_cpu *share;

	share = kzalloc_node(sizeof(*share), GFP_KERNEL, node);
	if (!share)
		return NULL;
	if (cpu >= 0) {
		share->late = kzalloc_node(sizeof(*share->late), GFP_KERNEL, node);
		if (!share->late) {
			kfree(share);
			return NULL;
		}
	}

	raw_spin_lock_init(&share->lock);
	share->ticker = ticker;
	share->cpu = cpu;
	ticker_cpu_init_work(share);
	INIT_LIST_HEAD(&share->place_node);
	hrtimer_setup(&share->timer, ticker_timer_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);
	hrtimer_setup(&share->watchdog, ticker_watchdog_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);
	return share;
}

/**
 * ticker_cpu_free() - free a share
 * @share: the share, not armed; NULL is ignored
 *
 * Context: may sleep; waits for the work item, if it runs.
 */
void ticker_cpu_free(struct ticker_cpu *share)
{
	if (!share)
		return;
	ticker_cpu_disarm(share);
	cancel_delayed_work_sync(&share->work);
	kfree(share->late);
	kfree(share);
}

/**
 * ticker_cpu_wq() - look up the work queue of a setting
 * @queue: an enum ticker_queue
 *
 * Return: the work queue.
 */
struct workqueue_struct *ticker_cpu_wq(int queue)
{
	return ticker_wqs[queue];
}

/**
 * ticker_cpu_init() - prepare for the first ticker
 *
 * Return: 0 or -ENOMEM.
 */
int ticker_cpu_init(void)
{
	int i;

	for (i = 0; i < TICKER_QUEUES; i++) {
		ticker_wqs[i] = alloc_workqueue("%s", ticker_queues[i].flags,
						ticker_queues[i].max_active,
						ticker_queues[i].name);
		if (!ticker_wqs[i])
			goto err_wqs;
	}
	return 0;

err_wqs:
	while (i--)
		destroy_workqueue(ticker_wqs[i]);
	return -ENOMEM;
}

/**
 * ticker_cpu_exit() - undo ticker_cpu_init() after the last ticker is released
 */
void ticker_cpu_exit(void)
{
	int i;

	for (i = 0; i < TICKER_QUEUES; i++)
		destroy_workqueue(ticker_wqs[i]);
}
