// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tick: a ticker's delayed work, and what wakes it.
 *
 * What wakes it is either the alarm, an hrtimer at the very deadline, or the
 * work's own timer on the timer wheel; the two differ in tick_ticker_arm() and
 * nowhere else. A run ahead of the deadline counts nothing and arms again, so a
 * wake-up too many is never wrong.
 *
 * Where stalls are asked for, a second hrtimer, the watch, looks whether the
 * tick came. It is not the alarm once more, because the alarm may still be
 * running on one CPU while the tick arms the watch on another.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "ticker.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The wheel keeps shorter delays to the jiffy, and rounds longer ones up. */
#define TICK_WHEEL_EXACT	63

/* Of a clock that was set or was asleep, the wheel learns by looking. */
#define TICK_LOOK_JIFFIES	HZ

static const clockid_t tick_clock_ids[TICK_CLOCKS] = {
	[TICK_CLOCK_MONOTONIC]	= CLOCK_MONOTONIC,
	[TICK_CLOCK_BOOTTIME]	= CLOCK_BOOTTIME,
	[TICK_CLOCK_REALTIME]	= CLOCK_REALTIME,
};

static struct workqueue_struct *tick_wq;

/*
 * While a tracepoint is in use the module stays: unloading it would clear all
 * of the trace. The last put is here, in code that may then be unloaded under
 * our feet; tick_ticker_exit() waits for whoever is on the way out.
 */
int tick_trace_hold(void)
{
	return try_module_get(THIS_MODULE) ? 0 : -ENODEV;
}

void tick_trace_release(void)
{
	module_put(THIS_MODULE);
}

/**
 * tick_ticker_now() - what time it is
 * @ticker: the ticker whose clock is asked
 *
 * Context: any; the clock must not change meanwhile: under @lock or @control,
 * or in the alarm.
 * Return: nanoseconds on that clock.
 */
u64 tick_ticker_now(const struct tick_ticker *ticker)
{
	switch (ticker->config.clock) {
	case TICK_CLOCK_BOOTTIME:
		return ktime_get_boottime_ns();
	case TICK_CLOCK_REALTIME:
		return ktime_get_real_ns();
	default:
		return ktime_get_ns();
	}
}

static u64 tick_ticker_stall_ns(const struct tick_ticker *ticker)
{
	return (u64)ticker->config.stall_ms * NSEC_PER_MSEC;
}

static int tick_ticker_cpu(const struct tick_ticker *ticker)
{
	int cpu = READ_ONCE(ticker->config.cpu);

	return cpu < 0 ? WORK_CPU_UNBOUND : cpu;
}

/*
 * A delay of n jiffies ends at the (n + 1)th edge from here, and longer ones
 * late by up to 1/8. A tick re-arms a little after an edge, so rounding down
 * meets the first edge past the deadline, if that little is made up for: without
 * it a deadline just past an edge would be met just before, and again when the
 * shortest delay there is has passed, two edges on. 7/8 of a long way never
 * oversleeps.
 */
static unsigned long tick_wheel_delay(u64 left_ns)
{
	u64 delay = min_t(u64, nsecs_to_jiffies64(left_ns + TICK_NSEC / 8),
			  MAX_JIFFY_OFFSET);

	if (delay >= TICK_WHEEL_EXACT)
		delay -= delay / 8;
	return max_t(unsigned long, delay, 1);
}

/* Pinned, so that the alarm suffers what its CPU suffers. */
static enum hrtimer_mode tick_ticker_mode(const struct tick_ticker *ticker)
{
	return ticker->config.cpu < 0 ? HRTIMER_MODE_ABS_HARD :
					HRTIMER_MODE_ABS_PINNED_HARD;
}

static void tick_ticker_arm_alarm(struct tick_ticker *ticker)
{
	hrtimer_start(&ticker->alarm, ns_to_ktime(ticker->timeline.due_ns),
		      tick_ticker_mode(ticker));
}

