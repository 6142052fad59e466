// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ticker that ticks on several CPUs: the settings cpus and queue, counts of each
 * CPU and their sums, CPU hotplug.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define CPUS_MAX	64
#define PERIOD_MS	10

bool cpu_set_online(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return !file_write(path, online ? "1" : "0");
}

static void check_text(const char *file, const char *expected)
{
	char text[4096];

	ticker_text(file, text, sizeof(text));
	check(!strcmp(text, expected), "%s reads \"%s\", is \"%s\"", file, expected, text);
}

/* "0-3" for four CPUs. */
static const char *all_cpus(void)
{
	static char text[16];

	snprintf(text, sizeof(text), cpu_count() > 1 ? "0-%d" : "%d", cpu_count() - 1);
	return text;
}

static void add_lateness(struct lateness *sum, const struct lateness *one)
{
	sum->sum_ns += one->sum_ns;
	if (one->max_ns > sum->max_ns)
		sum->max_ns = one->max_ns;
	if (one->last_ns > sum->last_ns)
		sum->last_ns = one->last_ns;
	for (size_t i = 0; i < KTEST_BUCKETS; i++)
		sum->histogram[i] += one->histogram[i];
}

/* At rest stat is the sum of percpu/0 to percpu/cpus-1; the timeline of any CPU has not run. */
static void check_sums(int cpus)
{
	struct ticker_stat all = ticker_stat(), sum;

	memset(&sum, 0, sizeof(sum));
	sum.enabled = all.enabled;
	sum.period_ms = all.period_ms;

	for (int cpu = 0; cpu < cpus; cpu++) {
		struct ticker_stat one = stat_of_cpu(cpu);

		sum.cpus += one.cpus;
		sum.counter += one.counter;
		sum.missed += one.missed;
		sum.stalls += one.stalls;
		add_lateness(&sum.lateness, &one.lateness);
		add_lateness(&sum.timer_lateness, &one.timer_lateness);
		sum.late.steal_ns += one.late.steal_ns;
		sum.late.irq_ns += one.late.irq_ns;
		sum.late.softirq_ns += one.late.softirq_ns;
		sum.late.other_ns += one.late.other_ns;
	}
	check(!memcmp(&sum, &all, sizeof(sum)), "stat is the sum of %d CPUs: %" PRIu64 " of %" PRIu64 " ticks, %" PRIu64
	      " of %" PRIu64 " missed", cpus, sum.counter, all.counter, sum.missed, all.missed);
}

/* Number of deadlines in a time at which the phase is 0. */
static uint64_t periods_between(int64_t from_ns, int64_t to_ns, int period_ms)
{
	int64_t period_ns = period_ms * NSEC_PER_MSEC;

	return to_ns / period_ns - from_ns / period_ns;
}

/* Hold one CPU for 500 ms. It has one stall, and the others have none; try again if there are more, because the host may stop any CPU. */
static void check_one_stall(int held, int cpus)
{
	struct ticker_stat before[CPUS_MAX] = { }, now = { };
	uint64_t stalls, others = 0;

	ticker_set("stall_ms", "300");
	for (int try = 0; try < 10; try++) {
		ticker_set("reset", "1");
		for (int cpu = 0; cpu < cpus; cpu++)
			before[cpu] = stat_of_cpu(cpu);
		ticker_set("enabled", "1");
		hog(held, 500, false);
		sleep_ns(100 * NSEC_PER_MSEC);
		ticker_set("enabled", "0");
		stalls = 0;
		for (int cpu = 0; cpu < cpus; cpu++) {
			now = stat_of_cpu(cpu);
			stalls += now.stalls - before[cpu].stalls;
			note("CPU %d: %" PRIu64 " missed, at most %" PRIu64 " ns late, %" PRIu64 " stalls", cpu,
			     now.missed - before[cpu].missed, now.lateness.max_ns, now.stalls - before[cpu].stalls);
		}
		now = stat_of_cpu(held);
		others = stalls - (now.stalls - before[held].stalls);
		if (stalls <= 1)
			break;
	}
	check(now.missed - before[held].missed >= 45 && now.stalls == before[held].stalls + 1 &&
	      now.lateness.max_ns > 450 * (uint64_t)NSEC_PER_MSEC,
	      "500 ms without CPU %d are in its line: missed, lateness, one stall", held);
	check(!others, "and no stall in the lines of other CPUs: %" PRIu64, others);
}

