// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be seen of tickers in a table, for list and watch. See table.h.
 */
#include <err.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "table.h"

enum column { NAME, ENABLED, PERIOD, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER_MEAN, TIMER_P99, TIMER_MAX, COLUMNS };

static const struct table_column columns[COLUMNS] = {
	[NAME]		= { "NAME", "name", TABLE_STRING, 0.3 },
	[ENABLED]	= { "ENABLED", "enabled", TABLE_BOOLEAN, 3 },
	[PERIOD]	= { "PERIOD", "period_ns", TABLE_NUMBER, 6 },
	[TICKS]		= { "TICKS", "ticks", TABLE_NUMBER, 5 },
	[MISSED]	= { "MISSED", "missed", TABLE_NUMBER, 6 },
	[STALLS]	= { "STALLS", "stalls", TABLE_NUMBER, 6 },
	[MEAN]		= { "MEAN", "mean_ns", TABLE_NUMBER, 6 },
	[P99]		= { "P99", "p99_ns", TABLE_NUMBER, 6 },
	[MAX]		= { "MAX", "max_ns", TABLE_NUMBER, 6 },
	[TIMER_MEAN]	= { "TIMER-MEAN", "timer_mean_ns", TABLE_NUMBER, 6 },
	[TIMER_P99]	= { "TIMER-P99", "timer_p99_ns", TABLE_NUMBER, 6 },
	[TIMER_MAX]	= { "TIMER-MAX", "timer_max_ns", TABLE_NUMBER, 6 },
};

static const enum column usual[] = { NAME, ENABLED, PERIOD, TICKS, MISSED, STALLS, MEAN, P99, MAX };

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

struct tickers {
	const struct ticker *list;
	enum column chosen[2 * COLUMNS];
};

static void format(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct tickers *tickers = data;
	const struct ticker *ticker = &tickers->list[row];
	const struct stat_line *stat = &ticker->stat;
	enum column shown = tickers->chosen[column];
	const struct lateness *lateness = shown >= TIMER_MEAN ? &stat->timer_lateness : &stat->lateness;
	uint64_t value = 0;

	switch (shown) {
	case NAME:
		snprintf(text, size, "%s", ticker->name);
		return;
	case ENABLED:
		snprintf(text, size, "%s", table_boolean(stat->enabled, form));
		return;
	case PERIOD:
		value = UINT64_C(1000000) * stat->period_ms;
		break;
	case TICKS:
		value = stat->counter;
		break;
	case MISSED:
		value = stat->missed;
		break;
	case STALLS:
		value = stat->stalls;
		break;
	case MEAN:
	case TIMER_MEAN:
		value = mean_ns(lateness);
		break;
	case P99:
	case TIMER_P99:
		value = p99_ns(lateness);
		break;
	case MAX:
	case TIMER_MAX:
		value = lateness->max_ns;
		break;
	case COLUMNS:
		break;
	}
	if (form == TABLE_HUMAN && shown != TICKS && shown != MISSED && shown != STALLS)
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
	struct tickers tickers = { .list = list };
	struct table_column shown[2 * COLUMNS];
	size_t wanted;
	int status = choose(options->columns, tickers.chosen, &wanted);

	if (status)
		return status;
	for (size_t i = 0; i < wanted; i++)
		shown[i] = columns[tickers.chosen[i]];
	return table_emit(out, options, shown, wanted, format, &tickers, count);
}
