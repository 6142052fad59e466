// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run the KUnit suite of src/kunit.c on the host, and count divisions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kunit.c"

static unsigned int divisions;

u64 div64_u64(u64 dividend, u64 divisor)
{
	divisions++;
	assert_true(divisor != 0);
	return dividend / divisor;
}

static void on_time_takes_no_division(void **state)
{
	struct ticker_timeline timeline;

	ticker_timeline_start(&timeline, MS, TICKER_PHASE_NONE, 0);
	divisions = 0;
	for (unsigned int i = 1; i <= 1000; i++)
		assert_int_equal(ticker_timeline_advance(&timeline, i * MS + MS - 1), 0);
	assert_int_equal(divisions, 0);
}

static void late_by_thousands_takes_one(void **state)
{
	struct ticker_timeline timeline;

	ticker_timeline_start(&timeline, MS, TICKER_PHASE_NONE, 0);
	divisions = 0;
	assert_int_equal(ticker_timeline_advance(&timeline, 5000 * MS + 1), 4999);
	assert_int_equal(divisions, 1);
	assert_int_equal(timeline.due_ns, 5001 * MS);
	/* 24 years behind at 1 ms: more periods than 32 bits hold. */
	assert_int_equal(ticker_timeline_advance(&timeline, 5001 * MS + 24 * YEAR), 24 * YEAR / MS);
	assert_int_equal(divisions, 2);
}

static void run_case(void **state)
{
	const struct kunit_case *one = *state;

	one->run_case(NULL);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(ticker_cases) + 1] = {
		cmocka_unit_test(on_time_takes_no_division),
		cmocka_unit_test(late_by_thousands_takes_one),
	};

	for (size_t i = 0; ticker_suite.test_cases[i].name; i++)
		tests[2 + i] = (struct CMUnitTest){
			ticker_suite.test_cases[i].name, run_case, NULL, NULL, &ticker_suite.test_cases[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
