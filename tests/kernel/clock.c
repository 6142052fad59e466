// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clock steps, suspend and CPU hotplug.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ktest.h"

#define DAY_S		86400LL
#define THREE_S		10800LL		/* 03:00 UTC */
#define DAY_ZERO_S	(20000 * DAY_S)

/* Set the clock to a number of days and seconds after day zero. */
static void set_clock(int day, long long second)
{
	struct timespec now = { DAY_ZERO_S + day * DAY_S + second, 0 };

	require(!clock_settime(CLOCK_REALTIME, &now), "the clock is set to day %d, %02lld:%02lld:%02lld",
		day, second / 3600, second / 60 % 60, second % 60);
}

/* Wait for the next tick; return the time after its wake-up in ns since day zero, or -1. */
static int64_t next_tick(int fd, int64_t timeout_ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLPRI };
	char text[64];

	if (poll(&poller, 1, timeout_ms) != 1)
		return -1;
	pread(fd, text, sizeof(text), 0);
	return now_ns(CLOCK_REALTIME) - DAY_ZERO_S * NSEC_PER_SEC;
}

static void check_tick_at(int fd, int day, const char *when)
{
	int64_t seen = next_tick(fd, 15000);
	int64_t due = (day * DAY_S + THREE_S) * NSEC_PER_SEC;
	int64_t slack = in_virtual_time() ? 10 * NSEC_PER_MSEC : 10 * NSEC_PER_SEC;

	check(seen >= due && seen < due + slack, "%s: a tick runs at 03:00:00 of day %d (%+" PRId64 " us)",
	      when, day, (seen - due) / 1000);
}

static void run_clock_with(int hrtimer)
{
	struct ticker_stat before, after;
	char text[64];
	int fd;

	setup("enabled=0");
	ticker_set_timer(hrtimer);
	ticker_set("clock", "realtime");
	ticker_set("period_ms", "86400000");
	ticker_set("phase_ms", "10800000");
	ticker_set("notify", "1");
	fd = ticker_open("counter", O_RDONLY);
	read(fd, text, sizeof(text));

	set_clock(0, THREE_S - 4);
	ticker_set("enabled", "1");
	check_tick_at(fd, 0, "without a step");

	/* The ticker is already enabled, so a step to 2 s before the deadline suffices. */
	set_clock(1, THREE_S - 2);
	check_tick_at(fd, 1, "set forward to the next day");
	before = ticker_stat();
	check(before.counter == 2 && !before.missed, "after one step forward counter is 2 and missed 0");

	set_clock(4, 12 * 3600);
	next_tick(fd, 15000);
	after = ticker_stat();
	check(after.counter == 3 && after.missed == 2,
	      "a step over three deadlines adds one tick and two missed");

	set_clock(4, THREE_S - 2);
	check_tick_at(fd, 4, "set back on the same day");
	set_clock(2, THREE_S - 2);
	check_tick_at(fd, 2, "set back two days");
	after = ticker_stat();
	check(after.counter == 5 && after.missed == 2, "counter is 5 and missed 2: %" PRIu64 ", %" PRIu64,
	      after.counter, after.missed);
	close(fd);
	check(!ticker_end(), "the module unloads");
}

static void run_clock(void)
{
	time_t then = time(NULL);
	struct timespec back;

	run_clock_with(1);
	run_clock_with(0);
	back = (struct timespec){ then, 0 };
	clock_settime(CLOCK_REALTIME, &back);
}

const struct ktest test_clock = { "clock", run_clock, .timeout_s = 240, .needs_vm = true };