static void run_cpus(void)
{
	int cpus = cpu_count(), last = cpus - 1;
	struct ticker_stat all, stat[CPUS_MAX];
	uint64_t fewest, most;
	int64_t from[2], to[2];

	setup("enabled=0");
	require(!helper_load("tick_hog", ""), "the hog loads");
	ticker_set_number("period_ms", PERIOD_MS);
	ticker_set("phase_ms", "0");
	ticker_set("cpus", "all");
	check_text("cpus", "all");
	check_text("cpus_effective", "");

	from[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "1");
	from[1] = now_ns(CLOCK_MONOTONIC);
	check_text("cpus_effective", all_cpus());
	sleep_ns(2 * NSEC_PER_SEC);
	all = ticker_stat();
	check(all.cpus == (unsigned int)cpus, "stat says that it ticks on %u CPUs", all.cpus);
	to[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "0");
	to[1] = now_ns(CLOCK_MONOTONIC);
	fewest = periods_between(from[1], to[0], PERIOD_MS);
	most = periods_between(from[0], to[1], PERIOD_MS);
	for (int cpu = 0; cpu < cpus; cpu++) {
		stat[cpu] = stat_of_cpu(cpu);
		check(stat[cpu].counter > 0, "CPU %d ticks: %" PRIu64 ", missed %" PRIu64, cpu, stat[cpu].counter,
		      stat[cpu].missed);
		check(stat[cpu].counter + stat[cpu].missed >= fewest && stat[cpu].counter + stat[cpu].missed <= most,
		      "CPU %d: counter + missed is the number of periods, %" PRIu64 " to %" PRIu64, cpu, fewest, most);
	}
	check_sums(cpus);
	check(ticker_stat().cpus == 0, "disabled, it ticks on no CPU");
	check_text("cpus_effective", "");

	check_one_stall(last, cpus);
	check_sums(cpus);

	/* The set changes under way; no count goes down, and no deadline moves. */
	ticker_set("stall_ms", "0");
	ticker_set("enabled", "1");
	ticker_set("cpus", "0");
	check_text("cpus_effective", "0");
	all = ticker_stat();
	check(all.cpus == 1, "cpus=0: it ticks on one CPU");
	sleep_ns(NSEC_PER_SEC / 2);
	for (int cpu = 1; cpu < cpus; cpu++) {
		struct ticker_stat before = stat_of_cpu(cpu), after;

		sleep_ns(5 * PERIOD_MS * NSEC_PER_MSEC);
		after = stat_of_cpu(cpu);
		check(after.counter == before.counter && after.missed == before.missed, "CPU %d has no periods any more",
		      cpu);
	}
	ticker_set("cpus", "housekeeping");
	ticker_set("cpus", "any");
	check_text("cpus_effective", "");
	check(ticker_stat().cpus == 1, "any: it ticks on one CPU");
	check(wait_for_counter(ticker_u64("counter") + 5, 20 * NSEC_PER_SEC), "any: it ticks");
}

const struct ktest test_cpus = { "cpus", run_cpus, .timeout_s = 300, .needs_vm = true };

/* How often a CPU had not all its periods. */
static unsigned int strays;

/* Tick for a while at 1 ms on the first CPUs; add what each CPU counted. */
static void tick_on(int cpus, int64_t ns, uint64_t *ticks, uint64_t *missed)
{
	struct ticker_stat before[CPUS_MAX];
	uint64_t fewest, most;
	int64_t from[2], to[2];
	char list[16];

	snprintf(list, sizeof(list), "0-%d", cpus - 1);
	ticker_set("cpus", list);
	for (int cpu = 0; cpu < cpus; cpu++)
		before[cpu] = stat_of_cpu(cpu);
	from[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "1");
	from[1] = now_ns(CLOCK_MONOTONIC);
	sleep_ns(ns);
	to[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "0");
	to[1] = now_ns(CLOCK_MONOTONIC);
	fewest = periods_between(from[1], to[0], 1);
	most = periods_between(from[0], to[1], 1);
	for (int cpu = 0; cpu < cpus; cpu++) {
		struct ticker_stat after = stat_of_cpu(cpu);
		uint64_t periods = after.counter + after.missed - before[cpu].counter - before[cpu].missed;

		if (periods < fewest || periods > most) {
			note("CPU %d of %d: %" PRIu64 " periods, not %" PRIu64 " to %" PRIu64, cpu, cpus, periods, fewest,
			     most);
			strays++;
		}
		*ticks += after.counter - before[cpu].counter;
		*missed += after.missed - before[cpu].missed;
	}
}