/* For the next tick: what does not go on by itself. */
static void tick_ticker_arm(struct tick_ticker *ticker, u64 now_ns)
{
	const struct tick_config *config = &ticker->config;
	const struct tick_timeline *timeline = &ticker->timeline;
	unsigned long delay;

	lockdep_assert_held(&ticker->lock);

	if (config->stall_ms)
		hrtimer_start(&ticker->watch,
			      ns_to_ktime(timeline->late_from_ns +
					  tick_ticker_stall_ns(ticker) + 1),
			      tick_ticker_mode(ticker));
	if (ticker->alarm_repeats)
		return;
	if (config->precise) {
		tick_ticker_arm_alarm(ticker);
		/* Only a clock that can be set back takes the alarm with it. */
		if (config->clock != TICK_CLOCK_REALTIME)
			return;
		delay = TICK_LOOK_JIFFIES;
	} else {
		delay = tick_wheel_delay(timeline->due_ns > now_ns ?
					 timeline->due_ns - now_ns : 0);
		if (config->clock != TICK_CLOCK_MONOTONIC)
			delay = min_t(unsigned long, delay, TICK_LOOK_JIFFIES);
	}
	mod_delayed_work_on(tick_ticker_cpu(ticker), tick_wq, &ticker->work,
			    delay);
}

static enum hrtimer_restart tick_ticker_alarm(struct hrtimer *timer)
{
	struct tick_ticker *ticker = container_of(timer, struct tick_ticker,
						  alarm);
	u64 period_ns = ticker->timeline.period_ns;
	u64 now_ns = tick_ticker_now(ticker);
	u64 next_ns;

	/* If the tick of an earlier deadline is overdue, it is about that one. */
	if (!atomic64_read(&ticker->alarm_ns))
		atomic64_set(&ticker->alarm_ns, now_ns);
	if (!ticker->alarm_repeats) {
		/* It is pending if it is to look at the clock: now, not later. */
		mod_delayed_work_on(tick_ticker_cpu(ticker), tick_wq,
				    &ticker->work, 0);
		return HRTIMER_NORESTART;
	}

	queue_work(tick_wq, &ticker->work.work);
	/*
	 * Not hrtimer_forward(): where timers are no finer than the jiffy, it takes
	 * no shorter step than that, and would leave the timeline.
	 */
	next_ns = ktime_to_ns(hrtimer_get_expires(timer)) + period_ns;
	if (now_ns >= next_ns)
		next_ns += period_ns * (div64_u64(now_ns - next_ns,
						  period_ns) + 1);
	hrtimer_set_expires(timer, ns_to_ktime(next_ns));
	return HRTIMER_RESTART;
}

/*
 * What is to be told of the tick that runs, or is overdue. Takes note of the
 * periods that passed.
 */
static void tick_ticker_describe(struct tick_ticker *ticker,
				 struct sched_tick_info *info, u64 now_ns)
{
	struct tick_counts *counts = &ticker->counts;

	counts->missed += tick_timeline_settle(&ticker->timeline, now_ns);

	info->ticker = ticker->name;
	info->counter = counts->counter;
	info->deadline_ns = ticker->timeline.late_from_ns;
	info->now_ns = now_ns;
	info->missed = counts->missed - ticker->missed_reported;
}

/* Whether the tick, so late by now, is a stall, and this is the first to see. */
static bool tick_ticker_begin_stall(struct tick_ticker *ticker, u64 late_ns,
				    int cpu)
{
	if (!ticker->config.stall_ms || ticker->stalled ||
	    late_ns <= tick_ticker_stall_ns(ticker))
		return false;

	ticker->stalled = true;
	ticker->stall_cpu = cpu;
	ticker->counts.stalls++;
	return true;
}

static bool tick_ticker_end_stall(struct tick_ticker *ticker, u64 late_ns)
{
	if (!ticker->stalled)
		return false;

	ticker->stalled = false;
	ticker->stall_late_ns = late_ns;
	return true;
}

static enum hrtimer_restart tick_ticker_watch(struct hrtimer *timer)
{
	struct tick_ticker *ticker = container_of(timer, struct tick_ticker,
						  watch);
	struct sched_tick_info info;
	bool stall = false;
	u64 now_ns;
	int cpu;