/* Lateness is elapsed time, so a clock step makes no tick late. */
static void check_steps(int hrtimer)
{
	const int64_t century_s = 36525 * DAY_S;
	struct ticker_stat before, after;
	uint64_t stalls;

	setup("enabled=0");
	ticker_set_timer(hrtimer);
	ticker_set("clock", "realtime");
	ticker_set("period_ms", "1000");
	ticker_set("phase_ms", "0");
	ticker_set("stall_ms", "500");
	set_clock(0, 0);
	ticker_set("enabled", "1");
	sleep_ns(5 * NSEC_PER_SEC / 2);
	before = ticker_stat();
	stalls = ticker_u64("stalls");
	/* Forward by an hour, back by an hour, and three times back and forward by two centuries. */
	set_clock(0, 3600);
	sleep_ns(5 * NSEC_PER_SEC / 2);
	after = ticker_stat();
	check(after.missed - before.missed > 3500,
	      "hrtimer %d: the periods of an hour are missed: %" PRIu64, hrtimer,
	      after.missed - before.missed);
	set_clock(0, 60);
	sleep_ns(5 * NSEC_PER_SEC / 2);
	for (int i = 0; i < 3; i++) {
		set_clock(0, 60);
		sleep_ns(5 * NSEC_PER_SEC / 2);
		set_clock(0, 2 * century_s - DAY_ZERO_S);
		sleep_ns(5 * NSEC_PER_SEC / 2);
	}
	after = ticker_stat();
	check(after.counter > before.counter + 10,
	      "hrtimer %d: the ticker ticks after each step: %" PRIu64,
	      hrtimer, after.counter - before.counter);
	check(ticker_u64("stalls") == stalls,
	      "hrtimer %d: no step counts as a stall: %" PRIu64, hrtimer, ticker_u64("stalls") - stalls);
	/* With the wheel a step is found within a second; a tick is late by a jiffy as always. */
	check(after.lateness.max_ns < 20 * (uint64_t)NSEC_PER_MSEC,
	      "hrtimer %d: the maximum lateness is below 20 ms: %" PRIu64 " ns",
	      hrtimer, after.lateness.max_ns);
	check(after.timer_lateness.max_ns < 20 * (uint64_t)NSEC_PER_MSEC,
	      "hrtimer %d: the maximum timer lateness is below 20 ms: %" PRIu64 " ns",
	      hrtimer, after.timer_lateness.max_ns);
	check(after.lateness.sum_ns < after.counter * 20 * NSEC_PER_MSEC,
	      "hrtimer %d: the mean lateness is below 20 ms: sum %" PRIu64 " ns",
	      hrtimer, after.lateness.sum_ns);
	check(!ticker_end(), "the module unloads");
}

static void run_clock_steps(void)
{
	struct timespec back = { time(NULL), 0 };

	check_steps(1);
	check_steps(0);
	clock_settime(CLOCK_REALTIME, &back);
}

const struct ktest test_clock_steps = {
	"clock_steps", run_clock_steps, .timeout_s = 120, .needs_vm = true, .needs_virtual = true
};

static void run_suspend(void)
{
	static const struct {
		const char *name;
		clockid_t id;
		bool sleeps;	/* stops while the machine is suspended */
	} clocks[] = {
		{ "monotonic", CLOCK_MONOTONIC, true },
		{ "boottime", CLOCK_BOOTTIME, false },
		{ "realtime", CLOCK_REALTIME, false },
	};
	const int64_t period_ns = 100 * NSEC_PER_MSEC;

	/* A virtual clock stops with the machine and wakes nobody. */
	if (in_virtual_time() || access("/sys/class/rtc/rtc0/wakealarm", F_OK)) {
		skip("suspend", "no clock can wake this machine");
		return;
	}
	setup("enabled=0 period_ms=100");
	for (size_t i = 0; i < 2 * ARRAY_SIZE(clocks); i++) {
		const char *name = clocks[i / 2].name;
		struct ticker_stat before, after;
		int64_t passed, slept, counted;
		int hrtimer = i % 2, err;

		ticker_set("enabled", "0");
		ticker_set("clock", name);
		ticker_set_timer(hrtimer);
		ticker_set("reset", "1");
		before = ticker_stat();
		slept = now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC);
		passed = now_ns(clocks[i / 2].id);
		ticker_set("enabled", "1");
		file_write("/sys/class/rtc/rtc0/wakealarm", "0");
		err = file_write("/sys/class/rtc/rtc0/wakealarm", "+5") ?:
			file_write("/sys/power/state", "mem");
		require(!err, "%s, hrtimer %d: the machine suspends: %s", name, hrtimer, strerror(err));
		slept = now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC) - slept;
		require(slept > NSEC_PER_SEC,
			"%s, hrtimer %d: the machine is suspended for more than 1 s: %" PRId64 " ms",
			name, hrtimer,
			slept / NSEC_PER_MSEC);
		sleep_ns(NSEC_PER_SEC);
		ticker_set("enabled", "0");
		after = ticker_stat();
		check((int64_t)after.lateness.max_ns < slept / 2,
		      "%s, hrtimer %d: lateness does not contain the suspended time: %" PRIu64 " ms of %" PRId64,
		      name, hrtimer,
		      after.lateness.max_ns / NSEC_PER_MSEC, slept / NSEC_PER_MSEC);
		passed = (now_ns(clocks[i / 2].id) - passed) / period_ns;
		counted = after.counter + after.missed - before.counter - before.missed;
		check(counted >= passed - 1 && counted <= passed,
		      "%s, hrtimer %d: counter + missed equals the periods elapsed: %" PRIu64 " + %" PRIu64 " of %" PRId64,
		      name, hrtimer, after.counter - before.counter, after.missed - before.missed,
		      passed);
		if (!clocks[i / 2].sleeps)
			check((int64_t)(after.missed - before.missed) >= slept / period_ns - 2,
			      "%s, hrtimer %d: periods in suspend are missed", name, hrtimer);
		else
			check((int64_t)(after.missed - before.missed) < slept / period_ns / 2,
			      "%s, hrtimer %d: periods in suspend are not missed", name, hrtimer);
	}
}

