// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parameter gid: its group may write some files of tickers created since.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define GROUP	12345
#define NOBODY	65534

static int write_of(const char *ticker, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", ticker, file);
	return file_write(path, text);
}

/* Write to a ticker as a user of a group; return the number of wrong results. */
static int count_wrong(const char *ticker, gid_t gid)
{
	int status, wrong = 0, expected = gid == GROUP ? 0 : EACCES;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (setgid(gid) || setuid(NOBODY))
			_exit(100);
		wrong += write_of(ticker, "enabled", "1") != expected;
		wrong += write_of(ticker, "enabled", "0") != expected;
		wrong += write_of(ticker, "period_ms", "50") != expected;
		wrong += write_of(ticker, "period_ms", "0") != (expected ?: ERANGE);
		wrong += write_of(ticker, "cpus", "any") != EACCES;
		wrong += write_of(ticker, "stall_ms", "1") != EACCES;
		wrong += write_of(ticker, "reset", "1") != EACCES;
		_exit(wrong);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void check_files(const char *ticker, gid_t gid)
{
	static const char * const names[] = { "enabled", "period_ms", "cpus", "counter", "lateness/max_ns" };
	char path[256];
	struct stat file;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		mode_t mode = i < 2 ? (gid ? 0664 : 0644) : i == 2 ? 0644 : 0444;
		bool there;

		snprintf(path, sizeof(path), "%s/%s", ticker, names[i]);
		there = !stat(path, &file);
		check(there && (file.st_mode & 0777) == mode && file.st_gid == gid && !file.st_uid,
		      "%s has the right group and mode: %u, %o", path, file.st_gid, file.st_mode & 0777);
	}
}

/* A member of the group writes to a ticker as soon as mkdir has returned. */
static void check_after_mkdir(void)
{
	int names[2], wrong = 0, made = effort(200), status;
	char name[16];
	pid_t pid;

	require(!pipe(names), "a pipe is created");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		char path[64];

		close(names[1]);
		if (setgid(GROUP) || setuid(NOBODY))
			_exit(100);
		while (read(names[0], name, sizeof(name)) == sizeof(name)) {
			snprintf(path, sizeof(path), KTEST_TICKERS "/%s", name);
			wrong += write_of(path, "enabled", "1") || write_of(path, "period_ms", "5000");
		}
		_exit(wrong > 99 ? 99 : wrong);
	}
	close(names[0]);
	for (int i = 0; i < made; i++) {
		memset(name, 0, sizeof(name));
		snprintf(name, sizeof(name), "new%d", i);
		wrong += ticker_make(name) != 0;
		wrong += write(names[1], name, sizeof(name)) != sizeof(name);
	}
	close(names[1]);
	waitpid(pid, &status, 0);
	check(!wrong && WIFEXITED(status) && !WEXITSTATUS(status),
	      "a member can write to each of %d tickers right after mkdir: %d wrong",
	      made, WEXITSTATUS(status));
	for (int i = 0; i < made; i++) {
		snprintf(name, sizeof(name), "new%d", i);
		wrong += ticker_remove(name) != 0;
	}
	check(!wrong, "rmdir removes all of them");
}

static void run_gid(void)
{
	const char *parameter = "/sys/module/sched_tick/parameters/gid";
	char text[16];

	require(!module_load("enabled=0 gid=12345"), "the module loads with a group");
	check_files(KTEST_ROOT, GROUP);
	check(!count_wrong(KTEST_ROOT, GROUP), "a member of the group may write enabled and period_ms only");
	check(!count_wrong(KTEST_ROOT, NOBODY), "other users may write nothing");
	check_after_mkdir();
	require(!module_unload(), "the module unloads");

	require(!module_load("enabled=0"), "the module loads without a group");
	check_files(KTEST_ROOT, 0);
	check(!count_wrong(KTEST_ROOT, NOBODY), "without a group, other users may write nothing");
	check(file_write(parameter, "4294967295") == EINVAL, "gid refuses 4294967295 with EINVAL");
	check(!file_read(parameter, text, sizeof(text)) && !strcmp(text, "0\n"), "gid stays 0");
	check(!file_write(parameter, "12345"), "gid accepts a group");
	check_files(KTEST_ROOT, 0);
	require(!ticker_make("later"), "mkdir creates a ticker");
	check_files(KTEST_TICKERS "/later", GROUP);
	check(!count_wrong(KTEST_TICKERS "/later", GROUP),
	      "a member may write to a ticker created after gid was set");
	check(!ticker_remove("later"), "rmdir removes the ticker");
	require(!module_unload(), "the module unloads");
}

const struct ktest test_gid = { "gid", run_gid, .timeout_s = 120 };