	raw_spin_lock(&ticker->lock);
	now_ns = tick_ticker_now(ticker);
	cpu = ticker->config.cpu;
	if (cpu < 0)
		cpu = smp_processor_id();
	/* The tick may have come, or the clock may have been set back. */
	if (ticker->armed && now_ns >= ticker->timeline.late_from_ns) {
		tick_ticker_describe(ticker, &info, now_ns);
		stall = tick_ticker_begin_stall(ticker,
						now_ns - info.deadline_ns, cpu);
	}
	raw_spin_unlock(&ticker->lock);

	if (stall)
		tick_event_stall(ticker, &info, cpu);
	return HRTIMER_NORESTART;
}

static void tick_ticker_work(struct work_struct *work)
{
	struct tick_ticker *ticker = container_of(to_delayed_work(work),
						  struct tick_ticker, work);
	struct tick_counts *counts = &ticker->counts;
	struct sched_tick_info info;
	bool notify, stall = false, recovered = false;
	u64 now_ns, late_ns, alarm_ns;
	int cpu = 0;

	raw_spin_lock_irq(&ticker->lock);
	if (!ticker->armed) {
		raw_spin_unlock_irq(&ticker->lock);
		return;
	}

	now_ns = tick_ticker_now(ticker);
	if (now_ns < ticker->timeline.due_ns) {
		/* An alarm that came while its deadline was being missed. */
		atomic64_set(&ticker->alarm_ns, 0);
		tick_timeline_rewind(&ticker->timeline, now_ns);
		tick_ticker_arm(ticker, now_ns);
		raw_spin_unlock_irq(&ticker->lock);
		return;
	}

	counts->counter++;
	tick_ticker_describe(ticker, &info, now_ns);
	ticker->missed_reported = counts->missed;
	/* All that was missed is settled. */
	tick_timeline_tick(&ticker->timeline, now_ns);

	late_ns = now_ns - info.deadline_ns;
	tick_lateness_add(&counts->lateness, late_ns);
	alarm_ns = atomic64_xchg(&ticker->alarm_ns, 0);
	if (alarm_ns >= info.deadline_ns && alarm_ns <= now_ns)
		tick_lateness_add(&counts->alarm_lateness,
				  alarm_ns - info.deadline_ns);
	if (ticker->config.stall_ms || ticker->stalled) {
		cpu = smp_processor_id();
		stall = tick_ticker_begin_stall(ticker, late_ns, cpu);
		recovered = tick_ticker_end_stall(ticker, late_ns);
	}

	tick_ticker_arm(ticker, now_ns);
	notify = ticker->config.notify;
	raw_spin_unlock_irq(&ticker->lock);

	if (info.missed)
		trace_sched_tick_missed(&info);
	trace_sched_tick_tick(&info);
	if (notify)
		sysfs_notify_dirent(ticker->counter_node);
	if (stall)
		tick_event_stall(ticker, &info, cpu);
	else if (recovered)
		tick_event_tell(ticker);
	if (!list_empty(&ticker->subscribers))
		tick_ticker_call(ticker, &info);
}

/**
 * tick_ticker_halt() - keep a ticker from ticking
 * @ticker: the ticker
 *
 * When it returns, no tick runs, none will, and nothing is armed, whatever the
 * work and its timers were at: the work arms nothing once it sees !armed, so
 * after these are cancelled only the work is left, that the alarm may have
 * queued.
 * The timeline goes on; what passes meanwhile is accounted for later.
 *
 * Context: may sleep; waits for a tick that is running. Under @control, or
 * when nobody else can reach the ticker. Not from the tick.
 */
void tick_ticker_halt(struct tick_ticker *ticker)
{
	raw_spin_lock_irq(&ticker->lock);
	ticker->armed = false;
	raw_spin_unlock_irq(&ticker->lock);

	hrtimer_cancel(&ticker->watch);
	hrtimer_cancel(&ticker->alarm);
	cancel_delayed_work_sync(&ticker->work);
}

/**
 * tick_ticker_resume() - let a halted ticker tick on, on the same timeline
 * @ticker: the ticker, enabled
 *
 * Context: under @control and @lock.
 */
