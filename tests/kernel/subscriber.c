// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other modules' callbacks: what is promised to them, and to us in spite of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

/* Subscribe and unsubscribe in a hurry; a callback that sleeps is often met inside. */
static void check_fire(unsigned int cycles, int sleep_ms)
{
	char parameters[64];
	uint64_t calls;
	int err;

	snprintf(parameters, sizeof(parameters), "ticker=t cycles=%u sleep_ms=%d", cycles, sleep_ms);
	err = helper_load("tick_subscriber", parameters);
	require(!err, "%s: done: %s", parameters, strerror(err));
	check(!helper_u64("tick_subscriber", "wrong"), "no call after unsubscribe returned, none twice");
	calls = helper_u64("tick_subscriber", "calls");
	check(calls > cycles / 4, "%" PRIu64 " calls in between", calls);
	wait_for_counter(ticker_u64("counter") + 5, 10 * NSEC_PER_SEC);
	check(helper_u64("tick_subscriber", "calls") == calls, "and none since");
	module_remove("tick_subscriber");
}

static void run_subscribe(void)
{
	const int64_t period_ns = 10 * NSEC_PER_MSEC;
	unsigned int cycles = effort(1000);
	int64_t started[2], stopped[2], least, most, sum;
	struct ticker_stat before, after;
	uint64_t calls;

	require(!module_load("enabled=0") && !ticker_make("t"), "module loads, ticker is made");
	check(helper_load("tick_subscriber", "ticker=nobody") == ENOENT, "no such ticker: ENOENT");

	/* Comes and goes under fire. */
	ticker_choose("t");
	ticker_set("period_ms", "1");
	ticker_set("enabled", "1");
	check_fire(cycles, 0);
	check_fire(effort(100), 1);

	/* Stays, and is called once per tick. */
	ticker_set("enabled", "0");
	ticker_set("period_ms", "10");
	require(!helper_load("tick_subscriber", "ticker=t"), "subscribed");
	check(ticker_remove("t") == EBUSY, "its ticker can't be removed: EBUSY");
	check(module_unload() == EWOULDBLOCK, "nor the module be unloaded: EWOULDBLOCK");
	before = ticker_stat();
	ticker_set("enabled", "1");
	wait_for_counter(before.counter + 50, 10 * NSEC_PER_SEC);
	ticker_set("enabled", "0");
	calls = helper_u64("tick_subscriber", "calls");
	check(ticker_stat().counter - before.counter == calls, "%" PRIu64 " calls, one per tick", calls);

	/* Takes its time: ten periods of it. */
	ticker_set("reset", "1");
	file_write("/sys/module/tick_subscriber/parameters/sleep_ms", "100");
	before = ticker_stat();
	started[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "1");
	started[1] = now_ns(CLOCK_MONOTONIC);
	sleep_ns(3 * NSEC_PER_SEC);
	stopped[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "0");
	stopped[1] = now_ns(CLOCK_MONOTONIC);
	after = ticker_stat();
	/* Stopping waits for the callback and then counts what passed. */
	least = ((in_virtual_time() ? stopped[1] : stopped[0]) - started[1]) / period_ns;
	most = (stopped[1] - started[0]) / period_ns;
	sum = after.counter + after.missed - before.counter - before.missed;
	check(sum >= least - in_virtual_time() && sum <= most,
	      "a callback of 10 periods: %" PRIu64 " ticks + %" PRIu64 " missed of %" PRId64 " to %" PRId64 " periods",
	      after.counter - before.counter, after.missed - before.missed, least, most);
	check(after.missed - before.missed > (uint64_t)least / 2, "most are missed");
	check(after.lateness.max_ns > 80 * (uint64_t)NSEC_PER_MSEC, "and the ticks late: %" PRIu64 " ns",
	      after.lateness.max_ns);
	check(after.timer_lateness.max_ns < after.lateness.max_ns, "which is not the timer's fault");
	check(!helper_u64("tick_subscriber", "wrong"), "nothing went wrong in the subscriber");

	check(!module_remove("tick_subscriber"), "it goes");
	check(!ticker_remove("t"), "and then so may the ticker");

	/* The default ticker has subscribers, too. */
	ticker_choose("default");
	require(!helper_load("tick_subscriber", ""), "subscribed to the default ticker");
	check(module_unload() == EWOULDBLOCK, "which stays");
	ticker_set("period_ms", "10");
	ticker_set("enabled", "1");
	wait_for_counter(5, 10 * NSEC_PER_SEC);
	check(!module_remove("tick_subscriber"), "it goes while it is called");
	check(!module_unload(), "and so does the module");
}

const struct ktest test_subscribe = {
	"subscribe", run_subscribe, .timeout_s = 300, .needs_vm = true
};

#define CACHE "/sys/module/tick_cache/parameters/"

/* docs/subscribe.md's example does what that says. */
static void run_cache(void)
{
	int64_t end;

	require(!module_load("enabled=0") && !ticker_make("housekeeping"), "module loads, ticker is made");
	ticker_choose("housekeeping");
	ticker_set("period_ms", "50");
	ticker_set("enabled", "1");
	require(!helper_load("tick_cache", "ticker=housekeeping max_age_ms=500"), "the cache loads");
	check(!file_write(CACHE "add", "one") && !file_write(CACHE "add", "two"), "it takes entries");
	check(helper_u64("tick_cache", "entries") + helper_u64("tick_cache", "dropped") == 2,
	      "and has them");
	end = now_ns(CLOCK_MONOTONIC) + 10 * NSEC_PER_SEC;
	while (helper_u64("tick_cache", "dropped") < 2 && now_ns(CLOCK_MONOTONIC) < end)
		sleep_ns(10 * NSEC_PER_MSEC);
	check(!helper_u64("tick_cache", "entries") && helper_u64("tick_cache", "dropped") == 2,
	      "until they are old");
	check(!file_write(CACHE "add", "three") && !module_remove("tick_cache"),
	      "it unloads with an entry inside");
}

const struct ktest test_cache = { "cache", run_cache, .timeout_s = 60, .needs_vm = true };
