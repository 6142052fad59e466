// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU placement of a ticker's timers, whichever CPU its settings are written on.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

bool run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

/* Count the hrtimers with a function, from /proc/timer_list: count[1] on a CPU, count[0] on all others. */
static void count_timers(const char *function, int cpu, unsigned int count[2])
{
	FILE *list = fopen("/proc/timer_list", "r");
	char line[512], name[64];
	int at = -1;

	count[0] = count[1] = 0;
	if (!list)
		require(false, "/proc/timer_list can be opened: %s", strerror(errno));
	snprintf(name, sizeof(name), ", %s", function);
	while (fgets(line, sizeof(line), list)) {
		sscanf(line, "cpu: %d", &at);
		if (at >= 0 && strstr(line, name))
			count[at == cpu]++;
	}
	fclose(list);
}

/* Wait for the expected counts: an interrupt may be under way, and a timer that restarts itself is briefly not listed. */
static bool settles_around(int cpu, const char *function, unsigned int elsewhere, unsigned int there)
{
	int64_t end = now_ns(CLOCK_MONOTONIC) + 5 * NSEC_PER_SEC;
	unsigned int count[2];

	do {
		count_timers(function, cpu, count);
		if (count[0] == elsewhere && count[1] == there)
			return true;
		sleep_ns(NSEC_PER_MSEC);
	} while (now_ns(CLOCK_MONOTONIC) < end);
	note("%s: %u on CPU %d, %u elsewhere", function, count[1], cpu, count[0]);
	return false;
}

/* On a machine with two CPUs. */
static bool settles(const char *function, unsigned int first, unsigned int second)
{
	return settles_around(1, function, first, second);
}

static bool timers_are_on(int cpu, bool timer, bool watchdog)
{
	return settles("ticker_timer_fn", timer && cpu == 0, timer && cpu == 1) &&
	       settles("ticker_watchdog_fn", watchdog && cpu == 0, watchdog && cpu == 1);
}

static const struct {
	const char *file, *text;
	bool timer;	/* an hrtimer queues the work item, not the wheel */
	bool watchdog;
} changes[] = {
	{ "stall_ms", "500", true, true },
	{ "stall_ms", "2500", true, true },
	{ "period_ms", "2000000", true, true },
	{ "timer", "wheel", false, true },
	{ "timer", "hrtimer", true, true },
	{ "clock", "realtime", true, true },
	{ "clock", "boottime", true, true },
	{ "phase_ms", "7", true, true },
	{ "enabled", "0", false, false },
	{ "enabled", "1", true, true },
	{ "notify", "1", true, true },
	{ "notify", "0", true, true },
	{ "phase_ms", "-1", true, true },
	{ "clock", "monotonic", true, true },
	{ "stall_ms", "0", true, false },
	{ "period_ms", "1000000", true, false },
};

static void check_spread(void)
{
	unsigned int count[2];

	make_all(20);
	set_all(20, "period_ms", "100");
	set_all(20, "enabled", "1");
	for (int i = 0; i < 3; i++) {
		require(!file_write(CPU1_ONLINE, "0"), "CPU 1 goes offline");
		check(settles("ticker_timer_fn", 20, 0), "with CPU 1 offline, all 20 timers are on CPU 0");
		require(!file_write(CPU1_ONLINE, "1"), "CPU 1 comes online");
		check(settles("ticker_timer_fn", 10, 10), "with CPU 1 online, each CPU has 10 timers");
	}
	for (unsigned int i = 0; i < 20; i++) {
		uint64_t counter;

		ticker_choose(numbered(i));
		counter = ticker_u64("counter");
		if (!wait_for_counter(counter + 1, 20 * NSEC_PER_SEC))
			check(false, "%s ticks after hotplug", numbered(i));
	}
	set_all(20, "enabled", "0");
	count_timers("ticker_timer_fn", 1, count);
	check(!count[0] && !count[1], "disabled tickers have no timers");
	remove_all(20);
}

static void run_placed(void)
{
	unsigned int wrong = 0;

	if (access(CPU1_ONLINE, F_OK)) {
		skip("placed", "this machine has one CPU");
		return;
	}
	setup("enabled=0");
	/* No tick is due during the test that would correct the placement. */
	ticker_set("period_ms", "1000000");
	ticker_set("enabled", "1");
	for (int cpu = 0; cpu < 2; cpu++) {
		for (int writer = 0; writer < 2; writer++) {
			require(run_on(writer), "this process runs on CPU %d", writer);
			ticker_set_number("cpus", cpu);
			for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
				ticker_set(changes[i].file, changes[i].text);
				if (!timers_are_on(cpu, changes[i].timer, changes[i].watchdog)) {
					note("after %s=%s", changes[i].file, changes[i].text);
					wrong++;
				}
			}
			check(!wrong,
			      "with cpu %d, the timers are on that CPU after each of %zu writes from CPU %d",
			      cpu,
			      ARRAY_SIZE(changes), writer);
		}
	}
	ticker_set("enabled", "0");
	ticker_set("cpus", "any");
	require(run_on(0), "this process runs on CPU 0");
	check_spread();
}

