// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clocks that are set, machines that sleep, CPUs that go.
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

/* Set the clock to so many days and seconds after day zero. */
static void set_clock(int day, long long second)
{
	struct timespec now = { DAY_ZERO_S + day * DAY_S + second, 0 };

	require(!clock_settime(CLOCK_REALTIME, &now), "the clock is set to day %d, %02lld:%02lld:%02lld",
		day, second / 3600, second / 60 % 60, second % 60);
}

/* Wait for the next tick and return how far past day zero it was seen, in ns. */
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

	check(seen >= due && seen < due + slack, "%s: a tick at 03:00:00 of day %d (%+" PRId64 " us)",
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
	check_tick_at(fd, 0, "as time goes by");

	/* It is on now: what is late in coming here is late in ticking, too. */
	set_clock(1, THREE_S - 2);
	check_tick_at(fd, 1, "set forward to the next day");
	before = ticker_stat();
	check(before.counter == 2 && !before.missed, "two ticks, none missed");

	set_clock(4, 12 * 3600);
	next_tick(fd, 15000);
	after = ticker_stat();
	check(after.counter == 3 && after.missed == 2, "set forward over three: one tick, two missed");

	set_clock(4, THREE_S - 2);
	check_tick_at(fd, 4, "set back, it comes again");
	set_clock(2, THREE_S - 2);
	check_tick_at(fd, 2, "set back two days");
	after = ticker_stat();
	check(after.counter == 5 && after.missed == 2, "five ticks, two missed: %" PRIu64 ", %" PRIu64,
	      after.counter, after.missed);
	close(fd);
	check(!ticker_end(), "unloads");
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

/* A step of the clock is no lateness: that is elapsed time. */
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
	/* Forward by an hour and a bit, back by two, and thrice by two centuries. */
	set_clock(0, 3600);
	sleep_ns(5 * NSEC_PER_SEC / 2);
	after = ticker_stat();
	check(after.missed - before.missed > 3500, "hrtimer %d: an hour of periods was missed: %" PRIu64, hrtimer,
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
	check(after.counter > before.counter + 10, "hrtimer %d: it ticked: %" PRIu64, hrtimer, after.counter - before.counter);
	check(ticker_u64("stalls") == stalls, "hrtimer %d: no stall: %" PRIu64, hrtimer, ticker_u64("stalls") - stalls);
	/* On the wheel a step is found within a second; the tick is late by a jiffy as ever. */
	check(after.lateness.max_ns < 20 * (uint64_t)NSEC_PER_MSEC, "hrtimer %d: no tick was late: %" PRIu64 " ns",
	      hrtimer, after.lateness.max_ns);
	check(after.timer_lateness.max_ns < 20 * (uint64_t)NSEC_PER_MSEC, "hrtimer %d: no timer was: %" PRIu64 " ns",
	      hrtimer, after.timer_lateness.max_ns);
	check(after.lateness.sum_ns < after.counter * 20 * NSEC_PER_MSEC, "hrtimer %d: nor is the sum: %" PRIu64 " ns",
	      hrtimer, after.lateness.sum_ns);
	check(!ticker_end(), "unloads");
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
		bool sleeps;	/* stands still while the machine does */
	} clocks[] = {
		{ "monotonic", CLOCK_MONOTONIC, true },
		{ "boottime", CLOCK_BOOTTIME, false },
		{ "realtime", CLOCK_REALTIME, false },
	};
	const int64_t period_ns = 100 * NSEC_PER_MSEC;

	/* A virtual clock stands still when the machine does, and wakes nobody. */
	if (in_virtual_time() || access("/sys/class/rtc/rtc0/wakealarm", F_OK)) {
		skip("suspend", "no clock to wake up by");
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
		require(!err, "%s, hrtimer %d: the machine sleeps: %s", name, hrtimer, strerror(err));
		slept = now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC) - slept;
		require(slept > NSEC_PER_SEC, "%s, hrtimer %d: for %" PRId64 " ms", name, hrtimer,
			slept / NSEC_PER_MSEC);
		sleep_ns(NSEC_PER_SEC);
		ticker_set("enabled", "0");
		after = ticker_stat();
		check((int64_t)after.lateness.max_ns < slept / 2,
		      "%s, hrtimer %d: suspended time is no lateness: %" PRIu64 " ms of %" PRId64, name, hrtimer,
		      after.lateness.max_ns / NSEC_PER_MSEC, slept / NSEC_PER_MSEC);
		passed = (now_ns(clocks[i / 2].id) - passed) / period_ns;
		counted = after.counter + after.missed - before.counter - before.missed;
		check(counted >= passed - 1 && counted <= passed,
		      "%s, hrtimer %d: %" PRIu64 " ticks + %" PRIu64 " missed of %" PRId64 " periods",
		      name, hrtimer, after.counter - before.counter, after.missed - before.missed,
		      passed);
		if (!clocks[i / 2].sleeps)
			check((int64_t)(after.missed - before.missed) >= slept / period_ns - 2,
			      "%s, hrtimer %d: suspended time is missed", name, hrtimer);
		else
			check((int64_t)(after.missed - before.missed) < slept / period_ns / 2,
			      "%s, hrtimer %d: suspended time is not missed", name, hrtimer);
	}
}

