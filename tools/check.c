// SPDX-License-Identifier: GPL-2.0-only
/*
 * check: compare tickers with thresholds, for scripts and monitoring plugins.
 *
 * The window of a ticker is the time between two samples of it. The first one is
 * that of the previous check. Where there is none, and with --wait, two samples are
 * taken now. With --since-start the window is the whole life of the ticker.
 *
 * Shares of late ticks and of missed periods are those of all CPUs of a ticker
 * together: those of one CPU would be shares of few ticks. A CPU that does not tick is
 * found in the counts of each CPU.
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
#include "percpu.h"
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

/* One ticker and its CPUs. */
struct sample {
	struct ticker *ticker;
	struct percpu percpu;
};

struct samples {
	struct ticker *tickers;
	struct sample *list;
	size_t count;
};

/* What was found of one ticker. */
struct finding {
	char name[TICKER_NAME_MAX + 1];
	char stalled_cpus[96];		/* a list; empty if each CPU ticks, or cpus is any */
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

/* Find CPUs that do not tick. Returns the number of periods for which one did not. */
static uint64_t find_stalled_cpus(const struct percpu *before, const struct percpu *now, struct finding *finding)
{
	struct percpu stalled = { };
	uint64_t periods = percpu_find_stalled(before, now, &stalled);

	percpu_format(&stalled, finding->stalled_cpus, sizeof(finding->stalled_cpus));
	percpu_free(&stalled);
	return periods;
}

/*
 * @begin and @now are the samples at both ends of the window. @recent is the sample
 * before @now: a worker that is stuck now may have ticked earlier in the window.
 */
static void evaluate(const struct check *check, const struct sample *begin, const struct sample *recent,
		     const struct sample *now, struct finding *finding)
{
	const struct stat_line *stat = &now->ticker->stat;
	struct stat_line window = *stat;

	stat_subtract(&window, &begin->ticker->stat);
	*finding = (struct finding){
		.enabled = window.enabled,
		.ticks = lateness_count(&window.lateness),
		.missed = window.missed,
		.total_missed = stat->missed,
		.total_stalls = stat->stalls,
		.max_ns = stat->lateness.max_ns,
	};
	strcpy(finding->name, now->ticker->name);
	finding->late = finding->ticks - lateness_count_within(&window.lateness, check->threshold_ns);
	if (!finding->enabled)
		return;
	/* If no CPU ticks, all of them are named. */
	finding->periods_stalled = find_stalled_cpus(&begin->percpu, &now->percpu, finding) ?:
				   find_stalled_cpus(&recent->percpu, &now->percpu, finding) ?:
				   periods_without_tick(&begin->ticker->stat, stat) ?:
				   periods_without_tick(&recent->ticker->stat, stat);
	finding->stalled = finding->periods_stalled;
	finding->is_late = share(finding->late, finding->ticks) > check->max_late;
	finding->is_missed = share(finding->missed, window.counter + window.missed) > check->max_missed;
}

static bool is_exceeded(const struct finding *finding)
{
	return finding->stalled || finding->is_late || finding->is_missed;
}

enum { NAME, STATE, TICKS, LATE, MISSED, STALLED_CPUS, COLUMNS };

static const struct table_column columns[COLUMNS] = {
	[NAME]		= { "NAME", "name", TABLE_STRING, 0.3 },
	[STATE]		= { "STATE", "state", TABLE_STRING, 5 },
	[TICKS]		= { "TICKS", "ticks", TABLE_NUMBER, 5 },
	[LATE]		= { "LATE", "late_ratio", TABLE_NUMBER, 5 },
	[MISSED]	= { "MISSED", "missed_ratio", TABLE_NUMBER, 6 },
	[STALLED_CPUS]	= { "STALLED-CPUS", "stalled_cpus", TABLE_STRING, 12 },
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
		break;
	case STALLED_CPUS:
		snprintf(text, size, "%s", finding->stalled_cpus);
	}
}

