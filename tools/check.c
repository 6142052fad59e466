// SPDX-License-Identifier: GPL-2.0-only
/*
 * check: compare tickers with thresholds, for scripts and monitoring plugins.
 *
 * The window of a ticker is the time between two samples of it. The first one is
 * that of the previous check. Where there is none, and with --wait, two samples are
 * taken now. With --since-start the window is the whole life of the ticker.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "nagios.h"
#include "options.h"
#include "previous.h"
#include "sysfs.h"
#include "table.h"

struct check {
	struct table_options table;
	uint64_t threshold_ns;
	double max_late, max_missed;	/* shares, 0 to 1 */
	uint64_t wait_ns;
	bool always_wait;
	bool since_start;
	bool nagios, quiet;
	const char *directory;	/* of the previous samples; NULL: don't use them */
};

/* What was found of one ticker. */
struct finding {
	char name[TICKER_NAME_MAX + 1];
	bool enabled, stalled;
	bool is_late, is_missed;	/* the share exceeds the threshold */
	uint64_t ticks, late;		/* in the window */
	uint64_t missed;
	uint64_t periods_stalled;
	uint64_t total_missed, total_stalls, max_ns;	/* performance data */
};

static double share(uint64_t part, uint64_t all)
{
	return all ? (double)part / all : 0;
}

/* Periods that passed without any tick between two samples; 0 if there was a tick. */
static uint64_t periods_without_tick(const struct stat_line *before, const struct stat_line *after)
{
	return after->counter == before->counter ? after->missed - before->missed : 0;
}

/*
 * @begin and @now are the samples at both ends of the window. @recent is the sample
 * before @now: a worker that is stuck now may have ticked earlier in the window.
 */
static void evaluate(const struct check *check, const struct ticker *begin, const struct ticker *recent,
		     const struct ticker *now, struct finding *finding)
{
	struct stat_line window = now->stat;

	stat_subtract(&window, &begin->stat);
	*finding = (struct finding){
		.enabled = window.enabled,
		.ticks = lateness_count(&window.lateness),
		.missed = window.missed,
		.total_missed = now->stat.missed,
		.total_stalls = now->stat.stalls,
		.max_ns = now->stat.lateness.max_ns,
	};
	strcpy(finding->name, now->name);
	finding->late = finding->ticks - lateness_count_within(&window.lateness, check->threshold_ns);
	if (!finding->enabled)
		return;
	finding->periods_stalled = periods_without_tick(&begin->stat, &now->stat) ?:
				   periods_without_tick(&recent->stat, &now->stat);
	finding->stalled = finding->periods_stalled;
	finding->is_late = share(finding->late, finding->ticks) > check->max_late;
	finding->is_missed = share(finding->missed, window.counter + window.missed) > check->max_missed;
}

static bool is_exceeded(const struct finding *finding)
{
	return finding->stalled || finding->is_late || finding->is_missed;
}

enum { NAME, STATE, TICKS, LATE, MISSED, COLUMNS };

static const struct table_column columns[COLUMNS] = {
	[NAME]		= { "NAME", "name", TABLE_STRING, 0.3 },
	[STATE]		= { "STATE", "state", TABLE_STRING, 5 },
	[TICKS]		= { "TICKS", "ticks", TABLE_NUMBER, 5 },
	[LATE]		= { "LATE", "late_ratio", TABLE_NUMBER, 5 },
	[MISSED]	= { "MISSED", "missed_ratio", TABLE_NUMBER, 6 },
};

/* Without a whole there is no share. */
static void format_share(uint64_t part, uint64_t all, enum table_form form, char *text, size_t size)
{
	if (!all)
		*text = '\0';
	else if (form == TABLE_HUMAN)
		snprintf(text, size, "%.3g%%", 100 * share(part, all));
	else
		snprintf(text, size, "%.9g", share(part, all));
}

static void format(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct finding *finding = (const struct finding *)data + row;

	switch (column) {
	case NAME:
		snprintf(text, size, "%s", finding->name);
		break;
	case STATE:
		snprintf(text, size, "%s%s%s", finding->stalled ? ",stalled" : "", finding->is_late ? ",late" : "",
			 finding->is_missed ? ",missed" : "");
		if (*text)
			memmove(text, text + 1, strlen(text));
		else
			snprintf(text, size, "%s", finding->enabled ? "ok" : "disabled");
		break;
	case TICKS:
		snprintf(text, size, "%" PRIu64, finding->ticks);
		break;
	case LATE:
		format_share(finding->late, finding->ticks, form, text, size);
		break;
	case MISSED:
		format_share(finding->missed, finding->ticks + finding->missed, form, text, size);
	}
}

/* Print the line of a monitoring plugin: what exceeds a threshold, and performance data. */
static void print_nagios(const struct check *check, const struct finding *found, size_t count)
{
	const char *separator = "SCHED_TICK CRITICAL - ";
	char late[HUMAN_SIZE];

	human_ns(check->threshold_ns, late, sizeof(late));
	for (size_t i = 0; i < count; i++) {
		const char *comma = "";

		if (!is_exceeded(&found[i]))
			continue;
		printf("%s%s:", separator, found[i].name);
		separator = "; ";
		if (found[i].stalled) {
			printf(" stalled, no tick in %" PRIu64 " periods", found[i].periods_stalled);
			comma = ",";
		}
		if (found[i].is_missed) {
			printf("%s %" PRIu64 " of %" PRIu64 " periods missed", comma, found[i].missed,
			       found[i].ticks + found[i].missed);
			comma = ",";
		}
		if (found[i].is_late)
			printf("%s %" PRIu64 " of %" PRIu64 " ticks later than %s", comma, found[i].late,
			       found[i].ticks, late);
	}
	if (*separator != ';')
		printf("SCHED_TICK OK - %zu tickers", count);
	printf(" |");
	for (size_t i = 0; i < count; i++) {
		printf(" '%s_missed'=%" PRIu64 "c '%s_stalls'=%" PRIu64 "c '%s_max'=", found[i].name,
		       found[i].total_missed, found[i].name, found[i].total_stalls, found[i].name);
		/* U is a plugin's word for no value. */
		if (found[i].max_ns)
			printf("%" PRIu64 ".%09" PRIu64 "s", found[i].max_ns / 1000000000,
			       found[i].max_ns % 1000000000);
		else
			printf("U");
	}
	putchar('\n');
}