const struct ktest test_suspend = { "suspend", run_suspend, .timeout_s = 240, .needs_vm = true };

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

/*
 * How often the workers of a CPU's highpri pool went to sleep, which they do
 * after each tick. Not by a tracepoint: to enable one patches the kernel's text
 * under the other CPU, which QEMU's threads do not always survive.
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

/* Whose pool ran the ticks of the last while: that CPU's, or -1 if not one's. */
static int ticking_cpu(void)
{
	uint64_t ticks = ticker_u64("counter"), slept[2];

	/* The first may still be on its way to where the last change sent it. */
	wait_for_counter(ticks + 3, 10 * NSEC_PER_SEC);
	slept[0] = sleeps_of_workers(0);
	slept[1] = sleeps_of_workers(1);
	ticks = ticker_u64("counter");
	wait_for_counter(ticks + 100, 10 * NSEC_PER_SEC);
	slept[0] = sleeps_of_workers(0) - slept[0];
	slept[1] = sleeps_of_workers(1) - slept[1];
	note("workers slept %" PRIu64 " and %" PRIu64 " times", slept[0], slept[1]);
	/* A worker that is behind does not sleep in between; others sleep there, too. */
	for (int cpu = 0; cpu < 2; cpu++)
		if (slept[cpu] > 30 && slept[cpu] > 3 * slept[!cpu])
			return cpu;
	return -1;
}

static void run_hotplug(void)
{
	unsigned int rounds = effort(60), wrong = 0;
	struct ticker_stat stat;
	char text[32];

	if (access(CPU1_ONLINE, F_OK)) {
		skip("hotplug", "one CPU");
		return;
	}
	setup("period_ms=10");
	for (int hrtimer = 1; hrtimer >= 0; hrtimer--) {
		ticker_set_timer(hrtimer);
		ticker_set("cpu", "1");
		check(ticking_cpu() == 1, "hrtimer %d, cpu 1: CPU 1 runs the ticks", hrtimer);

		require(!file_write(CPU1_ONLINE, "0"), "CPU 1 goes offline");
		ticker_text("cpu", text, sizeof(text));
		check(!strcmp(text, "-1"), "hrtimer %d: cpu says -1, is %s", hrtimer, text);
		check(ticking_cpu() == 0, "hrtimer %d: the ticks run elsewhere", hrtimer);
		check(ticker_write("cpu", "1") == ENXIO, "hrtimer %d: cpu 1 is ENXIO", hrtimer);
		require(!file_write(CPU1_ONLINE, "1"), "CPU 1 comes back");
	}
	ticker_set("timer", "hrtimer");
	ticker_set("period_ms", "1");
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t counter;

		ticker_set("cpu", "1");
		file_write(CPU1_ONLINE, "0");
		counter = ticker_u64("counter");
		wrong += ticker_u64("cpu") != (uint64_t)-1;
		wrong += !wait_for_counter(counter, 10 * NSEC_PER_SEC);
		file_write(CPU1_ONLINE, "1");
	}
	check(!wrong, "%u times offline under a pinned ticker at 1 ms, %u wrong", rounds, wrong);
	ticker_set("enabled", "0");
	stat = ticker_stat();
	note("%" PRIu64 " ticks, %" PRIu64 " missed", stat.counter, stat.missed);
}

const struct ktest test_hotplug = { "hotplug", run_hotplug, .timeout_s = 300, .needs_vm = true };
