// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of lateness: bounds of the buckets, sums over CPUs. See lateness.h.
 */
#include "lateness.h"

/*
 * Upper bounds of the buckets, inclusive: 1, 2, 5 in every decade from 1 us to
 * 100 s, so that usual alert thresholds are bounds. Userspace relies on them: they
 * never change.
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
 * ticker_lateness_merge() - add the statistics of another CPU
 * @into: changed to those of both
 * @from: those of the other CPU
 */
void ticker_lateness_merge(struct ticker_lateness *into,
			   const struct ticker_lateness *from)
{
	int i;

	if (from->last_ns > into->last_ns)
		into->last_ns = from->last_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	into->sum_ns = ticker_lateness_sum(into->sum_ns, from->sum_ns);
	for (i = 0; i < TICKER_LATENESS_BUCKETS; i++)
		into->histogram[i] += from->histogram[i];
}

/**
 * ticker_lateness_reset() - clear the maximum and the last lateness
 * @lateness: the statistics
 *
 * The sum and the histogram are monotonic counters for monitors, and stay.
 */
void ticker_lateness_reset(struct ticker_lateness *lateness)
{
	lateness->last_ns = 0;
	lateness->max_ns = 0;
}
