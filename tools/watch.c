// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch: what happened since the last look, again and again.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "settings.h"
#include "table.h"
#include "sysfs.h"

struct look {
	struct ticker *list;
	size_t count;
};

struct watch {
	struct table_options options;
	uint64_t delay_ns;
	unsigned long looks;	/* how many more; 0: no end */
	bool batch;
};

/* The counts of a ticker since the look before, so that a table of it is about that time alone. */
static void subtract(struct lateness *after, const struct lateness *before)
{
	for (size_t i = 0; i < LATENESS_BUCKETS; i++)
		after->histogram[i] -= before->histogram[i];
	after->sum_ns -= before->sum_ns;
}

static void since(struct ticker *after, const struct look *before)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct ticker *old = &before->list[i];

		/* One that went and came again under the same name starts at zero. */
		if (strcmp(old->name, after->name) || old->stat.counter > after->stat.counter ||
		    old->stat.missed > after->stat.missed)
			continue;
		after->stat.counter -= old->stat.counter;
		after->stat.missed -= old->stat.missed;
		after->stat.stalls -= old->stat.stalls;
		subtract(&after->stat.lateness, &old->stat.lateness);
		subtract(&after->stat.timer_lateness, &old->stat.timer_lateness);
	}
}

static int print(const struct watch *watch, const struct look *before, const struct look *now)
{
	struct ticker *list = calloc(now->count + 1, sizeof(*list));
	char delay[HUMAN_SIZE];
	int status;

	if (!list)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < now->count; i++) {
		list[i] = now->list[i];
		since(&list[i], before);
	}
	if (!watch->batch)
		printf("\033[H\033[J");
	if (watch->options.form == TABLE_HUMAN)
		printf("in the last %s:\n", human_ns(watch->delay_ns, delay, sizeof(delay)));
	status = table_print(stdout, &watch->options, list, now->count);
	for (size_t i = 0; i < now->count && watch->options.form == TABLE_HUMAN && !watch->batch; i++) {
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

static int watch_on(const struct watch *watch, char *const *names)
{
	struct look before = { }, now;
	struct timespec next;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &next);
	status = ticker_list(names, &before.list, &before.count);
	for (unsigned long i = 0; !status && (!watch->looks || i < watch->looks); i++) {
		uint64_t ns = next.tv_nsec + watch->delay_ns;

		next.tv_sec += ns / 1000000000;
		next.tv_nsec = ns % 1000000000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			;
		now = (struct look){ };
		status = ticker_list(names, &now.list, &now.count);
		if (!status)
			status = print(watch, &before, &now);
		free(before.list);
		before = now;
	}
	free(before.list);
	return status;
}

static const struct option options[] = {
	{ "batch", no_argument, NULL, 'b' },
	{ "count", required_argument, NULL, 'n' },
	{ "delay", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'J' },
	{ "noheadings", no_argument, NULL, 'N' },
	{ "output", required_argument, NULL, 'o' },
	{ "raw", no_argument, NULL, 'r' },
	{ }
};

int command_watch(int argc, char **argv)
{
	struct watch watch = { .options.headings = true, .delay_ns = 1000000000 };
	int option;
	char *end;

	watch.batch = !isatty(STDOUT_FILENO);
	while ((option = getopt_long(argc, argv, "bd:hJn:o:r", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			watch.batch = true;
			break;
		case 'd':
			if (parse_duration_ns(optarg, &watch.delay_ns) && watch.delay_ns)
				break;
			warnx("%s: not a length of time with its unit, such as 500ms or 2s", optarg);
			return STATUS_USAGE;
		case 'n':
			watch.looks = strtoul(optarg, &end, 10);
			if (!*end && watch.looks)
				break;
			warnx("%s: not a number of looks", optarg);
			return STATUS_USAGE;
		case 'o':
			watch.options.columns = optarg;
			break;
		case 'N':
			/* -n is taken, as with top(1). */
			option = 'n';
			/* fall through */
		default:
			if (!table_option(&watch.options, option))
				usage("watch", option == 'h' ? STATUS_DONE : STATUS_USAGE);
		}
	}
	if (watch.options.form != TABLE_HUMAN)
		watch.batch = true;
	return watch_on(&watch, argv + optind);
}