/*
 * The ticks that a CPU runs do not become fewer as CPUs are added. A busy host takes ticks from
 * more CPUs first, so one round in which it does not is enough.
 */
static void run_cpus_throughput(void)
{
	static const int sets[] = { 1, 2, 4 };
	uint64_t ticks[ARRAY_SIZE(sets)] = { }, missed[ARRAY_SIZE(sets)] = { };
	unsigned int rounds = effort(40), round;
	double best = 0;

	if (cpu_count() < 4) {
		skip("cpus_throughput", "this machine has less than four CPUs");
		return;
	}
	setup("enabled=0");
	ticker_set("period_ms", "1");
	ticker_set("phase_ms", "0");
	/* Every CPU gets its file. */
	ticker_set("cpus", "0-3");
	ticker_set("enabled", "1");
	ticker_set("enabled", "0");
	for (round = 0; round < rounds || (best < 90 && round < rounds + 20); round++) {
		double share[ARRAY_SIZE(sets)];

		for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
			uint64_t run = 0, left = 0;

			tick_on(sets[i], NSEC_PER_SEC / 2, &run, &left);
			share[i] = (double)run / (run + left);
			ticks[i] += run;
			missed[i] += left;
		}
		if (share[2] / share[0] * 100 > best)
			best = share[2] / share[0] * 100;
	}
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		note("1 ms on %d CPUs: %" PRIu64 " ticks, %" PRIu64 " missed: %.2f ticks in 1000 periods of a CPU", sets[i],
		     ticks[i], missed[i], 1000.0 * ticks[i] / (ticks[i] + missed[i]));
	check(!strays, "in %u rounds counter + missed is the number of periods of each CPU: %u times not", round, strays);
	check(best >= 90, "with 4 CPUs a CPU runs 90 %% of the ticks that one alone runs: %.1f %% in the best round", best);
}

const struct ktest test_cpus_throughput = { "cpus_throughput", run_cpus_throughput, .timeout_s = 300, .needs_vm = true };

