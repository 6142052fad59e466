// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test runner and helpers of all tests.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define KTEST_SKIPPED 4

extern const struct ktest test_files, test_params, test_input, test_modes, test_users, test_gid,
	test_ticks, test_mean_lateness, test_settings, test_stop, test_instants, test_poll,
	test_trace, test_clock, test_suspend, test_hotplug, test_unload,
	test_cycles, test_ten_minutes, test_day, test_names, test_limits,
	test_rmdir, test_wakeups, test_events, test_quiet_hour,
	test_stalls, test_stalls_seen, test_subscribe, test_cache,
	test_thousand, test_ten_thousand, test_torture, test_faults, test_faults_load,
	test_faults_export, test_faults_cpus, test_fuzz, test_soak, test_bench_tick, test_bench_peers,
	test_bench_many, test_bench_read, test_bench_day, test_bench_systemd,
	test_bench_idle, test_bench_seen,
	test_cpus, test_cpus_throughput, test_cpus_input, test_cpus_hotplug, test_queues,
	test_cpus_suspend, test_isolated_cpus, test_cpus_subscribed, test_late_start,
	test_killed, test_unsubscribed, test_placed, test_unbound, test_isolated, test_wheel_placed, test_stall_ended,
	test_storm, test_log_shared, test_pollers, test_rates, test_max_rate, test_clock_steps,
	test_culprit, test_culprit_traced, test_culprit_blocked, test_culprit_freed, test_culprit_comm, test_culprit_many, test_culprit_cost,
	test_late_ns, test_bench_here;

static const struct ktest *const tests[] = {
	&test_files, &test_params, &test_input, &test_modes, &test_users, &test_gid,
	&test_ticks, &test_mean_lateness, &test_settings, &test_stop, &test_instants, &test_poll,
	&test_trace, &test_clock, &test_suspend, &test_hotplug, &test_unload,
	&test_cycles, &test_ten_minutes, &test_day, &test_names, &test_limits,
	&test_rmdir, &test_wakeups, &test_events, &test_quiet_hour,
	&test_stalls, &test_stalls_seen, &test_subscribe, &test_cache,
	&test_thousand, &test_ten_thousand, &test_torture, &test_faults, &test_faults_load,
	&test_faults_export, &test_faults_cpus, &test_fuzz, &test_soak, &test_bench_tick, &test_bench_peers,
	&test_bench_many, &test_bench_read, &test_bench_day, &test_bench_systemd,
	&test_bench_idle, &test_bench_seen,
	&test_cpus, &test_cpus_throughput, &test_cpus_input, &test_cpus_hotplug, &test_queues,
	&test_cpus_suspend, &test_isolated_cpus, &test_cpus_subscribed, &test_late_start,
	&test_killed, &test_unsubscribed, &test_placed, &test_unbound, &test_isolated, &test_wheel_placed, &test_stall_ended,
	&test_storm, &test_log_shared, &test_pollers, &test_rates, &test_max_rate, &test_clock_steps,
	&test_culprit, &test_culprit_traced, &test_culprit_blocked, &test_culprit_freed, &test_culprit_comm, &test_culprit_many, &test_culprit_cost,
	&test_late_ns, &test_bench_here,
};

static unsigned int checks, failures, skips;

static void result(bool good, const char *directive, const char *format, va_list arguments)
{
	printf("    %s %u ", good ? "ok" : "not ok", ++checks);
	vprintf(format, arguments);
	printf("%s\n", directive);
}

bool check(bool good, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	result(good, "", format, arguments);
	va_end(arguments);
	failures += !good;
	return good;
}

void note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("    # ");
	vprintf(format, arguments);
	printf("\n");
	va_end(arguments);
}

void skip(const char *what, const char *why)
{
	printf("    ok %u %s # SKIP %s\n", ++checks, what, why);
	skips++;
}

static void finish(void)
{
	printf("    1..%u\n", checks);
	fflush(stdout);
	exit(failures ? 1 : checks > skips ? 0 : KTEST_SKIPPED);
}

void require(bool good, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	result(good, "", format, arguments);
	va_end(arguments);
	if (good)
		return;
	failures++;
	finish();
}

