// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once: mkdir, rmdir, reads, writes, killed writers, pollers,
 * subscribers, load and unload, clock steps, stalls, CPU hotplug, and tracing on a machine
 * with one CPU (docs/testing.md).
 * Each actor counts what it completed. The test fails if a count stays 0, because
 * then an actor has tested nothing, or if no count grows for ten seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define NAMES 8

enum { CREATED, REMOVED, READ, WRITTEN, WOKEN, SUBSCRIBED, LOADED, UNLOADED, SET, SWITCHED, KILLED, HELD, COUNTERS };

static const char *const counter_names[COUNTERS] = {
	"created", "removed", "read", "written", "woken", "subscribed", "loaded", "unloaded", "set", "switched",
	"killed", "held",
};

/* Shared by all actors: the counters, and whether actors that create something must wait. */
static volatile unsigned long *done;
static volatile bool *hold;

static void wait_if_held(void)
{
	while (*hold)
		sleep_ns(NSEC_PER_MSEC);
}

static void count(int what)
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

	wait_if_held();
	if (rand() & 1) {
		if (!ticker_make(name)) {
			count(CREATED);
			ticker_choose(name);
			ticker_write("period_ms", rand() & 1 ? "1" : "7");
			ticker_write("enabled", "1");
		}
	} else if (!ticker_remove(name)) {
		count(REMOVED);
	}
	sleep_ns(rand() % (2 * NSEC_PER_MSEC));
}

static void read_files(void)
{
	static const char *const files[] = {
		"stat", "counter", "lateness/histogram", "clock", "stalls", "last_stall",
	};
	char text[4096];
	int fd;

	ticker_choose(rand() % 4 ? any_name() : "default");
	fd = ticker_open(files[rand() % ARRAY_SIZE(files)], O_RDONLY);
	if (fd < 0)
		return;
	while (rand() % 16 && pread(fd, text, sizeof(text), 0) > 0)
		count(READ);
	close(fd);
}

static void write_files(void)
{
	static const char *const writes[][2] = {
		{ "enabled", "1" }, { "enabled", "0" }, { "period_ms", "1" }, { "period_ms", "86400000" },
		{ "timer", "wheel" }, { "timer", "hrtimer" }, { "clock", "realtime" }, { "clock", "boottime" },
		{ "clock", "monotonic" }, { "phase_ms", "0" }, { "phase_ms", "-1" }, { "cpus", "1" },
		{ "cpus", "0" }, { "cpus", "any" }, { "cpus", "all" }, { "cpus", "0-1" }, { "cpus", "housekeeping" },
		{ "queue", "normal" }, { "queue", "unbound" }, { "queue", "highpri" }, { "queue", "bh" }, { "stall_ms", "1" }, { "stall_ms", "0" },
		{ "notify", "1" }, { "reset", "1" }, { "period_ms", "junk" }, { "enabled", "1" },
		{ "period_ms", "2147483647" }, { "period_ms", "" }, { "clock", "\xff" }, { "phase_ms", "2147483648" },
	};
	size_t i = rand() % ARRAY_SIZE(writes);

	ticker_choose(rand() % 4 ? any_name() : "default");
	if (!ticker_write(writes[i][0], writes[i][1]))
		count(WRITTEN);
	sleep_ns(rand() % NSEC_PER_MSEC);
}

static void write_for_ever(void *unused)
{
	srand(getpid());
	for (;;)
		write_files();
}

/* The writer is killed anywhere, also while it waits for another writer or for a subscriber that sleeps. */
static void write_and_be_killed(void)
{
	pid_t writer = spawn(write_for_ever, NULL);

	sleep_ns(rand() % (5 * NSEC_PER_MSEC));
	kill(writer, SIGKILL);
	if (waitpid(writer, NULL, 0) == writer)
		count(KILLED);
}

static void sleep_in_poll(void)
{
	struct pollfd poller = { .events = POLLPRI };
	char text[64];

	ticker_choose(rand() % 4 ? any_name() : "default");
	poller.fd = ticker_open(rand() & 1 ? "counter" : "enabled", O_RDONLY);
	if (poller.fd < 0)
		return;
	while (rand() % 8 && pread(poller.fd, text, sizeof(text), 0) > 0)
		if (poll(&poller, 1, 100) == 1)
			count(WOKEN);
	close(poller.fd);
}

static void subscribe(void)
{
	char parameters[64];

	wait_if_held();
	snprintf(parameters, sizeof(parameters), "ticker=%s cycles=%d sleep_ms=%d",
		 rand() % 4 ? any_name() : "default", rand() % 20, rand() % 4 ? rand() % 2 : 20);
	if (helper_load("tick_subscriber", parameters)) {
		sleep_ns(NSEC_PER_MSEC);
		return;
	}
	sleep_ns(rand() % (5 * NSEC_PER_MSEC));
	if (helper_u64("tick_subscriber", "wrong"))
		abort();
	if (!module_remove("tick_subscriber"))
		count(SUBSCRIBED);
}

