// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tick of one CPU's share, and the timers that queue it.
 *
 * The tick is a delayed work item. Either an hrtimer queues it at the deadline, or
 * the work item's own timer on the timer wheel does; the two differ in
 * ticker_cpu_arm_next() and nowhere else. A run before the deadline counts nothing
 * and only arms the timers again, so a spurious run is harmless.
 *
 * Code that arms an hrtimer runs on the CPU of the share, with interrupts off and
 * under the lock of the share. If stall_ms is set a second hrtimer, the watchdog
 * (stall.c), checks that the tick has run.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/wait_bit.h>

#include "cputime.h"
#include "event.h"
#include "place.h"
#include "stall.h"
#include "ticker.h"
#include "ticker_cpu.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The timer wheel is exact to the jiffy below this delay and rounds up above it. */
#define TICKER_WHEEL_EXACT_JIFFIES	63

/* The timer wheel is not notified of clock steps or resume: check that often. */
#define TICKER_CLOCK_RECHECK_JIFFIES	HZ

/*
 * Where a shorter lateness went is not recorded: the kernel's accounting is coarser,
 * and it would make each tick 1.5 % dearer.
 */
#define TICKER_LATE_NS			NSEC_PER_MSEC

/* What ticker_cpu_report() does besides the tracepoints. */
#define TICKER_REPORT_STALL		BIT(0)
#define TICKER_REPORT_RECOVERED		BIT(1)
#define TICKER_REPORT_NOTIFY		BIT(2)
#define TICKER_CHECK_NEXT		BIT(3)

/*
 * The module stays loaded while a tracepoint is in use, because unloading it would
 * clear the whole trace. The last module_put() is in code of this module;
 * ticker_exit() waits until it has returned.
 */
int ticker_trace_get(void)
{
	return try_module_get(THIS_MODULE) ? 0 : -ENODEV;
}

void ticker_trace_put(void)
{
	module_put(THIS_MODULE);
}

/*
 * A delay of n jiffies ends at the (n + 1)th jiffy edge from now, and a long one up
 * to 1/8 late. A tick arms shortly after an edge, so a delay rounded down ends at
 * the first edge after the deadline, provided that this short time is added to it:
 * otherwise a deadline just after an edge would find the timer early, and the
 * shortest possible delay after that ends two edges later. 7/8 of a long delay
 * never ends too late.
 */
static unsigned long ticker_wheel_delay(u64 left_ns)
{
	u64 delay = min_t(u64, nsecs_to_jiffies64(left_ns + TICK_NSEC / 8),
			  MAX_JIFFY_OFFSET);

	if (delay >= TICKER_WHEEL_EXACT_JIFFIES)
		delay -= delay / 8;
	return max_t(unsigned long, delay, 1);
}

/* Arm what does not restart itself, for the next tick. */
static void ticker_cpu_arm_next(struct ticker_cpu *share,
				struct ticker_instant now)
{
	struct ticker *ticker = share->ticker;
	const struct ticker_config *config = &ticker->config;
	const struct ticker_timeline *timeline = &share->timeline;
	bool watchdog = config->stall_ms && !share->timer_watches;
	bool wheel = config->timer == TICKER_TIMER_WHEEL;
	unsigned long delay;

	lockdep_assert_held(&share->lock);

	if (!ticker_is_monotonic(ticker) && now.ns < timeline->due_ns)
		share->clock_offset_ns = now.ns - now.mono_ns;
	/* The queue is not bound to a CPU, or the share was moved meanwhile. */
	if (share->cpu != smp_processor_id() &&
	    (watchdog || !(wheel || share->timer_restarts))) {
		ticker_place_arm(share);
		return;
	}
	if (watchdog)
		ticker_start_hrtimer(&share->watchdog,
				     timeline->first_due_ns +
				     ticker_stall_ns(ticker) + 1);
	if (share->timer_restarts)
		return;
	if (wheel) {
		delay = ticker_wheel_delay(timeline->due_ns > now.ns ?
					   timeline->due_ns - now.ns : 0);
		if (!ticker_is_monotonic(ticker))
			delay = min_t(unsigned long, delay,
				      TICKER_CLOCK_RECHECK_JIFFIES);
		mod_delayed_work_on(share->cpu, ticker->wq, &share->work, delay);
		return;
	}
	/* If the clock is set back the hrtimer fires that much later. */
	if (config->clock == TICKER_CLOCK_REALTIME)
		mod_delayed_work_on(share->cpu, ticker->wq, &share->work,
				    TICKER_CLOCK_RECHECK_JIFFIES);
	ticker_start_hrtimer(&share->timer, timeline->due_ns);
}

