// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that waits for a tick whose subscriber sleeps for half a minute can be
 * killed, and no other process waits for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define HUNG_TASK	"/proc/sys/kernel/hung_task_timeout_secs"

/* Load a subscriber that sleeps for half a minute, and wait until a tick calls it. */
static void subscribe_sleeper(const char *ticker)
{
	char parameters[64];
	int64_t end;

	snprintf(parameters, sizeof(parameters), "ticker=%s sleep_ms=30000", ticker);
	require(!helper_load("tick_subscriber", parameters), "a subscriber that sleeps for half a minute loads");
	end = now_ns(CLOCK_MONOTONIC) + 20 * NSEC_PER_SEC;
	while (!helper_u64("tick_subscriber", "calls") && now_ns(CLOCK_MONOTONIC) < end)
		sleep_ns(10 * NSEC_PER_MSEC);
	require(helper_u64("tick_subscriber", "calls") == 1, "a tick calls it");
}

static const struct {
	const char *file, *text;
} writes[] = {
	{ "enabled", "0" },
	{ "stall_ms", "7" },
	{ "period_ms", "500" },
	{ "timer", "wheel" },
};

static void write_setting(void *index)
{
	size_t i = *(size_t *)index;

	ticker_write(writes[i].file, writes[i].text);
}

static void remove_ticker(void *unused)
{
	ticker_remove("t");
}

/* The letter in /proc/PID/stat. */
static char state_of(pid_t pid)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, text, sizeof(text)) || !strrchr(text, ')'))
		return '?';
	return strrchr(text, ')')[2];
}

static bool dies(pid_t pid)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC), limit = (in_virtual_time() ? 1 : 20) * NSEC_PER_SEC;

	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (now_ns(CLOCK_MONOTONIC) - begin > limit)
			return false;
		sleep_ns(NSEC_PER_MSEC);
	}
	return true;
}

static void run_killed(void)
{
	pid_t writers[ARRAY_SIZE(writes)], remover;
	size_t index[ARRAY_SIZE(writes)];
	char before[512], text[512];
	uint64_t counter;
	int log;

	require(!module_load("enabled=0") && !ticker_make("t"), "the module loads and mkdir creates a ticker");
	ticker_choose("t");
	ticker_set("period_ms", "100");
	ticker_set("enabled", "1");
	subscribe_sleeper("t");
	log = log_open();
	file_write(HUNG_TASK, "5");

	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		index[i] = i;
		writers[i] = spawn(write_setting, &index[i]);
		sleep_ns(100 * NSEC_PER_MSEC);
	}
	remover = spawn(remove_ticker, NULL);
	snprintf(before, sizeof(before), "%d %d %d", (int)ticker_u64("enabled"), (int)ticker_u64("period_ms"),
		 (int)ticker_u64("stall_ms"));
	/* Twice the hung task timeout, and one more check of khungtaskd. */
	sleep_ns(15 * NSEC_PER_SEC);
	check(!log_count(log, "blocked for more than"), "no task is reported as hung");
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++)
		check(state_of(writers[i]) == 'D' || state_of(writers[i]) == 'S',
		      "the writer of %s waits: state %c", writes[i].file,
		      state_of(writers[i]));
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++)
		check(dies(writers[i]), "SIGKILL ends the writer of %s", writes[i].file);
	check(dies(remover), "SIGKILL ends rmdir");
	snprintf(text, sizeof(text), "%d %d %d", (int)ticker_u64("enabled"), (int)ticker_u64("period_ms"),
		 (int)ticker_u64("stall_ms"));
	check(!strcmp(before, text), "no setting has changed: %s", text);
	file_write(HUNG_TASK, "120");

	counter = ticker_u64("counter");
	file_write("/sys/module/tick_subscriber/parameters/sleep_ms", "0");
	/* Polling takes far longer than sleeping in virtual time. */
	sleep_ns(10 * NSEC_PER_SEC);
	check(wait_for_counter(counter + 3, 120 * NSEC_PER_SEC),
	      "the ticker ticks when the subscriber no longer sleeps");
	ticker_set("enabled", "0");
	check(ticker_u64("enabled") == 0, "a write of 0 disables it");
	check(!module_remove("tick_subscriber"), "the subscriber unloads");
	check(!ticker_remove("t"), "rmdir removes the ticker");
	close(log);
}

const struct ktest test_killed = { "killed", run_killed, .timeout_s = 300, .needs_vm = true };

/* Unsubscribing does not wait for another subscriber, neither of another ticker nor of its own. */
static void run_unsubscribed(void)
{
	static const char * const tickers[] = { "b", "default" };
	const int64_t limit = (in_virtual_time() ? 1 : 20) * 200 * NSEC_PER_MSEC;
	char parameters[64];
	int64_t begin, took;

	require(!module_load("period_ms=100"), "the module loads");
	subscribe_sleeper("default");
	require(!ticker_make("b"), "mkdir creates another ticker");
	ticker_choose("b");
	ticker_set("period_ms", "100");
	ticker_set("enabled", "1");
	for (size_t i = 0; i < ARRAY_SIZE(tickers); i++) {
		snprintf(parameters, sizeof(parameters), "ticker=%s", tickers[i]);
		require(!helper_load("tick_cache", parameters), "a second module subscribes to %s", tickers[i]);
		begin = now_ns(CLOCK_MONOTONIC);
		require(!module_remove("tick_cache"), "it unloads");
		took = now_ns(CLOCK_MONOTONIC) - begin;
		check(took < limit,
		      "unsubscribing from %s takes less than two periods: %" PRId64 " us",
		      tickers[i], took / 1000);
	}
	check(helper_u64("tick_subscriber", "calls") == 1, "the first subscriber still sleeps");
	check(!ticker_remove("b"), "rmdir removes the other ticker");
	check(!module_remove("tick_subscriber"), "the first subscriber unloads when its sleep has ended");
}

const struct ktest test_unsubscribed = { "unsubscribed", run_unsubscribed, .timeout_s = 300, .needs_vm = true };