static void print_stalled(const struct finding *finding)
{
	const char *cpus = finding->stalled_cpus;

	if (*cpus)
		printf(" CPU%s %s", strpbrk(cpus, ",-.") ? "s" : "", cpus);
	printf(" stalled, no tick in %" PRIu64 " periods", finding->periods_stalled);
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
			print_stalled(&found[i]);
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

static void samples_free(struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		percpu_free(&samples->list[i].percpu);
	free(samples->list);
	free(samples->tickers);
}

/* Take a sample of each ticker. The caller frees @samples, also after an error. */
static int samples_take(char *const *names, struct samples *samples)
{
	int status = ticker_list(names, &samples->tickers, &samples->count);

	samples->list = calloc(samples->count + 1, sizeof(*samples->list));
	if (!samples->list)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < samples->count; i++) {
		samples->list[i].ticker = &samples->tickers[i];
		if (!status)
			status = percpu_read(samples->tickers[i].name, &samples->list[i].percpu);
		/* A ticker that was removed meanwhile. */
		if (status == STATUS_MISSING)
			status = STATUS_DONE;
	}
	return status;
}

/* Find a ticker. Returns the index, or -1. */
static ssize_t samples_find(const struct samples *samples, const char *name)
{
	const struct ticker *found = ticker_find(samples->tickers, samples->count, name);

	return found ? found - samples->tickers : -1;
}

/*
 * Find the sample at the beginning of the window. Returns false if a second sample has
 * to be taken now, because there is no earlier one, or to see whether the worker is
 * stuck: a share of missed periods in a long window does not show that.
 */
static bool find_begin(const struct check *check, const struct sample *sample, struct sample *begin)
{
	const struct stat_line *stat = &sample->ticker->stat;

	return check->directory && previous_load(check->directory, sample->ticker, begin->ticker, &begin->percpu) &&
	       (!stat->enabled || stat->missed == begin->ticker->stat.missed);
}

/* Find the samples at the beginning of the windows. Returns false if second samples have to be taken now. */
static bool find_begins(const struct check *check, const struct samples *first, struct samples *begin)
{
	bool enough = true;

	begin->count = first->count;
	begin->tickers = calloc(first->count + 1, sizeof(*begin->tickers));
	begin->list = calloc(first->count + 1, sizeof(*begin->list));
	if (!begin->tickers || !begin->list)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < first->count; i++) {
		begin->list[i].ticker = &begin->tickers[i];
		enough &= find_begin(check, &first->list[i], &begin->list[i]);
	}
	return enough;
}

static int evaluate_all(const struct check *check, const struct samples *begin, const struct samples *first,
			const struct samples *last)
{
	struct finding *found = calloc(last->count + 1, sizeof(*found));
	static struct ticker none;
	const struct sample zero = { &none };
	size_t count = 0;
	int status;

	if (!found)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < last->count; i++) {
		const struct sample *now = &last->list[i], *window = &zero;
		ssize_t at = samples_find(first, now->ticker->name);

		if (check->directory)
			previous_store(check->directory, now->ticker, &now->percpu);
		/* There is no window yet of a ticker that was created between the samples. */
		if (at < 0 || !stat_follows(&now->ticker->stat, &first->list[at].ticker->stat))
			continue;
		/* The name is empty if there is no earlier sample. */
		if (!check->since_start)
			window = *begin->list[at].ticker->name ? &begin->list[at] : &first->list[at];
		evaluate(check, window, &first->list[at], now, &found[count++]);
	}
	status = print(check, found, count);
	free(found);
	return status;
}

static int check_all(const struct check *check, char *const *names)
{
	struct samples first = { }, begin = { }, last = { };
	int status = samples_take(names, &first);

	if (!status && !find_begins(check, &first, &begin))
		sleep_ns(check->wait_ns);
	if (!status)
		status = samples_take(names, &last);
	if (!status)
		status = evaluate_all(check, &begin, &first, &last);
	samples_free(&last);
	samples_free(&begin);
	samples_free(&first);
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