static void run_cpus_input(void)
{
	static const struct {
		const char *file, *text;
		int err;
	} cases[] = {
		{ "cpus", "", EINVAL }, { "cpus", "\n", EINVAL }, { "cpus", " ", EINVAL }, { "cpus", "anyone", EINVAL },
		{ "cpus", "ALL", EINVAL }, { "cpus", "all 0", EINVAL }, { "cpus", "all,0", EINVAL }, { "cpus", "any\n\n", EINVAL },
		{ "cpus", "none", EINVAL }, { "cpus", "-1", EINVAL }, { "cpus", "1-0", EINVAL }, { "cpus", "0-", EINVAL },
		{ "cpus", "-", EINVAL }, { "cpus", ",", EINVAL }, { "cpus", ",0", EINVAL }, { "cpus", "0,", EINVAL },
		{ "cpus", "0,,0", EINVAL }, { "cpus", "0 ", EINVAL }, { "cpus", " 0", EINVAL }, { "cpus", "0, 0", EINVAL },
		{ "cpus", "0x1", EINVAL }, { "cpus", "0:1/2", EINVAL }, { "cpus", "N", EINVAL }, { "cpus", "0;1", EINVAL },
		{ "cpus", "0\n0", EINVAL }, { "cpus", "0--0", EINVAL }, { "cpus", "\xff", EINVAL },
		{ "cpus", "8191", ERANGE }, { "cpus", "0-8191", ERANGE }, { "cpus", "0,99999", ERANGE },
		{ "cpus", "4294967296", ERANGE }, { "cpus", "99999999999999999999", ERANGE },
		{ "cpus_effective", "0", EACCES },
		{ "queue", "", EINVAL }, { "queue", "\n", EINVAL }, { "queue", "0", EINVAL }, { "queue", "high", EINVAL },
		{ "queue", "[highpri]", EINVAL }, { "queue", "highpri normal", EINVAL }, { "queue", "Normal", EINVAL },
		{ "queue", "normal ", EINVAL },
	};
	char before[128], after[128];
	char *longest;

	setup("enabled=0");
	ticker_set("cpus", "0\n");
	ticker_set("queue", "normal\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int err;

		/* sysfs does not pass on what is empty. */
		if (!*cases[i].text)
			continue;
		ticker_text(cases[i].file, before, sizeof(before));
		err = ticker_write(cases[i].file, cases[i].text);
		ticker_text(cases[i].file, after, sizeof(after));
		check(err == cases[i].err && !strcmp(before, after), "%s < case %zu: %s, unchanged", cases[i].file, i,
		      strerror(err));
	}
	longest = calloc(1, 10241);
	for (size_t i = 0; i < 10240; i += 2)
		memcpy(longest + i, i ? ",0" : "00", 2);
	check(ticker_write("cpus", longest) == EINVAL, "10 KiB of a list are EINVAL");
	check_text("cpus", "0");
	free(longest);
	check_text("queue", strstr(after, "bh") ? "highpri [normal] unbound bh" : "highpri [normal] unbound");
	ticker_set("cpus", "0,0-0");
	check_text("cpus", "0");
	ticker_set("cpus", "housekeeping");
	check_text("cpus", "housekeeping");
}

const struct ktest test_cpus_input = { "cpus_input", run_cpus_input, .timeout_s = 60 };

static void change_cpus(void *unused)
{
	static const char *const sets[] = { "all", "housekeeping", "0", "0-1", "any", "1" };

	for (unsigned int i = 0;; i++) {
		ticker_write("cpus", sets[i % ARRAY_SIZE(sets)]);
		usleep(5000);
	}
}

/* Counts of the last CPU and of all never go down. */
static bool counts_grow(int cpu, struct ticker_stat *all, struct ticker_stat *one)
{
	struct ticker_stat all_now = ticker_stat(), one_now = stat_of_cpu(cpu);
	bool grow = all_now.counter >= all->counter && all_now.missed >= all->missed &&
		    one_now.counter >= one->counter && one_now.missed >= one->missed;

	*all = all_now;
	*one = one_now;
	return grow;
}

/* A list keeps a CPU that is offline, which has no periods meanwhile. */
static void check_offline(int cpu)
{
	struct ticker_stat all, one, after;
	char list[16];

	snprintf(list, sizeof(list), "%d", cpu);
	ticker_set("enabled", "0");
	require(cpu_set_online(cpu, false), "CPU %d goes offline", cpu);
	ticker_set("cpus", list);
	all = ticker_stat();
	ticker_set("enabled", "1");
	check_text("cpus", list);
	check_text("cpus_effective", "");
	sleep_ns(NSEC_PER_SEC / 5);
	after = ticker_stat();
	check(after.counter == all.counter && after.missed == all.missed && !after.cpus, "no ticks, no missed periods");
	require(cpu_set_online(cpu, true), "CPU %d comes online", cpu);
	check_text("cpus_effective", list);
	check(wait_for_counter(all.counter + 3, 20 * NSEC_PER_SEC), "it ticks");
	require(cpu_set_online(cpu, false), "CPU %d goes offline", cpu);
	one = stat_of_cpu(cpu);
	sleep_ns(NSEC_PER_SEC / 5);
	after = stat_of_cpu(cpu);
	check(!memcmp(&one, &after, sizeof(one)), "the counts of an offline CPU stay");
	check_text("cpus", list);
	check_text("period_ms", "10");
	require(cpu_set_online(cpu, true), "CPU %d comes online", cpu);
	check(wait_for_counter(ticker_u64("counter") + 3, 20 * NSEC_PER_SEC), "it ticks again");
}

