// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tick: a ticker's delayed work, and what wakes it.
 *
 * What wakes it is either the alarm, an hrtimer at the very deadline, or the
 * work's own timer on the timer wheel; the two differ in ticker_arm_next() and
 * nowhere else. A run ahead of the deadline counts nothing and arms again, so a
 * wake-up too many is never wrong.
 *
 * All of it is on one CPU, the ticker's @cpu: timers are armed by code that runs
 * there, with interrupts off, under the ticker's lock.
 *
 * Where stalls are asked for, a second hrtimer, the watch (stall.c), looks whether
 * the tick came.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "place.h"
#include "stall.h"
#include "ticker.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The wheel keeps shorter delays to the jiffy, and rounds longer ones up. */
#define TICKER_WHEEL_EXACT_JIFFIES	63

/* Of a clock that was set or was asleep, the wheel learns by looking. */
#define TICKER_CLOCK_RECHECK_JIFFIES	HZ

static const clockid_t ticker_clock_ids[TICKER_CLOCKS] = {
	[TICKER_CLOCK_MONOTONIC]	= CLOCK_MONOTONIC,
	[TICKER_CLOCK_BOOTTIME]	= CLOCK_BOOTTIME,
	[TICKER_CLOCK_REALTIME]	= CLOCK_REALTIME,
};

static struct workqueue_struct *ticker_wq;

/*
 * While a tracepoint is in use the module stays: unloading it would clear all
 * of the trace. The last put is here, in code that may then be unloaded under
 * our feet; ticker_exit() waits for whoever is on the way out.
 */
int ticker_trace_get(void)
{
	return try_module_get(THIS_MODULE) ? 0 : -ENODEV;
}

void ticker_trace_put(void)
{
	module_put(THIS_MODULE);
}

/**
 * ticker_read_clock() - what time it is
 * @ticker: the ticker whose clock is asked
 *
 * Context: any; the clock must not change meanwhile: under @lock or @control,
 * or in the alarm.
 * Return: nanoseconds on that clock.
 */
u64 ticker_read_clock(const struct ticker *ticker)
{
	switch (ticker->config.clock) {
	case TICKER_CLOCK_BOOTTIME:
		return ktime_get_boottime_ns();
	case TICKER_CLOCK_REALTIME:
		return ktime_get_real_ns();
	default:
		return ktime_get_ns();
	}
}

/*
 * A delay of n jiffies ends at the (n + 1)th edge from here, and longer ones
 * late by up to 1/8. A tick re-arms a little after an edge, so rounding down
 * meets the first edge past the deadline, if that little is made up for: without
 * it a deadline just past an edge would be met just before, and again when the
 * shortest delay there is has passed, two edges on. 7/8 of a long way never
 * oversleeps.
 */
static unsigned long ticker_wheel_delay(u64 left_ns)
{
	u64 delay = min_t(u64, nsecs_to_jiffies64(left_ns + TICK_NSEC / 8),
			  MAX_JIFFY_OFFSET);

	if (delay >= TICKER_WHEEL_EXACT_JIFFIES)
		delay -= delay / 8;
	return max_t(unsigned long, delay, 1);
}

static void ticker_start_timer(struct hrtimer *timer, u64 at_ns)
{
	hrtimer_start(timer, ns_to_ktime(at_ns), HRTIMER_MODE_ABS_PINNED_HARD);
}

/* For the next tick: what does not go on by itself. */
static void ticker_arm_next(struct ticker *ticker,
			    struct ticker_instant now)
{
	const struct ticker_config *config = &ticker->config;
	const struct ticker_timeline *timeline = &ticker->timeline;
	unsigned long delay;

	lockdep_assert_held(&ticker->lock);

