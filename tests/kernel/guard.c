// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits on what an ordinary user and a member of the group can take from others.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define NOBODY		65534
#define GROUP		12345
#define DESCRIPTORS	10000
#define RATE_MAX	"/sys/module/sched_tick/parameters/max_rate"

/* Return the share of periods missed in the next 20 s, in units of 0.01 %. */
static unsigned int missed_share(void)
{
	struct ticker_stat before = ticker_stat(), after;

	sleep_ns(20 * NSEC_PER_SEC);
	after = ticker_stat();
	return 10000 * (after.missed - before.missed) /
	       (after.counter + after.missed - before.counter - before.missed);
}

/* Poll counter through many open files at once, without end. */
static void poll_many(void *shared)
{
	static struct epoll_event events[DESCRIPTORS];
	struct epoll_event wanted = { .events = EPOLLPRI | EPOLLET };
	volatile uint64_t *wakeups = shared;
	int poller = epoll_create1(0), count;
	char text[32];

	if (setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
	for (int i = 0; i < DESCRIPTORS; i++) {
		int fd = ticker_open("counter", O_RDONLY);

		if (fd < 0 || pread(fd, text, sizeof(text), 0) <= 0 ||
		    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted))
			_exit(2);
	}
	*wakeups = 1;
	for (;;) {
		count = epoll_wait(poller, events, DESCRIPTORS, -1);
		if (count < 0)
			_exit(3);
		*wakeups += count;
	}
}

static void run_pollers(void)
{
	struct rlimit files = { DESCRIPTORS + 100, DESCRIPTORS + 100 };
	unsigned int without, with;
	uint64_t *wakeups;
	pid_t poller;

	wakeups = mmap(NULL, sizeof(*wakeups), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(wakeups != MAP_FAILED && !setrlimit(RLIMIT_NOFILE, &files),
		"this process may open %d files", DESCRIPTORS);
	require(!module_load("period_ms=1") && !ticker_make("polled"),
		"the module loads and mkdir creates a ticker");
	ticker_choose("polled");
	ticker_set("period_ms", "10");
	ticker_set("notify", "1");
	ticker_set("enabled", "1");

	ticker_choose("default");
	sleep_ns(NSEC_PER_SEC);
	without = missed_share();
	ticker_choose("polled");
	poller = spawn(poll_many, wakeups);
	while (!*wakeups && waitpid(poller, NULL, WNOHANG) == 0)
		sleep_ns(NSEC_PER_MSEC);
	ticker_choose("default");
	sleep_ns(NSEC_PER_SEC);
	with = missed_share();
	check(!waitpid(poller, NULL, WNOHANG) && *wakeups > DESCRIPTORS,
	      "ticks wake %d pollers: %" PRIu64 " wake-ups",
	      DESCRIPTORS, *wakeups);
	check(with <= without + 100,
	      "pollers make another ticker miss at most 1 %% more: %u.%02u %% without them, %u.%02u %% with them",
	      without / 100,
	      without % 100, with / 100, with % 100);
	reap(&poller, 1);
	check(!ticker_remove("polled"), "rmdir removes the ticker");
}

const struct ktest test_pollers = {
	"pollers", run_pollers, .timeout_s = 600, .needs_vm = true, .needs_virtual = true
};

/* Return the time that a user program takes for a fixed amount of work, in ns. */
static int64_t work_ns(void)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC);

	for (volatile unsigned int i = 0; i < 400000000; i++)
		;
	return now_ns(CLOCK_MONOTONIC) - begin;
}

static int as_member(int (*run)(const char *), const char *argument)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (setgid(GROUP) || setuid(NOBODY))
			_exit(200);
		_exit(run(argument));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 201;
}

/* Enable as many of 1000 tickers with this period as the limit allows; return 1 if some were refused. */
static int take_all(const char *period)
{
	unsigned int refused = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		int err;

		ticker_choose(numbered(i));
		ticker_write("enabled", "0");
		err = ticker_write("period_ms", period) ?: ticker_write("enabled", "1");
		if (err && err != ERANGE)
			return 202;
		refused += err == ERANGE;
		/* Scatter the deadlines: aligned ticks cost less. */
		sleep_ns(37000);
	}
	return refused ? 1 : 0;
}

static int enable(const char *ticker)
{
	ticker_choose(ticker);
	return ticker_write("enabled", "1");
}

static void run_rates(void)
{
	static const char * const periods[] = { "1", "10", "100" };
	int64_t alone, among;

	require(!module_load("enabled=0 gid=12345"), "the module loads with a group");
	make_all(1000);
	work_ns();
	alone = work_ns();
	for (size_t i = 0; i < ARRAY_SIZE(periods); i++) {
		int status = as_member(take_all, periods[i]);

		require(status <= 1, "a member writes %s ms to 1000 tickers: %d", periods[i], status);
		if (i < 2)
			check(status == 1, "%s ms: some writes fail with ERANGE", periods[i]);
		among = work_ns();
		check(alone * 100 / among >= 90,
		      "%s ms: user programs keep at least 90 %% of the CPU: %" PRId64 " %%", periods[i],
		      alone * 100 / among);
	}
	set_all(1000, "enabled", "0");
	remove_all(1000);
}

const struct ktest test_rates = {
	"rates", run_rates, .timeout_s = 900, .needs_vm = true, .needs_virtual = true
};

/* Root may exceed the limit. */
static void run_max_rate(void)
{
	require(!module_load("enabled=0 gid=12345"), "the module loads with a group");
	make_all(2);
	ticker_choose("t0");
	check(!file_write(RATE_MAX, "99"), "max_rate accepts 99");
	ticker_set("period_ms", "10");
	check(as_member(enable, "t0") == ERANGE,
	      "a member cannot enable a ticker of 100 ticks a second: ERANGE");
	check(ticker_u64("enabled") == 0, "the refused ticker stays disabled");
	check(!ticker_write("enabled", "1"), "root can enable it");
	ticker_choose("t1");
	check(as_member(enable, "t1") == ERANGE,
	      "a member cannot enable another ticker above the limit: ERANGE");
	ticker_set("period_ms", "2147483647");
	check(as_member(enable, "t1") == ERANGE,
	      "a member cannot enable it with the longest period either: ERANGE");
	check(!file_write(RATE_MAX, "101"), "max_rate accepts 101");
	check(!as_member(enable, "t1"), "a member can enable it below the limit");
	check(file_write(RATE_MAX, "0") == EINVAL && file_write(RATE_MAX, "-1") == EINVAL &&
	      file_write(RATE_MAX, "2147483648") == EINVAL && file_write(RATE_MAX, "x") == EINVAL,
	      "max_rate refuses 0, -1, 2147483648 and x with EINVAL");
	remove_all(2);
}

const struct ktest test_max_rate = { "max_rate", run_max_rate, .timeout_s = 60, .needs_vm = true };