/* A CPU goes offline and comes online while other processes read, write and change cpus. */
static void check_hotplug(int cpu, unsigned int rounds)
{
	unsigned int wrong = 0, refused = 0;
	struct ticker_stat all, one;
	pid_t pids[2];

	ticker_set("cpus", "all");
	ticker_set("period_ms", "1");
	ticker_set("enabled", "1");
	pids[0] = spawn(ticker_disturb, (void *)(uintptr_t)random_seed());
	pids[1] = spawn(change_cpus, NULL);
	all = ticker_stat();
	one = stat_of_cpu(cpu);
	for (unsigned int i = 0; i < rounds; i++) {
		refused += !cpu_set_online(cpu, false);
		wrong += !counts_grow(cpu, &all, &one);
		refused += !cpu_set_online(cpu, true);
		wrong += !counts_grow(cpu, &all, &one);
	}
	reap(pids, ARRAY_SIZE(pids));
	check(!wrong && !refused, "CPU %d went and came %u times: %u times a count went down, %u changes refused", cpu,
	      rounds, wrong, refused);
	ticker_set("clock", "monotonic");
	ticker_set("timer", "hrtimer");
	ticker_set("phase_ms", "-1");
	ticker_set("period_ms", "10");
	ticker_set("cpus", "all");
	ticker_set("enabled", "1");
	check_text("cpus_effective", all_cpus());
	one = stat_of_cpu(cpu);
	sleep_ns(NSEC_PER_SEC / 2);
	check(stat_of_cpu(cpu).counter > one.counter, "CPU %d ticks", cpu);
}

static void run_cpus_hotplug(void)
{
	int cpus = cpu_count(), last = cpus > 2 ? 2 : cpus - 1;
	struct ticker_stat all, one;

	if (cpus < 2 || !cpu_set_online(last, true)) {
		skip("cpus_hotplug", "one CPU");
		return;
	}
	setup("enabled=0");
	ticker_set_number("period_ms", PERIOD_MS);
	check_offline(last);
	check_hotplug(last, effort(300));
	/* On x86 only kernels before 6.5 have the file, and with cpu0_hotplug. */
	if (!access("/sys/devices/system/cpu/cpu0/online", F_OK)) {
		check_offline(0);
		check_hotplug(0, effort(100));
	} else {
		note("CPU 0 cannot go offline");
	}
	ticker_set("enabled", "0");
	all = ticker_stat();
	for (int cpu = 0; cpu < cpus; cpu++) {
		one = stat_of_cpu(cpu);
		all.counter -= one.counter;
		all.missed -= one.missed;
	}
	note("on any CPU: %" PRIu64 " ticks, %" PRIu64 " missed", all.counter, all.missed);
	check((int64_t)all.counter >= 0 && (int64_t)all.missed >= 0, "stat is the sum of its CPUs and of any");
}

const struct ktest test_cpus_hotplug = { "cpus_hotplug", run_cpus_hotplug, .timeout_s = 600, .needs_vm = true };

/* Largest lateness of a tick while something holds the last CPU for a while. */
static uint64_t worst_under(const char *queue, int context)
{
	int cpu = cpu_count() - 1;
	struct ticker_stat stat;

	ticker_set("queue", queue);
	ticker_set("enabled", "1");
	sleep_ns(NSEC_PER_SEC / 5);
	ticker_set("reset", "1");
	if (context >= 0)
		hog_in(cpu, 300, context);
	else
		sleep_ns(300 * NSEC_PER_MSEC);
	sleep_ns(100 * NSEC_PER_MSEC);
	ticker_set("enabled", "0");
	stat = stat_of_cpu(cpu);
	note("queue %s, hog %d: at most %" PRIu64 " ns late", queue, context, stat.lateness.max_ns);
	return stat.lateness.max_ns;
}