	if (!ticker_is_monotonic(ticker) && now.ns < timeline->due_ns)
		ticker->clock_offset_ns = now.ns - now.mono_ns;
	if (ticker->cpu != smp_processor_id()) {
		/* It was moved while this tick was under way. */
		ticker_place_arm(ticker);
		return;
	}
	if (config->stall_ms)
		ticker_start_timer(&ticker->watchdog,
				   timeline->first_due_ns +
				   ticker_stall_ns(ticker) + 1);
	if (ticker->timer_restarts)
		return;
	if (config->timer == TICKER_TIMER_WHEEL) {
		delay = ticker_wheel_delay(timeline->due_ns > now.ns ?
					   timeline->due_ns - now.ns : 0);
		if (!ticker_is_monotonic(ticker))
			delay = min_t(unsigned long, delay, TICKER_CLOCK_RECHECK_JIFFIES);
		mod_delayed_work_on(ticker->cpu, ticker_wq, &ticker->work, delay);
		return;
	}
	/* Only a clock that can be set back takes the alarm with it. */
	if (config->clock == TICKER_CLOCK_REALTIME)
		mod_delayed_work_on(ticker->cpu, ticker_wq, &ticker->work,
				    TICKER_CLOCK_RECHECK_JIFFIES);
	ticker_start_timer(&ticker->timer, timeline->due_ns);
}

/* Everything, at the CPU where the ticker is placed. */
static void ticker_arm_all(struct ticker *ticker)
{
	struct ticker_instant now = ticker_read_clocks(ticker);

	if (ticker->timer_restarts && ticker->cpu == smp_processor_id())
		ticker_start_timer(&ticker->timer,
				   ticker->timeline.due_ns);
	ticker_arm_next(ticker, now);
}

/**
 * ticker_arm_here() - arm the timers of a ticker that was placed here
 * @ticker: the ticker
 *
 * They may still be armed on the CPU where it was before, and running there: an
 * hrtimer that runs and restarts itself must not be started.
 *
 * Context: interrupts off, nothing locked; on the CPU where the ticker is placed.
 */
void ticker_arm_here(struct ticker *ticker)
{
	hrtimer_cancel(&ticker->watchdog);
	hrtimer_cancel(&ticker->timer);

	raw_spin_lock(&ticker->lock);
	if (ticker->armed)
		ticker_arm_all(ticker);
	raw_spin_unlock(&ticker->lock);
}

static enum hrtimer_restart ticker_timer_fn(struct hrtimer *timer)
{
	struct ticker *ticker = container_of(timer, struct ticker,
					     timer);
	u64 period_ns = ticker->timeline.period_ns;
	struct ticker_instant now = ticker_read_clocks(ticker);
	int cpu = READ_ONCE(ticker->cpu);
	u64 next_ns;

	/* If the tick of an earlier deadline is overdue, it is about that one. */
	if (!atomic64_read(&ticker->timer_fired_ns))
		atomic64_set(&ticker->timer_fired_ns, now.mono_ns);
	if (!ticker->timer_restarts) {
		/* It is pending if it is to look at the clock: now, not later. */
		mod_delayed_work_on(cpu, ticker_wq, &ticker->work, 0);
		return HRTIMER_NORESTART;
	}

	queue_work_on(cpu, ticker_wq, &ticker->work.work);
	/*
	 * Not hrtimer_forward(): where timers are no finer than the jiffy, it takes
	 * no shorter step than that, and would leave the timeline.
	 */
	next_ns = ktime_to_ns(hrtimer_get_expires(timer)) + period_ns;
	if (now.ns >= next_ns)
		next_ns += period_ns * (div64_u64(now.ns - next_ns,
						  period_ns) + 1);
	hrtimer_set_expires(timer, ns_to_ktime(next_ns));
	return HRTIMER_RESTART;
}

