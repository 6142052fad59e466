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
 * tick_ticker_check_stall() - count the tick that is overdue as a stall, if it is
 * @ticker: the ticker, enabled
 * @info: set to what tick_event_stall() reports, if it is
 *
 * Context: any, under @lock.
 * Return: whether it is one that was not counted before.
 */
bool tick_ticker_check_stall(struct tick_ticker *ticker,
			     struct sched_tick_info *info)
{
	struct tick_instant now = tick_ticker_instant(ticker);

	lockdep_assert_held(&ticker->lock);

	/* The tick may have come, or the clock may have been set back. */
	if (now.ns < ticker->timeline.late_from_ns)
		return false;
	tick_ticker_describe(ticker, info, now,
			     tick_ticker_reached(ticker, now,
						 atomic64_read(&ticker->alarm_ns)));
	return tick_ticker_begin_stall(ticker, info->lateness_ns, ticker->home);
}

/**
 * tick_ticker_watch() - report the tick that is overdue; the watch's function
 * @timer: the ticker's @watch
 *
 * Context: hard interrupt, on the CPU where the ticker is placed.
 * Return: HRTIMER_RESTART if it has to look again before the tick.
 */
enum hrtimer_restart tick_ticker_watch(struct hrtimer *timer)
{
	struct tick_ticker *ticker = container_of(timer, struct tick_ticker,
						  watch);
	enum hrtimer_restart restart = HRTIMER_NORESTART;
	struct sched_tick_info info = { };
	bool stall = false;

	raw_spin_lock(&ticker->lock);
	if (ticker->armed)
		stall = tick_ticker_check_stall(ticker, &info);
	/* Its clock was set forward, by which no time passed: look again. */
	if (info.ticker && ticker->config.stall_ms && !ticker->stalled &&
	    ticker->home == smp_processor_id()) {
		hrtimer_set_expires(timer, ns_to_ktime(info.now_ns + 1 +
						       tick_ticker_stall_ns(ticker) -
						       info.lateness_ns));
		restart = HRTIMER_RESTART;
	}
	raw_spin_unlock(&ticker->lock);

	if (stall)
		tick_event_stall(ticker, &info);
	return restart;
}
