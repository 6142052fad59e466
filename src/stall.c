// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchdog: an hrtimer that detects a stall while it lasts.
 *
 * It is armed with the tick and fires on the CPU that the tick waits for. The
 * timer that queues the tick cannot be used for it: it may still run when the tick
 * would have to arm it.
 */
#include <linux/smp.h>

#include "event.h"
#include "stall.h"
#include "ticker.h"
#include "ticker_cpu.h"

/**
 * ticker_cpu_check_stall() - count the overdue tick as a stall if it is one
 * @share: the share, active
 * @info: set to the tick that ticker_event_stall() reports, if one is overdue
 *
 * Context: any, under @lock.
 * Return: true if the tick is a stall that was not counted before.
 */
bool ticker_cpu_check_stall(struct ticker_cpu *share,
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
	return ticker_cpu_begin_stall(share, info->lateness_ns);
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
	bool stall = false;

	raw_spin_lock(&share->lock);
	if (share->armed)
		stall = ticker_cpu_check_stall(share, &info);
	/* The clock was set forward, but no time passed: check again later. */
	if (info.ticker && ticker->config.stall_ms && !share->stalled &&
	    share->cpu == smp_processor_id()) {
		hrtimer_set_expires(timer, ns_to_ktime(info.now_ns + 1 +
						       ticker_stall_ns(ticker) -
						       info.lateness_ns));
		restart = HRTIMER_RESTART;
	}
	raw_spin_unlock(&share->lock);

	if (stall)
		ticker_event_stall(ticker, &info);
	return restart;
}
