/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of KUnit that src/kunit.c uses, with cmocka. */
#ifndef UNIT_KUNIT_TEST_H
#define UNIT_KUNIT_TEST_H

struct kunit;

struct kunit_case {
	const char *name;
	void (*run_case)(struct kunit *test);
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(function)			{ #function, function }
#define KUNIT_EXPECT_EQ(test, left, right)	assert_int_equal(left, right)
#define KUNIT_EXPECT_GT(test, left, right)	assert_true((left) > (right))
#define KUNIT_EXPECT_LE(test, left, right)	assert_true((left) <= (right))
#define kunit_test_suite(suite)

#endif /* UNIT_KUNIT_TEST_H */
