/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic of deadlines.
 *
 * A timeline is the sequence of instants origin + n * period on a clock, in ns. The
 * functions neither read a clock nor arm a timer: the caller passes the time. Each
 * deadline is counted exactly once, as a tick or as missed, with at most one
 * division for any number of deadlines that passed.
 *
 * Compiles in the kernel and on the host, and depends on neither.
 */
#ifndef SCHED_TICK_TIMELINE_H
#define SCHED_TICK_TIMELINE_H

#include <linux/math64.h>
#include <linux/types.h>

/* The origin is the start of the timeline, not the clock's epoch. */
#define TICKER_PHASE_NONE U64_MAX

/**
 * struct ticker_timeline - state of a timeline, in ns
 * @period_ns: distance between two deadlines, at least 1
 * @due_ns: first deadline that is not counted; may have passed
 * @first_due_ns: first deadline since the last tick; equal to @due_ns unless
 *	deadlines since then were already counted as missed
 */
struct ticker_timeline {
	u64 period_ns;
	u64 due_ns;
	u64 first_due_ns;
};

/**
 * ticker_timeline_start() - start a new timeline
 * @timeline: the timeline
 * @period_ns: distance between two deadlines, at least 1
 * @phase_ns: offset of the deadlines from multiples of the period since the clock's
 *	epoch, less than @period_ns; or TICKER_PHASE_NONE: the first deadline is one
 *	period from now
 * @now_ns: the time
 */
static inline void ticker_timeline_start(struct ticker_timeline *timeline,
					 u64 period_ns, u64 phase_ns, u64 now_ns)
{
	u64 due_ns;

	if (phase_ns == TICKER_PHASE_NONE)
		due_ns = now_ns + period_ns;
	else if (now_ns < phase_ns)
		due_ns = phase_ns;
	else
		due_ns = phase_ns + period_ns *
			 (div64_u64(now_ns - phase_ns, period_ns) + 1);

	timeline->period_ns = period_ns;
	timeline->due_ns = due_ns;
	timeline->first_due_ns = due_ns;
}

/**
 * ticker_timeline_count_missed() - count periods that passed without a tick
 * @timeline: the timeline
 * @now_ns: the time
 *
 * Afterwards at most one deadline has passed without being counted: the one whose
 * tick is overdue.
 *
 * Return: number of missed periods that were not returned before.
 */
static inline u64 ticker_timeline_count_missed(struct ticker_timeline *timeline,
					       u64 now_ns)
{
	u64 passed;

	if (now_ns < timeline->due_ns ||
	    now_ns - timeline->due_ns < timeline->period_ns)
		return 0;

	passed = div64_u64(now_ns - timeline->due_ns, timeline->period_ns);
	timeline->due_ns += passed * timeline->period_ns;
	return passed;
}

/**
 * ticker_timeline_advance() - count a tick that runs now
 * @timeline: the timeline, whose @due_ns has passed
 * @now_ns: the time
 *
 * Return: number of missed periods that were not returned before.
 */
static inline u64 ticker_timeline_advance(struct ticker_timeline *timeline, u64 now_ns)
{
	u64 missed = ticker_timeline_count_missed(timeline, now_ns);

	timeline->due_ns += timeline->period_ns;
	timeline->first_due_ns = timeline->due_ns;
	return missed;
}

/**
 * ticker_timeline_skip() - move to the next deadline, without counting any
 * @timeline: the timeline
 * @now_ns: the time
 */
static inline void ticker_timeline_skip(struct ticker_timeline *timeline,
					u64 now_ns)
{
	u64 due_ns = timeline->due_ns;

	if (now_ns >= due_ns)
		due_ns += timeline->period_ns *
			  (div64_u64(now_ns - due_ns, timeline->period_ns) + 1);
	timeline->due_ns = due_ns;
	timeline->first_due_ns = due_ns;
}

/**
 * ticker_timeline_end() - count the periods of a timeline that ends
 * @timeline: the timeline
 * @now_ns: the time
 *
 * Return: number of missed periods that were not returned before; an overdue tick is
 * one of them.
 */
static inline u64 ticker_timeline_end(struct ticker_timeline *timeline, u64 now_ns)
{
	if (now_ns < timeline->due_ns)
		return 0;
	return ticker_timeline_advance(timeline, now_ns) + 1;
}

/**
 * ticker_timeline_rewind() - follow a clock that may have been set back
 * @timeline: the timeline, whose @due_ns is ahead
 * @now_ns: the time
 *
 * The next deadline is more than a period ahead only if the clock was set back. The
 * deadlines from now on are then due again.
 */
static inline void ticker_timeline_rewind(struct ticker_timeline *timeline,
					  u64 now_ns)
{
	u64 ahead_ns = timeline->due_ns - now_ns;

	if (ahead_ns <= timeline->period_ns)
		return;

	timeline->due_ns -= timeline->period_ns *
			    div64_u64(ahead_ns - 1, timeline->period_ns);
	timeline->first_due_ns = timeline->due_ns;
}

/* A smaller step of the clock counts as lateness. NTP slews a clock by less in 1 s. */
#define TICKER_TIMELINE_STEP_NS 1000000

/**
 * ticker_timeline_reached() - find the instant at which a deadline was reached
 * @deadline_ns: the deadline, on the ticker's clock; it has passed
 * @now_ns: the time on the ticker's clock
 * @mono_ns: the time on CLOCK_MONOTONIC
 * @offset_ns: the ticker's clock minus CLOCK_MONOTONIC when the deadline was ahead
 * @timer_fired_ns: CLOCK_MONOTONIC when the timer fired for the deadline; 0: unknown
 *
 * A clock that is set forward, or that continues during a suspend, reaches the
 * deadline by a step. No time passes in a step, so it is no lateness: the deadline
 * is reached at the step, at which the timer fires. If that time is not known, the
 * deadline counts as reached when it would have been without the step, or now.
 *
 * Return: nanoseconds on CLOCK_MONOTONIC, at most @mono_ns.
 */
static inline u64 ticker_timeline_reached(u64 deadline_ns, u64 now_ns,
					  u64 mono_ns, u64 offset_ns,
					  u64 timer_fired_ns)
{
	s64 step_ns = now_ns - mono_ns - offset_ns;
	u64 passed_ns = now_ns - deadline_ns;
	u64 reached_ns;

	if (step_ns < TICKER_TIMELINE_STEP_NS)
		return passed_ns < mono_ns ? mono_ns - passed_ns : 0;

	reached_ns = deadline_ns - offset_ns;
	if (timer_fired_ns && timer_fired_ns < reached_ns)
		return timer_fired_ns;
	if (reached_ns > mono_ns)
		return mono_ns;
	return reached_ns;
}

#endif /* SCHED_TICK_TIMELINE_H */
