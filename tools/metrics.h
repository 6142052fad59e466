/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metrics of all tickers, in the text format of Prometheus.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdio.h>
#include <time.h>

#include "sysfs.h"

/*
 * The series of CPUs are exported for at most this many pairs of a ticker and a CPU. A ticker whose CPUs exceed it is
 * exported without them.
 */
#define METRICS_CPUS_MAX	4096

struct metrics {
	struct timespec begin;	/* of the export, CLOCK_MONOTONIC */
	struct ticker *tickers;
	struct ticker_detail *details;	/* of each ticker */
	size_t count;
	size_t skipped_cpus;
};

/* Read all tickers. Returns an exit status. The caller frees @metrics, also after an error. */
int metrics_read(struct metrics *metrics);

/* Print a struct metrics. */
void metrics_print(FILE *out, const void *data);

void metrics_free(struct metrics *metrics);

#endif
