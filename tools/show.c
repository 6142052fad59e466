// SPDX-License-Identifier: GPL-2.0-only
/*
 * show: settings, counts and histograms of one ticker, and the counts of each of its CPUs.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "settings.h"
#include "sysfs.h"
#include "table.h"

static const char *format_ns(bool known, uint64_t ns, char *text)
{
	return known ? human_ns(ns, text, HUMAN_SIZE) : "-";
}

static void print_lateness(const char *title, const struct lateness *lateness)
{
	char texts[3][HUMAN_SIZE];
	uint64_t mean_ns;
	bool known = lateness_mean_ns(lateness, &mean_ns);

	printf("%s: mean %s, last %s, max %s\n", title, format_ns(known, mean_ns, texts[0]),
	       format_ns(known && lateness->max_ns, lateness->last_ns, texts[1]),
	       format_ns(known && lateness->max_ns, lateness->max_ns, texts[2]));
	bars_print(stdout, lateness);
}

static void print_late(const struct stat_line *stat)
{
	const struct late *late = &stat->late_ns;
	char texts[4][HUMAN_SIZE];

	if (!(late->steal | late->irq | late->softirq | late->other))
		return;
	printf("causes of lateness over 1ms: steal %s, irq %s, softirq %s, other %s\n",
	       human_ns(late->steal, texts[0], HUMAN_SIZE), human_ns(late->irq, texts[1], HUMAN_SIZE),
	       human_ns(late->softirq, texts[2], HUMAN_SIZE), human_ns(late->other, texts[3], HUMAN_SIZE));
}

/* Print the settings, one in each line, as settings_parse() reads them. */
static int print_settings(const struct ticker *ticker, const char *indent)
{
	char text[SETTING_SIZE], value[SETTING_SIZE];

	for (int i = 0; i < SETTINGS; i++) {
		int status = setting_read(ticker->name, i, text, sizeof(text));

		if (status)
			return status;
		setting_format(i, text, value, sizeof(value));
		printf("%s%s=%s\n", indent, setting_key(i), value);
	}
	return STATUS_DONE;
}

static int print_human(const struct ticker *ticker)
{
	const struct stat_line *stat = &ticker->stat;
	char effective[SETTING_SIZE];
	int status;

	printf("%s:\n", ticker->name);
	status = print_settings(ticker, "  ");
	if (!status)
		status = ticker_read(ticker->name, "cpus_effective", effective, sizeof(effective));
	if (status)
		return status;
	printf("CPUs: %" PRIu64, stat->cpus);
	printf(*effective ? " (%s)\n" : "\n", effective);
	printf("ticks: %" PRIu64 ", missed: %" PRIu64 ", stalls: %" PRIu64 "\n", stat->counter, stat->missed,
	       stat->stalls);
	print_lateness("lateness", &stat->lateness);
	print_lateness("timer lateness", &stat->timer_lateness);
	print_late(stat);
	return STATUS_DONE;
}

static void print_numbers(const uint64_t *numbers, size_t count, const char *separator)
{
	for (size_t i = 0; i < count; i++)
		printf("%s%" PRIu64, i ? separator : "", numbers[i]);
}

static void print_json_ns(const char *name, bool known, uint64_t ns)
{
	if (known)
		printf("      \"%s\": %" PRIu64 ",\n", name, ns);
	else
		printf("      \"%s\": null,\n", name);
}

static void print_json_lateness(const char *name, const struct lateness *lateness, const char *end)
{
	bool known = lateness->max_ns && lateness_count(lateness);

	printf("   \"%s\": {\n", name);
	print_json_ns("last_ns", known, lateness->last_ns);
	print_json_ns("max_ns", known, lateness->max_ns);
	print_json_ns("sum_ns", true, lateness->sum_ns);
	printf("      \"histogram\": [");
	print_numbers(lateness->histogram, LATENESS_BUCKETS, ", ");
	printf("]\n   }%s\n", end);
}

static void print_json_late(const struct stat_line *stat)
{
	const struct late *late = &stat->late_ns;

	if (stat->has_late)
		printf("   \"late_ns\": {\n      \"steal\": %" PRIu64 ",\n      \"irq\": %" PRIu64
		       ",\n      \"softirq\": %" PRIu64 ",\n      \"other\": %" PRIu64 "\n   }\n",
		       late->steal, late->irq, late->softirq, late->other);
	else
		printf("   \"late_ns\": null\n");
}

static void print_json_setting(enum setting setting, const char *text)
{
	printf("   \"%s\": ", setting_file(setting));
	switch (setting) {
	case SETTING_TIMER:
	case SETTING_CLOCK:
	case SETTING_CPUS:
	case SETTING_QUEUE:
		printf("\"%s\",\n", text);
		break;
	case SETTING_NOTIFY:
	case SETTING_ENABLED:
		printf("%s,\n", *text == '1' ? "true" : "false");
		break;
	default:
		/* The kernel's -1 of phase_ms. */
		printf("%s,\n", *text == '-' ? "null" : text);
	}
}

