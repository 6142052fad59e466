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
#include "sysfs.h"

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
		if (option == 'o')
			options.columns = optarg;
		else if (!table_option(&options, option))
			usage("list", option == 'h' ? STATUS_DONE : STATUS_USAGE);
	}
	status = ticker_list(argv + optind, &list, &count);
	if (status)
		return status;
	status = table_print(stdout, &options, list, count);
	free(list);
	return status;
}

static void show_histogram(const uint64_t *histogram, size_t buckets, const char *between)
{
	for (size_t i = 0; i < buckets; i++)
		printf("%s%" PRIu64, i ? between : "", histogram[i]);
}

static void show_lateness_json(const char *name, const struct lateness *lateness, const char *end)
{
	printf("   \"%s\": {\n      \"last_ns\": %" PRIu64 ",\n      \"max_ns\": %" PRIu64
	       ",\n      \"sum_ns\": %" PRIu64 ",\n      \"histogram\": [", name, lateness->last_ns,
	       lateness->max_ns, lateness->sum_ns);
	show_histogram(lateness->histogram, LATENESS_BUCKETS, ", ");
	printf("]\n   }%s\n", end);
}

static void show_lateness_raw(const char *name, const struct lateness *lateness)
{
	printf("%s/last_ns %" PRIu64 "\n%s/max_ns %" PRIu64 "\n%s/sum_ns %" PRIu64 "\n%s/histogram ", name,
	       lateness->last_ns, name, lateness->max_ns, name, lateness->sum_ns, name);
	show_histogram(lateness->histogram, LATENESS_BUCKETS, ",");
	putchar('\n');
}

static void show_lateness(const char *title, const struct lateness *lateness)
{
	char texts[3][HUMAN_SIZE];
	uint64_t count = lateness_count(lateness);

	printf("%-16s mean %s, last %s, max %s\n", title,
	       human_ns(count ? lateness->sum_ns / count : 0, texts[0], HUMAN_SIZE),
	       human_ns(lateness->last_ns, texts[1], HUMAN_SIZE),
	       human_ns(lateness->max_ns, texts[2], HUMAN_SIZE));
	bars_print(stdout, lateness);
}

/* One of the plain values; text says so where JSON is to quote it. */
static void show_value(enum table_form form, const char *key, const char *value, bool text)
{
	if (form == TABLE_JSON)
		printf("   \"%s\": %s%s%s,\n", key, text ? "\"" : "", value, text ? "\"" : "");
	else
		printf(form == TABLE_RAW ? "%s %s\n" : "%-16s %s\n", key, value);
}

static void show_count(enum table_form form, const char *key, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, count);
	show_value(form, key, text, false);
}

static int show(const struct ticker *ticker, enum table_form form)
{
	const struct stat_line *stat = &ticker->stat;
	char text[128];
	int status;

	if (form == TABLE_JSON)
		printf("{\n");
	show_value(form, "name", ticker->name, true);
	for (int i = 0; i < SETTINGS; i++) {
		status = setting_read(ticker->name, i, text, sizeof(text));
		if (status)
			return status;
		if (form == TABLE_JSON && setting_is_switch(i))
			strcpy(text, *text == '1' ? "true" : "false");
		show_value(form, setting_file(i), text, i == SETTING_CLOCK || i == SETTING_TIMER);
	}
	show_count(form, "counter", stat->counter);
	show_count(form, "missed", stat->missed);
	show_count(form, "stalls", stat->stalls);
	switch (form) {
	case TABLE_JSON:
		printf("   \"bounds_ns\": [");
		show_histogram(lateness_bounds_ns, LATENESS_BOUNDS, ", ");
		printf("],\n");
		show_lateness_json("lateness", &stat->lateness, ",");
		show_lateness_json("timer_lateness", &stat->timer_lateness, "");
		printf("}\n");
		break;
	case TABLE_RAW:
		show_lateness_raw("lateness", &stat->lateness);
		show_lateness_raw("timer_lateness", &stat->timer_lateness);
		break;
	case TABLE_HUMAN:
		show_lateness("lateness", &stat->lateness);
		show_lateness("timer_lateness", &stat->timer_lateness);
	}
	return STATUS_DONE;
}

static const struct option show_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'J' },
	{ "raw", no_argument, NULL, 'r' },
	{ }
};

int command_show(int argc, char **argv)
{
	struct table_options options = { };
	struct ticker ticker;
	int option, status;

	while ((option = getopt_long(argc, argv, "hJr", show_options, NULL)) != -1)
		if (!table_option(&options, option))
			usage("show", option == 'h' ? STATUS_DONE : STATUS_USAGE);
	if (optind != argc - 1)
		usage("show", STATUS_USAGE);
	status = ticker_stat(argv[optind], &ticker);
	return status ? status : show(&ticker, options.form);
}
