// SPDX-License-Identifier: GPL-2.0-only
/*
 * export: write metrics for the textfile collector of the node exporter.
 *
 * stat is read once for each ticker, and once for each of its CPUs, so that all
 * series of a ticker or a CPU are of the same instant. The file is replaced as a whole.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector.h"
#include "commands.h"
#include "options.h"
#include "replace.h"
#include "sysfs.h"

#define FILE_NAME	"sched_tick.prom"

/*
 * The bounds of the exported histograms, in ns and as text. Each is a bound of the kernel's histograms, so the counts
 * are exact. The alerting rules use 0.1.
 */
static const struct {
	uint64_t ns;
	const char *text;
} bounds[] = {
	{ 10000, "1e-05" }, { 50000, "5e-05" }, { 200000, "0.0002" }, { 1000000, "0.001" },
	{ 5000000, "0.005" }, { 20000000, "0.02" }, { 50000000, "0.05" }, { 100000000, "0.1" },
	{ 500000000, "0.5" }, { 2000000000, "2.0" }, { 10000000000, "10.0" }, { 50000000000, "50.0" },
};

#define BOUNDS (sizeof(bounds) / sizeof(*bounds))

static void print_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static void print_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP sched_tick_%s %s\n# TYPE sched_tick_%s %s\n", name, help, name, type);
}

static uint64_t get_enabled(const struct stat_line *stat)
{
	return stat->enabled;
}

static uint64_t get_ticks(const struct stat_line *stat)
{
	return stat->counter;
}

static uint64_t get_missed(const struct stat_line *stat)
{
	return stat->missed;
}

static uint64_t get_stalls(const struct stat_line *stat)
{
	return stat->stalls;
}

static uint64_t get_period_ns(const struct stat_line *stat)
{
	return stat->period_ms * UINT64_C(1000000);
}

static uint64_t get_max_ns(const struct stat_line *stat)
{
	return stat->lateness.max_ns;
}

/* The highest lateness that is not late, of the series of each CPU. It is a bound of the kernel's histograms. */
#define CPU_LATE_NS	10000000

static uint64_t get_late(const struct stat_line *stat)
{
	return lateness_count(&stat->lateness) - lateness_count_within(&stat->lateness, CPU_LATE_NS);
}

struct family {
	const char *name, *type, *help;
	uint64_t (*get)(const struct stat_line *stat);
	bool is_time;
};

static const struct family families[] = {
	{ "enabled", "gauge", "Whether the ticker is enabled.", get_enabled },
	{ "period_seconds", "gauge", "Time from one deadline to the next.", get_period_ns, true },
	{ "ticks_total", "counter", "Ticks run since the ticker was created.", get_ticks },
	{ "missed_ticks_total", "counter", "Periods that passed without a tick.", get_missed },
	{ "stalls_total", "counter", "Ticks overdue by more than stall_ms.", get_stalls },
	{ "max_lateness_seconds", "gauge", "Highest lateness since the ticker was created or reset.", get_max_ns,
	  true },
};

/* Of each CPU of the tickers that run on certain CPUs. */
static const struct family cpu_families[] = {
	{ "cpu_ticks_total", "counter", "Ticks run on the CPU since the ticker was created.", get_ticks },
	{ "cpu_missed_ticks_total", "counter", "Periods that passed on the CPU without a tick.", get_missed },
	{ "cpu_stalls_total", "counter", "Ticks on the CPU overdue by more than stall_ms.", get_stalls },
	{ "cpu_max_lateness_seconds", "gauge",
	  "Highest lateness on the CPU since the ticker was created or reset.", get_max_ns, true },
	{ "cpu_late_ticks_total", "counter", "Ticks on the CPU that were more than 10 ms late.", get_late },
};

#define FAMILIES(table)	(sizeof(table) / sizeof(*(table)))

static void print_value(FILE *out, const struct family *family, const struct stat_line *stat)
{
	uint64_t value = family->get(stat);

	if (family->is_time)
		print_seconds(out, value);
	else
		fprintf(out, "%" PRIu64 "\n", value);
}

