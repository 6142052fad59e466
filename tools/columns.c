// SPDX-License-Identifier: GPL-2.0-only
/*
 * The columns of list, watch and show --percpu, and the names of those of stalls and of record list. See
 * table.h.
 */
#include <err.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "table.h"

enum column {
	NAME, CPU, ENABLED, PERIOD, CPUS, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER_MEAN, TIMER_P99, TIMER_MAX, COLUMNS
};

static const struct table_column ticker_columns[COLUMNS] = {
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

static const struct table_column stall_columns[STALL_COLUMNS] = {
	[STALL_TIME]	 = { "TIME", "time", TABLE_STRING, 19, "when it was reported" },
	[STALL_TICKER]	 = { "TICKER", "ticker", TABLE_STRING, 7, "name of the ticker" },
	[STALL_CPU]	 = { "CPU", "cpu", TABLE_NUMBER, 3, "number of the CPU that the tick waited for" },
	[STALL_OVERDUE]	 = { "OVERDUE", "overdue_ns", TABLE_NUMBER, 6, "how long the tick was overdue" },
	[STALL_HOW]	 = { "HOW", "how", TABLE_STRING, 7, "how the culprit held up the tick" },
	[STALL_CULPRIT]	 = { "CULPRIT", "culprit", TABLE_STRING, 8, "comm and pid of the culprit" },
	[STALL_FUNCTION] = { "FUNCTION", "function", TABLE_STRING, 8, "function that the culprit was in" },
	[STALL_CONTEXT]	 = { "CONTEXT", "context", TABLE_STRING, 4, "task, softirq, hardirq or idle" },
	[STALL_COMM]	 = { "COMM", "comm", TABLE_STRING, 4, "comm of the culprit" },
	[STALL_PID]	 = { "PID", "pid", TABLE_NUMBER, 3, "pid of the culprit" },
};

static const struct table_column recording_columns[RECORDING_COLUMNS] = {
	[RECORDING_NAME]	= { "NAME", "name", TABLE_STRING, 0.3, "name of the recording: time (UTC), ticker, CPU" },
	[RECORDING_TICKER]	= { "TICKER", "ticker", TABLE_STRING, 7, "name of the ticker" },
	[RECORDING_CPU]		= { "CPU", "cpu", TABLE_NUMBER, 3, "number of the CPU" },
	[RECORDING_OVERDUE]	= { "OVERDUE", "overdue_ns", TABLE_NUMBER, 6, "how long the tick was overdue" },
	[RECORDING_CONTEXT]	= { "CONTEXT", "context", TABLE_STRING, 7, "context of the culprit" },
	[RECORDING_COMM]	= { "COMM", "comm", TABLE_STRING, 8, "comm of the culprit" },
	[RECORDING_PID]		= { "PID", "pid", TABLE_NUMBER, 5, "pid of the culprit" },
	[RECORDING_FUNCTION]	= { "FUNCTION", "function", TABLE_STRING, 0.3, "function that the culprit was in" },
	[RECORDING_SIZE]	= { "SIZE", "bytes", TABLE_NUMBER, 6, "size of the files" },
};

/* The columns of each kind of rows; the first @defaults of them are printed without --output. */
static const struct {
	const char *rows;
	const struct table_column *all;
	int columns[COLUMNS];
	size_t count, defaults;
} sets[] = {
	[TABLE_TICKERS] = {
		"tickers", ticker_columns,
		{ NAME, ENABLED, PERIOD, CPUS, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER_MEAN, TIMER_P99, TIMER_MAX },
		13, 10,
	},
	[TABLE_CPUS] = {
		"cpus", ticker_columns,
		{ CPU, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER_MEAN, TIMER_P99, TIMER_MAX },
		10, 10,
	},
	[TABLE_STALLS] = {
		"stalls", stall_columns,
		{ STALL_TIME, STALL_TICKER, STALL_CPU, STALL_OVERDUE, STALL_HOW, STALL_CULPRIT, STALL_FUNCTION, STALL_CONTEXT,
		  STALL_COMM, STALL_PID },
		10, 8,
	},
	[TABLE_RECORDINGS] = {
		"recordings", recording_columns,
		{ RECORDING_NAME, RECORDING_OVERDUE, RECORDING_CONTEXT, RECORDING_COMM, RECORDING_PID, RECORDING_FUNCTION,
		  RECORDING_TICKER, RECORDING_CPU, RECORDING_SIZE },
		9, 6,
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
	int chosen[TABLE_CHOSEN_MAX];
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
		const char *column = sets[rows].all[sets[rows].columns[i]].name;

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
				sets[rows].all[sets[rows].columns[i]].name);
	errx(STATUS_USAGE, "unknown column '%.*s' (valid: %s)", (int)length, name, valid);
}

/*
 * Parse a list of columns, separated by commas. With a plus sign in front it follows the default columns. Returns their
 * number.
 */
static size_t parse_columns(const struct table_options *options, int *chosen)
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
		if (count == TABLE_CHOSEN_MAX)
			errx(STATUS_USAGE, "more than %d columns", TABLE_CHOSEN_MAX);
		chosen[count++] = column;
		names += length + (names[length] == ',');
	} while (*names);
	return count;
}

void table_check(const struct table_options *options)
{
	int chosen[TABLE_CHOSEN_MAX];

	parse_columns(options, chosen);
}

size_t table_choose(const struct table_options *options, int chosen[TABLE_CHOSEN_MAX],
		    struct table_column shown[TABLE_CHOSEN_MAX])
{
	size_t count = parse_columns(options, chosen);

	for (size_t i = 0; i < count; i++)
		shown[i] = sets[options->rows].all[chosen[i]];
	return count;
}

void table_print_columns(FILE *out, enum table_rows rows)
{
	fprintf(out, "\nAvailable output columns%s:\n", 
		rows == TABLE_CPUS ? " of --percpu" : rows == TABLE_RECORDINGS ? " of list" : "");
	for (size_t i = 0; i < sets[rows].count; i++) {
		const struct table_column *column = &sets[rows].all[sets[rows].columns[i]];

		fprintf(out, " %10s  %s\n", column->name, column->help);
	}
}

int table_print(FILE *out, const struct table_options *options, const struct ticker *list, size_t count)
{
	struct tickers tickers = { .list = list };
	struct table_column shown[TABLE_CHOSEN_MAX];
	size_t wanted = table_choose(options, tickers.chosen, shown);

	return table_emit(out, sets[options->rows].rows, options, shown, wanted, format, &tickers, count);
}
