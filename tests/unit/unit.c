// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host unit tests of src/timeline.h and src/lateness.c, at the edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lateness.h"
#include "timeline.h"

#define MS	1000000ULL
#define SECOND	(1000 * MS)
#define DAY	(86400 * SECOND)
#define YEAR	(365 * DAY)
#define LONGEST	(2147483647ULL * MS)
#define EPOCH	(1767225600ULL * SECOND)	/* 2026-01-01 on the realtime clock */

static unsigned int divisions;

u64 div64_u64(u64 dividend, u64 divisor)
{
	divisions++;
	assert_true(divisor != 0);
	return dividend / divisor;
}

/* Deadlines of the timeline in (from, to], counted one by one. */
static u64 count(u64 first_ns, u64 period_ns, u64 from_ns, u64 to_ns)
{
	u64 found = 0;

	for (u64 at = first_ns; at <= to_ns; at += period_ns)
		found += at > from_ns;
	return found;
}

static void starts_one_period_ahead(void **state)
{
	struct tick_timeline timeline;

	tick_timeline_start(&timeline, SECOND, TICK_PHASE_NONE, 5 * SECOND + 7);
	assert_int_equal(timeline.due_ns, 6 * SECOND + 7);
	assert_int_equal(timeline.late_from_ns, timeline.due_ns);
	assert_int_equal(timeline.period_ns, SECOND);
}

