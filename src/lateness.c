// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of lateness: bounds of the buckets, sums over CPUs, causes. See lateness.h.
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

/* Move what passed between two times to a counter; at most what is left. */
static void ticker_late_charge(u64 *counter_ns, u64 *left_ns, u64 passed_ns)
{
	if (passed_ns > *left_ns)
		passed_ns = *left_ns;
	*left_ns -= passed_ns;
	*counter_ns = ticker_lateness_sum(*counter_ns, passed_ns);
}

/* The accounting may correct itself: its counters can go down. */
static u64 ticker_late_passed(u64 before_ns, u64 now_ns)
{
	return now_ns > before_ns ? now_ns - before_ns : 0;
}

/**
 * ticker_late_add() - record where the lateness of a tick went
 * @late: the counters
 * @late_ns: the lateness, in ns
 * @timer_late_ns: the part of it until the timer interrupt, in ns; 0 if not known
 * @before: @steal_ns as of the tick before; the rest as of the timer interrupt, or of
 *	the tick before if the tick has no hrtimer
 * @now: CPU time as of the tick
 *
 * The counters grow by @late_ns in total. Steal comes first: a hypervisor that stops
 * the CPU also delays its timer interrupt.
 */
void ticker_late_add(struct ticker_late *late, u64 late_ns, u64 timer_late_ns,
		     const struct ticker_cputime *before,
		     const struct ticker_cputime *now)
{
	u64 left_ns = late_ns;
	u64 irq_ns, steal_ns;

	steal_ns = ticker_late_passed(before->steal_ns, now->steal_ns);
	ticker_late_charge(&late->steal_ns, &left_ns, steal_ns);
	irq_ns = ticker_late_passed(before->irq_ns, now->irq_ns);
	if (timer_late_ns > steal_ns)
		irq_ns += timer_late_ns - steal_ns;
	ticker_late_charge(&late->irq_ns, &left_ns, irq_ns);
	ticker_late_charge(&late->softirq_ns, &left_ns,
			   ticker_late_passed(before->softirq_ns, now->softirq_ns));
	ticker_late_charge(&late->other_ns, &left_ns, left_ns);
}

/**
 * ticker_late_merge() - add the counters of another CPU
 * @into: changed to the sums of both
 * @from: those of the other CPU
 */
void ticker_late_merge(struct ticker_late *into, const struct ticker_late *from)
{
	into->steal_ns = ticker_lateness_sum(into->steal_ns, from->steal_ns);
	into->irq_ns = ticker_lateness_sum(into->irq_ns, from->irq_ns);
	into->softirq_ns = ticker_lateness_sum(into->softirq_ns, from->softirq_ns);
	into->other_ns = ticker_lateness_sum(into->other_ns, from->other_ns);
}
