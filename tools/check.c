// SPDX-License-Identifier: GPL-2.0-only
/*
 * check: tickers against thresholds, for scripts and for Nagios and its kin.
 */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "settings.h"
#include "table.h"
#include "ticker.h"

enum nagios { NAGIOS_OK = 0, NAGIOS_CRITICAL = 2, NAGIOS_UNKNOWN = 3 };

struct thresholds {
	uint64_t lateness_ns;
	double late_share;
	double missed_share;
	uint64_t wait_ns;
};

/* What is wrong with one ticker, as a text; empty if nothing. */
static void judge(const struct ticker *before, const struct ticker *after, const struct thresholds *limits,
		  char *text, size_t size)
{
	const struct stat_line *stat = &after->stat;
	uint64_t ticks = lateness_count(&stat->lateness), periods = stat->counter + stat->missed;
	uint64_t late = ticks - lateness_count_within(&stat->lateness, limits->lateness_ns);
	size_t length = 0;
	char time[HUMAN_SIZE];

	*text = '\0';
	if (!stat->enabled)
		return;
	/* The tick that did not come while others would have: the worker is stuck now. */
	if (before && stat->counter == before->stat.counter && stat->missed > before->stat.missed)
		length += snprintf(text + length, size - length, "stalled: no tick, %" PRIu64 " periods missed; ",
				   stat->missed - before->stat.missed);
	if (periods && (double)stat->missed / periods > limits->missed_share)
		length += snprintf(text + length, size - length, "%.3g %% of all periods missed; ",
				   100.0 * stat->missed / periods);
	if (ticks && (double)late / ticks > limits->late_share)
		length += snprintf(text + length, size - length, "%.3g %% of all ticks later than %s; ",
				   100.0 * late / ticks, human_ns(limits->lateness_ns, time, sizeof(time)));
	if (length)
		text[length - 2] = '\0';
}

static bool parse_share(const char *text, double *share)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || strcmp(end, "%") || !(value >= 0 && value <= 100))
		return false;
	*share = value / 100;
	return true;
}

/* The end of the one line that Nagios reads: performance data. */
static void print_performance(const struct ticker *list, size_t count, size_t bad)
{
	printf(bad ? " |" : "OK - %zu tickers |", count);
	for (size_t i = 0; i < count; i++)
		printf(" '%s_missed'=%" PRIu64 "c '%s_stalls'=%" PRIu64 "c '%s_max'=%" PRIu64 ".%09" PRIu64 "s",
		       list[i].name, list[i].stat.missed, list[i].name, list[i].stat.stalls, list[i].name,
		       list[i].stat.lateness.max_ns / 1000000000, list[i].stat.lateness.max_ns % 1000000000);
	putchar('\n');
}

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "late", required_argument, NULL, 'p' },
	{ "lateness", required_argument, NULL, 'l' },
	{ "missed", required_argument, NULL, 'm' },
	{ "nagios", no_argument, NULL, 'N' },
	{ "wait", required_argument, NULL, 'w' },
	{ }
};

static void parse(int argc, char **argv, struct thresholds *limits, bool *nagios)
{
	bool good = true;
	int option;

	while ((option = getopt_long(argc, argv, "hl:m:p:w:", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			good = parse_duration_ns(optarg, &limits->lateness_ns) &&
			       lateness_is_bound(limits->lateness_ns);
			break;
		case 'p':
			good = parse_share(optarg, &limits->late_share);
			break;
		case 'm':
			good = parse_share(optarg, &limits->missed_share);
			break;
		case 'w':
			good = parse_duration_ns(optarg, &limits->wait_ns);
			break;
		case 'N':
			*nagios = true;
			break;
		default:
			usage("check", option == 'h' ? STATUS_DONE : STATUS_USAGE);
		}
		if (!good)
			errx(STATUS_USAGE, "%s: not what this option takes", optarg);
	}
}

static void pause_ns(uint64_t ns)
{
	struct timespec left = { ns / 1000000000, ns % 1000000000 };

	while (nanosleep(&left, &left))
		;
}

/* The same ticker as it was before, if it was there. */
static const struct ticker *find(const struct ticker *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

static int check(char *const *names, const struct thresholds *limits, bool nagios)
{
	struct ticker *before = NULL, *after = NULL;
	size_t counts[2] = { 0, 0 }, bad = 0;
	char verdict[256];
	int status = ticker_list(names, &before, &counts[0]);

	if (!status) {
		pause_ns(limits->wait_ns);
		status = ticker_list(names, &after, &counts[1]);
	}
	if (!status && nagios)
		printf("SCHED_TICK ");
	for (size_t i = 0; i < counts[1] && !status; i++) {
		judge(find(before, counts[0], after[i].name), &after[i], limits, verdict, sizeof(verdict));
		if (!*verdict)
			continue;
		if (nagios)
			printf("%s%s: %s", bad ? "; " : "CRITICAL - ", after[i].name, verdict);
		else
			printf("%s: %s\n", after[i].name, verdict);
		bad++;
	}
	if (!status && nagios)
		print_performance(after, counts[1], bad);
	free(before);
	free(after);
	return status ?: bad ? STATUS_EXCEEDED : STATUS_DONE;
}

int command_check(int argc, char **argv)
{
	struct thresholds limits = {
		.lateness_ns = 100000000, .late_share = 0.001, .missed_share = 0.01, .wait_ns = 2000000000,
	};
	bool nagios = false;
	int status;

	parse(argc, argv, &limits, &nagios);
	status = check(argv + optind, &limits, nagios);
	if (!nagios)
		return status;
	if (status && status != STATUS_EXCEEDED)
		printf("SCHED_TICK UNKNOWN - see standard error\n");
	return status == STATUS_DONE ? NAGIOS_OK : status == STATUS_EXCEEDED ? NAGIOS_CRITICAL : NAGIOS_UNKNOWN;
}
