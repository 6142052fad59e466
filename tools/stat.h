/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The line of a ticker's file stat. docs/ABI/sysfs-kernel-sched_tick documents its fields.
 */
#ifndef STAT_H
#define STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LATENESS_BOUNDS		25
#define LATENESS_BUCKETS	(LATENESS_BOUNDS + 1)

struct lateness {
	uint64_t last_ns, max_ns, sum_ns, histogram[LATENESS_BUCKETS];
};

/* Where lateness went, of tickers with CPUs. */
struct late {
	uint64_t steal, irq, softirq, other;
};

struct stat_line {
	uint64_t enabled, period_ms, counter, missed, stalls, cpus;
	struct lateness lateness, timer_lateness;
	struct late late_ns;
	bool has_late;
};

/* Inclusive upper bounds of all buckets but the last. The bounds are part of the kernel interface and never change. */
extern const uint64_t lateness_bounds_ns[LATENESS_BOUNDS];

/*
 * Returns false if @text is not a line of stat. Fields that later versions append are ignored. A line of an earlier
 * version is accepted: without @cpus each ticker ticks on one CPU, and without @late_ns @has_late is false.
 */
bool stat_parse(const char *text, struct stat_line *stat);

/* Print a line that stat_parse() reads. */
void stat_print(FILE *out, const struct stat_line *stat);

/* Returns false if a count of @now is lower than in @before: another ticker, or the module was reloaded. */
bool stat_follows(const struct stat_line *now, const struct stat_line *before);

/* Subtract the counts of @before from those of @now. last_ns, max_ns and cpus stay what they are. */
void stat_subtract(struct stat_line *now, const struct stat_line *before);

/* The number of ticks recorded: the sum of the buckets. */
uint64_t lateness_count(const struct lateness *lateness);

/* The number of ticks that were at most @ns late. Exact if @ns is a bound, too low otherwise. */
uint64_t lateness_count_within(const struct lateness *lateness, uint64_t ns);

/* Whether @ns is a bound, so that later ticks can be counted exactly. */
bool lateness_is_bound(uint64_t ns);

/* An upper bound of the lateness of that share (0 to 1) of all ticks; UINT64_MAX if it is above all bounds. */
uint64_t lateness_quantile_ns(const struct lateness *lateness, double share);

/*
 * An upper bound of the highest lateness in a histogram of which earlier ticks were subtracted; max_ns still covers
 * them. 0 if the histogram is empty, UINT64_MAX if the highest lateness is above all bounds and not known.
 */
uint64_t lateness_highest_ns(const struct lateness *lateness);

#endif
