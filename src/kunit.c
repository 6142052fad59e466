// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of timeline.h and lateness.c, at the edges. A module of its own,
 * built where the kernel has KUnit: sched_tick.ko must not depend on kunit.ko.
 */
#include <kunit/test.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "timeline.h"

/* sched_tick.ko does not export these functions: build a copy. */
#include "lateness.c"

#define MS	1000000ULL
#define SECOND	(1000 * MS)
#define HOUR	(3600 * SECOND)
#define DAY	(24 * HOUR)
#define YEAR	(365 * DAY)
#define LONGEST	(2147483647ULL * MS)
#define EPOCH	(1767225600ULL * SECOND)	/* 2026-01-01 */

static u64 modulo(u64 dividend, u64 divisor)
{
	u64 remainder;

	div64_u64_rem(dividend, divisor, &remainder);
	return remainder;
}

/* Deadlines of the timeline in (from, to], counted one by one. */
static u64 count_deadlines(u64 first_ns, u64 period_ns, u64 from_ns, u64 to_ns)
{
	u64 at, found = 0;

	for (at = first_ns; at <= to_ns; at += period_ns)
		found += at > from_ns;
	return found;
}

static void starts_one_period_ahead(struct kunit *test)
{
	struct ticker_timeline timeline;

	ticker_timeline_start(&timeline, SECOND, TICKER_PHASE_NONE, 5 * SECOND + 7);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, 6 * SECOND + 7);
	KUNIT_EXPECT_EQ(test, timeline.first_due_ns, timeline.due_ns);
	KUNIT_EXPECT_EQ(test, timeline.period_ns, SECOND);
}

static void starts_at_the_phase(struct kunit *test)
{
	static const struct {
		u64 period_ns, phase_ns, now_ns, due_ns;
	} cases[] = {
		{ SECOND, 0, 0, SECOND },		/* a deadline that is now has passed */
		{ SECOND, 0, 1, SECOND },
		{ SECOND, 0, SECOND - 1, SECOND },
		{ SECOND, 0, SECOND, 2 * SECOND },
		{ SECOND, 300 * MS, 0, 300 * MS },	/* before the first deadline */
		{ SECOND, 300 * MS, 300 * MS - 1, 300 * MS },
		{ SECOND, 300 * MS, 300 * MS, 1300 * MS },
		{ SECOND, 999 * MS, 5 * SECOND, 5999 * MS },
		{ DAY, 3 * HOUR, EPOCH, EPOCH + 3 * HOUR },
		{ DAY, 3 * HOUR, EPOCH + 3 * HOUR, EPOCH + 27 * HOUR },
		{ LONGEST, LONGEST - MS, 40 * YEAR,
		  LONGEST - MS + LONGEST *
			  ((40 * YEAR - LONGEST + MS) / LONGEST + 1) },
	};

	struct ticker_timeline timeline;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ticker_timeline_start(&timeline, cases[i].period_ns,
				      cases[i].phase_ns, cases[i].now_ns);
		KUNIT_EXPECT_EQ(test, timeline.due_ns, cases[i].due_ns);
		KUNIT_EXPECT_GT(test, timeline.due_ns, cases[i].now_ns);
		KUNIT_EXPECT_LE(test, timeline.due_ns - cases[i].now_ns,
				cases[i].period_ns);
		KUNIT_EXPECT_EQ(test,
				modulo(timeline.due_ns, cases[i].period_ns),
				cases[i].phase_ns);
	}
}

static void a_late_tick_moves_no_deadline(struct kunit *test)
{
	struct ticker_timeline timeline;

	ticker_timeline_start(&timeline, 10 * MS, TICKER_PHASE_NONE, 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_advance(&timeline, 10 * MS), 0);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, 20 * MS);
	KUNIT_EXPECT_EQ(test, ticker_timeline_advance(&timeline, 29 * MS), 0);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, 30 * MS);
	KUNIT_EXPECT_EQ(test, ticker_timeline_advance(&timeline, 40 * MS - 1), 0);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, 40 * MS);
	KUNIT_EXPECT_EQ(test, timeline.first_due_ns, 40 * MS);
}

static void exactly_one_period_late_is_one_missed(struct kunit *test)
{
	struct ticker_timeline timeline;

	ticker_timeline_start(&timeline, MS, TICKER_PHASE_NONE, 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_advance(&timeline, 2 * MS), 1);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, 3 * MS);
}

