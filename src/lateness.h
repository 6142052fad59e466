/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How late: the last, the worst, the sum, and a histogram.
 *
 * Compiles in the kernel and on the host, and knows neither. The caller holds
 * whatever keeps two of these calls on one struct apart.
 */
#ifndef SCHED_TICK_LATENESS_H
#define SCHED_TICK_LATENESS_H

#include <linux/types.h>

#define TICKER_LATENESS_BOUNDS	25
#define TICKER_LATENESS_BUCKETS	(TICKER_LATENESS_BOUNDS + 1)

/**
 * struct ticker_lateness - what is known of one kind of lateness, in nanoseconds
 * @last_ns: the latest one recorded
 * @max_ns: the largest one since the last ticker_lateness_reset()
 * @sum_ns: all of them; stays at its largest value rather than overflow
 * @bucket: in which of @histogram the latest one is counted
 * @histogram: counts; bucket i holds what is at most ticker_lateness_bounds_ns[i]
 *	and above the bound before, the last bucket all the rest
 */
struct ticker_lateness {
	u64 last_ns;
	u64 max_ns;
	u64 sum_ns;
	unsigned int bucket;
	u64 histogram[TICKER_LATENESS_BUCKETS];
};

extern const u64 ticker_lateness_bounds_ns[TICKER_LATENESS_BOUNDS];

void ticker_lateness_add(struct ticker_lateness *lateness, u64 late_ns);
void ticker_lateness_reset(struct ticker_lateness *lateness);

#endif /* SCHED_TICK_LATENESS_H */
