/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How late a ticker is, and whether that is a stall; in line, as each tick asks.
 */
#ifndef SCHED_TICK_STALL_H
#define SCHED_TICK_STALL_H

#include <linux/ktime.h>

#include "ticker.h"

enum hrtimer_restart ticker_watchdog_fn(struct hrtimer *timer);

/* One instant, on both clocks, in nanoseconds. */
struct ticker_instant {
	u64 ns;		/* on the ticker's clock */
	u64 mono_ns;	/* on CLOCK_MONOTONIC */
};

static inline bool ticker_is_monotonic(const struct ticker *ticker)
{
	return ticker->config.clock == TICKER_CLOCK_MONOTONIC;
}

static inline struct ticker_instant
ticker_read_clocks(const struct ticker *ticker)
{
	u64 mono_ns = ktime_get_ns();

	return (struct ticker_instant){
		.ns = ticker_is_monotonic(ticker) ? mono_ns :
							 ticker_read_clock(ticker),
		.mono_ns = mono_ns,
	};
}

static inline u64 ticker_stall_ns(const struct ticker *ticker)
{
	return (u64)ticker->config.stall_ms * NSEC_PER_MSEC;
}

/* When the first deadline that had no tick was reached, on CLOCK_MONOTONIC. */
static inline u64 ticker_reached_ns(const struct ticker *ticker,
				    struct ticker_instant now,
				    u64 timer_fired_ns)
{
	u64 deadline_ns = ticker->timeline.first_due_ns;

	if (ticker_is_monotonic(ticker))
		return deadline_ns;
	return ticker_timeline_reached(deadline_ns, now.ns, now.mono_ns,
				       ticker->clock_offset_ns, timer_fired_ns);
}

/* Count the periods that passed, and describe the tick that runs or is overdue. */
static inline void ticker_fill_info(struct ticker *ticker,
				    struct sched_tick_info *info,
				    struct ticker_instant now,
				    u64 reached_ns)
{
	struct ticker_counts *counts = &ticker->counts;

	counts->missed += ticker_timeline_count_missed(&ticker->timeline, now.ns);

	info->ticker = ticker->name;
	info->counter = counts->counter;
	info->deadline_ns = ticker->timeline.first_due_ns;
	info->now_ns = now.ns;
	info->missed = counts->missed - ticker->missed_reported;
	info->lateness_ns = now.mono_ns - reached_ns;
}

/* Whether the tick, so late by now, is a stall that was not counted before. */
static inline bool ticker_begin_stall(struct ticker *ticker,
				      u64 late_ns, int cpu)
{
	if (!ticker->config.stall_ms || ticker->stalled ||
	    late_ns <= ticker_stall_ns(ticker))
		return false;

	ticker->stalled = true;
	/* The log line reads it without the lock. */
	WRITE_ONCE(ticker->event->stall_cpu, cpu);
	ticker->counts.stalls++;
	return true;
}

static inline bool ticker_end_stall(struct ticker *ticker,
				    u64 late_ns)
{
	if (!ticker->stalled)
		return false;

	ticker->stalled = false;
	ticker->event->stall_late_ns = late_ns;
	return true;
}

#endif /* SCHED_TICK_STALL_H */