static void counting_missed_keeps_first_due(struct kunit *test)
{
	struct ticker_timeline timeline;

	ticker_timeline_start(&timeline, MS, TICKER_PHASE_NONE, 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_count_missed(&timeline, MS - 1), 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_count_missed(&timeline, MS), 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_count_missed(&timeline, 7 * MS + 5), 6);
	KUNIT_EXPECT_EQ(test, ticker_timeline_count_missed(&timeline, 7 * MS + 6), 0);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, 7 * MS);
	KUNIT_EXPECT_EQ(test, timeline.first_due_ns, MS);
	/* Setting the clock back does not change the count. */
	KUNIT_EXPECT_EQ(test, ticker_timeline_count_missed(&timeline, 3 * MS), 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_advance(&timeline, 9 * MS), 2);
	KUNIT_EXPECT_EQ(test, timeline.first_due_ns, timeline.due_ns);
}

static void ending_counts_the_overdue_tick(struct kunit *test)
{
	struct ticker_timeline timeline;

	ticker_timeline_start(&timeline, MS, TICKER_PHASE_NONE, 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_end(&timeline, MS - 1), 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_end(&timeline, MS), 1);
	KUNIT_EXPECT_EQ(test, ticker_timeline_end(&timeline, MS), 0);
	KUNIT_EXPECT_EQ(test, ticker_timeline_end(&timeline, 9 * MS), 8);
}

static void clock_set_back_is_followed(struct kunit *test)
{
	struct ticker_timeline timeline;
	u64 three = 3 * HOUR;

	ticker_timeline_start(&timeline, DAY, three, EPOCH + three + 1);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, EPOCH + DAY + three);
	/* The step ends after the previous deadline: nothing moves. */
	ticker_timeline_rewind(&timeline, EPOCH + three);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, EPOCH + DAY + three);
	/* The step ends a second before that deadline: it is due again. */
	ticker_timeline_rewind(&timeline, EPOCH + three - SECOND);
	KUNIT_EXPECT_EQ(test, timeline.due_ns, EPOCH + three);
	/* A step back by years keeps the phase. */
	ticker_timeline_rewind(&timeline, EPOCH - 30 * YEAR);
	KUNIT_EXPECT_GT(test, timeline.due_ns, EPOCH - 30 * YEAR);
	KUNIT_EXPECT_LE(test, timeline.due_ns, EPOCH - 30 * YEAR + DAY);
	KUNIT_EXPECT_EQ(test, modulo(timeline.due_ns, DAY), three);
	KUNIT_EXPECT_EQ(test, timeline.first_due_ns, timeline.due_ns);
}

