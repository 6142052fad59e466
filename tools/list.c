// SPDX-License-Identifier: GPL-2.0-only
/*
 * list: all tickers in a table.
 */
#include <stdlib.h>

#include "commands.h"
#include "options.h"
#include "sysfs.h"
#include "table.h"

static const struct option options[] = { TABLE_OPTIONS, TABLE_OUTPUT_OPTION, COMMON_OPTIONS };

int command_list(int argc, char **argv)
{
	struct table_options table = { .headings = true };
	struct ticker *list;
	size_t count;
	int option, status;

	while ((option = next_option(argc, argv, options)) != -1)
		table_option(&table, option, optarg);
	status = ticker_list(argv + optind, &list, &count);
	if (status)
		return status;
	status = table_print(stdout, &table, list, count);
	free(list);
	return status;
}