const struct ktest test_placed = { "placed", run_placed, .timeout_s = 300, .needs_vm = true };

/* The kernel's command line isolates one CPU. */
static void run_isolated(void)
{
	char isolated[64] = "", online[64];
	int cpu;

	file_read("/sys/devices/system/cpu/isolated", isolated, sizeof(isolated));
	if (!isolated[0] || isolated[0] == '\n') {
		skip("isolated", "no CPU is isolated");
		return;
	}
	cpu = atoi(isolated);
	snprintf(online, sizeof(online), "/sys/devices/system/cpu/cpu%d/online", cpu);
	require(run_on(cpu), "this process runs on the isolated CPU %d", cpu);
	file_write("/proc/sys/kernel/timer_migration", "0");
	require(!module_load("period_ms=100"), "the module loads");
	check(settles_around(cpu, "ticker_timer_fn", 1, 0), "the timer of the default ticker is on another CPU");
	make_all(10);
	set_all(10, "period_ms", "100");
	/* Below the period: each tick arms the watchdog. */
	set_all(10, "stall_ms", "50");
	set_all(10, "enabled", "1");
	check(settles_around(cpu, "ticker_timer_fn", 11, 0) && settles_around(cpu, "ticker_watchdog_fn", 10, 0),
	      "the timers and watchdogs of ten more tickers are on other CPUs");
	require(!file_write(online, "0") && !file_write(online, "1"), "CPU %d goes offline and comes online", cpu);
	check(settles_around(cpu, "ticker_timer_fn", 11, 0), "all timers are still on other CPUs");
	ticker_choose(numbered(0));
	ticker_set_number("cpus", cpu);
	check(settles_around(cpu, "ticker_timer_fn", 10, 1), "with cpus=%d, its timer is on CPU %d", cpu, cpu);
	remove_all(10);
}

const struct ktest test_isolated = { "isolated", run_isolated, .timeout_s = 120, .needs_vm = true };

static void busy_on_cpu_0(void *unused)
{
	if (!run_on(0))
		_exit(1);
	for (;;)
		;
}

/* While the ticker's CPU is busy, ticks of the queue `unbound` run on other CPUs. The timers must stay on the ticker's CPU. */
static void run_unbound(void)
{
	static const struct {
		const char *clock, *stall_ms;
	} armed_by_ticks[] = { { "monotonic", "50" }, { "realtime", "0" }, { "realtime", "50" } };
	pid_t busy;

	if (cpu_count() < 2) {
		skip("unbound", "this machine has one CPU");
		return;
	}
	setup("enabled=0");
	require(run_on(1), "this process runs on CPU 1");
	ticker_set("period_ms", "100");
	ticker_set("queue", "unbound");
	ticker_set("cpus", "0");
	busy = spawn(busy_on_cpu_0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(armed_by_ticks); i++) {
		ticker_set("clock", armed_by_ticks[i].clock);
		ticker_set("stall_ms", armed_by_ticks[i].stall_ms);
		ticker_set("enabled", "1");
		check(wait_for_counter(ticker_u64("counter") + 20, 20 * NSEC_PER_SEC), "%s, stall_ms %s: it ticks",
		      armed_by_ticks[i].clock, armed_by_ticks[i].stall_ms);
		check(settles_around(0, "ticker_timer_fn", 0, 1) &&
		      settles_around(0, "ticker_watchdog_fn", 0, armed_by_ticks[i].stall_ms[0] != '0'),
		      "%s, stall_ms %s: the timers are on CPU 0", armed_by_ticks[i].clock, armed_by_ticks[i].stall_ms);
		ticker_set("enabled", "0");
	}
	reap(&busy, 1);
}

const struct ktest test_unbound = { "unbound", run_unbound, .timeout_s = 120, .needs_vm = true };

static void hog_other(void *unused)
{
	hog(0, 3000, false);
}

/*
 * Hold CPU 0. Meanwhile CPU 1 wakes up four times a second only; return the longest time between two wake-ups, in ns. It is long if
 * the host stopped CPU 1.
 */