const struct ktest test_suspend = { "suspend", run_suspend, .timeout_s = 240, .needs_vm = true };

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

/*
 * Count the voluntary sleeps of the workers of a CPU's highpri pool: one after
 * each tick. A tracepoint is not used: enabling one patches the kernel's text
 * under the other CPU, which can hang QEMU.
 */
static uint64_t sleeps_of_workers(int cpu)
{
	char path[300], text[4096], pool[32];
	struct dirent *entry;
	uint64_t sleeps = 0;
	DIR *proc = opendir("/proc");
	char *at;

	snprintf(pool, sizeof(pool), "kworker/%d:", cpu);
	while (proc && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (file_read(path, text, sizeof(text)) || strncmp(text, pool, strlen(pool)) ||
		    !strchr(text, 'H'))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/status", entry->d_name);
		if (!file_read(path, text, sizeof(text)) &&
		    (at = strstr(text, "\nvoluntary_ctxt_switches:")))
			sleeps += strtoull(strchr(at, ':') + 1, NULL, 10);
	}
	if (proc)
		closedir(proc);
	return sleeps;
}

/* Return the CPU whose worker pool runs the ticks, or -1 if it is not one alone. */
static int ticking_cpu(void)
{
	uint64_t ticks = ticker_u64("counter"), slept[2];

	/* The first ticks may still run on the previous CPU. */
	wait_for_counter(ticks + 3, 10 * NSEC_PER_SEC);
	slept[0] = sleeps_of_workers(0);
	slept[1] = sleeps_of_workers(1);
	ticks = ticker_u64("counter");
	wait_for_counter(ticks + 100, 10 * NSEC_PER_SEC);
	slept[0] = sleeps_of_workers(0) - slept[0];
	slept[1] = sleeps_of_workers(1) - slept[1];
	note("workers slept %" PRIu64 " and %" PRIu64 " times", slept[0], slept[1]);
	/* A worker that is late skips sleeps; workers of other queues sleep, too. */
	for (int cpu = 0; cpu < 2; cpu++)
		if (slept[cpu] > 30 && slept[cpu] > 3 * slept[!cpu])
			return cpu;
	return -1;
}

static void check_bound_hotplug(int hrtimer)
{
	struct ticker_stat before, after;
	char text[32];

	ticker_set_timer(hrtimer);
	ticker_set("cpus", "1");
	check(ticking_cpu() == 1, "hrtimer %d: with cpus=1, CPU 1 runs the ticks", hrtimer);
	require(!file_write(CPU1_ONLINE, "0"), "CPU 1 goes offline");
	ticker_text("cpus", text, sizeof(text));
	check(!strcmp(text, "1"), "hrtimer %d: cpus reads 1 while CPU 1 is offline: %s", hrtimer, text);
	before = ticker_stat();
	sleep_ns(100 * NSEC_PER_MSEC);
	after = ticker_stat();
	check(after.counter == before.counter && after.missed == before.missed,
	      "hrtimer %d: an offline CPU has no periods", hrtimer);
	ticker_set("cpus", "0");
	check(ticking_cpu() == 0, "hrtimer %d: with cpus=0, CPU 0 runs the ticks", hrtimer);
	ticker_set("cpus", "1");
	require(!file_write(CPU1_ONLINE, "1"), "CPU 1 comes online");
	check(ticking_cpu() == 1, "hrtimer %d: CPU 1 runs the ticks again", hrtimer);
}

static void run_hotplug(void)
{
	unsigned int rounds = effort(60), wrong = 0;
	struct ticker_stat stat;

	if (access(CPU1_ONLINE, F_OK)) {
		skip("hotplug", "this machine has one CPU");
		return;
	}
	setup("period_ms=10");
	for (int hrtimer = 1; hrtimer >= 0; hrtimer--)
		check_bound_hotplug(hrtimer);
	ticker_set("timer", "hrtimer");
	ticker_set("cpus", "any");
	ticker_set("period_ms", "1");
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t counter;

		file_write(CPU1_ONLINE, "0");
		counter = ticker_u64("counter");
		wrong += !wait_for_counter(counter, 10 * NSEC_PER_SEC);
		file_write(CPU1_ONLINE, "1");
		counter = ticker_u64("counter");
		wrong += !wait_for_counter(counter, 10 * NSEC_PER_SEC);
	}
	check(!wrong, "%u times CPU 1 goes offline and online under a ticker at 1 ms, which ticks on: %u wrong",
	      rounds, wrong);
	ticker_set("enabled", "0");
	stat = ticker_stat();
	note("%" PRIu64 " ticks, %" PRIu64 " missed", stat.counter, stat.missed);
}

const struct ktest test_hotplug = { "hotplug", run_hotplug, .timeout_s = 300, .needs_vm = true };
