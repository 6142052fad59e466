/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table of tickers, for people, as JSON or raw.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ticker.h"

enum table_form { TABLE_HUMAN, TABLE_JSON, TABLE_RAW };

struct table_options {
	enum table_form form;
	bool headings;
	const char *columns;	/* as given to --output; NULL: the usual ones */
};

/* Returns an exit status. */
int table_print(FILE *out, const struct table_options *options, const struct ticker *list, size_t count);

/* A length of time with three digits and its unit: 4.21us, 250ms. */
const char *human_ns(uint64_t ns, char *text, size_t size);

#define HUMAN_SIZE 24

/* A bar for each bucket from the first to the last that is not empty, the longest of that width. */
void bars_print(FILE *out, const struct lateness *lateness, int width);

#endif
