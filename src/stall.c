// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stalls: detect them while they last, and record the culprit.
 *
 * The watchdog is an hrtimer on the CPU that the tick waits for, so it interrupts
 * the culprit. Each tick arms it; but if stall_ms is not less than the period and the
 * timer of the share restarts itself, that timer arms it once a tick is overdue.
 *
 * A CPU that takes no interrupts runs no watchdog. Each share of a ticker therefore
 * checks the share of the next CPU once in stall_ms, after its own tick or in its
 * watchdog. That is the only time at which it reads what another CPU writes.
 */
#include <linux/kernel.h>
#include <linux/smp.h>

#include "culprit.h"
#include "event.h"
#include "shares.h"
#include "stall.h"
#include "ticker.h"
#include "ticker_cpu.h"

/* Above this lateness of a timer interrupt its CPU took no interrupts. */
#define TICKER_IRQ_LATE_NS	NSEC_PER_MSEC

/* The next CPU is checked at least that often. */
#define TICKER_CHECK_MAX_NS	(3600ULL * NSEC_PER_SEC)

/*
 * Count the overdue tick as a stall if it is one. Sets @info to the tick if it is
 * overdue. Returns true if the stall was not counted before.
 */
static bool ticker_cpu_check_stall(struct ticker_cpu *share,
				   struct sched_tick_info *info)
{
	struct ticker_instant now = ticker_read_clocks(share->ticker);
	struct ticker_counts *counts = &share->counts;
	u64 reached_ns;

	lockdep_assert_held(&share->lock);

	/* The tick may have run, or the clock may have been set back. */
	if (now.ns < share->timeline.first_due_ns)
		return false;

	reached_ns = ticker_cpu_reached_ns(share, now,
					   atomic64_read(&share->timer_fired_ns));
	counts->missed += ticker_timeline_count_missed(&share->timeline, now.ns);
	*info = (struct sched_tick_info){
		.ticker = share->ticker->name,
		.counter = counts->counter + share->ticker->counter_base,
		.deadline_ns = share->timeline.first_due_ns,
		.now_ns = now.ns,
		.missed = counts->missed - share->missed_reported,
		.lateness_ns = now.mono_ns - reached_ns,
		.cpu = share->cpu,
	};
	return ticker_cpu_begin_stall(share, info->deadline_ns,
				      info->lateness_ns);
}

/**
 * ticker_cpu_record_stall() - count a stall and begin its record
 * @share: the share
 * @deadline_ns: deadline of the overdue tick
 * @late_ns: how long it is overdue, in ns
 *
 * The culprit is unknown until it is captured.
 *
 * Context: any, under @lock.
 */
void ticker_cpu_record_stall(struct ticker_cpu *share, u64 deadline_ns,
			     u64 late_ns)
{
	share->stalled = true;
	/* Read without the lock; another share may write it at the same time. */
	WRITE_ONCE(share->ticker->event->stalled, share);
	share->counts.stalls++;
	share->stall = (struct ticker_stall){
		.deadline_ns = deadline_ns,
		.overdue_ns = late_ns,
		.culprit.cpu = share->cpu,
	};
}

/* Overdue by this time a tick was reported by its watchdog, if its CPU takes interrupts. */
static u64 ticker_cpu_no_irqs_ns(const struct ticker_cpu *share)
{
	return ticker_stall_ns(share->ticker) + share->timeline.period_ns / 2;
}

/**
 * ticker_cpu_check_remote() - check a share from another CPU or process
 * @share: the share, active
 * @info: set to the tick that ticker_event_stall() reports
 *
 * Context: any, under @lock.
 * Return: true if there is a stall to report.
 */
bool ticker_cpu_check_remote(struct ticker_cpu *share,
			     struct sched_tick_info *info)
{
	if (!ticker_cpu_check_stall(share, info))
		return false;
	if (share->cpu != smp_processor_id() &&
	    info->lateness_ns >= ticker_cpu_no_irqs_ns(share))
		ticker_culprit_capture_of(share->cpu, &share->stall);
	return true;
}

/* Another CPU has reported that this CPU takes no interrupts, and now it does. */
static bool ticker_cpu_irqs_again(struct ticker_cpu *share, u64 late_ns)
{
	struct ticker_stall *stall = &share->stall;

	if (!share->stalled || stall->culprit.cause != TICKER_CAUSE_NO_IRQS)
		return false;

	stall->overdue_ns = late_ns;
	/* What a hard interrupt has interrupted is not the culprit. */
	if (stall->culprit.context != TICKER_CONTEXT_HARDIRQ) {
		stall->culprit = (struct ticker_culprit){ .cpu = share->cpu };
		ticker_culprit_capture_here(share->ticker, stall, true);
	}
	stall->culprit.cause = TICKER_CAUSE_IRQS_AGAIN;
	return true;
}

/*
 * Check the share in an interrupt on its CPU, which came that late. Returns true if
 * there is something to report.
 */
static bool ticker_cpu_check_here(struct ticker_cpu *share, u64 irq_late_ns,
				  struct sched_tick_info *info)
{
	if (ticker_cpu_check_stall(share, info)) {
		ticker_culprit_capture_here(share->ticker, &share->stall,
					    irq_late_ns > TICKER_IRQ_LATE_NS &&
					    ticker_is_monotonic(share->ticker));
		return true;
	}
	return info->ticker && ticker_cpu_irqs_again(share, info->lateness_ns);
}

