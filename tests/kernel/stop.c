// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stopping is synchronous: once the write of 0 to enabled has returned, the
 * counter stands still.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ktest.h"

static void burn(void *unused)
{
	for (volatile unsigned long i = 0;; i++)
		;
}

static void read_all_the_time(void *unused)
{
	for (;;)
		tick_stat();
}

static void run_stop(void)
{
	unsigned int rounds = effort(10000), moved = 0, ticked = 0;
	struct tick_stat first, second;
	pid_t load[3];

	setup("enabled=0 period_ms=1");
	load[0] = spawn(burn, NULL);
	load[1] = spawn(burn, NULL);
	load[2] = spawn(read_all_the_time, NULL);

	for (unsigned int round = 0; round < rounds; round++) {
		uint64_t before = tick_u64("counter");

		tick_set("enabled", "1");
		/* Up to 2.5 periods, so that the stop meets the tick anywhere. */
		sleep_ns(rand() % (5 * NSEC_PER_MSEC / 2));
		tick_set("enabled", "0");
		first = tick_stat();
		sleep_ns(3 * NSEC_PER_MSEC / 2);
		second = tick_stat();
		moved += first.counter != second.counter || first.missed != second.missed;
		ticked += first.counter != before;
	}
	reap(load, ARRAY_SIZE(load));
	check(!moved, "%u of %u times something moved after enabled = 0 returned", moved, rounds);
	check(ticked > rounds / 10, "%u of %u times it had ticked before", ticked, rounds);
}

const struct ktest test_stop = { "stop", run_stop, .timeout_s = 900 };
