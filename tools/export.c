// SPDX-License-Identifier: GPL-2.0-only
/*
 * export: metrics for the node exporter's textfile collector.
 *
 * One read of stat per ticker, so that all of its series are of one instant; one
 * file, whole or not at all.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector.h"
#include "commands.h"
#include "sysfs.h"

#define FILE_NAME	"sched_tick.prom"

/*
 * The bounds that are told, in ns and as they are written: each is one of the kernel's, so nothing is
 * guessed. From what is good to what the kernel's own watchdogs would notice; 0.1 is what alerts ask for.
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

static void print_sample(FILE *out, const char *name, const char *ticker)
{
	/* No name that the kernel takes needs quoting. */
	fprintf(out, "sched_tick_%s{ticker=\"%s\"} ", name, ticker);
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

static const struct {
	const char *name, *type, *help;
	uint64_t (*get)(const struct stat_line *stat);
	bool is_time;
} families[] = {
	{ "enabled", "gauge", "Whether the ticker runs.", get_enabled },
	{ "period_seconds", "gauge", "Time from one deadline to the next.", get_period_ns, true },
	{ "ticks_total", "counter", "Ticks run since the ticker was made.", get_ticks },
	{ "missed_ticks_total", "counter", "Periods that passed without a tick of their own.", get_missed },
	{ "stalls_total", "counter", "Ticks that were later than stall_ms.", get_stalls },
	{ "max_lateness_seconds", "gauge", "Lateness of the worst tick since load or reset.", get_max_ns, true },
};

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
	static const char clocksource[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
	static const char version[] = "/sys/module/sched_tick/version";
	const char *paths[] = { version, clocksource };
	char texts[2][64] = { "", "" };

	for (size_t i = 0; i < 2; i++) {
		char path[PATH_MAX];
		FILE *file;

		snprintf(path, sizeof(path), "%s%s", getenv("SCHED_TICK_ROOT") ?: "", paths[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (!fgets(texts[i], sizeof(texts[i]), file))
			texts[i][0] = '\0';
		texts[i][strcspn(texts[i], "\"\\\n")] = '\0';
		fclose(file);
	}
	print_family(out, "info", "gauge", "Version of the module, and the clock that all times are told by.");
	fprintf(out, "sched_tick_info{version=\"%s\",clocksource=\"%s\"} 1\n", texts[0], texts[1]);
}

static void print_all(FILE *out, const struct ticker *list, size_t count)
{
	print_info(out);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		print_family(out, families[i].name, families[i].type, families[i].help);
		for (size_t j = 0; j < count; j++) {
			uint64_t value = families[i].get(&list[j].stat);

			print_sample(out, families[i].name, list[j].name);
			if (families[i].is_time)
				print_seconds(out, value);
			else
				fprintf(out, "%" PRIu64 "\n", value);
		}
	}
	print_family(out, "lateness_seconds", "histogram", "From the deadline until the tick ran.");
	for (size_t j = 0; j < count; j++)
		print_histogram(out, "lateness_seconds", list[j].name, &list[j].stat.lateness);
	print_family(out, "timer_lateness_seconds", "histogram",
		     "The part of it until the timer's interrupt ran.");
	for (size_t j = 0; j < count; j++)
		print_histogram(out, "timer_lateness_seconds", list[j].name, &list[j].stat.timer_lateness);
}

/* Write a new file beside it and rename that: a reader has the old file or the new one. */
static int replace_file(const char *path, const struct ticker *list, size_t count)
{
	char temporary[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int directory = slash ? slash - path + 1 : 0, fd, failed;
	FILE *out;

	/* Its name must not end in .prom, or the collector would read it. */
	if (snprintf(temporary, sizeof(temporary), "%.*s.%s.XXXXXX", directory, path, path + directory) >=
	    (int)sizeof(temporary)) {
		warnx("%s: the path is too long", path);
		return STATUS_FAILED;
	}
	fd = mkstemp(temporary);
	if (fd < 0) {
		warn("%.*s: the directory can't be written to", directory ? directory : 1, directory ? path : ".");
		return STATUS_FAILED;
	}
	out = fdopen(fd, "w");
	if (!out)
		err(STATUS_FAILED, "memory");
	print_all(out, list, count);
	failed = fchmod(fd, 0644);
	failed |= fflush(out) || ferror(out);
	if (failed)
		warn("%s", path);
	failed |= fclose(out);
	if (!failed && rename(temporary, path)) {
		warn("%s", path);
		failed = true;
	}
	if (failed) {
		unlink(temporary);
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}

/* Write to a device, a pipe or whatever else can't be replaced. */
static int write_in_place(const char *path, const struct ticker *list, size_t count)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool good;

	if (!out) {
		warn("%s", path);
		return STATUS_FAILED;
	}
	print_all(out, list, count);
	good = !fflush(out) && !ferror(out);
	if (!good)
		warn("%s", path);
	fclose(out);
	return good ? STATUS_DONE : STATUS_FAILED;
}

/* Put the next path of a link in place of it. */
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
 * Follow links to their end, which need not exist: @mode is 0 then. A link of another user is not followed, it
 * might lead to what only root may write to; nor is one in /proc that stands for what has no path.
 */
static bool follow_links(char *path, mode_t *mode)
{
	for (int links = 0; links < 40; links++) {
		struct stat status, there;
		char next[PATH_MAX];

		*mode = 0;
		if (lstat(path, &status))
			return errno == ENOENT;
		*mode = status.st_mode;
		if (!S_ISLNK(*mode) || (status.st_uid && status.st_uid != geteuid()))
			return true;
		if (!read_link(path, next, sizeof(next)))
			return false;
		if (lstat(next, &there) && !stat(path, &status)) {
			*mode = status.st_mode;
			return true;
		}
		strcpy(path, next);
	}
	errno = ELOOP;
	return false;
}

static int write_file(const char *path, const struct ticker *list, size_t count)
{
	char target[PATH_MAX];
	mode_t mode;

	snprintf(target, sizeof(target), "%s", path);
	if (follow_links(target, &mode)) {
		if (!mode || S_ISREG(mode) || S_ISLNK(mode))
			return replace_file(target, list, count);
		if (!S_ISDIR(mode))
			return write_in_place(target, list, count);
		errno = EISDIR;
	}
	warn("%s", path);
	return STATUS_FAILED;
}

/* Where to, unless --output says it. */
static int find_file(char *path, size_t size)
{
	int status = collector_find(path, size - sizeof("/" FILE_NAME));

	if (!status)
		strcat(path, "/" FILE_NAME);
	return status;
}

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "output", required_argument, NULL, 'o' },
	{ }
};

int command_export(int argc, char **argv)
{
	char *const all[] = { NULL };
	char path[PATH_MAX] = "";
	struct ticker *list = NULL;
	size_t count;
	int option, status;

	while ((option = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (option != 'o')
			usage("export", option == 'h' ? STATUS_DONE : STATUS_USAGE);
		if (snprintf(path, sizeof(path), "%s", optarg) >= (int)sizeof(path))
			errx(STATUS_USAGE, "%s: the path is too long", optarg);
	}
	if (optind != argc)
		usage("export", STATUS_USAGE);
	status = *path ? STATUS_DONE : find_file(path, sizeof(path));
	if (!status)
		status = ticker_list(all, &list, &count);
	if (!status && !strcmp(path, "-"))
		print_all(stdout, list, count);
	else if (!status)
		status = write_file(path, list, count);
	free(list);
	return status;
}