static int64_t hog_other_and_watch(void)
{
	int64_t last = now_ns(CLOCK_MONOTONIC), longest = 0;
	pid_t child = spawn(hog_other, NULL);

	while (!waitpid(child, NULL, WNOHANG)) {
		int64_t now;

		sleep_ns(NSEC_PER_SEC / 4);
		now = now_ns(CLOCK_MONOTONIC);
		if (now - last > longest)
			longest = now - last;
		last = now;
	}
	return longest;
}

/* With the wheel, busy CPU 0 must not run the timer and then the tick of idle CPU 1. */
static void run_wheel_placed(void)
{
	unsigned int count[2], wrong = 0, stopped = 0, rounds = effort(20);

	if (access(CPU1_ONLINE, F_OK)) {
		skip("wheel_placed", "this machine has one CPU");
		return;
	}
	setup("enabled=0");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	/* The CPU with the fewest tickers is chosen; among equals the writer's. */
	require(run_on(1), "this process runs on CPU 1");
	ticker_set("timer", "wheel");
	ticker_set("period_ms", "1000");
	/* More than the delays of a slow machine. */
	ticker_set("stall_ms", "1500");
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t stalls;
		int64_t gap_ns;

		ticker_set("enabled", "1");
		wait_for_counter(ticker_u64("counter"), 20 * NSEC_PER_SEC);
		count_timers("ticker_watchdog_fn", 1, count);
		if (count[0] || count[1] != 1)
			note("watchdogs: %u on CPU 0, %u on CPU 1", count[0], count[1]);
		wrong += count[0] || count[1] != 1;
		do {
			stalls = ticker_u64("stalls");
			gap_ns = hog_other_and_watch();
			stalls = ticker_u64("stalls") - stalls;
			if (stalls)
				note("round %u: %" PRIu64 " stalls; CPU 1 woke up after at most %" PRId64 " ns", i, stalls, gap_ns);
		} while (stalls && gap_ns > NSEC_PER_SEC && ++stopped < 10);
		wrong += stalls > 0;
		ticker_set("enabled", "0");
	}
	check(!wrong,
	      "a ticker on CPU 1 does not stall while CPU 0 is busy for three seconds, %u times: %u wrong",
	      rounds, wrong);
}

const struct ktest test_wheel_placed = {
	"wheel_placed", run_wheel_placed, .timeout_s = 300, .needs_vm = true
};

static void hog_irqs_off(void *unused)
{
	hog(1, 1500, true);
}

/* CPU 1 takes no interrupts, so its watchdog does not detect the stall. A write that ends the stall counts it. */
static void run_stall_ended(void)
{
	static const struct {
		const char *file, *text;
	} ends[] = {
		{ "period_ms", "20" }, { "phase_ms", "3" }, { "clock", "boottime" }, { "stall_ms", "0" },
		{ "timer", "wheel" }, { "cpus", "0" }, { "enabled", "0" },
	};
	struct event event;
	int fd;

	if (access(CPU1_ONLINE, F_OK)) {
		skip("stall_ended", "this machine has one CPU");
		return;
	}
	setup("enabled=0");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	require(run_on(0), "this process runs on CPU 0");
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		uint64_t stalls, missed;
		pid_t child;

		ticker_set("enabled", "0");
		ticker_set("phase_ms", "-1");
		ticker_set("clock", "monotonic");
		ticker_set("period_ms", "10");
		ticker_set("timer", "hrtimer");
		ticker_set("cpus", "1");
		ticker_set("stall_ms", "500");
		ticker_set("enabled", "1");
		wait_for_counter(ticker_u64("counter") + 3, 20 * NSEC_PER_SEC);
		fd = events_open();
		stalls = ticker_u64("stalls");
		missed = ticker_u64("missed");
		child = spawn(hog_irqs_off, NULL);
		/* After 70 missed periods the tick is overdue by more than stall_ms. */
		while (ticker_u64("missed") < missed + 70 && waitpid(child, NULL, WNOHANG) == 0)
			sleep_ns(10 * NSEC_PER_MSEC);
		ticker_set(ends[i].file, ends[i].text);
		/* A slow machine may have stalled once more. */
		check(ticker_u64("stalls") > stalls,
		      "a stall ended by %s=%s is counted", ends[i].file, ends[i].text);
		waitpid(child, NULL, 0);
		do
			require(events_next(fd, &event, 20000), "a uevent is received");
		while (strcmp(event.event, "stall"));
		check(event.cpu == 1,
		      "%s=%s: the stall event names CPU 1: %d", ends[i].file, ends[i].text, event.cpu);
		close(fd);
	}
}

const struct ktest test_stall_ended = { "stall_ended", run_stall_ended, .timeout_s = 300, .needs_vm = true };
