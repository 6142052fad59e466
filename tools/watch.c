// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch: what happened in each interval between two samples.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"
#include "sysfs.h"
#include "table.h"

struct sample {
	struct ticker *list;
	size_t count;
};

struct watch {
	struct table_options table;
	uint64_t delay_ns;
	uint64_t samples;	/* 0: no limit */
	bool batch;
};

/* The kernel's max_ns is older than the interval. */
static void set_interval_max(struct lateness *lateness)
{
	uint64_t highest_ns = lateness_highest_ns(lateness);

	lateness->max_ns = highest_ns == UINT64_MAX ? 0 : highest_ns;
}

/* Reduce the counts of a ticker to those of the interval. */
static void subtract_previous(struct ticker *ticker, const struct sample *previous)
{
	const struct ticker *before = ticker_find(previous->list, previous->count, ticker->name);

	/* A new ticker of the same name starts at zero. */
	if (!before || !stat_follows(&ticker->stat, &before->stat))
		return;
	stat_subtract(&ticker->stat, &before->stat);
	set_interval_max(&ticker->stat.lateness);
	set_interval_max(&ticker->stat.timer_lateness);
}

static int print(const struct watch *watch, const struct sample *previous, const struct sample *sample)
{
	struct ticker *list = calloc(sample->count + 1, sizeof(*list));
	char delay[HUMAN_SIZE];
	int status;

	if (!list)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < sample->count; i++) {
		list[i] = sample->list[i];
		subtract_previous(&list[i], previous);
	}
	if (!watch->batch)
		printf("\033[H\033[J");
	if (watch->table.form == TABLE_HUMAN)
		printf("in the last %s:\n", human_ns(watch->delay_ns, delay, sizeof(delay)));
	status = table_print(stdout, &watch->table, list, sample->count);
	for (size_t i = 0; i < sample->count && watch->table.form == TABLE_HUMAN && !watch->batch; i++) {
		if (!lateness_count(&list[i].stat.lateness))
			continue;
		printf("\n%s\n", list[i].name);
		bars_print(stdout, &list[i].stat.lateness);
	}
	free(list);
	if (fflush(stdout))
		err(STATUS_FAILED, "standard output");
	return status;
}

static int run(const struct watch *watch, char *const *names)
{
	struct sample previous = { }, sample;
	struct timespec next;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &next);
	status = ticker_list(names, &previous.list, &previous.count);
	for (uint64_t i = 0; !status && (!watch->samples || i < watch->samples); i++) {
		uint64_t ns = next.tv_nsec + watch->delay_ns;

		next.tv_sec += ns / 1000000000;
		next.tv_nsec = ns % 1000000000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			;
		sample = (struct sample){ };
		status = ticker_list(names, &sample.list, &sample.count);
		if (!status)
			status = print(watch, &previous, &sample);
		free(previous.list);
		previous = sample;
	}
	free(previous.list);
	return status;
}

static const struct option options[] = {
	{ "batch", no_argument, NULL, 'b' },
	{ "count", required_argument, NULL, 'c' },
	{ "delay", required_argument, NULL, 'd' },
	TABLE_OPTIONS,
	TABLE_OUTPUT_OPTION,
	COMMON_OPTIONS
};

int command_watch(int argc, char **argv)
{
	struct watch watch = { .table.headings = true, .delay_ns = 1000000000 };
	int option;

	watch.batch = !isatty(STDOUT_FILENO);
	while ((option = next_option(argc, argv, options)) != -1) {
		switch (option) {
		case 'b':
			watch.batch = true;
			break;
		case 'c':
			watch.samples = parse_count(optarg);
			break;
		case 'd':
			watch.delay_ns = parse_duration("delay", optarg);
			break;
		default:
			table_option(&watch.table, option, optarg);
		}
	}
	if (watch.table.form != TABLE_HUMAN)
		watch.batch = true;
	return run(&watch, argv + optind);
}
