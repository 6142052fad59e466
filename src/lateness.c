// SPDX-License-Identifier: GPL-2.0-only
/*
 * How late: buckets and sums. See lateness.h.
 */
#include "lateness.h"

/*
 * Upper bounds of the buckets, inclusive: 1, 2, 5 in every decade from 1 us to
 * 100 s, so that the steps people set alarms at are bounds. Userspace relies
 * on them: they never change.
 */
const u64 ticker_lateness_bounds_ns[TICKER_LATENESS_BOUNDS] = {
	1000ULL, 2000ULL, 5000ULL,
	10000ULL, 20000ULL, 50000ULL,
	100000ULL, 200000ULL, 500000ULL,
	1000000ULL, 2000000ULL, 5000000ULL,
	10000000ULL, 20000000ULL, 50000000ULL,
	100000000ULL, 200000000ULL, 500000000ULL,
	1000000000ULL, 2000000000ULL, 5000000000ULL,
	10000000000ULL, 20000000000ULL, 50000000000ULL,
	100000000000ULL,
};

/**
 * ticker_lateness_add() - record one lateness
 * @lateness: where
 * @late_ns: how late, in nanoseconds
 */
void ticker_lateness_add(struct ticker_lateness *lateness, u64 late_ns)
{
	unsigned int bucket = lateness->bucket;

	/* From where the last one was: most are not far from there. */
	while (bucket < TICKER_LATENESS_BOUNDS &&
	       late_ns > ticker_lateness_bounds_ns[bucket])
		bucket++;
	while (bucket && late_ns <= ticker_lateness_bounds_ns[bucket - 1])
		bucket--;

	lateness->bucket = bucket;
	lateness->histogram[bucket]++;
	lateness->last_ns = late_ns;
	/* It never goes down, also not by an overflow. */
	lateness->sum_ns += late_ns;
	if (lateness->sum_ns < late_ns)
		lateness->sum_ns = ~0ULL;
	if (late_ns > lateness->max_ns)
		lateness->max_ns = late_ns;
}

/**
 * ticker_lateness_reset() - forget the worst and the last
 * @lateness: where
 *
 * The sum and the histogram are what monitors count: they never go down.
 */
void ticker_lateness_reset(struct ticker_lateness *lateness)
{
	lateness->last_ns = 0;
	lateness->max_ns = 0;
}
