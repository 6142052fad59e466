/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The line of a ticker's file stat, as docs/ABI/sysfs-kernel-sched_tick has it.
 */
#ifndef STAT_H
#define STAT_H

#include <stdbool.h>
#include <stdint.h>

#define LATENESS_BOUNDS		25
#define LATENESS_BUCKETS	(LATENESS_BOUNDS + 1)

struct lateness {
	uint64_t last_ns, max_ns, sum_ns, histogram[LATENESS_BUCKETS];
};

struct stat_line {
	uint64_t enabled, period_ms, counter, missed, stalls;
	struct lateness lateness, timer_lateness;
};

/* Inclusive upper bounds of all buckets but the last; the kernel's never change. */
extern const uint64_t lateness_bounds_ns[LATENESS_BOUNDS];

/* Returns whether text is such a line. Fields that follow are for later versions. */
bool stat_parse(const char *text, struct stat_line *stat);

/* How many ticks were recorded: the sum of the buckets. */
uint64_t lateness_count(const struct lateness *lateness);

/* How many were at most that late. Exact if ns is one of the bounds, too few otherwise. */
uint64_t lateness_count_within(const struct lateness *lateness, uint64_t ns);

/* Whether ns is one of the bounds, so that what is later can be counted exactly. */
bool lateness_is_bound(uint64_t ns);

/* An upper bound of the lateness of that share (0 to 1) of all ticks; UINT64_MAX if it is above all bounds. */
uint64_t lateness_quantile_ns(const struct lateness *lateness, double share);

#endif
