/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables of tickers, for people, as JSON or raw.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sysfs.h"

enum table_form { TABLE_HUMAN, TABLE_JSON, TABLE_RAW };

struct table_options {
	enum table_form form;
	bool headings;
	const char *columns;	/* as given to --output; NULL: the usual ones */
};

/* Take -J, -n and -r, in this order --json, --noheadings and --raw; returns whether it is one of them. */
bool table_option(struct table_options *options, int option);

enum table_type { TABLE_STRING, TABLE_NUMBER, TABLE_BOOLEAN };

/* In JSON and raw, a length of time is a number of nanoseconds, and is called so. */
struct table_column {
	const char *name;
	const char *machine_name;
	enum table_type type;
	double width;		/* at least; below 1, a share of the terminal's */
};

/* The text of one cell. */
typedef void table_cell_fn(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size);

/* Print rows of these columns; returns an exit status. */
int table_emit(FILE *out, const struct table_options *options, const struct table_column *columns, size_t width,
	       table_cell_fn *cell, const void *data, size_t rows);

/* The columns of tickers that the options name; returns an exit status. */
int table_print(FILE *out, const struct table_options *options, const struct ticker *list, size_t count);

const char *table_boolean(bool value, enum table_form form);

/* A length of time with three digits and its unit: 4.21us, 250ms. */
const char *human_ns(uint64_t ns, char *text, size_t size);

#define HUMAN_SIZE 24

/* A bar for each bucket from the first to the last that is not empty, the longest as long as the terminal allows. */
void bars_print(FILE *out, const struct lateness *lateness);

#endif