static void print_histogram(FILE *out, const char *name, const char *ticker, const struct lateness *lateness)
{
	uint64_t count = lateness_count(lateness);

	for (size_t i = 0; i < BOUNDS; i++)
		fprintf(out, "sched_tick_%s_bucket{ticker=\"%s\",le=\"%s\"} %" PRIu64 "\n", name, ticker,
			bounds[i].text, lateness_count_within(lateness, bounds[i].ns));
	fprintf(out, "sched_tick_%s_bucket{ticker=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, ticker, count);
	fprintf(out, "sched_tick_%s_sum{ticker=\"%s\"} ", name, ticker);
	print_seconds(out, lateness->sum_ns);
	fprintf(out, "sched_tick_%s_count{ticker=\"%s\"} %" PRIu64 "\n", name, ticker, count);
}

static void print_info(FILE *out)
{
	static const char *const paths[] = {
		"/sys/module/sched_tick/version", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	};
	char texts[2][64] = { "", "" };

	for (size_t i = 0; i < 2; i++)
		if (read_first_line(paths[i], texts[i], sizeof(texts[i])))
			texts[i][strcspn(texts[i], "\"\\\n")] = '\0';
	print_family(out, "info", "gauge", "Version of the module, and clock source of the kernel.");
	fprintf(out, "sched_tick_info{version=\"%s\",clocksource=\"%s\"} 1\n", texts[0], texts[1]);
}

struct tickers {
	struct ticker *list;
	size_t count;
	struct cpus {
		struct ticker *list;
		size_t count;
	} *cpus;	/* of each ticker */
};

/* No name that the kernel accepts needs escaping. */
static void print_tickers(FILE *out, const struct family *family, const struct tickers *tickers)
{
	for (size_t i = 0; i < tickers->count; i++) {
		fprintf(out, "sched_tick_%s{ticker=\"%s\"} ", family->name, tickers->list[i].name);
		print_value(out, family, &tickers->list[i].stat);
	}
}

static void print_cpus(FILE *out, const struct family *family, const struct tickers *tickers)
{
	for (size_t i = 0; i < tickers->count; i++) {
		const struct cpus *cpus = &tickers->cpus[i];

		for (size_t j = 0; j < cpus->count; j++) {
			fprintf(out, "sched_tick_%s{ticker=\"%s\",cpu=\"%s\"} ", family->name,
				tickers->list[i].name, cpus->list[j].name);
			print_value(out, family, &cpus->list[j].stat);
		}
	}
}

static bool has_cpus(const struct tickers *tickers)
{
	for (size_t i = 0; i < tickers->count; i++)
		if (tickers->cpus[i].count)
			return true;
	return false;
}

static void print_all(FILE *out, const void *data)
{
	const struct tickers *tickers = data;
	const struct ticker *list = tickers->list;
	size_t count = tickers->count;

	print_info(out);
	for (size_t i = 0; i < FAMILIES(families); i++) {
		print_family(out, families[i].name, families[i].type, families[i].help);
		print_tickers(out, &families[i], tickers);
	}
	print_family(out, "lateness_seconds", "histogram", "Delay from the deadline to the start of the tick.");
	for (size_t j = 0; j < count; j++)
		print_histogram(out, "lateness_seconds", list[j].name, &list[j].stat.lateness);
	print_family(out, "timer_lateness_seconds", "histogram",
		     "Delay from the deadline to the timer interrupt, a part of the lateness.");
	for (size_t j = 0; j < count; j++)
		print_histogram(out, "timer_lateness_seconds", list[j].name, &list[j].stat.timer_lateness);
	for (size_t i = 0; i < FAMILIES(cpu_families) && has_cpus(tickers); i++) {
		print_family(out, cpu_families[i].name, cpu_families[i].type, cpu_families[i].help);
		print_cpus(out, &cpu_families[i], tickers);
	}
}

static int read_all(struct tickers *tickers)
{
	char *const all[] = { NULL };
	int status = ticker_list(all, &tickers->list, &tickers->count);

	tickers->cpus = calloc(tickers->count + 1, sizeof(*tickers->cpus));
	if (!tickers->cpus)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < tickers->count && !status; i++) {
		struct cpus *cpus = &tickers->cpus[i];

		status = ticker_list_cpus(tickers->list[i].name, &cpus->list, &cpus->count);
		/* A ticker that was removed meanwhile. */
		if (status == STATUS_MISSING)
			status = STATUS_DONE;
	}
	return status;
}