static void starts_at_the_phase(void **state)
{
	static const struct {
		u64 period_ns, phase_ns, now_ns, due_ns;
	} cases[] = {
		{ SECOND, 0, 0, SECOND },		/* the one that is now is over */
		{ SECOND, 0, 1, SECOND },
		{ SECOND, 0, SECOND - 1, SECOND },
		{ SECOND, 0, SECOND, 2 * SECOND },
		{ SECOND, 300 * MS, 0, 300 * MS },	/* before the first of all */
		{ SECOND, 300 * MS, 300 * MS - 1, 300 * MS },
		{ SECOND, 300 * MS, 300 * MS, 1300 * MS },
		{ SECOND, 999 * MS, 5 * SECOND, 5999 * MS },
		{ DAY, 3 * 3600 * SECOND, EPOCH, EPOCH + 3 * 3600 * SECOND },
		{ DAY, 3 * 3600 * SECOND, EPOCH + 3 * 3600 * SECOND, EPOCH + 27 * 3600 * SECOND },
		{ LONGEST, LONGEST - MS, 40 * YEAR,
		  LONGEST - MS + LONGEST * ((40 * YEAR - LONGEST + MS) / LONGEST + 1) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tick_timeline timeline;

		tick_timeline_start(&timeline, cases[i].period_ns, cases[i].phase_ns, cases[i].now_ns);
		assert_int_equal(timeline.due_ns, cases[i].due_ns);
		assert_true(timeline.due_ns > cases[i].now_ns);
		assert_true(timeline.due_ns - cases[i].now_ns <= cases[i].period_ns);
		assert_int_equal(timeline.due_ns % cases[i].period_ns, cases[i].phase_ns);
	}
}

static void a_late_tick_moves_no_deadline(void **state)
{
	struct tick_timeline timeline;

	tick_timeline_start(&timeline, 10 * MS, TICK_PHASE_NONE, 0);
	assert_int_equal(tick_timeline_tick(&timeline, 10 * MS), 0);
	assert_int_equal(timeline.due_ns, 20 * MS);
	assert_int_equal(tick_timeline_tick(&timeline, 29 * MS), 0);
	assert_int_equal(timeline.due_ns, 30 * MS);
	assert_int_equal(tick_timeline_tick(&timeline, 40 * MS - 1), 0);
	assert_int_equal(timeline.due_ns, 40 * MS);
	assert_int_equal(timeline.late_from_ns, 40 * MS);
}

static void on_time_takes_no_division(void **state)
{
	struct tick_timeline timeline;

	tick_timeline_start(&timeline, MS, TICK_PHASE_NONE, 0);
	divisions = 0;
	for (unsigned int i = 1; i <= 1000; i++)
		assert_int_equal(tick_timeline_tick(&timeline, i * MS + MS - 1), 0);
	assert_int_equal(divisions, 0);
}

static void late_by_thousands_takes_one(void **state)
{
	struct tick_timeline timeline;

	tick_timeline_start(&timeline, MS, TICK_PHASE_NONE, 0);
	divisions = 0;
	assert_int_equal(tick_timeline_tick(&timeline, 5000 * MS + 1), 4999);
	assert_int_equal(divisions, 1);
	assert_int_equal(timeline.due_ns, 5001 * MS);
	/* 24 years behind at 1 ms: more periods than 32 bits hold. */
	assert_int_equal(tick_timeline_tick(&timeline, 5001 * MS + 24 * YEAR), 24 * YEAR / MS);
	assert_int_equal(divisions, 2);
}

static void exactly_one_period_late_is_one_missed(void **state)
{
	struct tick_timeline timeline;

	tick_timeline_start(&timeline, MS, TICK_PHASE_NONE, 0);
	assert_int_equal(tick_timeline_tick(&timeline, 2 * MS), 1);
	assert_int_equal(timeline.due_ns, 3 * MS);
}

static void settling_keeps_where_lateness_counts_from(void **state)
{
	struct tick_timeline timeline;

	tick_timeline_start(&timeline, MS, TICK_PHASE_NONE, 0);
	assert_int_equal(tick_timeline_settle(&timeline, MS - 1), 0);
	assert_int_equal(tick_timeline_settle(&timeline, MS), 0);
	assert_int_equal(tick_timeline_settle(&timeline, 7 * MS + 5), 6);
	assert_int_equal(tick_timeline_settle(&timeline, 7 * MS + 6), 0);
	assert_int_equal(timeline.due_ns, 7 * MS);
	assert_int_equal(timeline.late_from_ns, MS);
	/* A clock that is set back in between takes nothing back. */
	assert_int_equal(tick_timeline_settle(&timeline, 3 * MS), 0);
	assert_int_equal(tick_timeline_tick(&timeline, 9 * MS), 2);
	assert_int_equal(timeline.late_from_ns, timeline.due_ns);
}

static void stopping_leaves_nothing_in_flight(void **state)
{
	struct tick_timeline timeline;

	tick_timeline_start(&timeline, MS, TICK_PHASE_NONE, 0);
	assert_int_equal(tick_timeline_stop(&timeline, MS - 1), 0);
	assert_int_equal(tick_timeline_stop(&timeline, MS), 1);
	assert_int_equal(tick_timeline_stop(&timeline, MS), 0);
	assert_int_equal(tick_timeline_stop(&timeline, 9 * MS), 8);
}

static void a_clock_set_back_is_followed(void **state)
{
	struct tick_timeline timeline;
	u64 three = 3 * 3600 * SECOND;

	tick_timeline_start(&timeline, DAY, three, EPOCH + three + 1);
	assert_int_equal(timeline.due_ns, EPOCH + DAY + three);
	/* Not so far that a deadline comes again. */
	tick_timeline_rewind(&timeline, EPOCH + three);
	assert_int_equal(timeline.due_ns, EPOCH + DAY + three);
	/* A second before: it does. */
	tick_timeline_rewind(&timeline, EPOCH + three - SECOND);
	assert_int_equal(timeline.due_ns, EPOCH + three);
	/* By years; on the same grid. */
	tick_timeline_rewind(&timeline, EPOCH - 30 * YEAR);
	assert_true(timeline.due_ns > EPOCH - 30 * YEAR);
	assert_true(timeline.due_ns <= EPOCH - 30 * YEAR + DAY);
	assert_int_equal(timeline.due_ns % DAY, three);
	assert_int_equal(timeline.late_from_ns, timeline.due_ns);
}

static void the_longest_period_after_decades(void **state)
{
	struct tick_timeline timeline;
	u64 now = 60 * YEAR;

	tick_timeline_start(&timeline, LONGEST, TICK_PHASE_NONE, now);
	for (unsigned int i = 1; i < 1000; i++) {
		assert_int_equal(timeline.due_ns, now + i * LONGEST);
		assert_int_equal(tick_timeline_tick(&timeline, now + i * LONGEST + 5 * MS), 0);
	}
	/* 2^63 ns are 292 years: what ktime_t holds, and so must this. */
	assert_int_equal(tick_timeline_tick(&timeline, INT64_MAX),
			 (INT64_MAX - now - 1000 * LONGEST) / LONGEST);
}

static void where_32_bits_would_wrap(void **state)
{
	static const u64 edges[] = {
		UINT32_MAX - 1ULL, UINT32_MAX, UINT32_MAX + 1ULL, UINT32_MAX * MS, INT32_MAX * MS,
	};

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		struct tick_timeline timeline;
		u64 start = edges[i] - 5, missed = 0, ticks = 0;

		tick_timeline_start(&timeline, 3, TICK_PHASE_NONE, start);
		for (u64 now = start; now < start + 40; now += 4)
			if (now >= timeline.due_ns) {
				missed += tick_timeline_tick(&timeline, now);
				ticks++;
			}
		assert_int_equal(ticks + missed, count(start + 3, 3, start, start + 36));
	}
}

