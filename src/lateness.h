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

#define TICK_LATENESS_BOUNDS	25
#define TICK_LATENESS_BUCKETS	(TICK_LATENESS_BOUNDS + 1)

/**
 * struct tick_lateness - what is known of one kind of lateness, in nanoseconds
 * @last_ns: the latest one recorded
 * @max_ns: the largest one since the last tick_lateness_reset()
 * @sum_ns: all of them; stays at its largest value rather than overflow
 * @bucket: in which of @histogram the latest one is counted
 * @histogram: counts; bucket i holds what is at most tick_lateness_bounds_ns[i]
 *	and above the bound before, the last bucket all the rest
 */
struct tick_lateness {
	u64 last_ns;
	u64 max_ns;
	u64 sum_ns;
	unsigned int bucket;
	u64 histogram[TICK_LATENESS_BUCKETS];
};

extern const u64 tick_lateness_bounds_ns[TICK_LATENESS_BOUNDS];

void tick_lateness_add(struct tick_lateness *lateness, u64 late_ns);
void tick_lateness_reset(struct tick_lateness *lateness);

#endif /* SCHED_TICK_LATENESS_H */
