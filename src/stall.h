/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lateness of a tick, and whether it is a stall; inline, because each tick checks it.
 */
#ifndef SCHED_TICK_STALL_H
#define SCHED_TICK_STALL_H

#include "event.h"
#include "ticker_cpu.h"

enum hrtimer_restart ticker_watchdog_fn(struct hrtimer *timer);
bool ticker_cpu_check_stall(struct ticker_cpu *share,
			    struct sched_tick_info *info);

static inline u64 ticker_stall_ns(const struct ticker *ticker)
{
	return (u64)ticker->config.stall_ms * NSEC_PER_MSEC;
}

/* When the first deadline without a tick was reached, in ns on CLOCK_MONOTONIC. */
static inline u64 ticker_cpu_reached_ns(const struct ticker_cpu *share,
					struct ticker_instant now,
					u64 timer_fired_ns)
{
	u64 deadline_ns = share->timeline.first_due_ns;

	if (ticker_is_monotonic(share->ticker))
		return deadline_ns;
	return ticker_timeline_reached(deadline_ns, now.ns, now.mono_ns,
				       share->clock_offset_ns, timer_fired_ns);
}

/* Count the overdue tick as a stall; false if it is none, or counted already. */
static inline bool ticker_cpu_begin_stall(struct ticker_cpu *share, u64 late_ns)
{
	struct ticker *ticker = share->ticker;

	if (!ticker->config.stall_ms || share->stalled ||
	    late_ns <= ticker_stall_ns(ticker))
		return false;

	share->stalled = true;
	/* Read without the lock; another share may write it at the same time. */
	WRITE_ONCE(ticker->event->stalled, share);
	share->stall_cpu = share->cpu;
	share->counts.stalls++;
	return true;
}

static inline bool ticker_cpu_end_stall(struct ticker_cpu *share, u64 late_ns)
{
	if (!share->stalled)
		return false;

	share->stalled = false;
	share->stall_late_ns = late_ns;
	return true;
}

#endif /* SCHED_TICK_STALL_H */