/* A clock that is EPOCH ahead of CLOCK_MONOTONIC, and a deadline of an hour's uptime. */
static void without_a_step_elapsed_time_is_lateness(struct kunit *test)
{
	static const struct {
		u64 late_ns;
		s64 step_ns;
		u64 timer_fired_ns, reached_ns;
	} cases[] = {
		{ 0, 0, 0, HOUR },
		{ 7, 0, 0, HOUR },
		{ 5 * SECOND, 0, 0, HOUR },
		{ 5 * SECOND, 0, HOUR + SECOND, HOUR },		/* the timer was late */
		/* The clock was slewed or set back: the deadline is reached later. */
		{ 5 * SECOND, (s64)MS - 1, HOUR + 1, HOUR - MS + 1 },
		{ 5 * SECOND, -(s64)MS, HOUR + MS, HOUR + MS },
		{ 5 * SECOND, -(s64)(3 * SECOND), 0, HOUR + 3 * SECOND },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ(test,
				ticker_timeline_reached(EPOCH + HOUR,
							EPOCH + HOUR +
							cases[i].late_ns +
							cases[i].step_ns,
							HOUR + cases[i].late_ns,
							EPOCH, cases[i].timer_fired_ns),
				cases[i].reached_ns);
	/* Never before CLOCK_MONOTONIC began. */
	KUNIT_EXPECT_EQ(test,
			ticker_timeline_reached(EPOCH, EPOCH + SECOND, MS,
						EPOCH + DAY, 0), 0ULL);
}

/* The clock is set forward some time before the deadline of an hour's uptime. */
static void a_step_is_no_lateness(struct kunit *test)
{
	static const struct {
		u64 now_ns, step_ns, timer_fired_ns, reached_ns;
	} cases[] = {
		/* The timer fired at the step, and the tick ran 9 ns later. */
		{ HOUR / 2, DAY, HOUR / 2 - 9, HOUR / 2 - 9 },
		{ HOUR / 2, 200 * YEAR, HOUR / 2 - 9, HOUR / 2 - 9 },
		/* The time of the step is unknown (timer wheel): use now. */
		{ HOUR / 2, DAY, 0, HOUR / 2 },
		{ HOUR / 2, HOUR / 2 + MS, 0, HOUR / 2 },
		/* The deadline had passed without the step, too. */
		{ HOUR + SECOND, DAY, 0, HOUR },
		{ HOUR + SECOND, DAY, HOUR / 2, HOUR / 2 },
		{ HOUR + SECOND, DAY, HOUR + 9, HOUR },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ(test,
				ticker_timeline_reached(EPOCH + HOUR,
							EPOCH + cases[i].now_ns +
							cases[i].step_ns,
							cases[i].now_ns, EPOCH,
							cases[i].timer_fired_ns),
				cases[i].reached_ns);
}

static void longest_period_after_decades(struct kunit *test)
{
	struct ticker_timeline timeline;
	u64 now = 60 * YEAR;
	unsigned int i;

	ticker_timeline_start(&timeline, LONGEST, TICKER_PHASE_NONE, now);
	for (i = 1; i < 1000; i++) {
		KUNIT_EXPECT_EQ(test, timeline.due_ns, now + i * LONGEST);
		KUNIT_EXPECT_EQ(test, 0,
				ticker_timeline_advance(&timeline,
							now + i * LONGEST + 5 * MS));
	}
	/* 2^63 ns are 292 years, the range of ktime_t. */
	KUNIT_EXPECT_EQ(test, ticker_timeline_advance(&timeline, S64_MAX),
			(S64_MAX - 60 * YEAR - 1000 * LONGEST) / LONGEST);
}

static void times_beyond_32_bits(struct kunit *test)
{
	static const u64 edges[] = {
		U32_MAX - 1ULL, U32_MAX, U32_MAX + 1ULL, U32_MAX * MS,
		S32_MAX * MS,
	};

	struct ticker_timeline timeline;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		u64 now, start = edges[i] - 5, missed = 0, ticks = 0;

		ticker_timeline_start(&timeline, 3, TICKER_PHASE_NONE, start);
		for (now = start; now < start + 40; now += 4)
			if (now >= timeline.due_ns) {
				missed += ticker_timeline_advance(&timeline, now);
				ticks++;
			}
		KUNIT_EXPECT_EQ(test, ticks + missed,
				count_deadlines(start + 3, 3, start,
						start + 36));
	}
}

static u32 below(struct rnd_state *random, u32 limit)
{
	return prandom_u32_state(random) % limit;
}

static void check_random_times(struct kunit *test, struct rnd_state *random)
{
	u32 period = 1 + below(random, 50);
	u64 start = prandom_u32_state(random);
	u64 phase = below(random, 2) ? TICKER_PHASE_NONE : below(random, period);
	u64 now = start, accounted = 0, first;
	struct ticker_timeline timeline;
	unsigned int step;

	ticker_timeline_start(&timeline, period, phase, now);
	first = timeline.due_ns;
	for (step = 0; step < 50; step++) {
		now += below(random, 4 * period);
		if (!below(random, 3))
			accounted += ticker_timeline_count_missed(&timeline, now);
		else if (now >= timeline.due_ns)
			accounted += ticker_timeline_advance(&timeline, now) + 1;
		KUNIT_EXPECT_LE(test, timeline.first_due_ns, timeline.due_ns);
		KUNIT_EXPECT_LE(test, timeline.due_ns, now + period);
	}
	accounted += ticker_timeline_end(&timeline, now);
	KUNIT_EXPECT_EQ(test, accounted,
			count_deadlines(first, period, start, now));
}

/* Whatever happens, every deadline is accounted for exactly once. */
static void every_deadline_exactly_once(struct kunit *test)
{
	struct rnd_state random;
	unsigned int run;

	prandom_seed_state(&random, 1);
	for (run = 0; run < 2000; run++)
		check_random_times(test, &random);
}

static void buckets_have_inclusive_upper_bounds(struct kunit *test)
{
	size_t i;

	for (i = 0; i < TICKER_LATENESS_BOUNDS; i++) {
		struct ticker_lateness lateness = { 0 };

		ticker_lateness_add(&lateness, ticker_lateness_bounds_ns[i]);
		KUNIT_EXPECT_EQ(test, lateness.histogram[i], 1);
		ticker_lateness_add(&lateness, ticker_lateness_bounds_ns[i] + 1);
		KUNIT_EXPECT_EQ(test, lateness.histogram[i + 1], 1);
		if (i)
			KUNIT_EXPECT_GT(test, ticker_lateness_bounds_ns[i],
					ticker_lateness_bounds_ns[i - 1]);
	}
	KUNIT_EXPECT_EQ(test, ticker_lateness_bounds_ns[0], 1000);
	KUNIT_EXPECT_EQ(test, ticker_lateness_bounds_ns[TICKER_LATENESS_BOUNDS - 1],
			100 * SECOND);
}

static void sum_maximum_and_last(struct kunit *test)
{
	struct ticker_lateness lateness = { 0 };
	u64 total = 0;
	size_t i;

	ticker_lateness_add(&lateness, 0);
	ticker_lateness_add(&lateness, 30 * YEAR);
	ticker_lateness_add(&lateness, 4000);
	KUNIT_EXPECT_EQ(test, lateness.last_ns, 4000);
	KUNIT_EXPECT_EQ(test, lateness.max_ns, 30 * YEAR);
	KUNIT_EXPECT_EQ(test, lateness.sum_ns, 30 * YEAR + 4000);
	KUNIT_EXPECT_EQ(test, lateness.histogram[0], 1);
	KUNIT_EXPECT_EQ(test, lateness.histogram[2], 1);
	KUNIT_EXPECT_EQ(test, lateness.histogram[TICKER_LATENESS_BUCKETS - 1], 1);
	for (i = 0; i < TICKER_LATENESS_BUCKETS; i++)
		total += lateness.histogram[i];
	KUNIT_EXPECT_EQ(test, total, 3);
}

static void sums_do_not_wrap(struct kunit *test)
{
	struct ticker_lateness lateness = { };
	int i;

	for (i = 0; i < 4; i++)
		ticker_lateness_add(&lateness, 200 * YEAR);
	KUNIT_EXPECT_EQ(test, lateness.sum_ns, ~0ULL);
	KUNIT_EXPECT_EQ(test, lateness.max_ns, 200 * YEAR);
}

static void reset_keeps_sum_and_histogram(struct kunit *test)
{
	struct ticker_lateness lateness = { 0 };

	ticker_lateness_add(&lateness, 5 * MS);
	ticker_lateness_reset(&lateness);
	KUNIT_EXPECT_EQ(test, lateness.last_ns, 0);
	KUNIT_EXPECT_EQ(test, lateness.max_ns, 0);
	KUNIT_EXPECT_EQ(test, lateness.sum_ns, 5 * MS);
	KUNIT_EXPECT_EQ(test, lateness.histogram[11], 1);
	ticker_lateness_add(&lateness, MS);
	KUNIT_EXPECT_EQ(test, lateness.max_ns, MS);
}

static void skipping_counts_nothing(struct kunit *test)
{
	static const struct {
		u64 now_ns, due_ns;
	} cases[] = {
		{ 0, 10 * MS }, { 10 * MS - 1, 10 * MS }, { 10 * MS, 20 * MS },
		{ 20 * MS - 1, 20 * MS }, { 35 * MS, 40 * MS },
		{ YEAR, YEAR + 10 * MS },
	};
	struct ticker_timeline timeline;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ticker_timeline_start(&timeline, 10 * MS, TICKER_PHASE_NONE, 0);
		ticker_timeline_skip(&timeline, cases[i].now_ns);
		KUNIT_EXPECT_EQ(test, timeline.due_ns, cases[i].due_ns);
		KUNIT_EXPECT_EQ(test, timeline.first_due_ns, cases[i].due_ns);
		KUNIT_EXPECT_EQ(test, ticker_timeline_end(&timeline,
							  cases[i].now_ns), 0);
	}
}