/**
 * ticker_cpu_arm_all() - arm the timers of a share, on its CPU
 * @share: the share, armed
 *
 * Context: under @lock. If this is another CPU they are not armed yet when this
 * returns.
 */
void ticker_cpu_arm_all(struct ticker_cpu *share)
{
	lockdep_assert_held(&share->lock);

	if (share->cpu != smp_processor_id()) {
		ticker_place_arm(share);
		return;
	}
	if (share->timer_restarts)
		ticker_start_hrtimer(&share->timer, share->timeline.due_ns);
	ticker_cpu_arm_next(share, ticker_read_clocks(share->ticker));
}

/**
 * ticker_cpu_arm_here() - arm the timers of a share on this CPU
 * @share: the share, whose CPU this is
 *
 * Its hrtimers may still be armed on the CPU where the share was before, and run
 * there: an hrtimer that runs and restarts itself must not be started.
 *
 * Context: interrupts off, no lock held; on the CPU of the share.
 */
void ticker_cpu_arm_here(struct ticker_cpu *share)
{
	hrtimer_cancel(&share->watchdog);
	hrtimer_cancel(&share->timer);

	raw_spin_lock(&share->lock);
	if (share->armed)
		ticker_cpu_arm_all(share);
	raw_spin_unlock(&share->lock);
}

/**
 * ticker_timer_fn() - queue the tick; function of the hrtimer of a share
 * @timer: the hrtimer
 *
 * Context: hard interrupt, on the CPU of the share. Takes no lock unless a tick is
 * overdue.
 * Return: HRTIMER_RESTART if it restarts itself.
 */
enum hrtimer_restart ticker_timer_fn(struct hrtimer *timer)
{
	struct ticker_cpu *share = container_of(timer, struct ticker_cpu, timer);
	struct ticker *ticker = share->ticker;
	struct ticker_instant now = ticker_read_clocks(ticker);
	u64 period_ns = share->timeline.period_ns;
	int cpu = READ_ONCE(share->cpu);
	u64 next_ns;
	bool overdue;

	/* If an earlier tick is overdue the time is that of its deadline. */
	overdue = atomic64_read(&share->timer_fired_ns);
	if (!overdue) {
		atomic64_set(&share->timer_fired_ns, now.mono_ns);
		if (share->late)
			ticker_cputime_update_irqs(&share->late->cputime, cpu);
	}
	if (!share->timer_restarts) {
		/* On CLOCK_REALTIME it is pending, to check the clock later. */
		mod_delayed_work_on(cpu, ticker->wq, &share->work, 0);
		return HRTIMER_NORESTART;
	}

	queue_work_on(cpu, ticker->wq, &share->work.work);
	/*
	 * Not hrtimer_forward(): without high resolution it moves a timer by at
	 * least a jiffy, and the deadlines would leave the timeline.
	 */
	next_ns = ktime_to_ns(hrtimer_get_expires(timer)) + period_ns;
	if (now.ns >= next_ns) {
		next_ns += period_ns * (div64_u64(now.ns - next_ns,
						  period_ns) + 1);
		overdue = true;
	}
	if (unlikely(overdue) && share->timer_watches)
		ticker_cpu_watch(share, now.ns - ktime_to_ns(hrtimer_get_expires(timer)));
	hrtimer_set_expires(timer, ns_to_ktime(next_ns));
	return HRTIMER_RESTART;
}

/* Record where the lateness of a tick went, of a share that has a CPU. */
static noinline void ticker_cpu_add_late(struct ticker_cpu *share,
					 u64 lateness_ns, u64 timer_late_ns)
{
	struct ticker_cpu_late *late = share->late;
	/* The timer writes the last two without a lock. */
	struct ticker_cputime before = {
		.steal_ns = late->cputime.steal_ns,
		.irq_ns = READ_ONCE(late->cputime.irq_ns),
		.softirq_ns = READ_ONCE(late->cputime.softirq_ns),
	};
	struct ticker_cputime now;

	ticker_cputime_update(&now, share->cpu);
	ticker_late_add(&late->sums, lateness_ns, timer_late_ns, &before, &now);
	late->cputime.steal_ns = now.steal_ns;
	WRITE_ONCE(late->cputime.irq_ns, now.irq_ns);
	WRITE_ONCE(late->cputime.softirq_ns, now.softirq_ns);
}

