// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: their fields, and that an enabled one holds the module.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

#define TRACING "/sys/kernel/tracing/"
#define EVENTS TRACING "events/sched_tick/"

void trace_begin(const char *event)
{
	char path[256];
	int fd = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	require(fd >= 0, "the trace can be cleared");
	close(fd);
	snprintf(path, sizeof(path), EVENTS "%senable", event);
	require(!file_write(path, "1"), "sched_tick/%s can be enabled", event);
}

FILE *trace_end(const char *event)
{
	char path[256];
	FILE *trace;

	snprintf(path, sizeof(path), EVENTS "%senable", event);
	require(!file_write(path, "0"), "sched_tick/%s can be disabled", event);
	trace = fopen(TRACING "trace", "re");
	require(trace != NULL, "the trace can be read");
	return trace;
}

static void run_trace(void)
{
	uint64_t counter, deadline, now, lateness, missed, sum = 0, before;
	unsigned int ticks = 0, wrong = 0;
	char line[512], name[64], *at;
	FILE *trace;

	if (access(TRACING "trace", F_OK)) {
		skip("trace", "tracefs is not mounted");
		return;
	}
	setup("period_ms=10");
	trace_begin("");
	check(module_unload() == EWOULDBLOCK, "unloading fails with EWOULDBLOCK while a tracepoint is enabled");
	wait_for_counter(ticker_u64("counter") + 20, 10 * NSEC_PER_SEC);

	trace = trace_end("");
	before = 0;
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, "sched_tick_tick: ");
		if (!at)
			continue;
		if (sscanf(at, "sched_tick_tick: ticker=%63s counter=%" SCNu64 " deadline_ns=%"
			   SCNu64 " now_ns=%" SCNu64 " lateness_ns=%" SCNu64, name, &counter, &deadline,
			   &now, &lateness) != 5) {
			wrong++;
			continue;
		}
		if (strcmp(name, ticker_name()))
			continue;
		wrong += now - deadline != lateness || (before && counter != before + 1);
		before = counter;
		ticks++;
	}
	fclose(trace);
	check(ticks >= 20, "at least 20 ticks are traced: %u", ticks);
	check(!wrong, "the fields of every traced tick are consistent: %u are not", wrong);

	/* With the wheel and a jiffy above 1 ms, ticks are missed: their sum is in the trace. */
	if (jiffy_ns() <= NSEC_PER_MSEC) {
		skip("missed", "a jiffy is no longer than the shortest period");
		return;
	}
	/* The first traced tick also reports one that was overdue when the ticker was disabled: disable it when none is. */
	ticker_set("period_ms", "100");
	wait_for_counter(ticker_u64("counter"), 10 * NSEC_PER_SEC);
	ticker_set("enabled", "0");
	missed = ticker_u64("missed");
	ticker_set("timer", "wheel");
	ticker_set("period_ms", "1");
	trace_begin("sched_tick_missed/");
	ticker_set("enabled", "1");
	wait_for_counter(ticker_u64("counter") + 20, 10 * NSEC_PER_SEC);
	/* A tick traces the periods missed before it, so stop when none are outstanding. */
	ticker_set("period_ms", "1000000");
	ticker_set("timer", "hrtimer");
	ticker_set("period_ms", "100");
	wait_for_counter(ticker_u64("counter"), 10 * NSEC_PER_SEC);
	ticker_set("enabled", "0");
	missed = ticker_u64("missed") - missed;
	trace = trace_end("sched_tick_missed/");
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, "sched_tick_missed: ticker=");
		if (at && sscanf(at, "%*s ticker=%63s", name) == 1 && !strcmp(name, ticker_name()) && (at = strstr(at, " missed=")))
			sum += strtoull(at + 8, NULL, 10);
	}
	fclose(trace);
	check(missed > 0 && sum == missed, "the trace has every missed period: %" PRIu64 " of %" PRIu64, sum,
	      missed);
}

const struct ktest test_trace = { "trace", run_trace, .timeout_s = 120 };