/* Whatever happens, every deadline is accounted for exactly once. */
static void every_deadline_exactly_once(void **state)
{
	srand(1);
	for (unsigned int run = 0; run < 2000; run++) {
		struct tick_timeline timeline;
		u64 period = 1 + rand() % 50, start = rand(), now = start, accounted = 0;
		u64 phase = rand() % 2 ? TICK_PHASE_NONE : rand() % period, first;

		tick_timeline_start(&timeline, period, phase, now);
		first = timeline.due_ns;
		for (unsigned int step = 0; step < 50; step++) {
			now += rand() % (4 * period);
			switch (rand() % 3) {
			case 0:
				accounted += tick_timeline_settle(&timeline, now);
				break;
			default:
				if (now >= timeline.due_ns)
					accounted += tick_timeline_tick(&timeline, now) + 1;
			}
			assert_true(timeline.late_from_ns <= timeline.due_ns);
			assert_true(timeline.due_ns <= now + period);
		}
		accounted += tick_timeline_stop(&timeline, now);
		assert_int_equal(accounted, count(first, period, start, now));
	}
}

static void buckets_have_inclusive_upper_bounds(void **state)
{
	for (size_t i = 0; i < TICK_LATENESS_BOUNDS; i++) {
		struct tick_lateness lateness = { 0 };

		tick_lateness_add(&lateness, tick_lateness_bounds_ns[i]);
		assert_int_equal(lateness.histogram[i], 1);
		tick_lateness_add(&lateness, tick_lateness_bounds_ns[i] + 1);
		assert_int_equal(lateness.histogram[i + 1], 1);
		assert_true(!i || tick_lateness_bounds_ns[i] > tick_lateness_bounds_ns[i - 1]);
	}
	assert_int_equal(tick_lateness_bounds_ns[0], 1000);
	assert_int_equal(tick_lateness_bounds_ns[TICK_LATENESS_BOUNDS - 1], 100 * SECOND);
}

static void sums_and_extremes(void **state)
{
	struct tick_lateness lateness = { 0 };
	u64 total = 0;

	tick_lateness_add(&lateness, 0);
	tick_lateness_add(&lateness, 30 * YEAR);
	tick_lateness_add(&lateness, 4000);
	assert_int_equal(lateness.last_ns, 4000);
	assert_int_equal(lateness.max_ns, 30 * YEAR);
	assert_int_equal(lateness.sum_ns, 30 * YEAR + 4000);
	assert_int_equal(lateness.histogram[0], 1);
	assert_int_equal(lateness.histogram[2], 1);
	assert_int_equal(lateness.histogram[TICK_LATENESS_BUCKETS - 1], 1);
	for (size_t i = 0; i < TICK_LATENESS_BUCKETS; i++)
		total += lateness.histogram[i];
	assert_int_equal(total, 3);
}

static void reset_keeps_what_counts_up(void **state)
{
	struct tick_lateness lateness = { 0 };

	tick_lateness_add(&lateness, 5 * MS);
	tick_lateness_reset(&lateness);
	assert_int_equal(lateness.last_ns, 0);
	assert_int_equal(lateness.max_ns, 0);
	assert_int_equal(lateness.sum_ns, 5 * MS);
	assert_int_equal(lateness.histogram[11], 1);
	tick_lateness_add(&lateness, MS);
	assert_int_equal(lateness.max_ns, MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_one_period_ahead),
		cmocka_unit_test(starts_at_the_phase),
		cmocka_unit_test(a_late_tick_moves_no_deadline),
		cmocka_unit_test(on_time_takes_no_division),
		cmocka_unit_test(late_by_thousands_takes_one),
		cmocka_unit_test(exactly_one_period_late_is_one_missed),
		cmocka_unit_test(settling_keeps_where_lateness_counts_from),
		cmocka_unit_test(stopping_leaves_nothing_in_flight),
		cmocka_unit_test(a_clock_set_back_is_followed),
		cmocka_unit_test(the_longest_period_after_decades),
		cmocka_unit_test(where_32_bits_would_wrap),
		cmocka_unit_test(every_deadline_exactly_once),
		cmocka_unit_test(buckets_have_inclusive_upper_bounds),
		cmocka_unit_test(sums_and_extremes),
		cmocka_unit_test(reset_keeps_what_counts_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
