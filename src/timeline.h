/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deadlines as pure arithmetic.
 *
 * A timeline is the row of instants origin + n * period on some clock, in
 * nanoseconds. Nothing here reads a clock or arms a timer: the caller says
 * what time it is. Every deadline is accounted for exactly once, as a tick or
 * as missed, and that takes at most one division however many have passed.
 *
 * Compiles in the kernel and on the host, and knows neither.
 */
#ifndef SCHED_TICK_TIMELINE_H
#define SCHED_TICK_TIMELINE_H

#include <linux/math64.h>
#include <linux/types.h>

/* The timeline starts when it is started, not at multiples of the period. */
#define TICKER_PHASE_NONE U64_MAX

/**
 * struct ticker_timeline - where a timeline stands
 * @period_ns: distance between two deadlines, at least 1
 * @due_ns: the first deadline that is not accounted for; may have passed
 * @first_due_ns: the first deadline since the last tick. Equal to @due_ns
 *	unless deadlines in between were already counted as missed.
 */
struct ticker_timeline {
	u64 period_ns;
	u64 due_ns;
	u64 first_due_ns;
};

/**
 * ticker_timeline_start() - begin a new timeline
 * @timeline: the timeline
 * @period_ns: distance between two deadlines, at least 1
 * @phase_ns: TICKER_PHASE_NONE: the first deadline is one period from now.
 *	Otherwise less than @period_ns: deadlines fall that far past multiples
 *	of the period since the clock's epoch, and the first is ahead of now.
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
 * ticker_timeline_count_missed() - account for whole periods that passed unattended
 * @timeline: the timeline
 * @now_ns: the time
 *
 * Afterwards at most one deadline has passed without being accounted for: the
 * one whose tick is under way.
 *
 * Return: how many periods are missed, beyond those reported before.
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
 * ticker_timeline_advance() - a tick runs now
 * @timeline: the timeline, whose @due_ns has passed
 * @now_ns: the time
 *
 * Return: how many periods are missed, beyond those reported before.
 */
static inline u64 ticker_timeline_advance(struct ticker_timeline *timeline, u64 now_ns)
{
	u64 missed = ticker_timeline_count_missed(timeline, now_ns);

	timeline->due_ns += timeline->period_ns;
	timeline->first_due_ns = timeline->due_ns;
	return missed;
}

/**
 * ticker_timeline_end() - no tick will run on this timeline any more
 * @timeline: the timeline
 * @now_ns: the time
 *
 * Return: how many periods are missed, beyond those reported before: the one
 * whose tick was under way is among them.
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
 * The next deadline is never more than a period away unless the clock was set
 * back. Then the deadlines between now and there come again.
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

/*
 * A smaller step of a clock between two looks counts as lateness. It is more than
 * NTP slews a clock by in a second.
 */
#define TICKER_TIMELINE_STEP_NS 1000000

/**
 * ticker_timeline_reached() - find the instant at which a deadline was reached
 * @deadline_ns: the deadline, on the ticker's clock; it has passed
 * @now_ns: the time on the ticker's clock
 * @mono_ns: the time on CLOCK_MONOTONIC
 * @offset_ns: ticker's clock less CLOCK_MONOTONIC when the deadline was ahead
 * @timer_fired_ns: CLOCK_MONOTONIC when the timer fired for the deadline; 0: unknown
 *
 * A clock that is set forward, or that went on during a suspend, reaches the
 * deadline by a step. No time passed meanwhile, so nothing was late then: the
 * timer, which fires at the step, says when that was. If it is not known, the
 * deadline counts as reached when its time came without the step, or now.
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
