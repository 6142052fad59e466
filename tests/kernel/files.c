// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files: which exist, their modes, initial values and formats. Module
 * parameters. Permissions.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static const struct {
	const char *name;
	mode_t mode;
	const char *first;	/* initial value; NULL: it changes, or cannot be read */
} files[] = {
	{ "counter", 0444 },
	{ "missed", 0444 },
	{ "stat", 0444 },
	{ "enabled", 0644, "0" },
	{ "period_ms", 0644, "1000" },
	{ "timer", 0644, "[hrtimer] wheel" },
	{ "clock", 0644, "[monotonic] boottime realtime" },
	{ "phase_ms", 0644, "-1" },
	{ "cpus", 0644, "any" },
	{ "cpus_effective", 0444, "" },
	{ "queue", 0644 },
	{ "notify", 0644, "0" },
	{ "stall_ms", 0644, "0" },
	{ "stalls", 0444, "0" },
	{ "last_stall", 0400, "" },
	{ "reset", 0200 },
	{ "lateness/last_ns", 0444, "0" },
	{ "lateness/max_ns", 0444, "0" },
	{ "lateness/sum_ns", 0444, "0" },
	{ "lateness/histogram", 0444 },
	{ "lateness/bounds_ns", 0444 },
	{ "timer_lateness/last_ns", 0444, "0" },
	{ "timer_lateness/max_ns", 0444, "0" },
	{ "timer_lateness/sum_ns", 0444, "0" },
	{ "timer_lateness/histogram", 0444 },
	{ "timer_lateness/bounds_ns", 0444 },
	{ "late_ns/steal", 0444, "0" },
	{ "late_ns/irq", 0444, "0" },
	{ "late_ns/softirq", 0444, "0" },
	{ "late_ns/other", 0444, "0" },
};

static size_t read_row(const char *name, uint64_t *row, size_t size)
{
	char text[4096], *at = text;
	size_t count = 0;

	ticker_text(name, text, sizeof(text));
	while (*at && count < size)
		row[count++] = strtoull(at, &at, 10);
	return *at ? 0 : count;
}

static void check_bounds(const char *name)
{
	uint64_t bounds[KTEST_BUCKETS + 1], expected = 1000;
	size_t count = read_row(name, bounds, ARRAY_SIZE(bounds));
	bool right = count == KTEST_BUCKETS - 1;

	for (size_t i = 0; right && i < count; i++) {
		right = bounds[i] == expected;
		expected = i % 3 == 1 ? expected * 5 / 2 : expected * 2;
	}
	check(right, "%s has 1, 2 and 5 in every decade from 1 us to 100 s", name);
}

static unsigned int unknown;

static int count_unknown(const char *path, const struct stat *status, int type)
{
	if (type != FTW_F)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(path + strlen(ticker_dir()) + 1, files[i].name))
			return 0;
	note("%s is not in the table", path);
	unknown++;
	return 0;
}

static void run_files(void)
{
	uint64_t row[KTEST_BUCKETS + 1];
	struct stat status;
	char path[128], text[4096];

	setup("enabled=0");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", ticker_dir(), files[i].name);
		if (!check(!stat(path, &status), "%s exists", files[i].name))
			continue;
		check((status.st_mode & 07777) == files[i].mode, "%s has mode %o, is %o",
		      files[i].name, files[i].mode, status.st_mode & 07777);
		if (!files[i].first)
			continue;
		ticker_text(files[i].name, text, sizeof(text));
		check(!strcmp(text, files[i].first), "%s reads \"%s\", is \"%s\"",
		      files[i].name, files[i].first, text);
	}
	ftw(ticker_dir(), count_unknown, 8);
	check(!unknown, "the directory has no other file: %u", unknown);
	check_bounds("lateness/bounds_ns");
	check_bounds("timer_lateness/bounds_ns");
	check(read_row("lateness/histogram", row, ARRAY_SIZE(row)) == KTEST_BUCKETS,
	      "lateness/histogram has one count more than lateness/bounds_ns has bounds");
	check(read_row("timer_lateness/histogram", row, ARRAY_SIZE(row)) == KTEST_BUCKETS,
	      "timer_lateness/histogram has one count more than timer_lateness/bounds_ns has bounds");
	snprintf(path, sizeof(path), "%s/reset", ticker_dir());
	check(file_read(path, text, sizeof(text)) == EACCES, "reading reset fails with EACCES");
	check(ticker_u64("counter") == 0, "a disabled ticker does not tick");
}

