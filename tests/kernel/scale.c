// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many tickers at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktest.h"

const char *numbered(unsigned int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "t%u", i);
	return name;
}

/* Return KiB of slab, without unused dentries and inodes. */
static uint64_t slab_kb(void)
{
	file_write("/proc/sys/vm/drop_caches", "2");
	/* They are freed with a delay. */
	sleep_ns(2 * NSEC_PER_SEC);
	return meminfo_kb("Slab:");
}

void make_all(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int err = ticker_make(numbered(i));

		if (err)
			require(false, "mkdir creates ticker %u: %s", i, strerror(err));
	}
}

void set_all(unsigned int count, const char *name, const char *text)
{
	for (unsigned int i = 0; i < count; i++) {
		ticker_choose(numbered(i));
		ticker_set(name, text);
	}
}

void remove_all(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int err = ticker_remove(numbered(i));

		if (err)
			require(false, "rmdir removes ticker %u: %s", i, strerror(err));
	}
}

/* Sleep until past_ns after a multiple of 100 ms; return that multiple. */
static int64_t sleep_to(int64_t past_ns)
{
	int64_t now = now_ns(CLOCK_MONOTONIC), grid = 100 * NSEC_PER_MSEC;
	int64_t multiple = (now / grid + 1) * grid;

	sleep_ns(multiple + past_ns - now);
	return multiple;
}

static void run_thousand(void)
{
	const unsigned int count = 1000;
	unsigned int right = 0, missed = 0;
	int64_t begin;

	require(!module_load("enabled=0"), "the module loads");
	make_all(count);
	set_all(count, "period_ms", "100");
	set_all(count, "phase_ms", "0");
	/* Enable all within one period; disable all a minute later, right after their ticks. */
	begin = sleep_to(NSEC_PER_MSEC);
	set_all(count, "enabled", "1");
	require(now_ns(CLOCK_MONOTONIC) < begin + 100 * NSEC_PER_MSEC, "all are enabled within one period");
	sleep_ns(begin + 60 * NSEC_PER_SEC + 20 * NSEC_PER_MSEC - now_ns(CLOCK_MONOTONIC));
	set_all(count, "enabled", "0");
	require(now_ns(CLOCK_MONOTONIC) < begin + 60 * NSEC_PER_SEC + 100 * NSEC_PER_MSEC,
		"all are disabled within one period");
	for (unsigned int i = 0; i < count; i++) {
		struct ticker_stat stat;

		ticker_choose(numbered(i));
		stat = ticker_stat();
		right += stat.counter == 600;
		missed += stat.missed;
	}
	check(right == count, "every ticker has 600 ticks in a minute at 100 ms: %u of %u", right, count);
	check(!missed, "no tick is missed: %u", missed);
	remove_all(count);
}

const struct ktest test_thousand = {
	"thousand", run_thousand, .timeout_s = 900, .needs_virtual = true, .on_request = true
};

/* Create tickers, let them tick and remove them; return the KiB of slab that they used. */
static uint64_t create_and_remove(unsigned int count)
{
	uint64_t ticks = 0, missed = 0, before = slab_kb(), with;
	int64_t started = now_ns(CLOCK_MONOTONIC);

	make_all(count);
	note("mkdir takes %" PRId64 " us each", (now_ns(CLOCK_MONOTONIC) - started) / 1000 / count);
	set_all(count, "enabled", "1");
	sleep_ns(10 * NSEC_PER_SEC);
	with = slab_kb();
	set_all(count, "enabled", "0");
	for (unsigned int i = 0; i < count; i++) {
		struct ticker_stat stat;

		ticker_choose(numbered(i));
		stat = ticker_stat();
		if (stat.counter + stat.missed < 10)
			require(false, "ticker %u has 10 periods: %" PRIu64 " ticks, %" PRIu64 " missed", i,
				stat.counter, stat.missed);
		ticks += stat.counter;
		missed += stat.missed;
	}
	check(ticks >= 10 * (uint64_t)count && !missed,
	      "%u tickers at 1 s for 10 s miss no tick: %" PRIu64 " ticks, %"
	      PRIu64 " missed", count, ticks, missed);
	started = now_ns(CLOCK_MONOTONIC);
	remove_all(count);
	note("rmdir takes %" PRId64 " us each", (now_ns(CLOCK_MONOTONIC) - started) / 1000 / count);
	return with - before;
}

static void run_ten_thousand(void)
{
	const unsigned int count = 10000;
	uint64_t used, before, after;

	require(!module_load("enabled=0 max_tickers=10000"), "the module loads");
	/* Caches of sysfs and configfs grow in the first cycle only; a leak would grow in the second, too. */
	create_and_remove(count);
	before = slab_kb();
	used = create_and_remove(count);
	after = slab_kb();
	/* The limit is below the size of the smallest slab object for each ticker. */
	check(used > count && after < before + 8 * count / 1024,
	      "removed tickers leave no memory allocated: %" PRIu64 " KiB before, %" PRIu64 " after",
	      before, after);
}

const struct ktest test_ten_thousand = {
	"ten_thousand", run_ten_thousand, .timeout_s = 900, .needs_virtual = true, .on_request = true
};
