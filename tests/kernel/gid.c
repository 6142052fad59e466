// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group that the parameter gid names: what its members may write, and since
 * when.
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

/* What somebody else than root, of a group, may do with a ticker: how much of it is wrong. */
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
		wrong += write_of(ticker, "cpu", "-1") != EACCES;
		wrong += write_of(ticker, "stall_ms", "1") != EACCES;
		wrong += write_of(ticker, "reset", "1") != EACCES;
		_exit(wrong);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void check_files(const char *ticker, gid_t gid)
{
	static const char * const names[] = { "enabled", "period_ms", "cpu", "counter", "lateness/max_ns" };
	char path[256];
	struct stat file;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		mode_t mode = i < 2 ? (gid ? 0664 : 0644) : i == 2 ? 0644 : 0444;
		bool there;

		snprintf(path, sizeof(path), "%s/%s", ticker, names[i]);
		there = !stat(path, &file);
		check(there && (file.st_mode & 0777) == mode && file.st_gid == gid && !file.st_uid,
		      "%s: group %u, mode %o", path, file.st_gid, file.st_mode & 0777);
	}
}

/* The member is there before the ticker is, and writes as soon as it is told its name. */
static void check_from_birth(void)
{
	int told[2], wrong = 0, made = effort(200), status;
	char name[16];
	pid_t pid;

	require(!pipe(told), "a pipe");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		char path[64];

		close(told[1]);
		if (setgid(GROUP) || setuid(NOBODY))
			_exit(100);
		while (read(told[0], name, sizeof(name)) == sizeof(name)) {
			snprintf(path, sizeof(path), KTEST_TICKERS "/%s", name);
			wrong += write_of(path, "enabled", "1") || write_of(path, "period_ms", "5000");
		}
		_exit(wrong > 99 ? 99 : wrong);
	}
	close(told[0]);
	for (int i = 0; i < made; i++) {
		memset(name, 0, sizeof(name));
		snprintf(name, sizeof(name), "born%d", i);
		wrong += ticker_make(name) != 0;
		wrong += write(told[1], name, sizeof(name)) != sizeof(name);
	}
	close(told[1]);
	waitpid(pid, &status, 0);
	check(!wrong && WIFEXITED(status) && !WEXITSTATUS(status), "%d tickers, written to by a member "
	      "right after mkdir: %d wrong", made, WEXITSTATUS(status));
	for (int i = 0; i < made; i++) {
		snprintf(name, sizeof(name), "born%d", i);
		wrong += ticker_remove(name) != 0;
	}
	check(!wrong, "all of them go");
}

static void run_group(void)
{
	const char *parameter = "/sys/module/sched_tick/parameters/gid";
	char text[16];

	require(!module_load("enabled=0 gid=12345"), "loaded with a group");
	check_files(KTEST_ROOT, GROUP);
	check(!count_wrong(KTEST_ROOT, GROUP), "a member may write enabled and period_ms");
	check(!count_wrong(KTEST_ROOT, NOBODY), "and nobody else");
	check_from_birth();
	require(!module_unload(), "unloaded");

	require(!module_load("enabled=0"), "loaded without");
	check_files(KTEST_ROOT, 0);
	check(!count_wrong(KTEST_ROOT, NOBODY), "nobody may write");
	check(file_write(parameter, "4294967295") == EINVAL, "no group at all: EINVAL");
	check(!file_read(parameter, text, sizeof(text)) && !strcmp(text, "0\n"), "and none it stays");
	check(!file_write(parameter, "12345"), "a group from now on");
	check_files(KTEST_ROOT, 0);
	require(!ticker_make("later"), "a ticker is made");
	check_files(KTEST_TICKERS "/later", GROUP);
	check(!count_wrong(KTEST_TICKERS "/later", GROUP), "a member may write to it");
	check(!ticker_remove("later"), "it goes");
	require(!module_unload(), "unloaded");
}

const struct ktest test_group = { "group", run_group, .timeout_s = 120 };
