// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of tickers. See table.h.
 */
#include "table.h"

#include <err.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NSEC_PER_MSEC UINT64_C(1000000)

enum column { NAME, ENABLED, PERIOD, TICKS, MISSED, STALLS, MEAN, P99, MAX, ALARM_MEAN, ALARM_P99, ALARM_MAX, COLUMNS };

/* In JSON and raw, a length of time is a number of nanoseconds, and is called so. */
static const struct {
	const char *name;
	const char *machine_name;
	int json;
	double width;
} columns[COLUMNS] = {
	[NAME]		= { "NAME", "name", SCOLS_JSON_STRING, 0.3 },
	[ENABLED]	= { "ENABLED", "enabled", SCOLS_JSON_BOOLEAN, 3 },
	[PERIOD]	= { "PERIOD", "period_ns", SCOLS_JSON_NUMBER, 6 },
	[TICKS]		= { "TICKS", "ticks", SCOLS_JSON_NUMBER, 5 },
	[MISSED]	= { "MISSED", "missed", SCOLS_JSON_NUMBER, 6 },
	[STALLS]	= { "STALLS", "stalls", SCOLS_JSON_NUMBER, 6 },
	[MEAN]		= { "MEAN", "mean_ns", SCOLS_JSON_NUMBER, 6 },
	[P99]		= { "P99", "p99_ns", SCOLS_JSON_NUMBER, 6 },
	[MAX]		= { "MAX", "max_ns", SCOLS_JSON_NUMBER, 6 },
	[ALARM_MEAN]	= { "ALARM-MEAN", "alarm_mean_ns", SCOLS_JSON_NUMBER, 6 },
	[ALARM_P99]	= { "ALARM-P99", "alarm_p99_ns", SCOLS_JSON_NUMBER, 6 },
	[ALARM_MAX]	= { "ALARM-MAX", "alarm_max_ns", SCOLS_JSON_NUMBER, 6 },
};

static const enum column usual[] = { NAME, ENABLED, PERIOD, TICKS, MISSED, STALLS, MEAN, P99, MAX };

const char *human_ns(uint64_t ns, char *text, size_t size)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "d", 86400000 * NSEC_PER_MSEC }, { "h", 3600000 * NSEC_PER_MSEC },
		{ "min", 60000 * NSEC_PER_MSEC }, { "s", 1000 * NSEC_PER_MSEC }, { "ms", NSEC_PER_MSEC },
		{ "us", 1000 }, { "ns", 1 },
	};
	size_t i = 0;
	double value;

	while (ns < units[i].ns && units[i].ns > 1)
		i++;
	value = (double)ns / units[i].ns;
	if (ns % units[i].ns == 0)
		snprintf(text, size, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
	else
		snprintf(text, size, "%.*f%s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[i].name);
	return text;
}

static uint64_t mean_ns(const struct lateness *lateness)
{
	uint64_t count = lateness_count(lateness);

	return count ? lateness->sum_ns / count : 0;
}

/* Above all bounds the worst one known is the best there is to say. */
static uint64_t p99_ns(const struct lateness *lateness)
{
	uint64_t bound = lateness_count(lateness) ? lateness_quantile_ns(lateness, 0.99) : 0;

	return bound == UINT64_MAX ? lateness->max_ns : bound;
}

static void format(const struct ticker *ticker, enum column column, enum table_form form, char *text, size_t size)
{
	const struct stat_line *stat = &ticker->stat;
	bool is_time = true;
	uint64_t value = 0;

	switch (column) {
	case NAME:
		snprintf(text, size, "%s", ticker->name);
		return;
	case ENABLED:
		snprintf(text, size, "%s", form != TABLE_HUMAN ? (stat->enabled ? "1" : "0") :
			 stat->enabled ? "yes" : "no");
		return;
	case PERIOD:
		value = stat->period_ms * NSEC_PER_MSEC;
		break;
	case TICKS:
		value = stat->counter;
		is_time = false;
		break;
	case MISSED:
		value = stat->missed;
		is_time = false;
		break;
	case STALLS:
		value = stat->stalls;
		is_time = false;
		break;
	case MEAN:
		value = mean_ns(&stat->lateness);
		break;
	case P99:
		value = p99_ns(&stat->lateness);
		break;
	case MAX:
		value = stat->lateness.max_ns;
		break;
	case ALARM_MEAN:
		value = mean_ns(&stat->alarm_lateness);
		break;
	case ALARM_P99:
		value = p99_ns(&stat->alarm_lateness);
		break;
	case ALARM_MAX:
		value = stat->alarm_lateness.max_ns;
		break;
	case COLUMNS:
		break;
	}
	if (is_time && form == TABLE_HUMAN)
		human_ns(value, text, size);
	else
		snprintf(text, size, "%" PRIu64, value);
}

static int find_column(const char *name, size_t length)
{
	for (int i = 0; i < COLUMNS; i++)
		if (strlen(columns[i].name) == length && !strncasecmp(columns[i].name, name, length))
			return i;
	return -1;
}

/* The columns that a list with commas names; with a plus sign before it, besides the usual ones. */
static int choose(const char *names, enum column *chosen, size_t *count)
{
	*count = 0;
	if (!names || *names == '+') {
		memcpy(chosen, usual, sizeof(usual));
		*count = sizeof(usual) / sizeof(*usual);
		if (!names)
			return STATUS_DONE;
		names++;
	}
	while (*names) {
		size_t length = strcspn(names, ",");
		int column = find_column(names, length);

		if (column < 0 || *count == 2 * COLUMNS) {
			warnx("%.*s: no such column", (int)length, names);
			return STATUS_USAGE;
		}
		chosen[(*count)++] = column;
		names += length + (names[length] == ',');
	}
	return STATUS_DONE;
}

int table_print(FILE *out, const struct table_options *options, const struct ticker *list, size_t count)
{
	enum column chosen[2 * COLUMNS];
	struct libscols_table *table;
	size_t wanted;
	int status = choose(options->columns, chosen, &wanted);

	if (status)
		return status;
	table = scols_new_table();
	if (!table)
		err(STATUS_FAILED, "memory");
	scols_table_set_stream(table, out);
	scols_table_set_name(table, "tickers");
	scols_table_enable_json(table, options->form == TABLE_JSON);
	scols_table_enable_raw(table, options->form == TABLE_RAW);
	scols_table_enable_noheadings(table, !options->headings);
	for (size_t i = 0; i < wanted; i++) {
		struct libscols_column *column = scols_table_new_column(table,
			options->form == TABLE_HUMAN ? columns[chosen[i]].name : columns[chosen[i]].machine_name,
			columns[chosen[i]].width, chosen[i] == NAME ? 0 : SCOLS_FL_RIGHT);

		if (!column)
			err(STATUS_FAILED, "memory");
		scols_column_set_json_type(column, columns[chosen[i]].json);
	}
	for (size_t i = 0; i < count; i++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		for (size_t j = 0; line && j < wanted; j++) {
			char text[64];

			format(&list[i], chosen[j], options->form, text, sizeof(text));
			if (scols_line_set_data(line, j, text))
				line = NULL;
		}
		if (!line)
			err(STATUS_FAILED, "memory");
	}
	if (scols_print_table(table))
		status = STATUS_FAILED;
	/* An empty table is not even that. */
	if (!count && options->form == TABLE_JSON)
		fprintf(out, "{\n   \"tickers\": []\n}\n");
	scols_unref_table(table);
	return status;
}