/**
 * ticker_watchdog_fn() - report the overdue tick; function of the watchdog
 * @timer: the watchdog of a share
 *
 * Context: hard interrupt, on the CPU of the share.
 * Return: HRTIMER_RESTART if the tick is overdue but no stall yet.
 */
enum hrtimer_restart ticker_watchdog_fn(struct hrtimer *timer)
{
	struct ticker_cpu *share = container_of(timer, struct ticker_cpu,
						watchdog);
	struct ticker *ticker = share->ticker;
	enum hrtimer_restart restart = HRTIMER_NORESTART;
	struct sched_tick_info info = { };
	struct ticker_culprit culprit;
	bool report = false;
	u64 late_ns;

	late_ns = ticker_read_clock(ticker) - ktime_to_ns(hrtimer_get_expires(timer));
	raw_spin_lock(&share->lock);
	if (share->armed)
		report = ticker_cpu_check_here(share, late_ns, &info);
	culprit = share->stall.culprit;
	/* The clock was set forward, but no time passed: check again later. */
	if (info.ticker && ticker->config.stall_ms && !share->stalled &&
	    share->cpu == smp_processor_id()) {
		hrtimer_set_expires(timer, ns_to_ktime(info.now_ns + 1 +
						       ticker_stall_ns(ticker) -
						       info.lateness_ns));
		restart = HRTIMER_RESTART;
	}
	raw_spin_unlock(&share->lock);

	if (report)
		ticker_event_stall(ticker, &info, &culprit);
	ticker_cpu_check_next(share);
	return restart;
}

/**
 * ticker_cpu_watch() - check a share whose timer finds a tick overdue
 * @share: the share, @timer_watches
 * @timer_late_ns: how late the timer is, in ns
 *
 * Context: the timer of the share.
 */
void ticker_cpu_watch(struct ticker_cpu *share, u64 timer_late_ns)
{
	struct ticker *ticker = share->ticker;
	struct sched_tick_info info = { };
	struct ticker_culprit culprit;
	bool report = false;
	u64 due_ns;

	raw_spin_lock(&share->lock);
	if (share->armed && share->cpu == smp_processor_id()) {
		report = ticker_cpu_check_here(share, timer_late_ns, &info);
		due_ns = share->timeline.first_due_ns + ticker_stall_ns(ticker) + 1;
		/* Later than the next deadline: the timer checks again then. */
		if (info.ticker && !share->stalled &&
		    due_ns <= info.now_ns + share->timeline.period_ns)
			ticker_start_hrtimer(&share->watchdog, due_ns);
	}
	culprit = share->stall.culprit;
	raw_spin_unlock(&share->lock);

	if (report)
		ticker_event_stall(ticker, &info, &culprit);
}

/* The next active share, by CPU, after the last one the first; NULL if it is alone. */
static struct ticker_cpu *ticker_cpu_next_active(struct ticker_cpu *share)
{
	struct ticker *ticker = share->ticker;
	struct ticker_cpu *next = share;

	if (!ticker_cpu_is_bound(share))
		return NULL;
	do {
		next = ticker_next_share(ticker, next);
		if (!next)
			next = ticker_next_share(ticker, ticker->any);
		if (next == share)
			return NULL;
	} while (!READ_ONCE(next->active));
	return next;
}

/* Returns false if it is not time to check yet; else nobody else checks meanwhile. */
static bool ticker_cpu_claim_check(struct ticker_cpu *share, u64 mono_ns,
				   u64 wait_ns)
{
	unsigned long flags;
	bool claimed;

	raw_spin_lock_irqsave(&share->lock, flags);
	claimed = ticker_cpu_must_check(share, mono_ns);
	if (claimed)
		share->check_next = ticker_check_time(mono_ns + wait_ns);
	raw_spin_unlock_irqrestore(&share->lock, flags);
	return claimed;
}

/**
 * ticker_cpu_check_next() - check the share of the next CPU, if it is time to
 * @share: a share; does nothing if it is bound to no CPU
 *
 * Context: the tick or the watchdog of @share.
 */
void ticker_cpu_check_next(struct ticker_cpu *share)
{
	struct ticker *ticker = share->ticker;
	struct ticker_instant now = ticker_read_clocks(ticker);
	u64 wait_ns = min_t(u64, ticker_stall_ns(ticker), TICKER_CHECK_MAX_NS);
	struct sched_tick_info info = { };
	struct ticker_culprit culprit;
	struct ticker_cpu *next;
	unsigned long flags;
	bool stall = false;
	u64 due_ns;

	if (!ticker_cpu_claim_check(share, now.mono_ns, wait_ns))
		return;
	next = ticker_cpu_next_active(share);
	if (!next)
		return;

	raw_spin_lock_irqsave(&next->lock, flags);
	due_ns = next->timeline.first_due_ns + ticker_cpu_no_irqs_ns(next);
	if (next->armed && now.ns < due_ns)
		wait_ns = min(wait_ns, due_ns - now.ns);
	else if (next->armed)
		stall = ticker_cpu_check_remote(next, &info);
	culprit = next->stall.culprit;
	raw_spin_unlock_irqrestore(&next->lock, flags);

	raw_spin_lock_irqsave(&share->lock, flags);
	share->check_next = ticker_check_time(now.mono_ns + wait_ns);
	raw_spin_unlock_irqrestore(&share->lock, flags);
	if (stall)
		ticker_event_stall(ticker, &info, &culprit);
}