static void ticker_work_fn(struct work_struct *work)
{
	struct ticker *ticker = container_of(to_delayed_work(work),
					     struct ticker, work);
	struct ticker_counts *counts = &ticker->counts;
	bool notify, stall = false, recovered = false;
	struct sched_tick_info info;
	struct ticker_instant now;
	u64 reached_ns, timer_fired_ns;

	raw_spin_lock_irq(&ticker->lock);
	if (!ticker->armed) {
		raw_spin_unlock_irq(&ticker->lock);
		return;
	}

	now = ticker_read_clocks(ticker);
	if (now.ns < ticker->timeline.due_ns) {
		/* An alarm that came while its deadline was being missed. */
		atomic64_set(&ticker->timer_fired_ns, 0);
		ticker_timeline_rewind(&ticker->timeline, now.ns);
		ticker_arm_next(ticker, now);
		raw_spin_unlock_irq(&ticker->lock);
		return;
	}

	WRITE_ONCE(ticker->running, true);
	counts->counter++;
	timer_fired_ns = atomic64_xchg(&ticker->timer_fired_ns, 0);
	reached_ns = ticker_reached_ns(ticker, now, timer_fired_ns);
	ticker_fill_info(ticker, &info, now, reached_ns);
	ticker->missed_reported = counts->missed;
	/* All that was missed is settled. */
	ticker_timeline_advance(&ticker->timeline, now.ns);

	if (!ticker->timer_suffices || ticker->cpu != smp_processor_id())
		ticker_arm_next(ticker, now);

	if (timer_fired_ns >= reached_ns && timer_fired_ns <= now.mono_ns)
		ticker_lateness_add(&counts->timer_lateness,
				    timer_fired_ns - reached_ns);
	ticker_lateness_add(&counts->lateness, info.lateness_ns);
	if (ticker->config.stall_ms || ticker->stalled) {
		stall = ticker_begin_stall(ticker, info.lateness_ns,
					   smp_processor_id());
		recovered = ticker_end_stall(ticker, info.lateness_ns);
	}
	notify = ticker->config.notify;
	raw_spin_unlock_irq(&ticker->lock);

	if (info.missed)
		trace_sched_tick_missed(&info);
	trace_sched_tick_tick(&info);
	if (notify)
		ticker_waker_wake(ticker->event, &ticker->event->counter);
	if (stall)
		ticker_event_stall(ticker, &info);
	else if (recovered)
		ticker_event_queue(ticker);
	if (!list_empty(&ticker->subscribers))
		ticker_call_subscribers(ticker, &info);

	/* What the tick did comes before. Pairs with ticker_halt(). */
	smp_store_release(&ticker->running, false);
	/* A waiter sets @halting and loads @running; this is the other way round. */
	smp_mb();
	if (READ_ONCE(ticker->halting))
		wake_up_var(&ticker->running);
}

static bool ticker_is_running(struct ticker *ticker)
{
	/* What the tick did comes before. Pairs with ticker_work_fn(). */
	return smp_load_acquire(&ticker->running);
}

/**
 * ticker_halt() - keep a ticker from ticking
 * @ticker: the ticker
 *
 * When it has succeeded, no tick runs, none will, and nothing is armed, whatever
 * the work and its timers were at: the work arms nothing once it sees !armed. The
 * alarm may have queued it once more, and a run that sees !armed does nothing.
 * The timeline goes on; what passes meanwhile is accounted for later.
 *
 * A tick may take long, if a subscriber sleeps. Who waits for it can be killed.
 * A ticker that is being removed has no subscriber left; its end can't fail.
 *
 * Context: may sleep; waits for a tick that is running. Under @control, or
 * when nobody else can reach the ticker. Not from the tick.
 * Return: 0, or -EINTR if the process was killed while it waited. Then a tick runs,
 * and ticker_resume() is to follow.
 */
int ticker_halt(struct ticker *ticker)
{
	int err;

	raw_spin_lock_irq(&ticker->lock);
	ticker->armed = false;
	raw_spin_unlock_irq(&ticker->lock);

	ticker_place_forget(ticker);
	hrtimer_cancel(&ticker->watchdog);
	hrtimer_cancel(&ticker->timer);
	if (ticker->dying) {
		cancel_delayed_work_sync(&ticker->work);
		return 0;
	}
	cancel_delayed_work(&ticker->work);

	WRITE_ONCE(ticker->halting, true);
	err = wait_var_event_killable(&ticker->running,
				      !ticker_is_running(ticker));
	WRITE_ONCE(ticker->halting, false);
	return err ? -EINTR : 0;
}

/**
 * ticker_resume() - let a halted ticker tick on, on the same timeline
 * @ticker: the ticker, enabled
 *
 * Context: under @control, cpus_read_lock() and @lock.
 */