static void load_and_unload(void)
{
	char parameters[64];

	/* Other actors create tickers meanwhile; hold them from the third attempt on. */
	for (int i = 0; i < 20; i++) {
		*hold = i >= 2;
		for (int j = 0; j < NAMES; j++) {
			char name[8];

			snprintf(name, sizeof(name), "t%d", j);
			ticker_remove(name);
		}
		if (!module_unload()) {
			count(UNLOADED);
			break;
		}
	}
	*hold = false;
	snprintf(parameters, sizeof(parameters), "period_ms=%d max_tickers=%d", 1 + rand() % 5,
		 rand() % (2 * NAMES));
	if (!module_load(parameters))
		count(LOADED);
	sleep_ns(rand() % (300 * NSEC_PER_MSEC));
}

/* Step the clock by up to an hour and back, so that it does not drift away. */
static void set_the_clock(void)
{
	struct timespec now;
	int step = rand() % 7200 - 3600;

	for (int i = 0; i < 2; i++, step = -step) {
		clock_gettime(CLOCK_REALTIME, &now);
		now.tv_sec += step;
		if (!clock_settime(CLOCK_REALTIME, &now))
			count(SET);
		sleep_ns(rand() % (200 * NSEC_PER_MSEC));
	}
}

/* Hold a CPU in each context, with interrupts on or off. The CPU may be offline. */
static void hold_a_cpu(void)
{
	helper_set("tick_hog", "cpu", rand() & 1);
	helper_set("tick_hog", "context", rand() % HOG_CONTEXTS);
	helper_set("tick_hog", "irqs_off", rand() & 1);
	if (!helper_set("tick_hog", "ms", rand() % 20))
		count(HELD);
	sleep_ns(rand() % (100 * NSEC_PER_MSEC));
}

/* Take a CPU offline and online; on a machine with one CPU enable and disable tracing. */
static void switch_cpu_or_trace(void)
{
	static const char cpu[] = "/sys/devices/system/cpu/cpu1/online";
	static const char trace[] = "/sys/kernel/tracing/events/sched_tick/enable";
	const char *file = access(cpu, F_OK) ? trace : cpu;

	if (!file_write(file, "0"))
		count(SWITCHED);
	sleep_ns(rand() % (200 * NSEC_PER_MSEC));
	file_write(file, "1");
	sleep_ns(rand() % NSEC_PER_SEC);
	/* An enabled tracepoint holds the module. */
	if (file == trace)
		file_write(file, "0");
}

static void (*const actors[])(void) = {
	make_and_remove, make_and_remove, read_files, write_files, write_files, sleep_in_poll,
	sleep_in_poll, subscribe, load_and_unload, set_the_clock, switch_cpu_or_trace, write_and_be_killed,
	hold_a_cpu,
};

static unsigned int seed;

static void act(void *which)
{
	srand(seed + (uintptr_t)which);
	for (;;)
		actors[(uintptr_t)which]();
}

static bool print_progress(void)
{
	static unsigned long before;
	unsigned long total = 0;
	char text[256];
	size_t length = 0;
	bool progress;

	for (int i = 0; i < COUNTERS; i++) {
		length += snprintf(text + length, sizeof(text) - length, " %s %lu", counter_names[i],
				   done[i]);
		total += done[i];
	}
	note("%s", text + 1);
	fflush(stdout);
	progress = total > before;
	before = total;
	return progress;
}

static bool all_progressed(void)
{
	for (int i = 0; i < COUNTERS; i++)
		if (!done[i])
			return false;
	return true;
}

static void run_torture(void)
{
	unsigned int seconds = effort(600), i;
	pid_t pids[ARRAY_SIZE(actors)];

	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(done != MAP_FAILED && !module_load("period_ms=1"), "the module loads");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	hold = (volatile bool *)(done + COUNTERS);
	seed = random_seed();
	note("seed %u", seed);
	/* At least three lines of progress: fewer do not show an actor that is stuck. */
	if (seconds < 30)
		seconds = 30;
	for (size_t j = 0; j < ARRAY_SIZE(actors); j++)
		pids[j] = spawn(act, (void *)j);
	/* Longer if an actor has completed nothing yet, as on a slow emulated machine. */
	for (i = 0; i < seconds || (!all_progressed() && i < seconds + 300); i++) {
		sleep_ns(NSEC_PER_SEC);
		if (i % 10 == 9 && !print_progress())
			require(false, "a count grew in the last 10 s");
		for (size_t j = 0; j < ARRAY_SIZE(actors); j++)
			if (waitpid(pids[j], NULL, WNOHANG))
				require(false, "actor %zu is running", j);
	}
	reap(pids, ARRAY_SIZE(actors));
	file_write("/sys/devices/system/cpu/cpu1/online", "1");
	file_write("/sys/kernel/tracing/events/sched_tick/enable", "0");
	print_progress();
	for (int j = 0; j < COUNTERS; j++)
		check(done[j] > 0, "in %u s: %s %lu", i, counter_names[j], done[j]);
	check(!machine_clean(), "the tickers and the modules are removed");
	check(access(KTEST_ROOT, F_OK) && access("/sys/module/sched_tick", F_OK),
	      "no directory is left in sysfs");
}

const struct ktest test_torture = {
	"torture", run_torture, .timeout_s = 1200, .needs_vm = true
};
