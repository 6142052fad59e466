/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of lateness: last, maximum, sum, a histogram, and where it went.
 *
 * Compiles in the kernel and on the host, and depends on neither. The caller
 * serializes the calls on one struct.
 */
#ifndef SCHED_TICK_LATENESS_H
#define SCHED_TICK_LATENESS_H

#include <linux/types.h>

#define TICKER_LATENESS_BOUNDS	25
#define TICKER_LATENESS_BUCKETS	(TICKER_LATENESS_BOUNDS + 1)

/**
 * struct ticker_lateness - statistics of one kind of lateness, in ns
 * @last_ns: the last one recorded; of several CPUs the largest of these
 * @max_ns: the largest one since the last ticker_lateness_reset()
 * @sum_ns: sum of all; stays at its largest value rather than overflow
 * @bucket: index into @histogram of the last one
 * @histogram: counts; bucket i holds those that are at most
 *	ticker_lateness_bounds_ns[i] and above the bound before, the last bucket
 *	all larger ones
 */
struct ticker_lateness {
	u64 last_ns;
	u64 max_ns;
	u64 sum_ns;
	unsigned int bucket;
	u64 histogram[TICKER_LATENESS_BUCKETS];
};

/**
 * struct ticker_cputime - CPU time of one CPU by the kernel's accounting, in ns
 * @steal_ns: the hypervisor ran something else
 * @irq_ns: interrupt handlers
 * @softirq_ns: softirqs
 */
struct ticker_cputime {
	u64 steal_ns;
	u64 irq_ns;
	u64 softirq_ns;
};

/**
 * struct ticker_late - where the time between deadlines and ticks went, in ns
 * @steal_ns: the hypervisor ran something else
 * @irq_ns: the CPU took no interrupts, or ran interrupt handlers
 * @softirq_ns: softirqs
 * @other_ns: tasks, and what the kernel did not account
 */
struct ticker_late {
	u64 steal_ns;
	u64 irq_ns;
	u64 softirq_ns;
	u64 other_ns;
};

extern const u64 ticker_lateness_bounds_ns[TICKER_LATENESS_BOUNDS];

void ticker_lateness_merge(struct ticker_lateness *into,
			   const struct ticker_lateness *from);
void ticker_lateness_reset(struct ticker_lateness *lateness);

void ticker_late_add(struct ticker_late *late, u64 late_ns, u64 timer_late_ns,
		     const struct ticker_cputime *before,
		     const struct ticker_cputime *now);
void ticker_late_merge(struct ticker_late *into, const struct ticker_late *from);

/* The sum never goes down, not even by an overflow. */
static inline u64 ticker_lateness_sum(u64 a_ns, u64 b_ns)
{
	u64 sum_ns = a_ns + b_ns;

	return sum_ns < b_ns ? ~0ULL : sum_ns;
}

/**
 * ticker_lateness_add() - record one lateness
 * @lateness: the statistics
 * @late_ns: the lateness, in ns
 */
static inline void ticker_lateness_add(struct ticker_lateness *lateness,
				       u64 late_ns)
{
	unsigned int bucket = lateness->bucket;

	/* Start at the previous bucket: consecutive values are usually close. */
	while (bucket < TICKER_LATENESS_BOUNDS &&
	       late_ns > ticker_lateness_bounds_ns[bucket])
		bucket++;
	while (bucket && late_ns <= ticker_lateness_bounds_ns[bucket - 1])
		bucket--;

	lateness->bucket = bucket;
	lateness->histogram[bucket]++;
	lateness->last_ns = late_ns;
	lateness->sum_ns = ticker_lateness_sum(lateness->sum_ns, late_ns);
	if (late_ns > lateness->max_ns)
		lateness->max_ns = late_ns;
}

#endif /* SCHED_TICK_LATENESS_H */