void ticker_resume(struct ticker *ticker)
{
	const struct ticker_config *config = &ticker->config;

	lockdep_assert_held(&ticker->lock);

	ticker->armed = true;
	ticker_place_enter(ticker);
	/*
	 * A timer that restarts itself halves the programming of the clock event
	 * device. But on a clock that is set back it would be late.
	 */
	ticker->timer_restarts = config->timer == TICKER_TIMER_HRTIMER &&
				 config->clock != TICKER_CLOCK_REALTIME;
	ticker->timer_suffices = ticker->timer_restarts &&
				 !config->stall_ms &&
				 ticker_is_monotonic(ticker);
	ticker_arm_all(ticker);
}

static void ticker_setup_timers(struct ticker *ticker)
{
	clockid_t clock_id = ticker_clock_ids[ticker->config.clock];

	hrtimer_setup(&ticker->timer, ticker_timer_fn, clock_id,
		      HRTIMER_MODE_ABS_HARD);
	hrtimer_setup(&ticker->watchdog, ticker_watchdog_fn, clock_id,
		      HRTIMER_MODE_ABS_HARD);
}

/**
 * ticker_start_timeline() - let a halted ticker tick on a new timeline from now
 * @ticker: the ticker, enabled
 *
 * Context: under @control, cpus_read_lock() and @lock.
 */
void ticker_start_timeline(struct ticker *ticker)
{
	const struct ticker_config *config = &ticker->config;
	u64 phase_ns = TICKER_PHASE_NONE;

	lockdep_assert_held(&ticker->lock);

	if (config->phase_ms >= 0)
		phase_ns = (u64)config->phase_ms * NSEC_PER_MSEC;
	ticker_timeline_start(&ticker->timeline,
			      (u64)config->period_ms * NSEC_PER_MSEC, phase_ns,
			      ticker_read_clock(ticker));
	atomic64_set(&ticker->timer_fired_ns, 0);
	ticker_setup_timers(ticker);
	ticker_resume(ticker);
}

/**
 * ticker_end_timeline() - end the timeline of a halted ticker
 * @ticker: the ticker, enabled
 *
 * A tick that was overdue is missed, and the stall that it was is over.
 *
 * Context: under @control and @lock.
 * Return: whether a stall is over, of which ticker_event_queue() is to tell.
 */
bool ticker_end_timeline(struct ticker *ticker)
{
	struct ticker_instant now = ticker_read_clocks(ticker);
	u64 late_ns = 0;

	lockdep_assert_held(&ticker->lock);

	/* Unless its clock was set back meanwhile, it is past the deadline. */
	if (ticker->stalled && now.ns >= ticker->timeline.first_due_ns)
		late_ns = now.mono_ns -
			  ticker_reached_ns(ticker, now,
					    atomic64_read(&ticker->timer_fired_ns));
	ticker->counts.missed += ticker_timeline_end(&ticker->timeline, now.ns);
	return ticker_end_stall(ticker, late_ns);
}

/**
 * ticker_setup() - make a new ticker's work and timers ready
 * @ticker: the ticker, whose config is set
 */
void ticker_setup(struct ticker *ticker)
{
	INIT_DELAYED_WORK(&ticker->work, ticker_work_fn);
	spin_lock_init(&ticker->subscribers_lock);
	INIT_LIST_HEAD(&ticker->subscribers);
	INIT_LIST_HEAD(&ticker->place_node);
	ticker->cpu = -1;
	ticker_setup_timers(ticker);
}

/**
 * ticker_work_init() - make ready for the first ticker
 *
 * Return: 0 or a negative error code.
 */
int ticker_work_init(void)
{
	/*
	 * Per CPU: a worker on the CPU that took the alarm's interrupt needs no
	 * wake-up across CPUs. Highpri: a busy user program is no reason to
	 * be late. Not freezable: the time it takes to freeze user programs
	 * is not suspended time. As many at once as may be: a tick must not wait
	 * for others whose subscribers sleep. A short name: at every run the
	 * kernel copies it, letter by letter.
	 */
	ticker_wq = alloc_workqueue("sched_tick", WQ_PERCPU | WQ_HIGHPRI,
				    WQ_MAX_ACTIVE);
	return ticker_wq ? 0 : -ENOMEM;
}

/**
 * ticker_work_exit() - undo ticker_work_init(), when the last ticker is released
 */
void ticker_work_exit(void)
{
	destroy_workqueue(ticker_wq);
}