/* Print what was found. Returns an exit status. */
static int print(const struct check *check, const struct finding *found, size_t count)
{
	int status = STATUS_DONE;

	if (check->nagios)
		print_nagios(check, found, count);
	else if (!check->quiet)
		status = table_emit(stdout, "tickers", &check->table, columns, COLUMNS, format, found, count);
	for (size_t i = 0; i < count && !status; i++)
		if (is_exceeded(&found[i]))
			status = STATUS_EXCEEDED;
	return status;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec left = { ns / 1000000000, ns % 1000000000 };

	while (nanosleep(&left, &left))
		;
}

/*
 * Find the sample at the beginning of the window. Returns false if a second sample has
 * to be taken now, because there is no earlier one, or to see whether the worker is
 * stuck: a share of missed periods in a long window does not show that.
 */
static bool find_begin(const struct check *check, const struct ticker *sample, struct ticker *begin)
{
	bool found = check->directory && previous_load(check->directory, sample, begin);

	if (!found)
		*begin = *sample;
	return found && (!sample->stat.enabled || sample->stat.missed == begin->stat.missed);
}

static int check_all(const struct check *check, char *const *names)
{
	struct ticker *first = NULL, *last = NULL, *begin = NULL;
	struct finding *found = NULL;
	size_t first_count, last_count, count;
	bool enough = true;
	int status = ticker_list(names, &first, &first_count);

	if (status)
		return status;
	begin = calloc(first_count + 1, sizeof(*begin));
	if (!begin)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < first_count; i++)
		enough &= find_begin(check, &first[i], &begin[i]);
	if (!enough)
		sleep_ns(check->wait_ns);
	status = ticker_list(names, &last, &last_count);
	if (!status) {
		found = calloc(last_count + 1, sizeof(*found));
		if (!found)
			err(STATUS_FAILED, "memory");
		count = 0;
		for (size_t i = 0; i < last_count; i++) {
			const struct ticker *recent = ticker_find(first, first_count, last[i].name);
			static const struct ticker zero;

			if (check->directory)
				previous_store(check->directory, &last[i]);
			/* There is no window yet of a ticker that was created between the samples. */
			if (!recent || !stat_follows(&last[i].stat, &recent->stat))
				continue;
			evaluate(check, check->since_start ? &zero : &begin[recent - first], recent, &last[i],
				 &found[count++]);
		}
		status = print(check, found, count);
	}
	free(found);
	free(begin);
	free(first);
	free(last);
	return status;
}

static double parse_share(const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || strcmp(end, "%") || !(value >= 0 && value <= 100))
		errx(STATUS_USAGE, "invalid share '%s' for --%s (valid: 0%% to 100%%)", text, option);
	return value / 100;
}

static uint64_t parse_threshold(const char *text)
{
	uint64_t ns = parse_duration("threshold", text);

	if (!lateness_is_bound(ns))
		errx(STATUS_USAGE, "invalid threshold '%s' (valid: 1, 2 or 5 times a power of ten, from 1us to 100s)",
		     text);
	return ns;
}

static const struct option options[] = {
	{ "max-late", required_argument, NULL, 'l' },
	{ "max-missed", required_argument, NULL, 'm' },
	{ "nagios", no_argument, NULL, OPTION_NAGIOS },
	{ "quiet", no_argument, NULL, 'q' },
	{ "since-start", no_argument, NULL, 's' },
	{ "state-dir", required_argument, NULL, OPTION_STATE_DIR },
	{ "threshold", required_argument, NULL, 't' },
	{ "wait", required_argument, NULL, 'w' },
	TABLE_OPTIONS,
	COMMON_OPTIONS
};

static void parse(int argc, char **argv, struct check *check)
{
	int option;

	while ((option = next_option(argc, argv, options)) != -1) {
		switch (option) {
		case 'l':
			check->max_late = parse_share("max-late", optarg);
			break;
		case 'm':
			check->max_missed = parse_share("max-missed", optarg);
			break;
		case 'q':
			check->quiet = true;
			break;
		case 's':
			check->since_start = true;
			break;
		case 't':
			check->threshold_ns = parse_threshold(optarg);
			break;
		case 'w':
			check->wait_ns = parse_duration("wait", optarg);
			check->always_wait = true;
			break;
		case OPTION_NAGIOS:
			check->nagios = true;
			break;
		case OPTION_STATE_DIR:
			check->directory = optarg;
			break;
		default:
			table_option(&check->table, option, optarg);
		}
	}
}

static int run(int argc, char **argv)
{
	struct check check = {
		.table.headings = true,
		.threshold_ns = 100000000,
		.max_late = 0.001,
		.max_missed = 0.01,
		.wait_ns = 2000000000,
	};

	parse(argc, argv, &check);
	if (check.always_wait || check.since_start)
		check.directory = NULL;
	else if (!check.directory)
		check.directory = previous_directory();
	return check_all(&check, argv + optind);
}

int command_check(int argc, char **argv)
{
	return nagios_wanted(argv) ? nagios_run(run, argc, argv) : run(argc, argv);
}
