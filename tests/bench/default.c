// SPDX-License-Identifier: GPL-2.0-only
/*
 * Periods and thresholds for /etc/sched-tick.d/10-default.conf: their overhead on an
 * idle machine, and which stalls they show. Prints lines of
 *	# figure NAME VALUE
 * as bench.c does. docs/design.md has the tables.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/ktest.h"

#define MAX_CPUS 8

/* 0: the ticker is disabled. */
static const struct setting {
	unsigned int period_ms, stall_ms;
} settings[] = {
	{ 0, 0 }, { 100, 100 }, { 250, 200 }, { 250, 250 }, { 500, 500 }, { 1000, 1000 },
};

static void apply_setting(const struct setting *setting)
{
	ticker_set("enabled", "0");
	if (!setting->period_ms)
		return;
	ticker_set_number("stall_ms", 0);
	ticker_set_number("period_ms", setting->period_ms);
	ticker_set_number("stall_ms", setting->stall_ms);
	ticker_set("enabled", "1");
}

/* Add up the lines of /proc/interrupts by CPU, and those of the local timer alone. */
static void read_interrupts(uint64_t all[MAX_CPUS], uint64_t timer[MAX_CPUS])
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[512], *at;

	require(file && fgets(line, sizeof(line), file), "/proc/interrupts can be read");
	memset(all, 0, MAX_CPUS * sizeof(*all));
	while (fgets(line, sizeof(line), file)) {
		at = strchr(line, ':');
		if (!at)
			continue;
		for (int cpu = 0; cpu < cpu_count() && cpu < MAX_CPUS; cpu++) {
			char *end;
			uint64_t count = strtoull(at + 1, &end, 10);

			if (end == at + 1)
				break;
			all[cpu] += count;
			if (strstr(line, "LOC:"))
				timer[cpu] = count;
			at = end - 1;
		}
	}
	fclose(file);
}

/* How long CPU 0 was idle without its scheduler tick, in ns. */
static uint64_t idle_ns(void)
{
	FILE *file = fopen("/proc/timer_list", "r");
	uint64_t idle = 0;
	char line[512];

	require(file, "/proc/timer_list can be read");
	while (!idle && fgets(line, sizeof(line), file))
		sscanf(line, " .idle_sleeptime : %" SCNu64, &idle);
	fclose(file);
	require(idle, "/proc/timer_list has idle_sleeptime");
	return idle;
}

static void measure_idle(const struct setting *setting, int64_t seconds)
{
	uint64_t all[2][MAX_CPUS], timer[2][MAX_CPUS], idle;
	int64_t begin;

	apply_setting(setting);
	/* Until deferred work of the change has run. */
	sleep_ns(5 * NSEC_PER_SEC);
	read_interrupts(all[0], timer[0]);
	idle = idle_ns();
	begin = now_ns(CLOCK_MONOTONIC);
	sleep_ns(seconds * NSEC_PER_SEC);
	idle = idle_ns() - idle;
	begin = now_ns(CLOCK_MONOTONIC) - begin;
	read_interrupts(all[1], timer[1]);
	for (int cpu = 0; cpu < cpu_count() && cpu < MAX_CPUS; cpu++) {
		note("figure idle/%u/%u/timer/cpu%d %.2f", setting->period_ms, setting->stall_ms, cpu,
		     (double)(timer[1][cpu] - timer[0][cpu]) / seconds);
		note("figure idle/%u/%u/interrupts/cpu%d %.2f", setting->period_ms, setting->stall_ms, cpu,
		     (double)(all[1][cpu] - all[0][cpu]) / seconds);
	}
	if (in_virtual_time())
		note("figure idle/%u/%u/instructions %.0f", setting->period_ms, setting->stall_ms,
		     (double)(begin - (int64_t)idle) / seconds);
}

static void run_bench_idle(void)
{
	setup("enabled=0");
	ticker_set("cpus", "housekeeping");
	/* Virtual time skips the time that the machine is idle. */
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		measure_idle(&settings[i], in_virtual_time() ? 60 : effort(60));
}

const struct ktest test_bench_idle = {
	"bench_idle", run_bench_idle, .timeout_s = 900, .on_request = true
};

/* Hold the CPU as a program of SCHED_FIFO does: its loop takes the emulator less time than that of tick_hog. */
static void hold(void *duration_ns)
{
	struct sched_param priority = { .sched_priority = 50 };
	int64_t end = now_ns(CLOCK_MONOTONIC) + *(int64_t *)duration_ns;

	if (sched_setscheduler(0, SCHED_FIFO, &priority))
		_exit(1);
	while (now_ns(CLOCK_MONOTONIC) < end)
		for (volatile unsigned int i = 0; i < 10000; i++)
			;
	_exit(0);
}

/* Hold the CPU some times, at phases that are spread over the period. Count the holds that are stalls. */
static void measure_seen(const struct setting *setting, unsigned int hold_ms, unsigned int holds)
{
	const int64_t period_ns = setting->period_ms * NSEC_PER_MSEC;
	int64_t duration_ns = hold_ms * NSEC_PER_MSEC;
	unsigned int seen = 0;
	int status;

	for (unsigned int i = 0; i < holds; i++) {
		int64_t now = now_ns(CLOCK_MONOTONIC);
		uint64_t before = ticker_u64("stalls");

		sleep_ns(2 * period_ns - now % period_ns + (2 * i + 1) * period_ns / (2 * holds));
		require(waitpid(spawn(hold, &duration_ns), &status, 0) > 0 && !status, "the CPU was held");
		sleep_ns(2 * period_ns);
		seen += ticker_u64("stalls") - before;
	}
	note("figure seen/%u/%u/%u %.0f", setting->period_ms, setting->stall_ms, hold_ms, 100.0 * seen / holds);
}

static void run_bench_seen(void)
{
	static const struct setting some[] = { { 100, 50 }, { 250, 50 }, { 250, 200 }, { 250, 250 }, { 500, 500 }, { 1000, 1000 } };

	setup("enabled=0");
	require(!file_write("/proc/sys/kernel/sched_rt_runtime_us", "-1"), "SCHED_FIFO is not limited");
	ticker_set("cpus", "housekeeping");
	for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
		ticker_set("enabled", "0");
		ticker_set("phase_ms", "0");
		apply_setting(&some[i]);
		measure_seen(&some[i], 100, effort(20));
		measure_seen(&some[i], 300, effort(20));
		measure_seen(&some[i], 500, effort(20));
		measure_seen(&some[i], 2000, effort(4));
	}
}

const struct ktest test_bench_seen = {
	"bench_seen", run_bench_seen, .timeout_s = 3000, .needs_virtual = true, .on_request = true
};
