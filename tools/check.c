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
#include "sysfs.h"

enum nagios { NAGIOS_OK = 0, NAGIOS_CRITICAL = 2, NAGIOS_UNKNOWN = 3 };

struct thresholds {
	uint64_t lateness_ns;
	double late_share;
	double missed_share;
	uint64_t wait_ns;
};

struct check {
	struct thresholds limits;
	struct table_options options;
	bool nagios, quiet;
};

/* What was found of one ticker. */
struct finding {
	char name[TICKER_NAME_MAX + 1];
	bool enabled;
	bool stalled;
	double late_share, missed_share;
	bool late, missed;	/* too many are */
	uint64_t periods_waited;
	uint64_t missed_count, stalls, max_ns;	/* for performance data */
};

static double share(uint64_t part, uint64_t all)
{
	return all ? (double)part / all : 0;
}

static void judge(const struct ticker *before, const struct ticker *after, const struct thresholds *limits,
		  struct finding *finding)
{
	const struct stat_line *stat = &after->stat;
	uint64_t ticks = lateness_count(&stat->lateness);

	*finding = (struct finding){
		.enabled = stat->enabled,
		.late_share = share(ticks - lateness_count_within(&stat->lateness, limits->lateness_ns), ticks),
		.missed_share = share(stat->missed, stat->counter + stat->missed),
		.missed_count = stat->missed,
		.stalls = stat->stalls,
		.max_ns = stat->lateness.max_ns,
	};
	strcpy(finding->name, after->name);
	if (!stat->enabled)
		return;
	/* The tick that did not come while others would have: the worker is stuck now. */
	if (before && stat->counter == before->stat.counter && stat->missed > before->stat.missed) {
		finding->stalled = true;
		finding->periods_waited = stat->missed - before->stat.missed;
	}
	finding->late = finding->late_share > limits->late_share;
	finding->missed = finding->missed_share > limits->missed_share;
}

static bool exceeded(const struct finding *finding)
{
	return finding->stalled || finding->late || finding->missed;
}

static const struct table_column columns[] = {
	{ "NAME", "name", TABLE_STRING, 0.3 },
	{ "STATE", "state", TABLE_STRING, 5 },
	{ "LATE", "late_ratio", TABLE_NUMBER, 5 },
	{ "MISSED", "missed_ratio", TABLE_NUMBER, 6 },
};

static void format_share(double value, enum table_form form, char *text, size_t size)
{
	if (form == TABLE_HUMAN)
		snprintf(text, size, "%.3g%%", 100 * value);
	else
		snprintf(text, size, "%.9g", value);
}

static void format(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct finding *finding = (const struct finding *)data + row;

	switch (column) {
	case 0:
		snprintf(text, size, "%s", finding->name);
		break;
	case 1:
		snprintf(text, size, "%s%s%s", finding->stalled ? ",stalled" : "", finding->late ? ",late" : "",
			 finding->missed ? ",missed" : "");
		if (*text)
			memmove(text, text + 1, strlen(text));
		else
			snprintf(text, size, "%s", finding->enabled ? "ok" : "disabled");
		break;
	case 2:
		format_share(finding->late_share, form, text, size);
		break;
	default:
		format_share(finding->missed_share, form, text, size);
	}
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

/* The one line that Nagios reads: what is wrong, and performance data. */
static void print_nagios(const struct finding *found, size_t count, const struct thresholds *limits)
{
	const char *before = "SCHED_TICK CRITICAL - ";
	char late[HUMAN_SIZE];

	human_ns(limits->lateness_ns, late, sizeof(late));
	for (size_t i = 0; i < count; i++) {
		if (!exceeded(&found[i]))
			continue;
		printf("%s%s:", before, found[i].name);
		before = "; ";
		if (found[i].stalled)
			printf(" stalled, no tick in %" PRIu64 " periods", found[i].periods_waited);
		if (found[i].missed)
			printf("%s %.3g %% of all periods missed", found[i].stalled ? "," : "",
			       100 * found[i].missed_share);
		if (found[i].late)
			printf("%s %.3g %% of all ticks later than %s",
			       found[i].stalled || found[i].missed ? "," : "", 100 * found[i].late_share, late);
	}
	if (*before != ';')
		printf("SCHED_TICK OK - %zu tickers", count);
	printf(" |");
	for (size_t i = 0; i < count; i++)
		printf(" '%s_missed'=%" PRIu64 "c '%s_stalls'=%" PRIu64 "c '%s_max'=%" PRIu64 ".%09" PRIu64 "s",
		       found[i].name, found[i].missed_count, found[i].name, found[i].stalls, found[i].name,
		       found[i].max_ns / 1000000000, found[i].max_ns % 1000000000);
	putchar('\n');
}

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'J' },
	{ "late", required_argument, NULL, 'p' },
	{ "lateness", required_argument, NULL, 'l' },
	{ "missed", required_argument, NULL, 'm' },
	{ "nagios", no_argument, NULL, 'N' },
	{ "noheadings", no_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "raw", no_argument, NULL, 'r' },
	{ "wait", required_argument, NULL, 'w' },
	{ }
};

static void parse(int argc, char **argv, struct check *check)
{
	struct thresholds *limits = &check->limits;
	bool good = true;
	int option;

	while ((option = getopt_long(argc, argv, "hJl:m:np:qrw:", options, NULL)) != -1) {
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
			check->nagios = true;
			break;
		case 'q':
			check->quiet = true;
			break;
		default:
			if (!table_option(&check->options, option))
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

/* Print what was found; returns an exit status. */
static int report(const struct check *check, const struct finding *found, size_t count)
{
	int status = STATUS_DONE;

	if (check->nagios)
		print_nagios(found, count, &check->limits);
	else if (!check->quiet)
		status = table_emit(stdout, &check->options, columns, sizeof(columns) / sizeof(*columns), format, found,
				    count);
	for (size_t i = 0; i < count && !status; i++)
		if (exceeded(&found[i]))
			status = STATUS_EXCEEDED;
	return status;
}

static int check_all(const struct check *check, char *const *names)
{
	struct ticker *before = NULL, *after = NULL;
	struct finding *found = NULL;
	size_t counts[2] = { 0, 0 };
	int status = ticker_list(names, &before, &counts[0]);

	if (!status) {
		pause_ns(check->limits.wait_ns);
		status = ticker_list(names, &after, &counts[1]);
	}
	if (!status) {
		found = calloc(counts[1] + 1, sizeof(*found));
		if (!found)
			err(STATUS_FAILED, "memory");
		for (size_t i = 0; i < counts[1]; i++)
			judge(find(before, counts[0], after[i].name), &after[i], &check->limits, &found[i]);
		status = report(check, found, counts[1]);
	}
	free(found);
	free(before);
	free(after);
	return status;
}

int command_check(int argc, char **argv)
{
	struct check check = {
		.limits = {
			.lateness_ns = 100000000, .late_share = 0.001, .missed_share = 0.01, .wait_ns = 2000000000,
		},
		.options.headings = true,
	};
	int status;

	parse(argc, argv, &check);
	status = check_all(&check, argv + optind);
	if (!check.nagios)
		return status;
	if (status && status != STATUS_EXCEEDED)
		printf("SCHED_TICK UNKNOWN - see standard error\n");
	return status == STATUS_DONE ? NAGIOS_OK : status == STATUS_EXCEEDED ? NAGIOS_CRITICAL : NAGIOS_UNKNOWN;
}
