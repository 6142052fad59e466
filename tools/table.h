/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables of tickers and of CPUs: for people, as JSON and raw.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sysfs.h"

enum table_form { TABLE_HUMAN, TABLE_JSON, TABLE_RAW };

/* The columns of a table of tickers, of the CPUs of one ticker, of stalls, and of recordings. */
enum table_rows { TABLE_TICKERS, TABLE_CPUS, TABLE_STALLS, TABLE_RECORDINGS };

struct table_options {
	enum table_rows rows;
	enum table_form form;
	bool headings;
	const char *columns;	/* the argument of --output; NULL: the default columns */
};

/* The options that commands with a table share. */
#define TABLE_OPTIONS \
	{ "json", no_argument, NULL, 'J' }, \
	{ "noheadings", no_argument, NULL, 'n' }, \
	{ "raw", no_argument, NULL, 'r' }
#define TABLE_OUTPUT_OPTION \
	{ "output", required_argument, NULL, 'o' }

/* Store one of these options, with its argument. Options that are not of this kind are ignored. */
void table_option(struct table_options *options, int option, const char *argument);

enum table_type { TABLE_STRING, TABLE_NUMBER, TABLE_BOOLEAN };

/* In JSON and raw, a duration is a number of nanoseconds, and the column's name ends in _ns. */
struct table_column {
	const char *name;
	const char *machine_name;
	enum table_type type;
	double width;		/* minimum in characters; below 1, a share of the terminal's width */
	const char *help;
};

/* The longest cell is the stack of a stall. */
#define TABLE_CELL_SIZE	4096

/* Format one cell. An empty text means that there is no value: "-", and null in JSON. */
typedef void table_cell_fn(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size);

/* Print rows of these columns. In JSON, @name is the name of the array. Returns an exit status. */
int table_emit(FILE *out, const char *name, const struct table_options *options, const struct table_column *columns,
	       size_t width, table_cell_fn *cell, const void *data, size_t rows);

/* Exit with STATUS_USAGE if the options name an unknown column. */
void table_check(const struct table_options *options);

/* The columns of stalls. */
enum stall_column {
	STALL_TIME, STALL_TICKER, STALL_CPU, STALL_OVERDUE, STALL_HOW, STALL_CULPRIT, STALL_FUNCTION, STALL_CONTEXT, STALL_COMM,
	STALL_PID, STALL_COLUMNS
};

/* The columns of record list. */
enum recording_column {
	RECORDING_NAME, RECORDING_TICKER, RECORDING_CPU, RECORDING_OVERDUE, RECORDING_CONTEXT, RECORDING_COMM, RECORDING_PID,
	RECORDING_FUNCTION, RECORDING_SIZE, RECORDING_COLUMNS
};

/* The highest number of columns that an option may name. */
#define TABLE_CHOSEN_MAX	28

/*
 * Find the columns that the options name, or the default ones: their numbers and their descriptions. Returns how many.
 * Exits with STATUS_USAGE if a name is unknown.
 */
size_t table_choose(const struct table_options *options, int chosen[TABLE_CHOSEN_MAX],
		    struct table_column shown[TABLE_CHOSEN_MAX]);

/* Print the columns that the options name, of each ticker, or of each CPU in the form of a ticker. Returns an exit status. */
int table_print(FILE *out, const struct table_options *options, const struct ticker *list, size_t count);

/* Print the names of all columns with a description of each, for help texts. */
void table_print_columns(FILE *out, enum table_rows rows);

const char *table_boolean(bool value, enum table_form form);

/* Format a duration with three digits and its unit: 4.21us, 250ms. */
const char *human_ns(uint64_t ns, char *text, size_t size);

#define HUMAN_SIZE 24

/* Mean of all ticks, in ns. Returns false if no tick was recorded. */
bool lateness_mean_ns(const struct lateness *lateness, uint64_t *ns);

/* Print a bar for each bucket from the first to the last one that is not empty. */
void bars_print(FILE *out, const struct lateness *lateness);

#endif