const struct ktest test_files = { "files", run_files, .timeout_s = 60 };

static const struct {
	const char *parameters;
	int err;
} parameters[] = {
	{ "period_ms=0", EINVAL },
	{ "period_ms=-1", EINVAL },
	{ "period_ms=2147483648", EINVAL },
	{ "period_ms=99999999999999999999", EINVAL },
	{ "period_ms=", EINVAL },
	{ "period_ms", EINVAL },
	{ "period_ms=1s", EINVAL },
	{ "period_ms=0x10", EINVAL },
	{ "max_tickers=-1", EINVAL },
	{ "max_tickers=65537", EINVAL },
	{ "max_tickers=many", EINVAL },
	{ "max_tickers=", EINVAL },
	{ "gid=-1", EINVAL },
	{ "gid=4294967295", EINVAL },
	{ "gid=users", EINVAL },
	{ "max_rate=0", EINVAL },
	{ "max_rate=2147483648", EINVAL },
	{ "max_rate=fast", EINVAL },
	{ "enabled=2", EINVAL },
	{ "enabled=maybe", EINVAL },
	{ "period_ms=1", 0 },
	{ "period_ms=2147483647", 0 },
	{ "period_ms=17 enabled=0", 0 },
	{ "enabled=1", 0 },
	{ "max_tickers=0", 0 },
	{ "max_tickers=65536", 0 },
	{ "gid=4294967294", 0 },
	{ "max_rate=1", 0 },
	{ "max_rate=2147483647", 0 },
	{ "", 0 },
};

static void run_params(void)
{
	char text[64];

	if (ticker_is_named()) {
		skip("params", "parameters are those of the default ticker");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		const char *given = parameters[i].parameters;
		int err = module_load(given);

		check(err == parameters[i].err, "loading with \"%s\" returns: %s", given, strerror(err));
		check(!access(KTEST_ROOT, F_OK) == !err, "loading with \"%s\" creates %s", given,
		      err ? "nothing" : "the ticker");
		if (err)
			continue;
		if (strstr(given, "17")) {
			ticker_text("period_ms", text, sizeof(text));
			check(!strcmp(text, "17"), "period_ms is the value of the parameter");
			check(ticker_u64("enabled") == 0, "enabled=0 disables the ticker");
		} else {
			check(ticker_u64("enabled") == 1, "loading with \"%s\" enables the ticker", given);
		}
		check(access("/sys/module/sched_tick/parameters/period_ms", F_OK) &&
		      access("/sys/module/sched_tick/parameters/enabled", F_OK),
		      "loading with \"%s\": parameters/ has no period_ms and no enabled", given);
		err = module_unload();
		check(!err, "the module loaded with \"%s\" unloads: %s", given, strerror(err));
	}
}

const struct ktest test_params = { "params", run_params, .timeout_s = 120 };

static void run_users(void)
{
	char path[128], text[4096];
	pid_t pid;
	int status;

	setup("enabled=0");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int wrong = 0;

		if (setgid(65534) || setuid(65534))
			_exit(100);
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), "%s/%s", ticker_dir(), files[i].name);
			if (files[i].mode & 0004)
				wrong += file_read(path, text, sizeof(text)) != 0;
			else
				wrong += file_read(path, text, sizeof(text)) != EACCES;
			wrong += file_write(path, "1") != EACCES;
		}
		_exit(wrong);
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && !WEXITSTATUS(status),
	      "a user other than root can read every file but reset and last_stall, and write none: %d wrong",
	      WEXITSTATUS(status));
	check(ticker_u64("enabled") == 0, "writes of other users change nothing");
}

const struct ktest test_users = { "users", run_users, .timeout_s = 60 };