/* Which queue is late depends on what holds the CPU. */
static void run_queues(void)
{
	char text[64];
	uint64_t normal, highpri;

	setup("enabled=0");
	require(!helper_load("tick_hog", ""), "the hog loads");
	ticker_set_number("period_ms", PERIOD_MS);
	snprintf(text, sizeof(text), "%d", cpu_count() - 1);
	ticker_set("cpus", text);
	highpri = worst_under("highpri", HOG_WORK);
	normal = worst_under("normal", HOG_WORK);
	check(normal > 10 * highpri, "a work item that holds its pool makes normal late, highpri not");
	ticker_text("queue", text, sizeof(text));
	if (strstr(text, "bh")) {
		uint64_t idle = worst_under("bh", -1);

		check(worst_under("bh", HOG_SOFTIRQ) > 10 * idle, "a tasklet that loops makes bh late");
	}
	ticker_set("queue", "unbound");
	ticker_set("enabled", "1");
	check(wait_for_counter(ticker_u64("counter") + 10, 20 * NSEC_PER_SEC), "unbound: it ticks");
	for (int hrtimer = 0; hrtimer < 2; hrtimer++) {
		ticker_set_timer(hrtimer);
		ticker_set("stall_ms", hrtimer ? "20000" : "0");
		check(wait_for_counter(ticker_u64("counter") + 10, 20 * NSEC_PER_SEC), "unbound, hrtimer %d: it ticks",
		      hrtimer);
	}
}

const struct ktest test_queues = { "queues", run_queues, .timeout_s = 120, .needs_vm = true, .needs_virtual = true };

/* A suspend up to the point at which all CPUs but one are offline. */
static void run_cpus_suspend(void)
{
	static const char *const clocks[] = { "monotonic", "boottime", "realtime" };
	int cpu = cpu_count() - 1;
	char list[16];

	if (cpu < 1 || file_write("/sys/power/pm_test", "processors")) {
		skip("cpus_suspend", "one CPU, or no test of suspending");
		return;
	}
	setup("enabled=0");
	snprintf(list, sizeof(list), "%d", cpu);
	ticker_set_number("period_ms", PERIOD_MS);
	ticker_set("cpus", list);
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		struct ticker_stat before, after;
		int err;

		ticker_set("clock", clocks[i]);
		ticker_set("enabled", "1");
		before = ticker_stat();
		err = file_write("/sys/power/state", "mem");
		require(!err, "%s: the machine suspends and resumes: %s", clocks[i], strerror(err));
		check_text("cpus", list);
		check_text("cpus_effective", list);
		check_text("enabled", "1");
		check(wait_for_counter(ticker_u64("counter") + 3, 20 * NSEC_PER_SEC), "%s: it ticks on CPU %d", clocks[i],
		      cpu);
		after = ticker_stat();
		check(after.counter > before.counter && after.missed >= before.missed, "%s: no count went down", clocks[i]);
		ticker_set("enabled", "0");
	}
	file_write("/sys/power/pm_test", "none");
}

const struct ktest test_cpus_suspend = { "cpus_suspend", run_cpus_suspend, .timeout_s = 120, .needs_vm = true };

/* The number of our hrtimers on a CPU. */
static unsigned int timers_on(int cpu)
{
	FILE *list = fopen("/proc/timer_list", "r");
	unsigned int count = 0;
	char line[512];
	int at = -1;

	if (!list)
		require(false, "/proc/timer_list opens: %s", strerror(errno));
	while (fgets(line, sizeof(line), list)) {
		sscanf(line, "cpu: %d", &at);
		count += at == cpu && (strstr(line, ", ticker_timer_fn") || strstr(line, ", ticker_watchdog_fn"));
	}
	fclose(list);
	return count;
}

/* How often the workers of high priority of a CPU have gone to sleep. */
static unsigned long long worker_sleeps(int cpu)
{
	unsigned long long sum = 0, sleeps;
	char path[300], text[4096], start[32];
	struct dirent *entry;
	DIR *proc;

	snprintf(start, sizeof(start), "Name:\tkworker/%d:", cpu);
	proc = opendir("/proc");
	while ((entry = readdir(proc))) {
		const char *number = text + strlen(start), *line;

		snprintf(path, sizeof(path), "/proc/%s/status", entry->d_name);
		if (!atoi(entry->d_name) || file_read(path, text, sizeof(text)) || strncmp(text, start, strlen(start)) ||
		    number[strspn(number, "0123456789")] != 'H')
			continue;
		line = strstr(text, "\nvoluntary_ctxt_switches:");
		if (line && sscanf(line, " voluntary_ctxt_switches: %llu", &sleeps) == 1)
			sum += sleeps;
	}
	closedir(proc);
	return sum;
}

