// SPDX-License-Identifier: GPL-2.0-only
/*
 * Named tickers: valid names, the maximum number, and removal while they are in
 * use.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static bool exists(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), KTEST_TICKERS "/%s/counter", name);
	return !access(path, F_OK);
}

/* Create and remove a ticker, and check that it exists in between; or check that mkdir fails and creates nothing. */
static bool try_name(const char *name, int expected)
{
	int err = ticker_make(name);

	if (err != expected) {
		note("mkdir \"%s\": %s", name, strerror(err));
		if (!err)
			ticker_remove(name);
		return false;
	}
	if (err)
		return !exists(name);
	return exists(name) && !ticker_remove(name) && !exists(name);
}

static const struct {
	const char *name;
	int err;
} names[] = {
	{ "counter", 0 },
	{ "tickers", 0 },
	{ "enabled", 0 },
	{ "period_ms", 0 },
	{ "lateness", 0 },
	{ "sched_tick", 0 },
	{ "uevent", 0 },
	{ "-", 0 },
	{ "--help", 0 },
	{ "a..b", 0 },
	{ "12345678901234567890123456789012", 0 },
	{ "default", EEXIST },
	{ "123456789012345678901234567890123", EINVAL },
	{ ".hidden", EINVAL },
	{ "...", EINVAL },
	{ "two words", EINVAL },
	{ "per%cent%s%n", EINVAL },
	{ "line\nfeed", EINVAL },
	{ "\xc3\xa4", EINVAL },
};

static void run_names(void)
{
	int log, wrong = 0;
	char name[256];

	require(!module_load("enabled=0"), "the module loads");
	log = log_open();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		check(try_name(names[i].name, names[i].err), "mkdir of name %zu returns: %s", i,
		      names[i].err ? strerror(names[i].err) : names[i].name);

	for (int c = 1; c < 256; c++) {
		bool good = c < 128 && (isalnum(c) || strchr("_.-", c));

		if (c == '/')
			continue;
		snprintf(name, sizeof(name), "a%cb", c);
		wrong += !try_name(name, good ? 0 : EINVAL);
		snprintf(name, sizeof(name), "%c", c);
		/* "." is an existing directory. */
		if (c != '.')
			wrong += !try_name(name, good ? 0 : EINVAL);
	}
	check(!wrong,
	      "mkdir accepts and refuses the right bytes, alone and between two letters: %d wrong", wrong);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	check(try_name(name, EINVAL), "mkdir refuses a name of 255 letters");
	check(log_count(log, "") == 0, "mkdir logs nothing");
	close(log);
}

const struct ktest test_names = { "names", run_names, .timeout_s = 120 };

static int count_entries(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (!dir)
		return -1;
	closedir(dir);
	return count;
}

static void run_limits(void)
{
	require(!module_load("enabled=0 max_tickers=3"), "the module loads with max_tickers=3");
	check(!ticker_make("a") && !ticker_make("b") && !ticker_make("c"), "mkdir creates three tickers");
	check(ticker_make("d") == ENOSPC, "mkdir of a fourth fails with ENOSPC");
	check(ticker_make("a") == EEXIST, "mkdir of an existing one fails with EEXIST");
	check(ticker_make("with space") == EINVAL, "mkdir of an invalid name fails with EINVAL");
	check(!exists("d"), "a refused ticker does not exist");
	check(module_unload() == EWOULDBLOCK, "the module cannot be unloaded while a named ticker exists");
	check(rmdir(KTEST_CONFIGFS "/a/x") && errno == ENOENT && mkdir(KTEST_CONFIGFS "/a/x", 0755) &&
	      open(KTEST_CONFIGFS "/a/x", O_CREAT | O_WRONLY, 0644) < 0,
	      "nothing can be created in the directory of a ticker");
	check(count_entries(KTEST_CONFIGFS "/a") == 0, "the directory of a ticker in configfs is empty");
	check(count_entries(KTEST_CONFIGFS) == 3, "the directory in configfs contains the three tickers only");
	check(!ticker_remove("b") && !ticker_make("d"), "after a rmdir, mkdir succeeds again");
	check(ticker_remove("b") == ENOENT, "a second rmdir fails with ENOENT");
	check(!ticker_remove("a") && !ticker_remove("c") && !ticker_remove("d"), "rmdir removes all of them");
	check(!module_unload(), "the module unloads");

	require(!module_load("enabled=0 max_tickers=0"), "the module loads with max_tickers=0");
	check(ticker_make("a") == ENOSPC, "mkdir fails with ENOSPC");
}

const struct ktest test_limits = { "limits", run_limits, .timeout_s = 60 };

static void run_rmdir(void)
{
	unsigned int rounds = effort(300), ticked = 0, wrong = 0;
	pid_t pollers[4], others[4];
	int fd, status;
	char text[64];

	require(!module_load("enabled=0") && !ticker_make("t"), "the module loads and mkdir creates a ticker");
	ticker_choose("t");
	check(ticker_u64("enabled") == 0, "a new ticker is disabled");
	ticker_set("period_ms", "1");
	ticker_set("enabled", "1");
	fd = ticker_open("stat", O_RDONLY);
	for (size_t i = 0; i < ARRAY_SIZE(pollers); i++)
		pollers[i] = ticker_poller(i & 1 ? "enabled" : "counter");
	wait_for_counter(10, 10 * NSEC_PER_SEC);
	check(!ticker_remove("t"), "rmdir removes a ticker that ticks");
	for (size_t i = 0; i < ARRAY_SIZE(pollers); i++) {
		waitpid(pollers[i], &status, 0);
		wrong += status != 0;
	}
	check(!wrong, "removal wakes pollers of counter and enabled, which read ENODEV: %u did not", wrong);
	check(read(fd, text, sizeof(text)) < 0 && errno == ENODEV, "reading an open file fails with ENODEV");
	close(fd);
	check(!ticker_make("t") && ticker_u64("counter") == 0,
	      "the counter of a new ticker of that name starts at 0");
	ticker_remove("t");

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = spawn(ticker_disturb, (void *)(i + 1));
	for (unsigned int i = 0; i < rounds; i++) {
		int err = ticker_make("t");

		if (err)
			require(false, "round %u: mkdir: %s", i, strerror(err));
		ticker_write("period_ms", "1");
		ticker_write("enabled", "1");
		sleep_ns(rand() % (5 * NSEC_PER_MSEC));
		ticked += ticker_u64("counter") > 0;
		err = ticker_remove("t");
		if (err)
			require(false, "round %u: rmdir: %s", i, strerror(err));
	}
	reap(others, ARRAY_SIZE(others));
	check(ticked > rounds / 10,
	      "%u cycles of mkdir and rmdir under readers, writers and pollers; it ticked in %u",
	      rounds, ticked);
}

const struct ktest test_rmdir = { "rmdir", run_rmdir, .timeout_s = 600 };
