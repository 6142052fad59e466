// SPDX-License-Identifier: GPL-2.0-only
/*
 * export: metrics for the node exporter's textfile collector.
 *
 * One read of stat per ticker, so that all of its series are of one instant; one
 * file, whole or not at all.
 */
#include <dirent.h>
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

#include "commands.h"
#include "ticker.h"

#define FILE_NAME	"sched_tick.prom"

/* Where the collector looks: Debian and Fedora; the exporter's own example. */
static const char *const folders[] = {
	"/var/lib/prometheus/node-exporter",
	"/var/lib/node_exporter/textfile_collector",
};

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
	print_family(out, "alarm_lateness_seconds", "histogram",
		     "The part of it until the timer's interrupt ran.");
	for (size_t j = 0; j < count; j++)
		print_histogram(out, "alarm_lateness_seconds", list[j].name, &list[j].stat.alarm_lateness);
}

/* Written next to the file and moved over it: a reader has the old one or the new one. */
static int write_file(const char *path, const struct ticker *list, size_t count)
{
	char temporary[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int folder = slash ? slash - path + 1 : 0, fd, failed;
	FILE *out;

	/* Its name must not end in .prom, or the collector would read it. */
	if (snprintf(temporary, sizeof(temporary), "%.*s.%s.XXXXXX", folder, path, path + folder) >=
	    (int)sizeof(temporary)) {
		warnx("%s: the path is too long", path);
		return STATUS_FAILED;
	}
	fd = mkstemp(temporary);
	if (fd < 0) {
		warn("%.*s: the folder can't be written to", folder ? folder : 1, folder ? path : ".");
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

/* The value of the option among the words of a command line, which end with a null each. */
static const char *option_value(const char *words, size_t length, const char *flag)
{
	size_t skip = strlen(flag);

	for (const char *word = words; word < words + length; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1;

		if (strncmp(word, flag, skip))
			continue;
		if (word[skip] == '=')
			return word + skip + 1;
		if (!word[skip] && next < words + length)
			return next;
	}
	return NULL;
}

/* The folder that a node exporter that runs was told to read. */
static bool folder_of_exporter(char *folder, size_t size)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (proc && !found && (entry = readdir(proc))) {
		char path[PATH_MAX], words[8192];
		const char *value;
		ssize_t length;
		int fd;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		length = read(fd, words, sizeof(words) - 1);
		close(fd);
		if (length <= 0)
			continue;
		words[length] = '\0';
		value = option_value(words, length, "--collector.textfile.directory");
		found = value && *value == '/' && strlen(value) < size;
		if (found)
			snprintf(folder, size, "%s", value);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* Where to, unless that is said: where an exporter that runs looks, or else what there is. */
static int choose_file(char *path, size_t size)
{
	char folder[PATH_MAX - sizeof(FILE_NAME) - 1];

	if (folder_of_exporter(folder, sizeof(folder))) {
		snprintf(path, size, "%s/" FILE_NAME, folder);
		return STATUS_DONE;
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		if (access(folders[i], F_OK))
			continue;
		snprintf(path, size, "%s/" FILE_NAME, folders[i]);
		return STATUS_DONE;
	}
	warnx("no folder of a textfile collector is found: --output says where to");
	return STATUS_FAILED;
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
		snprintf(path, sizeof(path), "%s", optarg);
	}
	if (optind != argc)
		usage("export", STATUS_USAGE);
	status = *path ? STATUS_DONE : choose_file(path, sizeof(path));
	if (!status)
		status = ticker_list(all, &list, &count);
	if (!status && !strcmp(path, "-"))
		print_all(stdout, list, count);
	else if (!status)
		status = write_file(path, list, count);
	free(list);
	return status;
}
