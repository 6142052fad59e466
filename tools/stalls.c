// SPDX-License-Identifier: GPL-2.0-only
/*
 * stalls: the stalls known to this machine, in a table.
 */
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"
#include "settings.h"
#include "stallist.h"
#include "sysfs.h"
#include "table.h"

/* Follows the columns of table.h. */
#define STALL_STACK	STALL_COLUMNS

struct rows {
	const struct stall *list;
	int chosen[TABLE_CHOSEN_MAX + 1];
};

static void format_time(uint64_t us, enum table_form form, char *text, size_t size)
{
	time_t seconds = us / 1000000;
	char date[64], zone[16];
	struct tm local;

	if (!localtime_r(&seconds, &local)) {
		*text = '\0';
	} else if (form == TABLE_HUMAN) {
		strftime(text, size, "%Y-%m-%d %H:%M:%S", &local);
	} else {
		/* RFC 3339: the offset of the time zone has a colon. */
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local);
		strftime(zone, sizeof(zone), "%z", &local);
		snprintf(text, size, "%s.%06" PRIu64 "%.3s:%s", date, us % 1000000, zone, zone + 3);
	}
}

static void format_culprit(const struct stall *stall, char *text, size_t size)
{
	if (stall->pid < 0)
		*text = '\0';
	else
		snprintf(text, size, "%s[%d]", *stall->comm ? stall->comm : "?", stall->pid);
}

static void format_number(int number, char *text, size_t size)
{
	if (number < 0)
		*text = '\0';
	else
		snprintf(text, size, "%d", number);
}

static void format_stack(const char *stack, char *text, size_t size)
{
	snprintf(text, size, "%s", stack ?: "");
	/* One newline between two symbols, and none at the end. */
	if (*text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
}

static void format(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct rows *rows = data;
	const struct stall *stall = &rows->list[row];

	switch (rows->chosen[column]) {
	case STALL_TIME:
		format_time(stall->time_us, form, text, size);
		break;
	case STALL_TICKER:
		snprintf(text, size, "%s", stall->ticker);
		break;
	case STALL_CPU:
		format_number(stall->cpu, text, size);
		break;
	case STALL_OVERDUE:
		if (form == TABLE_HUMAN)
			human_ns(stall->overdue_ns, text, size);
		else
			snprintf(text, size, "%" PRIu64, stall->overdue_ns);
		break;
	case STALL_HOW:
		snprintf(text, size, "%s", stall_how_name(stall->how));
		break;
	case STALL_CULPRIT:
		format_culprit(stall, text, size);
		break;
	case STALL_FUNCTION:
		snprintf(text, size, "%s", stall->function);
		break;
	case STALL_CONTEXT:
		snprintf(text, size, "%s", stall->context);
		break;
	case STALL_COMM:
		snprintf(text, size, "%s", stall->comm);
		break;
	case STALL_PID:
		format_number(stall->pid, text, size);
		break;
	case STALL_STACK:
		format_stack(stall->stack, text, size);
		break;
	}
}

/* Print the lines of a text, each with @indent in front. */
static void print_indented(const char *text, const char *indent)
{
	for (const char *end; *text; text = end + (*end == '\n')) {
		end = strchrnul(text, '\n');
		printf("%s%.*s\n", indent, (int)(end - text), text);
	}
}

/* Print a table for people, with the stack of each stall below its line. */
static int print_with_stacks(const struct table_options *table, const struct table_column *columns, size_t width,
			     const struct rows *rows, size_t count)
{
	char *text = NULL, *line, *rest;
	size_t size, row = 0;
	FILE *out = open_memstream(&text, &size);
	bool heading = table->headings;
	int status;

	if (!out)
		err(STATUS_FAILED, "memory");
	status = table_emit(out, "stalls", table, columns, width, format, rows, count);
	if (fclose(out))
		err(STATUS_FAILED, "memory");
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		puts(line);
		if (!heading && row < count && rows->list[row].stack)
			print_indented(rows->list[row].stack, "    ");
		row += !heading;
		heading = false;
	}
	free(text);
	return status;
}

static int print(const struct table_options *table, const struct stalls *stalls, bool stack)
{
	struct rows rows = { .list = stalls->list };
	struct table_column columns[TABLE_CHOSEN_MAX + 1];
	size_t width = table_choose(table, rows.chosen, columns);

	if (stack && table->form == TABLE_HUMAN)
		return print_with_stacks(table, columns, width, &rows, stalls->count);
	if (stack) {
		columns[width] = (struct table_column){ "STACK", "stack", TABLE_STRING, 5 };
		rows.chosen[width++] = STALL_STACK;
	}
	return table_emit(stdout, "stalls", table, columns, width, format, &rows, stalls->count);
}

struct count {
	char ticker[TICKER_NAME_MAX + 1], cpu[TICKER_NAME_MAX + 1];
	uint64_t stalls;
};

static void format_count(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct count *count = (const struct count *)data + row;

	(void)form;
	if (column == 2)
		snprintf(text, size, "%" PRIu64, count->stalls);
	else
		snprintf(text, size, "%s", column ? count->cpu : count->ticker);
}

