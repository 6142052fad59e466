// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many tickers that stall at once: uevents and log lines are limited, and each
 * ticker's first stall is reported.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

#define TICKERS		500
#define LIMIT		20	/* uevents in a second */

/* Return the largest number of instants within a second. */
static unsigned int densest(const int64_t *at, unsigned int count)
{
	unsigned int most = 0;

	for (unsigned int first = 0, last = 0; last < count; last++) {
		while (at[last] - at[first] >= NSEC_PER_SEC)
			first++;
		if (last - first + 1 > most)
			most = last - first + 1;
	}
	return most;
}

static void run_storm(void)
{
	static char last[TICKERS][16];
	static unsigned int stalls[TICKERS];
	static int64_t at[16 * TICKERS];
	unsigned int count = 0, wrong = 0, number, most;
	struct event event;
	int fd;

	require(!module_load("enabled=0"), "the module loads");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	make_all(TICKERS);
	set_all(TICKERS, "stall_ms", "500");
	set_all(TICKERS, "enabled", "1");
	/* Wait for the events of enabling. */
	fd = events_open();
	while (events_next(fd, &event, 3000))
		;
	hog(0, 3000, false);
	while (count < ARRAY_SIZE(at) && events_next(fd, &event, 5000)) {
		at[count++] = now_ns(CLOCK_MONOTONIC);
		if (sscanf(event.path, "/kernel/sched_tick/tickers/t%u", &number) != 1 || number >= TICKERS) {
			wrong++;
			continue;
		}
		strcpy(last[number], event.event);
		stalls[number] += !strcmp(event.event, "stall");
	}
	most = densest(at, count);
	check(most <= LIMIT,
	      "at most 20 events are sent in a second: %u events in %" PRId64 " s, at most %u in a second",
	      count,
	      count ? (at[count - 1] - at[0]) / NSEC_PER_SEC : 0, most);
	for (unsigned int i = 0; i < TICKERS; i++) {
		ticker_choose(numbered(i));
		wrong += stalls[i] != 1 || strcmp(last[i], "recovered") || ticker_u64("stalls") != 1;
	}
	check(!wrong, "each of %d tickers sends one stall event, and last a recovered event: %u wrong", TICKERS,
	      wrong);
	set_all(TICKERS, "enabled", "0");
	remove_all(TICKERS);
	while (events_next(fd, &event, 100))
		;
	close(fd);
}

const struct ktest test_storm = {
	"storm", run_storm, .timeout_s = 600, .needs_vm = true, .needs_virtual = true
};

/* One ticker stalls all the time; another one stalls for the first time. */
static void run_log_shared(void)
{
	unsigned int lines;
	int log, suppressed;

	require(!module_load("enabled=0") && !ticker_make("noisy") && !ticker_make("quiet"),
		"the module loads and mkdir creates two tickers");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	ticker_choose("noisy");
	ticker_set("period_ms", "10");
	ticker_set("stall_ms", "5");
	ticker_set("enabled", "1");
	ticker_choose("quiet");
	ticker_set("period_ms", "10");
	ticker_set("stall_ms", "200");
	ticker_set("enabled", "1");
	sleep_ns(11 * NSEC_PER_SEC);
	log = log_open();
	suppressed = log_open();
	for (int i = 0; i < 40; i++) {
		hog(0, 30, false);
		sleep_ns(20 * NSEC_PER_MSEC);
	}
	lines = log_count(log, "sched_tick: noisy: ");
	check(lines >= 10 && lines <= 40,
	      "a ticker that stalls 40 times in two seconds logs 10 to 40 lines: %u", lines);
	hog(0, 300, false);
	sleep_ns(100 * NSEC_PER_MSEC);
	lines = log_count(log, "sched_tick: quiet: ");
	check(lines == 1, "the first stall of another ticker is logged once: %u", lines);
	sleep_ns(6 * NSEC_PER_SEC);
	hog(0, 30, false);
	sleep_ns(100 * NSEC_PER_MSEC);
	lines = log_count(suppressed, " stall messages suppressed");
	check(lines >= 1 && lines <= 2, "the number of suppressed lines is logged once or twice: %u", lines);
	close(suppressed);
	close(log);
	ticker_choose("noisy");
	ticker_set("enabled", "0");
	ticker_choose("quiet");
	ticker_set("enabled", "0");
	check(!ticker_remove("noisy") && !ticker_remove("quiet"), "rmdir removes both tickers");
}

const struct ktest test_log_shared = {
	"log_shared", run_log_shared, .timeout_s = 120, .needs_vm = true, .needs_virtual = true
};