static void free_all(struct tickers *tickers)
{
	for (size_t i = 0; i < tickers->count; i++)
		free(tickers->cpus[i].list);
	free(tickers->cpus);
	free(tickers->list);
}

/* Write to a device or a pipe, which must not be replaced. */
static int write_in_place(const char *path, const struct tickers *tickers)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool written;

	if (!out) {
		warn("%s", path);
		return STATUS_FAILED;
	}
	print_all(out, tickers);
	written = !fflush(out) && !ferror(out);
	if (!written)
		warn("%s", path);
	fclose(out);
	return written ? STATUS_DONE : STATUS_FAILED;
}

/* Read the path that a symbolic link points to. */
static bool read_link(const char *path, char *next, size_t size)
{
	const char *slash = strrchr(path, '/');
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	int directory;

	if (length < 0)
		return false;
	target[length] = '\0';
	directory = *target == '/' || !slash ? 0 : slash - path + 1;
	errno = ENAMETOOLONG;
	return snprintf(next, size, "%.*s%s", directory, path, target) < (int)size;
}

/*
 * Follow symbolic links to their end. @mode is 0 if that does not exist. A link of another user is not followed,
 * because it could point to a file that only root may write; nor is a link in /proc to a file without a path.
 */
static bool follow_links(char *path, mode_t *mode)
{
	for (int links = 0; links < 40; links++) {
		struct stat status, target;
		char next[PATH_MAX];

		*mode = 0;
		if (lstat(path, &status))
			return errno == ENOENT;
		*mode = status.st_mode;
		if (!S_ISLNK(*mode) || (status.st_uid && status.st_uid != geteuid()))
			return true;
		if (!read_link(path, next, sizeof(next)))
			return false;
		if (lstat(next, &target) && !stat(path, &status)) {
			*mode = status.st_mode;
			return true;
		}
		strcpy(path, next);
	}
	errno = ELOOP;
	return false;
}

static int write_file(const char *path, const struct tickers *tickers)
{
	char target[PATH_MAX];
	mode_t mode;

	snprintf(target, sizeof(target), "%s", path);
	if (follow_links(target, &mode)) {
		if (mode && !S_ISREG(mode) && !S_ISLNK(mode) && !S_ISDIR(mode))
			return write_in_place(target, tickers);
		if (!S_ISDIR(mode) && replace_file(target, 0644, print_all, tickers))
			return STATUS_DONE;
		if (S_ISDIR(mode))
			errno = EISDIR;
	}
	warn("%s", path);
	return STATUS_FAILED;
}

/* The path of the file without --file. */
static int find_file(char *path, size_t size)
{
	int status = collector_find(path, size - sizeof("/" FILE_NAME));

	if (!status)
		strcat(path, "/" FILE_NAME);
	return status;
}

static const struct option options[] = {
	{ "file", required_argument, NULL, 'f' },
	COMMON_OPTIONS
};

int command_export(int argc, char **argv)
{
	char path[PATH_MAX] = "";
	struct tickers tickers = { };
	int option, status;

	while ((option = next_option(argc, argv, options)) != -1)
		if (option == 'f' && (!*optarg || snprintf(path, sizeof(path), "%s", optarg) >= (int)sizeof(path)))
			errx(STATUS_USAGE, "invalid file name '%.64s' (valid: 1 to %zu bytes)", optarg,
			     sizeof(path) - 1);
	expect_end(argv, optind);
	status = *path ? STATUS_DONE : find_file(path, sizeof(path));
	if (!status)
		status = read_all(&tickers);
	if (!status && !strcmp(path, "-"))
		print_all(stdout, &tickers);
	else if (!status)
		status = write_file(path, &tickers);
	free_all(&tickers);
	return status;
}
