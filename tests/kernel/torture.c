// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once: mkdir, rmdir, read, write, poll, subscribe, load, unload.
 * Each actor counts what it got done; an actor that got nothing done fails the
 * test, because then it has tested nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktest.h"

#define NAMES 8

enum { MADE, REMOVED, READ, WRITTEN, WOKEN, SUBSCRIBED, LOADED, UNLOADED, COUNTERS };

static const char *const counter_names[COUNTERS] = {
	"made", "removed", "read", "written", "woken", "subscribed", "loaded", "unloaded",
};

static volatile unsigned long *done;	/* shared by all */

static void did(int what)
{
	__atomic_fetch_add(&done[what], 1, __ATOMIC_RELAXED);
}

static const char *any_name(void)
{
	static char name[8];

	snprintf(name, sizeof(name), "t%d", rand() % NAMES);
	return name;
}

static void make_and_remove(void)
{
	const char *name = any_name();

	if (rand() & 1) {
		if (!ticker_make(name)) {
			did(MADE);
			tick_choose(name);
			tick_write("period_ms", rand() & 1 ? "1" : "7");
			tick_write("enabled", "1");
		}
	} else if (!ticker_remove(name)) {
		did(REMOVED);
	}
	sleep_ns(rand() % (2 * NSEC_PER_MSEC));
}

static void read_files(void)
{
	static const char *const files[] = {
		"stat", "counter", "lateness/histogram", "clock", "stalls",
	};
	char text[4096];
	int fd;

	tick_choose(rand() % 4 ? any_name() : "default");
	fd = tick_open(files[rand() % ARRAY_SIZE(files)], O_RDONLY);
	if (fd < 0)
		return;
	while (rand() % 16 && pread(fd, text, sizeof(text), 0) > 0)
		did(READ);
	close(fd);
}

static void write_files(void)
{
	static const char *const writes[][2] = {
		{ "enabled", "1" }, { "enabled", "0" }, { "period_ms", "1" }, { "period_ms", "86400000" },
		{ "precise", "0" }, { "precise", "1" }, { "clock", "realtime" }, { "clock", "boottime" },
		{ "clock", "monotonic" }, { "phase_ms", "0" }, { "phase_ms", "-1" }, { "cpu", "1" },
		{ "cpu", "0" }, { "cpu", "-1" }, { "stall_ms", "1" }, { "stall_ms", "0" },
		{ "notify", "1" }, { "reset", "1" }, { "period_ms", "junk" }, { "enabled", "1" },
	};
	size_t i = rand() % ARRAY_SIZE(writes);

	tick_choose(rand() % 4 ? any_name() : "default");
	if (!tick_write(writes[i][0], writes[i][1]))
		did(WRITTEN);
	sleep_ns(rand() % NSEC_PER_MSEC);
}

static void sleep_in_poll(void)
{
	struct pollfd poller = { .events = POLLPRI };
	char text[64];

	tick_choose(rand() % 4 ? any_name() : "default");
	poller.fd = tick_open(rand() & 1 ? "counter" : "enabled", O_RDONLY);
	if (poller.fd < 0)
		return;
	while (rand() % 8 && pread(poller.fd, text, sizeof(text), 0) > 0)
		if (poll(&poller, 1, 100) == 1)
			did(WOKEN);
	close(poller.fd);
}

static void subscribe(void)
{
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "ticker=%s cycles=%d sleep_ms=%d",
		 rand() % 4 ? any_name() : "default", rand() % 20, rand() % 2);
	if (helper_load("tick_subscriber", parameters)) {
		sleep_ns(NSEC_PER_MSEC);
		return;
	}
	sleep_ns(rand() % (5 * NSEC_PER_MSEC));
	if (helper_u64("tick_subscriber", "wrong"))
		abort();
	if (!module_remove("tick_subscriber"))
		did(SUBSCRIBED);
}

static void load_and_unload(void)
{
	char parameters[64];

	/* The others make tickers meanwhile, so it takes a few attempts. */
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < NAMES; j++) {
			char name[8];

			snprintf(name, sizeof(name), "t%d", j);
			ticker_remove(name);
		}
		if (!module_unload()) {
			did(UNLOADED);
			break;
		}
	}
	snprintf(parameters, sizeof(parameters), "period_ms=%d max_tickers=%d", 1 + rand() % 5,
		 rand() % (2 * NAMES));
	if (!module_load(parameters))
		did(LOADED);
	sleep_ns(rand() % (300 * NSEC_PER_MSEC));
}

static void (*const actors[])(void) = {
	make_and_remove, make_and_remove, read_files, write_files, write_files, sleep_in_poll,
	sleep_in_poll, subscribe, load_and_unload,
};

static void act(void *which)
{
	srand((uintptr_t)which * 7919 + 1);
	for (;;)
		actors[(uintptr_t)which]();
}

static void say_progress(void)
{
	char text[256];
	size_t length = 0;

	for (int i = 0; i < COUNTERS; i++)
		length += snprintf(text + length, sizeof(text) - length, " %s %lu", counter_names[i],
				   done[i]);
	note("%s", text + 1);
	fflush(stdout);
}

static void run_torture(void)
{
	unsigned int seconds = effort(600);
	pid_t pids[ARRAY_SIZE(actors)];

	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(done != MAP_FAILED && !module_load("period_ms=1"), "module loads");
	for (size_t i = 0; i < ARRAY_SIZE(actors); i++)
		pids[i] = spawn(act, (void *)i);
	for (unsigned int i = 0; i < seconds; i++) {
		sleep_ns(NSEC_PER_SEC);
		if (i % 10 == 9)
			say_progress();
		for (size_t j = 0; j < ARRAY_SIZE(actors); j++)
			if (kill(pids[j], 0))
				require(false, "actor %zu lives", j);
	}
	reap(pids, ARRAY_SIZE(actors));
	say_progress();
	for (int i = 0; i < COUNTERS; i++)
		check(done[i] > 0, "in %u s: %s %lu", seconds, counter_names[i], done[i]);
	check(!machine_clean(), "all of it goes");
	check(access(KTEST_ROOT, F_OK) && access("/sys/module/sched_tick", F_OK), "nothing is left");
}

const struct ktest test_torture = {
	"torture", run_torture, .timeout_s = 1200, .needs_vm = true
};
