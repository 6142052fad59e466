/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lateness of a tick, and whether it is a stall; inline, because each tick checks it.
 */
#ifndef SCHED_TICK_STALL_H
#define SCHED_TICK_STALL_H

#include "event.h"
#include "ticker_cpu.h"

enum hrtimer_restart ticker_watchdog_fn(struct hrtimer *timer);
bool ticker_cpu_check_remote(struct ticker_cpu *share,
			     struct sched_tick_info *info);
void ticker_cpu_record_stall(struct ticker_cpu *share, u64 deadline_ns,
			     u64 late_ns);
void ticker_cpu_watch(struct ticker_cpu *share, u64 timer_late_ns);
void ticker_cpu_check_next(struct ticker_cpu *share);

static inline u64 ticker_stall_ns(const struct ticker *ticker)
{
	return (u64)ticker->config.stall_ms * NSEC_PER_MSEC;
}

/* CLOCK_MONOTONIC in units of about a ms, which wrap. */
static inline u32 ticker_check_time(u64 mono_ns)
{
	return mono_ns >> 20;
}

/* Whether it is time to check the share of the next CPU. */
static inline bool ticker_cpu_must_check(const struct ticker_cpu *share,
					 u64 mono_ns)
{
	return (s32)(ticker_check_time(mono_ns) - share->check_next) >= 0;
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
static inline bool ticker_cpu_begin_stall(struct ticker_cpu *share,
					  u64 deadline_ns, u64 late_ns)
{
	if (!share->ticker->config.stall_ms || share->stalled ||
	    late_ns <= ticker_stall_ns(share->ticker))
		return false;

	ticker_cpu_record_stall(share, deadline_ns, late_ns);
	return true;
}

static inline bool ticker_cpu_end_stall(struct ticker_cpu *share, u64 late_ns)
{
	if (!share->stalled)
		return false;

	share->stalled = false;
	share->stall.overdue_ns = max(share->stall.overdue_ns, late_ns);
	return true;
}

#endif /* SCHED_TICK_STALL_H */