/* What every user can read: the number of stalls of each CPU, and of each ticker that has always been on any CPU. */
static int print_counts(const struct table_options *table, const struct ticker *tickers, size_t number)
{
	static const struct table_column columns[] = {
		{ "TICKER", "ticker", TABLE_STRING, 7 }, { "CPU", "cpu", TABLE_NUMBER, 3 },
		{ "STALLS", "stalls", TABLE_NUMBER, 6 },
	};
	struct count *counts = NULL;
	size_t rows = 0;
	int status = STATUS_DONE;

	for (size_t i = 0; i < number && !status; i++) {
		struct ticker *cpus;
		size_t width;

		status = ticker_list_cpus(tickers[i].name, &cpus, &width);
		counts = reallocarray(counts, rows + width + 1, sizeof(*counts));
		if (!counts)
			err(STATUS_FAILED, "memory");
		for (size_t j = 0; j < width || !j; j++) {
			struct count *count = &counts[rows++];

			*count = (struct count){ .stalls = width ? cpus[j].stat.stalls : tickers[i].stat.stalls };
			strcpy(count->ticker, tickers[i].name);
			if (width)
				strcpy(count->cpu, cpus[j].name);
		}
		free(cpus);
	}
	if (!status)
		status = table_emit(stdout, "counts", table, columns, sizeof(columns) / sizeof(*columns), format_count,
				    counts, rows);
	free(counts);
	return status;
}

static bool is_watched(const struct ticker *tickers, size_t count)
{
	char text[SETTING_SIZE];

	for (size_t i = 0; i < count; i++)
		if (tickers[i].stat.enabled && !setting_read(tickers[i].name, SETTING_STALL, text, sizeof(text)) &&
		    strcmp(text, "0"))
			return true;
	return false;
}

/* Report what the table does not have, and why. */
static void report_gaps(const struct stalls *stalls, const struct ticker *tickers, size_t count)
{
	if (!stalls->log_is_read && geteuid())
		warnx("the kernel log can't be read: root can, and so can a member of the group systemd-journal if there is a journal");
	else if (!stalls->log_is_read)
		warnx("the kernel log can't be read: there is neither a journal nor /dev/kmsg");
	if (!stalls->records_are_read)
		warnx("last_stall can be read only by root: stacks, and stalls that are not in the kernel log, are not listed");
	if (stalls->suppressed)
		warnx("up to %" PRIu64 " stalls are not in the kernel log, which limits the lines about stalls", stalls->suppressed);
	if (count && !stalls->count && !is_watched(tickers, count))
		warnx("no ticker that is enabled reports stalls; set a threshold, such as `sched-tick set %s stall=500ms`",
		      tickers->name);
}

/* A ticker that was removed is one whose stalls are in the log. */
static int check_names(char *const *names, const struct stalls *stalls, const struct ticker *tickers, size_t count)
{
	for (; *names; names++) {
		bool found = ticker_find(tickers, count, *names);

		for (size_t i = 0; i < stalls->count && !found; i++)
			found = !strcmp(stalls->list[i].ticker, *names);
		if (!found && !count)
			return STATUS_DONE;
		if (!found) {
			warnx("%s: no such ticker, and no stall of it is known", *names);
			return STATUS_MISSING;
		}
	}
	return STATUS_DONE;
}

/* Leave the tickers that the user named. */
static size_t select_named(char *const *names, struct ticker *tickers, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		bool named = !*names;

		for (char *const *name = names; *name; name++)
			named |= !strcmp(tickers[i].name, *name);
		if (named)
			tickers[kept++] = tickers[i];
	}
	return kept;
}

static int list(const struct table_options *table, uint64_t since_us, bool stack, char *const *names)
{
	char *const all[] = { NULL };
	struct ticker *tickers = NULL;
	struct stalls stalls;
	size_t count = 0;
	bool loaded = ticker_exists(TICKER_DEFAULT);
	int status = loaded ? ticker_list(all, &tickers, &count) : STATUS_DONE;

	if (status)
		return status;
	status = stalls_gather(&stalls, since_us, names, tickers, count);
	/* Without the module, the log still has the stalls of earlier. */
	if (!status && !loaded && !stalls.log_is_read)
		status = ticker_list(all, &tickers, &count);
	if (!status)
		status = check_names(names, &stalls, tickers, count);
	count = select_named(names, tickers, count);
	if (!status && (stalls.log_is_read || stalls.count || table->form != TABLE_HUMAN))
		status = print(table, &stalls, stack);
	else if (!status)
		status = print_counts(&(struct table_options){ .headings = table->headings }, tickers, count);
	if (!status) {
		fflush(stdout);
		report_gaps(&stalls, tickers, count);
	}
	stalls_free(&stalls);
	free(tickers);
	return status;
}

/* A duration before now, or a date in local time. */
static uint64_t parse_since(const char *text)
{
	static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
	struct timespec now;
	uint64_t ns, now_us;

	clock_gettime(CLOCK_REALTIME, &now);
	now_us = UINT64_C(1000000) * now.tv_sec + now.tv_nsec / 1000;
	if (parse_duration_ns(text, &ns))
		return ns / 1000 < now_us ? now_us - ns / 1000 : 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		struct tm date = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &date);
		time_t seconds;

		if (!end || *end)
			continue;
		seconds = mktime(&date);
		if (seconds >= 0)
			return UINT64_C(1000000) * seconds;
	}
	errx(STATUS_USAGE, "invalid time '%s' for --since (valid: a duration such as 2h, or a date such as '2026-11-28 17:30')",
	     text);
}

static const struct option options[] = {
	TABLE_OPTIONS,
	TABLE_OUTPUT_OPTION,
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "stack", no_argument, NULL, OPTION_STACK },
	COMMON_OPTIONS
};

int command_stalls(int argc, char **argv)
{
	struct table_options table = { .rows = TABLE_STALLS, .headings = true };
	uint64_t since_us = 0;
	bool stack = false;
	int option;

	while ((option = next_option(argc, argv, options)) != -1) {
		if (option == OPTION_SINCE)
			since_us = parse_since(optarg);
		stack |= option == OPTION_STACK;
		table_option(&table, option, optarg);
	}
	for (char **name = argv + optind; *name; name++)
		if (!ticker_name_valid(*name))
			errx(STATUS_USAGE, TICKER_NAME_INVALID, *name);
	return list(&table, since_us, stack, argv + optind);
}