void tick_ticker_resume(struct tick_ticker *ticker)
{
	lockdep_assert_held(&ticker->lock);

	ticker->armed = true;
	/*
	 * By itself it costs half. But it stays on the CPU where it was started,
	 * and on a clock that is set back it would be late.
	 */
	ticker->alarm_repeats = ticker->config.precise &&
				ticker->config.cpu < 0 &&
				ticker->config.clock != TICK_CLOCK_REALTIME;
	if (ticker->alarm_repeats)
		tick_ticker_arm_alarm(ticker);
	tick_ticker_arm(ticker, tick_ticker_now(ticker));
}

static void tick_ticker_setup_timers(struct tick_ticker *ticker)
{
	clockid_t clock_id = tick_clock_ids[ticker->config.clock];

	hrtimer_setup(&ticker->alarm, tick_ticker_alarm, clock_id,
		      HRTIMER_MODE_ABS_HARD);
	hrtimer_setup(&ticker->watch, tick_ticker_watch, clock_id,
		      HRTIMER_MODE_ABS_HARD);
}

/**
 * tick_ticker_start() - let a halted ticker tick on a new timeline from now
 * @ticker: the ticker, enabled
 *
 * Context: under @control and @lock.
 */
void tick_ticker_start(struct tick_ticker *ticker)
{
	const struct tick_config *config = &ticker->config;
	u64 phase_ns = TICK_PHASE_NONE;

	lockdep_assert_held(&ticker->lock);

	if (config->phase_ms >= 0)
		phase_ns = (u64)config->phase_ms * NSEC_PER_MSEC;
	tick_timeline_start(&ticker->timeline,
			    (u64)config->period_ms * NSEC_PER_MSEC, phase_ns,
			    tick_ticker_now(ticker));
	atomic64_set(&ticker->alarm_ns, 0);
	tick_ticker_setup_timers(ticker);
	tick_ticker_resume(ticker);
}

/**
 * tick_ticker_stop() - end the timeline of a halted ticker
 * @ticker: the ticker, enabled
 *
 * A tick that was overdue is missed, and the stall that it was is over.
 *
 * Context: under @control and @lock.
 * Return: whether a stall is over, of which tick_event_tell() is to tell.
 */
bool tick_ticker_stop(struct tick_ticker *ticker)
{
	u64 late_from_ns = ticker->timeline.late_from_ns;
	u64 now_ns = tick_ticker_now(ticker);

	lockdep_assert_held(&ticker->lock);

	ticker->counts.missed += tick_timeline_stop(&ticker->timeline, now_ns);
	/* Unless its clock was set back meanwhile, it is past the deadline. */
	return tick_ticker_end_stall(ticker, now_ns < late_from_ns ? 0 :
						     now_ns - late_from_ns);
}

/**
 * tick_ticker_setup() - make a new ticker's work and timers ready
 * @ticker: the ticker, whose config is set
 */
void tick_ticker_setup(struct tick_ticker *ticker)
{
	INIT_DELAYED_WORK(&ticker->work, tick_ticker_work);
	spin_lock_init(&ticker->subscribers_lock);
	INIT_LIST_HEAD(&ticker->subscribers);
	tick_ticker_setup_timers(ticker);
}

/**
 * tick_tick_init() - make ready for the first ticker
 *
 * Return: 0 or a negative error code.
 */
int tick_tick_init(void)
{
	/*
	 * Per CPU: a worker on the CPU that took the alarm's interrupt needs no
	 * wake-up across CPUs. Highpri: a busy user program is no reason to
	 * be late. Not freezable: the time it takes to freeze user programs
	 * is not suspended time. As many at once as may be: a tick must not wait
	 * for others whose subscribers sleep. A short name: at every run the
	 * kernel copies it, letter by letter.
	 */
	tick_wq = alloc_workqueue("tick", WQ_PERCPU | WQ_HIGHPRI,
				  WQ_MAX_ACTIVE);
	return tick_wq ? 0 : -ENOMEM;
}

/**
 * tick_tick_exit() - undo tick_tick_init(), when the last ticker is released
 */
void tick_tick_exit(void)
{
	destroy_workqueue(tick_wq);
}
