// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables by libsmartcols. See table.h.
 */
#include "table.h"

#include <err.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>

#define NSEC_PER_MSEC UINT64_C(1000000)

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

void table_option(struct table_options *options, int option, const char *argument)
{
	switch (option) {
	case 'J':
		options->form = TABLE_JSON;
		break;
	case 'n':
		options->headings = false;
		break;
	case 'o':
		options->columns = argument;
		table_check(options);
		break;
	case 'r':
		options->form = TABLE_RAW;
		break;
	}
}

const char *table_boolean(bool value, enum table_form form)
{
	if (form == TABLE_HUMAN)
		return value ? "yes" : "no";
	return value ? "1" : "0";
}

static const int json_types[] = {
	[TABLE_STRING]	= SCOLS_JSON_STRING,
	[TABLE_NUMBER]	= SCOLS_JSON_NUMBER,
	[TABLE_BOOLEAN]	= SCOLS_JSON_BOOLEAN,
};

static void add_column(struct libscols_table *table, const struct table_column *column, enum table_form form)
{
	struct libscols_column *added = scols_table_new_column(table,
		form == TABLE_HUMAN ? column->name : column->machine_name, column->width,
		column->type == TABLE_STRING ? 0 : SCOLS_FL_RIGHT);

	if (!added)
		err(STATUS_FAILED, "memory");
	scols_column_set_json_type(added, json_types[column->type]);
}

int table_emit(FILE *out, const char *name, const struct table_options *options, const struct table_column *columns,
	       size_t width, table_cell_fn *cell, const void *data, size_t rows)
{
	struct libscols_table *table = scols_new_table();
	char text[TABLE_CELL_SIZE];
	int status;

	if (!table)
		err(STATUS_FAILED, "memory");
	scols_table_set_stream(table, out);
	scols_table_set_name(table, name);
	scols_table_enable_json(table, options->form == TABLE_JSON);
	scols_table_enable_raw(table, options->form == TABLE_RAW);
	scols_table_enable_noheadings(table, !options->headings);
	/* All texts are printable; a comm that the kernel escaped would be escaped again. */
	scols_table_enable_noencoding(table, true);
	for (size_t i = 0; i < width; i++)
		add_column(table, &columns[i], options->form);
	for (size_t i = 0; i < rows; i++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		for (size_t j = 0; line && j < width; j++) {
			cell(data, i, j, options->form, text, sizeof(text));
			/* libsmartcols prints null for an empty number in JSON. */
			if (scols_line_set_data(line, j, *text || options->form == TABLE_JSON ? text : "-"))
				line = NULL;
		}
		if (!line)
			err(STATUS_FAILED, "memory");
	}
	status = scols_print_table(table) ? STATUS_FAILED : STATUS_DONE;
	scols_unref_table(table);
	return status;
}