/* Not inline, so that a tick without observers needs no stack for @info. */
static noinline void ticker_cpu_report(struct ticker_cpu *share, u64 deadline_ns,
				       u64 now_ns, u64 missed, u64 lateness_ns,
				       unsigned int what)
{
	/* The watchdog saw nothing, and what held the CPU has ended. */
	static const struct ticker_culprit unknown;
	struct ticker *ticker = share->ticker;
	struct sched_tick_info info = {
		.ticker = ticker->name,
		.counter = share->counts.counter + ticker->counter_base,
		.deadline_ns = deadline_ns,
		.now_ns = now_ns,
		.missed = missed,
		.lateness_ns = lateness_ns,
		.cpu = READ_ONCE(share->cpu),
	};

	if (missed)
		trace_sched_tick_missed(&info);
	trace_sched_tick_tick(&info);
	if (what & TICKER_REPORT_NOTIFY)
		ticker_waker_wake(&ticker->event->counter);
	if (what & TICKER_REPORT_STALL)
		ticker_event_stall(ticker, &info, &unknown);
	else if (what & TICKER_REPORT_RECOVERED)
		ticker_event_queue(ticker);
	if (what & TICKER_CHECK_NEXT)
		ticker_cpu_check_next(share);
	if (!list_empty(&ticker->subscribers))
		ticker_call_subscribers(ticker, &info);
}

/**
 * ticker_work_fn() - run a tick; function of the work item of a share
 * @work: the work item
 *
 * Context: a worker, or softirq on the queue bh. Never twice at a time for one
 * share.
 */
void ticker_work_fn(struct work_struct *work)
{
	struct ticker_cpu *share = container_of(to_delayed_work(work),
						struct ticker_cpu, work);
	u64 deadline_ns, reached_ns, lateness_ns, missed, timer_fired_ns;
	u64 timer_late_ns = 0;
	struct ticker_counts *counts = &share->counts;
	struct ticker *ticker = share->ticker;
	struct ticker_instant now;
	unsigned int what = 0;

	raw_spin_lock_irq(&share->lock);
	if (!share->armed) {
		raw_spin_unlock_irq(&share->lock);
		return;
	}

	now = ticker_read_clocks(ticker);
	if (now.ns < share->timeline.due_ns) {
		/* The timer fired while its deadline was counted as missed. */
		atomic64_set(&share->timer_fired_ns, 0);
		ticker_timeline_rewind(&share->timeline, now.ns);
		ticker_cpu_arm_next(share, now);
		raw_spin_unlock_irq(&share->lock);
		return;
	}

	WRITE_ONCE(share->running, true);
	timer_fired_ns = atomic64_xchg(&share->timer_fired_ns, 0);
	deadline_ns = share->timeline.first_due_ns;
	reached_ns = ticker_cpu_reached_ns(share, now, timer_fired_ns);
	lateness_ns = now.mono_ns - reached_ns;

	counts->counter++;
	counts->missed += ticker_timeline_advance(&share->timeline, now.ns);
	missed = counts->missed - share->missed_reported;
	share->missed_reported = counts->missed;
	if (!share->timer_suffices)
		ticker_cpu_arm_next(share, now);

	if (timer_fired_ns >= reached_ns && timer_fired_ns <= now.mono_ns) {
		timer_late_ns = timer_fired_ns - reached_ns;
		ticker_lateness_add(&counts->timer_lateness, timer_late_ns);
	}
	ticker_lateness_add(&counts->lateness, lateness_ns);
	if (share->late) {
		if (unlikely(lateness_ns > TICKER_LATE_NS))
			ticker_cpu_add_late(share, lateness_ns, timer_late_ns);
		else
			ticker_cputime_update(&share->late->cputime, share->cpu);
	}
	if (ticker->config.stall_ms || share->stalled) {
		if (ticker_cpu_begin_stall(share, deadline_ns, lateness_ns))
			what |= TICKER_REPORT_STALL;
		if (ticker_cpu_end_stall(share, lateness_ns))
			what |= TICKER_REPORT_RECOVERED;
		if (ticker_cpu_must_check(share, now.mono_ns))
			what |= TICKER_CHECK_NEXT;
	}
	if (READ_ONCE(ticker->config.notify))
		what |= TICKER_REPORT_NOTIFY;
	raw_spin_unlock_irq(&share->lock);

	if (what || missed || trace_sched_tick_tick_enabled() ||
	    !list_empty(&ticker->subscribers))
		ticker_cpu_report(share, deadline_ns, now.ns, missed,
				  lateness_ns, what);

	/* Orders what the tick did before. Pairs with ticker_cpu_wait(). */
	smp_store_release(&share->running, false);
	/* A waiter sets @halting and loads @running; this is the reverse. */
	smp_mb();
	if (READ_ONCE(share->halting))
		wake_up_var(&share->running);
}