static int print_json(const struct ticker *ticker)
{
	const struct stat_line *stat = &ticker->stat;
	char text[SETTINGS][SETTING_SIZE], effective[SETTING_SIZE];
	int status = ticker_read(ticker->name, "cpus_effective", effective, sizeof(effective));

	for (int i = 0; i < SETTINGS && !status; i++)
		status = setting_read(ticker->name, i, text[i], sizeof(text[i]));
	if (status)
		return status;
	printf("{\n   \"name\": \"%s\",\n", ticker->name);
	for (int i = 0; i < SETTINGS; i++)
		print_json_setting(i, text[i]);
	printf("   \"cpus_effective\": \"%s\",\n   \"cpus_number\": %" PRIu64 ",\n", effective, stat->cpus);
	printf("   \"counter\": %" PRIu64 ",\n   \"missed\": %" PRIu64 ",\n   \"stalls\": %" PRIu64
	       ",\n   \"bounds_ns\": [", stat->counter, stat->missed, stat->stalls);
	print_numbers(lateness_bounds_ns, LATENESS_BOUNDS, ", ");
	printf("],\n");
	print_json_lateness("lateness", &stat->lateness, ",");
	print_json_lateness("timer_lateness", &stat->timer_lateness, ",");
	print_json_late(stat);
	printf("}\n");
	return STATUS_DONE;
}

static void print_raw_lateness(const char *name, const struct lateness *lateness)
{
	printf("%s/last_ns %" PRIu64 "\n%s/max_ns %" PRIu64 "\n%s/sum_ns %" PRIu64 "\n%s/histogram ", name,
	       lateness->last_ns, name, lateness->max_ns, name, lateness->sum_ns, name);
	print_numbers(lateness->histogram, LATENESS_BUCKETS, ",");
	putchar('\n');
}

/* The kernel's files and their values. */
static int print_raw(const struct ticker *ticker)
{
	const struct stat_line *stat = &ticker->stat;
	char text[SETTING_SIZE];
	int status;

	printf("name %s\n", ticker->name);
	for (int i = 0; i < SETTINGS; i++) {
		status = setting_read(ticker->name, i, text, sizeof(text));
		if (status)
			return status;
		printf("%s %s\n", setting_file(i), text);
	}
	status = ticker_read(ticker->name, "cpus_effective", text, sizeof(text));
	if (status)
		return status;
	printf("cpus_effective %s\n", *text ? text : "-");
	printf("counter %" PRIu64 "\nmissed %" PRIu64 "\nstalls %" PRIu64 "\n", stat->counter, stat->missed,
	       stat->stalls);
	print_raw_lateness("lateness", &stat->lateness);
	print_raw_lateness("timer_lateness", &stat->timer_lateness);
	if (stat->has_late)
		printf("late_ns/steal %" PRIu64 "\nlate_ns/irq %" PRIu64 "\nlate_ns/softirq %" PRIu64
		       "\nlate_ns/other %" PRIu64 "\n", stat->late_ns.steal, stat->late_ns.irq,
		       stat->late_ns.softirq, stat->late_ns.other);
	return STATUS_DONE;
}

static int print_percpu(const char *name, const struct table_options *table)
{
	struct ticker *list;
	size_t count;
	int status = ticker_list_cpus(name, &list, &count);

	if (!status)
		status = table_print(stdout, table, list, count);
	free(list);
	return status;
}

static const struct option options[] = {
	TABLE_OPTIONS,
	TABLE_OUTPUT_OPTION,
	{ "percpu", no_argument, NULL, 'p' },
	{ "settings", no_argument, NULL, OPTION_SETTINGS },
	COMMON_OPTIONS
};

int command_show(int argc, char **argv)
{
	struct table_options table = { .rows = TABLE_CPUS, .headings = true };
	bool only_settings = false, percpu = false;
	struct ticker ticker;
	int option, status;

	while ((option = next_option(argc, argv, options)) != -1) {
		only_settings |= option == OPTION_SETTINGS;
		percpu |= option == 'p';
		table_option(&table, option, optarg);
	}
	if (percpu && only_settings)
		errx(STATUS_USAGE, "show: options '--percpu' and '--settings' are mutually exclusive");
	if (!percpu && (table.columns || !table.headings))
		errx(STATUS_USAGE, "show: option '--%s' requires '--percpu'", table.columns ? "output" : "noheadings");
	parse_name(argc, argv);
	expect_end(argv, optind + 1);
	status = ticker_stat(argv[optind], &ticker);
	if (status)
		return status;
	if (percpu)
		return print_percpu(ticker.name, &table);
	if (only_settings)
		return print_settings(&ticker, "");
	if (table.form == TABLE_HUMAN)
		return print_human(&ticker);
	return table.form == TABLE_JSON ? print_json(&ticker) : print_raw(&ticker);
}
