// SPDX-License-Identifier: GPL-2.0-only
/*
 * The columns of list, watch and show --percpu. See table.h.
 */
#include <err.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "table.h"

enum column {
	NAME, CPU, ENABLED, PERIOD, CPUS, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER_MEAN, TIMER_P99, TIMER_MAX, COLUMNS
};

#define CHOSEN_MAX	(2 * COLUMNS)

static const struct table_column columns[COLUMNS] = {
	[NAME]		= { "NAME", "name", TABLE_STRING, 0.3, "name of the ticker" },
	[CPU]		= { "CPU", "cpu", TABLE_NUMBER, 3, "number of the CPU" },
	[ENABLED]	= { "ENABLED", "enabled", TABLE_BOOLEAN, 3, "whether the ticker runs" },
	[PERIOD]	= { "PERIOD", "period_ns", TABLE_NUMBER, 6, "time from one deadline to the next" },
	[CPUS]		= { "CPUS", "cpus", TABLE_NUMBER, 3, "number of CPUs that it ticks on now" },
	[TICKS]		= { "TICKS", "ticks", TABLE_NUMBER, 5, "number of ticks" },
	[MISSED]	= { "MISSED", "missed", TABLE_NUMBER, 6, "periods without a tick" },
	[STALLS]	= { "STALLS", "stalls", TABLE_NUMBER, 6, "ticks overdue by more than 'stall'" },
	[MEAN]		= { "MEAN", "mean_ns", TABLE_NUMBER, 6, "mean lateness" },
	[P99]		= { "P99", "p99_ns", TABLE_NUMBER, 6, "99 % of the ticks were at most this late" },
	[MAX]		= { "MAX", "max_ns", TABLE_NUMBER, 6, "highest lateness" },
	[TIMER_MEAN]	= { "TIMER-MEAN", "timer_mean_ns", TABLE_NUMBER, 6, "mean lateness of the timer" },
	[TIMER_P99]	= { "TIMER-P99", "timer_p99_ns", TABLE_NUMBER, 6,
			    "99 % of the timers were at most this late" },
	[TIMER_MAX]	= { "TIMER-MAX", "timer_max_ns", TABLE_NUMBER, 6, "highest lateness of the timer" },
};

/* The columns of each kind of rows; the first @defaults of them are printed without --output. */
static const struct {
	const char *rows;
	enum column columns[COLUMNS];
	size_t count, defaults;
} sets[] = {
	[TABLE_TICKERS] = {
		"tickers",
		{ NAME, ENABLED, PERIOD, CPUS, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER_MEAN, TIMER_P99, TIMER_MAX },
		13, 10,
	},
	[TABLE_CPUS] = {
		"cpus",
		{ CPU, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER_MEAN, TIMER_P99, TIMER_MAX },
		10, 10,
	},
};

bool lateness_mean_ns(const struct lateness *lateness, uint64_t *ns)
{
	uint64_t count = lateness_count(lateness);

	*ns = count ? lateness->sum_ns / count : 0;
	return count;
}

static bool p99_ns(const struct lateness *lateness, uint64_t *ns)
{
	*ns = lateness_quantile_ns(lateness, 0.99);
	/* Above all bounds, max_ns is the only upper bound. */
	if (*ns == UINT64_MAX)
		*ns = lateness->max_ns;
	return lateness_count(lateness);
}

/* Returns false if no tick ran since max_ns was reset. */
static bool max_ns(const struct lateness *lateness, uint64_t *ns)
{
	*ns = lateness->max_ns;
	return *ns && lateness_count(lateness);
}

struct tickers {
	const struct ticker *list;
	enum column chosen[CHOSEN_MAX];
};

static void format(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct tickers *tickers = data;
	const struct ticker *ticker = &tickers->list[row];
	const struct stat_line *stat = &ticker->stat;
	enum column shown = tickers->chosen[column];
	const struct lateness *lateness = shown >= TIMER_MEAN ? &stat->timer_lateness : &stat->lateness;
	bool known = true;
	uint64_t value = 0;

	switch (shown) {
	case NAME:
	case CPU:
		snprintf(text, size, "%s", ticker->name);
		return;
	case ENABLED:
		snprintf(text, size, "%s", table_boolean(stat->enabled, form));
		return;
	case PERIOD:
		value = UINT64_C(1000000) * stat->period_ms;
		break;
	case CPUS:
		value = stat->cpus;
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
		known = lateness_mean_ns(lateness, &value);
		break;
	case P99:
	case TIMER_P99:
		known = p99_ns(lateness, &value);
		break;
	case MAX:
	case TIMER_MAX:
		known = max_ns(lateness, &value);
		break;
	case COLUMNS:
		break;
	}
	if (!known)
		*text = '\0';
	else if (form == TABLE_HUMAN && shown != CPUS && shown != TICKS && shown != MISSED && shown != STALLS)
		human_ns(value, text, size);
	else
		snprintf(text, size, "%" PRIu64, value);
}

static int find_column(enum table_rows rows, const char *name, size_t length)
{
	for (size_t i = 0; i < sets[rows].count; i++) {
		const char *column = columns[sets[rows].columns[i]].name;

		if (strlen(column) == length && !strncasecmp(column, name, length))
			return sets[rows].columns[i];
	}
	return -1;
}

static void unknown_column(enum table_rows rows, const char *name, size_t length)
{
	char valid[256];
	size_t end = 0;

	for (size_t i = 0; i < sets[rows].count; i++)
		end += snprintf(valid + end, sizeof(valid) - end, "%s%s", i ? ", " : "",
				columns[sets[rows].columns[i]].name);
	errx(STATUS_USAGE, "unknown column '%.*s' (valid: %s)", (int)length, name, valid);
}

/*
 * Parse a list of columns, separated by commas. With a plus sign in front it follows the default columns. Returns their
 * number.
 */
static size_t parse_columns(const struct table_options *options, enum column *chosen)
{
	const char *names = options->columns;
	size_t count = 0;

	if (!names || *names == '+') {
		count = sets[options->rows].defaults;
		memcpy(chosen, sets[options->rows].columns, count * sizeof(*chosen));
		if (!names)
			return count;
		names++;
	}
	do {
		size_t length = strcspn(names, ",");
		int column = find_column(options->rows, names, length);

		if (column < 0)
			unknown_column(options->rows, names, length);
		if (count == CHOSEN_MAX)
			errx(STATUS_USAGE, "more than %d columns", CHOSEN_MAX);
		chosen[count++] = column;
		names += length + (names[length] == ',');
	} while (*names);
	return count;
}

void table_check(const struct table_options *options)
{
	enum column chosen[CHOSEN_MAX];

	parse_columns(options, chosen);
}

void table_print_columns(FILE *out, enum table_rows rows)
{
	fprintf(out, "\nAvailable output columns%s:\n", rows == TABLE_CPUS ? " of --percpu" : "");
	for (size_t i = 0; i < sets[rows].count; i++) {
		const struct table_column *column = &columns[sets[rows].columns[i]];

		fprintf(out, " %10s  %s\n", column->name, column->help);
	}
}

int table_print(FILE *out, const struct table_options *options, const struct ticker *list, size_t count)
{
	struct tickers tickers = { .list = list };
	struct table_column shown[CHOSEN_MAX];
	size_t wanted = parse_columns(options, tickers.chosen);

	for (size_t i = 0; i < wanted; i++)
		shown[i] = columns[tickers.chosen[i]];
	return table_emit(out, sets[options->rows].rows, options, shown, wanted, format, &tickers, count);
}
