// SPDX-License-Identifier: GPL-2.0-only
/*
 * Subscribers: what sched_tick guarantees to their callbacks, and how it handles slow ones.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

/* Subscribe and unsubscribe quickly; a callback that sleeps is often running then. */
static void check_cycles(unsigned int cycles, int sleep_ms)
{
	char parameters[64];
	uint64_t calls;
	int err;

	snprintf(parameters, sizeof(parameters), "ticker=t cycles=%u sleep_ms=%d", cycles, sleep_ms);
	err = helper_load("tick_subscriber", parameters);
	require(!err, "tick_subscriber loads with %s: %s", parameters, strerror(err));
	check(!helper_u64("tick_subscriber", "wrong"),
	      "no call comes after unsubscribe returned, and none twice");
	calls = helper_u64("tick_subscriber", "calls");
	check(calls > cycles / 4,
	      "ticks call the subscriber in more than a quarter of the cycles: %" PRIu64 " calls", calls);
	wait_for_counter(ticker_u64("counter") + 5, 10 * NSEC_PER_SEC);
	check(helper_u64("tick_subscriber", "calls") == calls, "no call comes after the last cycle");
	module_remove("tick_subscriber");
}

static void run_subscribe(void)
{
	const int64_t period_ns = 10 * NSEC_PER_MSEC;
	unsigned int cycles = effort(1000);
	int64_t started[2], stopped[2], least, most, sum;
	struct ticker_stat before, after;
	uint64_t calls;

	require(!module_load("enabled=0") && !ticker_make("t"), "the module loads and mkdir creates a ticker");
	check(helper_load("tick_subscriber", "ticker=nobody") == ENOENT,
	      "subscribing to an unknown ticker fails with ENOENT");

	/* Subscribe and unsubscribe while ticks run. */
	ticker_choose("t");
	ticker_set("period_ms", "1");
	ticker_set("enabled", "1");
	check_cycles(cycles, 0);
	check_cycles(effort(100), 1);

	/* A subscriber that stays is called once per tick. */
	ticker_set("enabled", "0");
	ticker_set("period_ms", "10");
	require(!helper_load("tick_subscriber", "ticker=t"), "tick_subscriber subscribes to the ticker");
	check(ticker_remove("t") == EBUSY, "rmdir of its ticker fails with EBUSY");
	check(module_unload() == EWOULDBLOCK, "unloading sched_tick fails with EWOULDBLOCK");
	before = ticker_stat();
	ticker_set("enabled", "1");
	wait_for_counter(before.counter + 50, 10 * NSEC_PER_SEC);
	ticker_set("enabled", "0");
	calls = helper_u64("tick_subscriber", "calls");
	check(ticker_stat().counter - before.counter == calls,
	      "each tick calls it once: %" PRIu64 " calls", calls);

	/* A callback that sleeps for ten periods. */
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
	/* Stopping waits for the callback, and counts the periods that passed meanwhile. */
	least = ((in_virtual_time() ? stopped[1] : stopped[0]) - started[1]) / period_ns;
	most = (stopped[1] - started[0]) / period_ns;
	sum = after.counter + after.missed - before.counter - before.missed;
	check(sum >= least - in_virtual_time() && sum <= most,
	      "with a callback of 10 periods, counter + missed equals the periods elapsed: %" PRIu64 " + %" PRIu64
	      ", %" PRId64 " to %" PRId64,
	      after.counter - before.counter, after.missed - before.missed, least, most);
	check(after.missed - before.missed > (uint64_t)least / 2, "more than half of the periods are missed");
	check(after.lateness.max_ns > 80 * (uint64_t)NSEC_PER_MSEC,
	      "the maximum lateness is above 80 ms: %" PRIu64 " ns",
	      after.lateness.max_ns);
	check(after.timer_lateness.max_ns < after.lateness.max_ns,
	      "the maximum timer lateness is less than the maximum lateness");
	check(!helper_u64("tick_subscriber", "wrong"), "the subscriber has seen no wrong call");

	check(!module_remove("tick_subscriber"), "the subscriber unloads");
	check(!ticker_remove("t"), "rmdir removes the ticker without a subscriber");

	/* The default ticker. */
	ticker_choose("default");
	require(!helper_load("tick_subscriber", ""), "tick_subscriber subscribes to the default ticker");
	check(module_unload() == EWOULDBLOCK,
	      "unloading sched_tick fails with EWOULDBLOCK while the default ticker has a subscriber");
	ticker_set("period_ms", "10");
	ticker_set("enabled", "1");
	wait_for_counter(5, 10 * NSEC_PER_SEC);
	check(!module_remove("tick_subscriber"), "the subscriber unloads while ticks call it");
	check(!module_unload(), "sched_tick unloads");
}

const struct ktest test_subscribe = {
	"subscribe", run_subscribe, .timeout_s = 300, .needs_vm = true
};

#define CACHE "/sys/module/tick_cache/parameters/"

/* The example module of docs/subscribe.md. */
static void run_cache(void)
{
	int64_t end;

	require(!module_load("enabled=0") && !ticker_make("housekeeping"),
		"the module loads and mkdir creates a ticker");
	ticker_choose("housekeeping");
	ticker_set("period_ms", "50");
	ticker_set("enabled", "1");
	require(!helper_load("tick_cache", "ticker=housekeeping max_age_ms=500"), "tick_cache loads");
	check(!file_write(CACHE "add", "one") && !file_write(CACHE "add", "two"), "the cache accepts entries");
	check(helper_u64("tick_cache", "entries") + helper_u64("tick_cache", "dropped") == 2,
	      "the cache holds or has dropped both entries");
	end = now_ns(CLOCK_MONOTONIC) + 10 * NSEC_PER_SEC;
	while (helper_u64("tick_cache", "dropped") < 2 && now_ns(CLOCK_MONOTONIC) < end)
		sleep_ns(10 * NSEC_PER_MSEC);
	check(!helper_u64("tick_cache", "entries") && helper_u64("tick_cache", "dropped") == 2,
	      "ticks drop both entries when they are old");
	check(!file_write(CACHE "add", "three") && !module_remove("tick_cache"),
	      "tick_cache unloads with an entry in it");
}

const struct ktest test_cache = { "cache", run_cache, .timeout_s = 60, .needs_vm = true };