static bool flag(const char *name)
{
	const char *value = getenv(name);

	return value && !strcmp(value, "1");
}

bool in_vm(void)
{
	return flag("SCHED_TICK_VM");
}

bool in_virtual_time(void)
{
	return flag("SCHED_TICK_VIRTUAL");
}

static unsigned int given(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 10) : otherwise;
}

unsigned int effort(unsigned int count)
{
	unsigned int share = count * given("SCHED_TICK_EFFORT", 100) / 100;

	return share ? share : 1;
}

unsigned int random_seed(void)
{
	return given("SCHED_TICK_SEED", time(NULL));
}

int64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

void sleep_ns(int64_t ns)
{
	struct timespec left = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

int64_t jiffy_ns(void)
{
	struct timespec resolution;

	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return resolution.tv_nsec;
}

pid_t spawn(void (*run)(void *), void *argument)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(argument);
		_exit(0);
	}
	return pid;
}

void reap(pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	for (size_t i = 0; i < count; i++)
		waitpid(pids[i], NULL, 0);
}

/* Write a line to the kernel log, which shows to which test other lines belong. */
static void announce(const char *what, const char *name)
{
	char line[128];

	/* One write is one line of the kernel log. */
	snprintf(line, sizeof(line), "sched_tick-test: %s %s\n", what, name);
	file_write("/dev/kmsg", line);
}

static void run_child(const struct ktest *test)
{
	printf("    KTAP version 1\n");
	alarm(test->timeout_s * given("SCHED_TICK_PATIENCE", 1));
	if (test->needs_vm && !in_vm())
		skip(test->name, "the test would disturb this machine");
	else if (test->needs_virtual && !in_virtual_time())
		skip(test->name, "the test asserts times, which needs virtual time");
	else
		test->run();
	finish();
}

/* Run a test; return whether it passed or was skipped. */
static bool run_test(const struct ktest *test, unsigned int number)
{
	char why[64] = "";
	int status, err;
	bool good, skipped;
	pid_t pid;

	announce("begin", test->name);
	printf("# Subtest: %s\n", test->name);
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_child(test);
	waitpid(pid, &status, 0);

	err = machine_clean();
	skipped = WIFEXITED(status) && WEXITSTATUS(status) == KTEST_SKIPPED;
	good = WIFEXITED(status) && !WEXITSTATUS(status);
	if (err && err != ENOENT) {
		good = skipped = false;
		snprintf(why, sizeof(why), " # the module cannot be unloaded: %s", strerror(err));
	} else if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), " # %s",
			 WTERMSIG(status) == SIGALRM ? "TIMEOUT" : strsignal(WTERMSIG(status)));
	}
	printf("%s %u %s%s%s\n", good || skipped ? "ok" : "not ok", number, test->name,
	       skipped ? " # SKIP every check was skipped" : "", why);
	fflush(stdout);
	announce(good || skipped ? "passed" : "FAILED", test->name);
	return good || skipped;
}

static const struct ktest *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (!strcmp(tests[i]->name, name))
			return tests[i];
	fprintf(stderr, "ktest: unknown test '%s'\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	const struct ktest *chosen[ARRAY_SIZE(tests) + 64];
	unsigned int count = 0, failed = 0;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
			puts(tests[i]->name);
		return 0;
	}
	if (geteuid()) {
		fprintf(stderr, "ktest: must be run as root\n");
		return 2;
	}
	if (!access("/sys/module/sched_tick", F_OK) && !module_built_in()) {
		fprintf(stderr, "ktest: sched_tick is loaded; unload it first (rmmod sched_tick)\n");
		return 2;
	}

	for (int i = 1; i < argc && count < ARRAY_SIZE(chosen); i++)
		chosen[count++] = find(argv[i]);
	for (size_t i = 0; argc == 1 && i < ARRAY_SIZE(tests); i++)
		if (!tests[i]->on_request)
			chosen[count++] = tests[i];

	printf("KTAP version 1\n1..%u\n", count);
	for (unsigned int i = 0; i < count; i++)
		failed += !run_test(chosen[i], i + 1);
	return failed != 0;
}