static void lateness_is_split_by_cause(struct kunit *test)
{
	static const struct {
		u64 late_ns, timer_late_ns;
		struct ticker_cputime passed;
		struct ticker_late late;
	} cases[] = {
		{ 9, 0, { }, { .other_ns = 9 } },
		{ 0, 0, { 5, 5, 5 }, { } },
		{ 9, 0, { .softirq_ns = 4 }, { .softirq_ns = 4, .other_ns = 5 } },
		{ 9, 0, { 1, 2, 3 }, { 1, 2, 3, 3 } },
		/* More was accounted than the tick was late. */
		{ 9, 0, { 4, 20, 20 }, { .steal_ns = 4, .irq_ns = 5 } },
		{ 9, 0, { 4, 4, 20 }, { 4, 4, 1, 0 } },
		/* The timer's interrupt was late. */
		{ 9, 6, { }, { .irq_ns = 6, .other_ns = 3 } },
		{ 9, 6, { .irq_ns = 2 }, { .irq_ns = 8, .other_ns = 1 } },
		{ 9, 6, { .steal_ns = 2 }, { .steal_ns = 2, .irq_ns = 4, .other_ns = 3 } },
		{ 9, 6, { .steal_ns = 20 }, { .steal_ns = 9 } },
		{ 9, 0, { -5ULL, -5ULL, -5ULL }, { .other_ns = 9 } },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ticker_cputime *passed = &cases[i].passed;
		struct ticker_cputime before = { 10, 20, 30 };
		struct ticker_cputime now = { 10 + passed->steal_ns,
			20 + passed->irq_ns, 30 + passed->softirq_ns };
		struct ticker_late late = { };

		ticker_late_add(&late, cases[i].late_ns, cases[i].timer_late_ns,
				&before, &now);
		KUNIT_EXPECT_EQ(test, memcmp(&late, &cases[i].late, sizeof(late)), 0);
	}
}

