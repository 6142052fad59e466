/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How late a ticker is, and whether that is a stall; in line, as each tick asks.
 */
#ifndef SCHED_TICK_STALL_H
#define SCHED_TICK_STALL_H

#include <linux/ktime.h>

#include "ticker.h"

enum hrtimer_restart tick_ticker_watch(struct hrtimer *timer);

/* One instant, on both clocks, in nanoseconds. */
struct tick_instant {
	u64 ns;		/* on the ticker's clock */
	u64 mono_ns;	/* on CLOCK_MONOTONIC */
};

static inline bool tick_ticker_is_monotonic(const struct tick_ticker *ticker)
{
	return ticker->config.clock == TICK_CLOCK_MONOTONIC;
}

static inline struct tick_instant
tick_ticker_instant(const struct tick_ticker *ticker)
{
	u64 mono_ns = ktime_get_ns();

	return (struct tick_instant){
		.ns = tick_ticker_is_monotonic(ticker) ? mono_ns :
							 tick_ticker_now(ticker),
		.mono_ns = mono_ns,
	};
}

static inline u64 tick_ticker_stall_ns(const struct tick_ticker *ticker)
{
	return (u64)ticker->config.stall_ms * NSEC_PER_MSEC;
}

/* When the first deadline that had no tick was reached, on CLOCK_MONOTONIC. */
static inline u64 tick_ticker_reached(const struct tick_ticker *ticker,
				      struct tick_instant now,
				      u64 alarm_ns)
{
	u64 deadline_ns = ticker->timeline.late_from_ns;

	if (tick_ticker_is_monotonic(ticker))
		return deadline_ns;
	return tick_timeline_reached(deadline_ns, now.ns, now.mono_ns,
				     ticker->clock_offset_ns, alarm_ns);
}

/* Count the periods that passed, and describe the tick that runs or is overdue. */
static inline void tick_ticker_describe(struct tick_ticker *ticker,
					struct sched_tick_info *info,
					struct tick_instant now,
					u64 reached_ns)
{
	struct tick_counts *counts = &ticker->counts;

	counts->missed += tick_timeline_settle(&ticker->timeline, now.ns);

	info->ticker = ticker->name;
	info->counter = counts->counter;
	info->deadline_ns = ticker->timeline.late_from_ns;
	info->now_ns = now.ns;
	info->missed = counts->missed - ticker->missed_reported;
	info->lateness_ns = now.mono_ns - reached_ns;
}

/* Whether the tick, so late by now, is a stall that was not counted before. */
static inline bool tick_ticker_begin_stall(struct tick_ticker *ticker,
					   u64 late_ns, int cpu)
{
	if (!ticker->config.stall_ms || ticker->stalled ||
	    late_ns <= tick_ticker_stall_ns(ticker))
		return false;

	ticker->stalled = true;
	/* The log line reads it without the lock. */
	WRITE_ONCE(ticker->event->stall_cpu, cpu);
	ticker->counts.stalls++;
	return true;
}

static inline bool tick_ticker_end_stall(struct tick_ticker *ticker,
					 u64 late_ns)
{
	if (!ticker->stalled)
		return false;

	ticker->stalled = false;
	ticker->event->stall_late_ns = late_ns;
	return true;
}

#endif /* SCHED_TICK_STALL_H */