/* One CPU is isolated by the kernel's command line. */
static void run_isolated_cpus(void)
{
	unsigned int seconds = effort(60) > 3 ? effort(60) : 3, found = 0;
	unsigned long long sleeps, others;
	char isolated[64] = "", file[64];
	struct ticker_stat stat;
	int64_t end;
	int cpu;

	file_read("/sys/devices/system/cpu/isolated", isolated, sizeof(isolated));
	if (!isolated[0] || isolated[0] == '\n') {
		skip("isolated_cpus", "no CPU is isolated");
		return;
	}
	cpu = atoi(isolated);
	setup("enabled=0");
	ticker_set_number("period_ms", PERIOD_MS);
	ticker_set("stall_ms", "20000");
	ticker_set("cpus", "housekeeping");
	ticker_set("enabled", "1");
	sleeps = worker_sleeps(cpu);
	others = worker_sleeps(0);
	end = now_ns(CLOCK_MONOTONIC) + seconds * NSEC_PER_SEC;
	while (now_ns(CLOCK_MONOTONIC) < end) {
		found += timers_on(cpu);
		sleep_ns(20 * NSEC_PER_MSEC);
	}
	stat = stat_of_cpu(0);
	sleeps = worker_sleeps(cpu) - sleeps;
	others = worker_sleeps(0) - others;
	check(!found, "housekeeping: in %u s no timer is on the isolated CPU %d", seconds, cpu);
	check(sleeps < stat.counter / 10 && others >= stat.counter / 2,
	      "no work item runs there: its workers slept %llu times, those of CPU 0 %llu times in %" PRIu64 " ticks", sleeps,
	      others, stat.counter);
	check(ticker_stat().cpus == (unsigned int)cpu_count() - 1, "it ticks on all other CPUs");
	snprintf(file, sizeof(file), "percpu/%d", cpu);
	check(ticker_open(file, O_RDONLY) < 0, "%s does not exist", file);

	sleeps = worker_sleeps(cpu);
	ticker_set("cpus", "all");
	check(wait_for_counter(ticker_u64("counter") + 10, 20 * NSEC_PER_SEC), "all: it ticks");
	sleep_ns(NSEC_PER_SEC / 2);
	found = timers_on(cpu);
	stat = stat_of_cpu(cpu);
	sleeps = worker_sleeps(cpu) - sleeps;
	check(stat.counter > 0 && found, "all: CPU %d has timers and %" PRIu64 " ticks", cpu, stat.counter);
	check(sleeps >= stat.counter / 2, "all: its workers slept %llu times", sleeps);
}

const struct ktest test_isolated_cpus = {
	"isolated_cpus", run_isolated_cpus, .timeout_s = 300, .needs_vm = true
};

/* A subscriber follows a ticker from any CPU to one that has no share yet, but not to several. */
static void run_cpus_subscribed(void)
{
	int cpu = cpu_count() - 1;
	uint64_t calls;
	char text[64];

	if (cpu < 1) {
		skip("cpus_subscribed", "this machine has one CPU");
		return;
	}
	require(!module_load("enabled=0") && !ticker_make("t"), "the module loads and mkdir creates a ticker");
	ticker_choose("t");
	ticker_set_number("period_ms", PERIOD_MS);
	ticker_set("enabled", "1");
	require(!helper_load("tick_subscriber", "ticker=t"), "tick_subscriber subscribes");
	require(wait_for_counter(50, 20 * NSEC_PER_SEC), "the ticker ticks on any CPU");
	check(ticker_write("cpus", "all") == EBUSY, "several CPUs under a subscriber fail with EBUSY");
	ticker_text("queue", text, sizeof(text));
	check(ticker_write("queue", "bh") == (strstr(text, "bh") ? EBUSY : EINVAL), "bh under a subscriber fails");
	check_text("cpus", "any");

	require(cpu_set_online(cpu, false), "CPU %d goes offline", cpu);
	snprintf(text, sizeof(text), "%d", cpu);
	ticker_set("cpus", text);
	require(cpu_set_online(cpu, true), "CPU %d comes online", cpu);
	calls = helper_u64("tick_subscriber", "calls");
	require(wait_for_counter(ticker_u64("counter") + 10, 20 * NSEC_PER_SEC), "the ticker ticks on CPU %d", cpu);
	ticker_set("stall_ms", "20000");
	require(wait_for_counter(ticker_u64("counter") + 10, 20 * NSEC_PER_SEC), "it ticks after another change");
	check(helper_u64("tick_subscriber", "calls") > calls, "the subscriber is called there");
	check(!helper_u64("tick_subscriber", "wrong"), "no number of a tick is below an earlier one");

	require(!module_remove("tick_subscriber"), "the subscriber unloads");
	ticker_set("cpus", "all");
	check(helper_load("tick_subscriber", "ticker=t") == EBUSY, "subscribing to several CPUs fails with EBUSY");
	require(!ticker_remove("t"), "rmdir removes the ticker");
}