static void causes_of_cpus_add_up(struct kunit *test)
{
	struct ticker_late sum = { 1, 2, 3, 4 };
	struct ticker_late one = { 10, 20, 30, ~0ULL };
	struct ticker_late expected = { 11, 22, 33, ~0ULL };

	ticker_late_merge(&sum, &one);
	KUNIT_EXPECT_EQ(test, memcmp(&sum, &expected, sizeof(sum)), 0);
}

static void merging_adds_up(struct kunit *test)
{
	struct ticker_lateness one = { 0 }, other = { 0 };

	ticker_lateness_add(&one, 3 * MS);
	ticker_lateness_add(&one, MS);
	ticker_lateness_add(&other, 7 * MS);
	ticker_lateness_add(&other, 500);
	ticker_lateness_merge(&one, &other);
	KUNIT_EXPECT_EQ(test, one.last_ns, MS);
	KUNIT_EXPECT_EQ(test, one.max_ns, 7 * MS);
	KUNIT_EXPECT_EQ(test, one.sum_ns, 11 * MS + 500);
	KUNIT_EXPECT_EQ(test, one.histogram[0], 1);
	KUNIT_EXPECT_EQ(test, one.histogram[9], 1);
	KUNIT_EXPECT_EQ(test, one.histogram[11], 1);
	KUNIT_EXPECT_EQ(test, one.histogram[12], 1);

	ticker_lateness_add(&other, 9 * MS);
	ticker_lateness_merge(&one, &other);
	KUNIT_EXPECT_EQ(test, one.last_ns, 9 * MS);
	KUNIT_EXPECT_EQ(test, one.max_ns, 9 * MS);
	one.sum_ns = ~0ULL - 1;
	ticker_lateness_merge(&one, &other);
	KUNIT_EXPECT_EQ(test, one.sum_ns, ~0ULL);
}

static struct kunit_case ticker_cases[] = {
	KUNIT_CASE(starts_one_period_ahead),
	KUNIT_CASE(starts_at_the_phase),
	KUNIT_CASE(a_late_tick_moves_no_deadline),
	KUNIT_CASE(exactly_one_period_late_is_one_missed),
	KUNIT_CASE(counting_missed_keeps_first_due),
	KUNIT_CASE(ending_counts_the_overdue_tick),
	KUNIT_CASE(skipping_counts_nothing),
	KUNIT_CASE(clock_set_back_is_followed),
	KUNIT_CASE(without_a_step_elapsed_time_is_lateness),
	KUNIT_CASE(a_step_is_no_lateness),
	KUNIT_CASE(longest_period_after_decades),
	KUNIT_CASE(times_beyond_32_bits),
	KUNIT_CASE(every_deadline_exactly_once),
	KUNIT_CASE(buckets_have_inclusive_upper_bounds),
	KUNIT_CASE(sum_maximum_and_last),
	KUNIT_CASE(sums_do_not_wrap),
	KUNIT_CASE(reset_keeps_sum_and_histogram),
	KUNIT_CASE(merging_adds_up),
	KUNIT_CASE(lateness_is_split_by_cause),
	KUNIT_CASE(causes_of_cpus_add_up),
	{}
};

static struct kunit_suite ticker_suite = {
	.name = "sched_tick",
	.test_cases = ticker_cases,
};

kunit_test_suite(ticker_suite);

MODULE_DESCRIPTION("Tests of sched_tick");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
