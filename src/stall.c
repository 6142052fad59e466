// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watch: an hrtimer that detects a stall while it lasts.
 *
 * It is armed with the tick and fires on the CPU that the tick waits for. It is not
 * the alarm armed again, because the alarm may be the one that is late.
 */
#include <linux/smp.h>

#include "stall.h"
#include "ticker.h"

/**
 * ticker_check_stall() - count the tick that is overdue as a stall, if it is
 * @ticker: the ticker, enabled
 * @info: set to what ticker_event_stall() reports, if it is
 *
 * Context: any, under @lock.
 * Return: whether it is one that was not counted before.
 */
bool ticker_check_stall(struct ticker *ticker,
			struct sched_tick_info *info)
{
	struct ticker_instant now = ticker_read_clocks(ticker);

	lockdep_assert_held(&ticker->lock);

	/* The tick may have come, or the clock may have been set back. */
	if (now.ns < ticker->timeline.first_due_ns)
		return false;
	ticker_fill_info(ticker, info, now,
			 ticker_reached_ns(ticker, now,
					   atomic64_read(&ticker->timer_fired_ns)));
	return ticker_begin_stall(ticker, info->lateness_ns, ticker->cpu);
}

/**
 * ticker_watchdog_fn() - report the tick that is overdue; the watch's function
 * @timer: the ticker's @watchdog
 *
 * Context: hard interrupt, on the CPU where the ticker is placed.
 * Return: HRTIMER_RESTART if it has to look again before the tick.
 */
enum hrtimer_restart ticker_watchdog_fn(struct hrtimer *timer)
{
	struct ticker *ticker = container_of(timer, struct ticker,
					     watchdog);
	enum hrtimer_restart restart = HRTIMER_NORESTART;
	struct sched_tick_info info = { };
	bool stall = false;

	raw_spin_lock(&ticker->lock);
	if (ticker->armed)
		stall = ticker_check_stall(ticker, &info);
	/* Its clock was set forward, by which no time passed: look again. */
	if (info.ticker && ticker->config.stall_ms && !ticker->stalled &&
	    ticker->cpu == smp_processor_id()) {
		hrtimer_set_expires(timer, ns_to_ktime(info.now_ns + 1 +
						       ticker_stall_ns(ticker) -
						       info.lateness_ns));
		restart = HRTIMER_RESTART;
	}
	raw_spin_unlock(&ticker->lock);

	if (stall)
		ticker_event_stall(ticker, &info);
	return restart;
}