const struct ktest test_cpus_subscribed = {
	"cpus_subscribed", run_cpus_subscribed, .timeout_s = 120, .needs_vm = true
};

static void hog_last_cpu(void *unused)
{
	hog(cpu_count() - 1, 1500, true);
}

/* Enable the ticker while its CPU takes no interrupts. Return how long interrupts were off after that, in ns. */
static int64_t start_late(void)
{
	int log = log_open();
	int64_t enabled_ns;
	pid_t child;

	child = spawn(hog_last_cpu, NULL);
	/* Its parameters cannot be read while it runs. */
	while (!log_count(log, "tick_hog: begin"))
		sleep_ns(NSEC_PER_MSEC);
	sleep_ns(50 * NSEC_PER_MSEC);
	ticker_set("enabled", "1");
	enabled_ns = now_ns(CLOCK_MONOTONIC);
	waitpid(child, NULL, 0);
	close(log);
	return (int64_t)helper_u64("tick_hog", "end_ns") - enabled_ns;
}

/* A ticker is enabled on a CPU that takes no interrupts: its timer is armed only afterwards. */
static void run_late_start(void)
{
	static const char *const clocks[] = { "monotonic", "boottime", "realtime" };
	char text[16];

	if (cpu_count() < 2) {
		skip("late_start", "this machine has one CPU");
		return;
	}
	setup("enabled=0");
	require(!helper_load("tick_hog", ""), "the hog loads");
	require(run_on(0), "this process runs on CPU 0");
	snprintf(text, sizeof(text), "%d", cpu_count() - 1);
	ticker_set("cpus", text);
	ticker_set_number("period_ms", PERIOD_MS);
	ticker_set("stall_ms", "500");
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		uint64_t counter = 0, stalls = 0, max_ns;
		int64_t left_ns = 0;

		ticker_set("clock", clocks[i]);
		/* The host may have stopped this process until the CPU took interrupts again. */
		for (int try = 0; try < 10; try++) {
			counter = ticker_u64("counter");
			stalls = ticker_u64("stalls");
			ticker_set("reset", "1");
			left_ns = start_late();
			if (left_ns > 700 * NSEC_PER_MSEC)
				break;
			note("%s: enabled %" PRId64 " ns before the end", clocks[i], left_ns);
			ticker_set("enabled", "0");
		}
		check(left_ns > 700 * NSEC_PER_MSEC, "%s: it is enabled while the CPU takes no interrupts", clocks[i]);
		check(wait_for_counter(counter + 2, 20 * NSEC_PER_SEC), "%s: it ticks", clocks[i]);
		max_ns = ticker_u64("lateness/max_ns");
		check(max_ns > 600 * (uint64_t)NSEC_PER_MSEC, "%s: the first tick is as late as the interrupts: %" PRIu64 " ns",
		      clocks[i], max_ns);
		check(ticker_u64("stalls") > stalls, "%s: it is a stall", clocks[i]);
		ticker_set("enabled", "0");
	}
}

const struct ktest test_late_start = { "late_start", run_late_start, .timeout_s = 120, .needs_vm = true };
