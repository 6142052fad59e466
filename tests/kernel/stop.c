// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stopping is synchronous: when a write of 0 to enabled has returned, no tick is
 * counted. A read of stat is of one instant.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static void loop(void *unused)
{
	for (volatile unsigned long i = 0;; i++)
		;
}

static void read_all_the_time(void *unused)
{
	for (;;)
		ticker_stat();
}

static void run_stop(void)
{
	unsigned int rounds = effort(10000), moved = 0, ticked = 0;
	struct ticker_stat first, second;
	pid_t load[3];

	setup("enabled=0 period_ms=1");
	load[0] = spawn(loop, NULL);
	load[1] = spawn(loop, NULL);
	load[2] = spawn(read_all_the_time, NULL);

	for (unsigned int round = 0; round < rounds; round++) {
		uint64_t before = ticker_u64("counter");

		/* On monotonic the timer restarts itself; on realtime the tick arms it. */
		ticker_set("clock", round & 1 ? "realtime" : "monotonic");
		ticker_set("enabled", "1");
		/* Up to 2.5 periods, so that the stop comes at any point of a tick. */
		sleep_ns(rand() % (5 * NSEC_PER_MSEC / 2));
		ticker_set("enabled", "0");
		first = ticker_stat();
		sleep_ns(3 * NSEC_PER_MSEC / 2);
		second = ticker_stat();
		moved += first.counter != second.counter || first.missed != second.missed;
		ticked += first.counter != before;
	}
	reap(load, ARRAY_SIZE(load));
	check(!moved,
	      "no count changes after a write of 0 to enabled returned: %u of %u changed", moved, rounds);
	check(ticked > rounds / 10, "the ticker ticks before it is stopped: %u of %u times", ticked, rounds);
}

const struct ktest test_stop = { "stop", run_stop, .timeout_s = 900 };

/* In each line of stat the histogram has all ticks. From line to line no count goes down. */
static void read_instants(void *unused)
{
	uint64_t passed = 0, sum;
	struct ticker_stat stat;
	int wrong = 0;

	for (unsigned int i = effort(10000); i; i--) {
		stat = ticker_stat();
		sum = 0;
		for (size_t bucket = 0; bucket < KTEST_BUCKETS; bucket++)
			sum += stat.lateness.histogram[bucket];
		if (sum != stat.counter)
			wrong |= 1;
		if (stat.counter + stat.missed < passed)
			wrong |= 2;
		passed = stat.counter + stat.missed;
	}
	/* Exit at the end only, to give KCSAN time to detect a race. */
	_exit(wrong);
}

static void read_counter(void *unused)
{
	int fd = ticker_open("counter", O_RDONLY);
	uint64_t before = 0, counter;
	char text[32];

	for (;;) {
		if (pread(fd, text, sizeof(text), 0) <= 0)
			_exit(3);
		counter = strtoull(text, NULL, 10);
		if (counter < before)
			_exit(4);
		before = counter;
	}
}

static void run_instants(void)
{
	pid_t readers[2];
	int status;

	setup("enabled=1 period_ms=1");
	readers[0] = spawn(read_counter, NULL);
	readers[1] = spawn(read_instants, NULL);
	waitpid(readers[1], &status, 0);
	check(!status,
	      "each of %u lines of stat is of one instant: exit status %d", effort(10000), WEXITSTATUS(status));
	check(!waitpid(readers[0], &status, WNOHANG),
	      "the counter never goes down: exit status %d", WEXITSTATUS(status));
	reap(readers, 1);
}

const struct ktest test_instants = { "instants", run_instants, .timeout_s = 600 };
