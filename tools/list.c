// SPDX-License-Identifier: GPL-2.0-only
/*
 * list and show: what there is.
 */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "settings.h"
#include "table.h"
#include "ticker.h"

static const struct option list_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'J' },
	{ "noheadings", no_argument, NULL, 'n' },
	{ "output", required_argument, NULL, 'o' },
	{ "raw", no_argument, NULL, 'r' },
	{ }
};

int command_list(int argc, char **argv)
{
	struct table_options options = { .headings = true };
	struct ticker *list;
	size_t count;
	int option, status;

	while ((option = getopt_long(argc, argv, "hJno:r", list_options, NULL)) != -1) {
		switch (option) {
		case 'J':
			options.form = TABLE_JSON;
			break;
		case 'n':
			options.headings = false;
			break;
		case 'o':
			options.columns = optarg;
			break;
		case 'r':
			options.form = TABLE_RAW;
			break;
		default:
			usage("list", option == 'h' ? STATUS_DONE : STATUS_USAGE);
		}
	}
	status = ticker_list(argv + optind, &list, &count);
	if (status)
		return status;
	status = table_print(stdout, &options, list, count);
	free(list);
	return status;
}

static void show_lateness_json(const char *name, const struct lateness *lateness, const char *end)
{
	printf("   \"%s\": {\n      \"last_ns\": %" PRIu64 ",\n      \"max_ns\": %" PRIu64
	       ",\n      \"sum_ns\": %" PRIu64 ",\n      \"histogram\": [", name, lateness->last_ns,
	       lateness->max_ns, lateness->sum_ns);
	for (size_t i = 0; i < LATENESS_BUCKETS; i++)
		printf("%s%" PRIu64, i ? ", " : "", lateness->histogram[i]);
	printf("]\n   }%s\n", end);
}

static int show_json(const struct ticker *ticker)
{
	const struct stat_line *stat = &ticker->stat;
	char text[128];
	int status;

	printf("{\n   \"name\": \"%s\",\n", ticker->name);
	for (int i = 0; i < SETTINGS; i++) {
		status = setting_read(ticker->name, i, text, sizeof(text));
		if (status)
			return status;
		if (setting_is_switch(i))
			printf("   \"%s\": %s,\n", setting_file(i), *text == '1' ? "true" : "false");
		else
			printf(i == SETTING_CLOCK ? "   \"%s\": \"%s\",\n" : "   \"%s\": %s,\n",
			       setting_file(i), text);
	}
	printf("   \"counter\": %" PRIu64 ",\n   \"missed\": %" PRIu64 ",\n   \"stalls\": %" PRIu64 ",\n",
	       stat->counter, stat->missed, stat->stalls);
	printf("   \"bounds_ns\": [");
	for (size_t i = 0; i < LATENESS_BOUNDS; i++)
		printf("%s%" PRIu64, i ? ", " : "", lateness_bounds_ns[i]);
	printf("],\n");
	show_lateness_json("lateness", &stat->lateness, ",");
	show_lateness_json("alarm_lateness", &stat->alarm_lateness, "");
	printf("}\n");
	return STATUS_DONE;
}

static void show_lateness(const char *title, const struct lateness *lateness)
{
	char texts[3][HUMAN_SIZE];
	uint64_t count = lateness_count(lateness);

	printf("%-16s mean %s, last %s, max %s\n", title,
	       human_ns(count ? lateness->sum_ns / count : 0, texts[0], HUMAN_SIZE),
	       human_ns(lateness->last_ns, texts[1], HUMAN_SIZE),
	       human_ns(lateness->max_ns, texts[2], HUMAN_SIZE));
	bars_print(stdout, lateness, 40);
}

static int show_human(const struct ticker *ticker)
{
	const struct stat_line *stat = &ticker->stat;
	char text[128];
	int status;

	printf("%-16s %s\n", "name", ticker->name);
	for (int i = 0; i < SETTINGS; i++) {
		status = setting_read(ticker->name, i, text, sizeof(text));
		if (status)
			return status;
		printf("%-16s %s\n", setting_file(i), text);
	}
	printf("%-16s %" PRIu64 "\n%-16s %" PRIu64 "\n%-16s %" PRIu64 "\n", "counter", stat->counter,
	       "missed", stat->missed, "stalls", stat->stalls);
	show_lateness("lateness", &stat->lateness);
	show_lateness("alarm_lateness", &stat->alarm_lateness);
	return STATUS_DONE;
}

static const struct option show_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'J' },
	{ }
};

int command_show(int argc, char **argv)
{
	struct ticker ticker;
	bool json = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "hJ", show_options, NULL)) != -1) {
		if (option != 'J')
			usage("show", option == 'h' ? STATUS_DONE : STATUS_USAGE);
		json = true;
	}
	if (optind != argc - 1)
		usage("show", STATUS_USAGE);
	status = ticker_stat(argv[optind], &ticker);
	if (status)
		return status;
	return json ? show_json(&ticker) : show_human(&ticker);
}
