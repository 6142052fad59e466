// SPDX-License-Identifier: GPL-2.0-only
/*
 * Very many tickers at once.
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

/* KiB of kernel memory, without names and inodes of files that were only looked up. */
static uint64_t slab_kb(void)
{
	file_write("/proc/sys/vm/drop_caches", "2");
	/* They are freed a while later. */
	sleep_ns(2 * NSEC_PER_SEC);
	return meminfo_kb("Slab:");
}

void make_all(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int err = ticker_make(numbered(i));

		if (err)
			require(false, "mkdir of number %u: %s", i, strerror(err));
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
			require(false, "rmdir of number %u: %s", i, strerror(err));
	}
}

/* Wait for a moment so long after a multiple of 100 ms; returns that multiple. */
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

	require(!module_load("enabled=0"), "module loads");
	make_all(count);
	set_all(count, "period_ms", "100");
	set_all(count, "phase_ms", "0");
	/* All within one period, and a minute later, right after their ticks, out again. */
	begin = sleep_to(NSEC_PER_MSEC);
	set_all(count, "enabled", "1");
	require(now_ns(CLOCK_MONOTONIC) < begin + 100 * NSEC_PER_MSEC, "enabled within one period");
	sleep_ns(begin + 60 * NSEC_PER_SEC + 20 * NSEC_PER_MSEC - now_ns(CLOCK_MONOTONIC));
	set_all(count, "enabled", "0");
	require(now_ns(CLOCK_MONOTONIC) < begin + 60 * NSEC_PER_SEC + 100 * NSEC_PER_MSEC,
		"disabled within one period");
	for (unsigned int i = 0; i < count; i++) {
		struct ticker_stat stat;

		ticker_choose(numbered(i));
		stat = ticker_stat();
		right += stat.counter == 600;
		missed += stat.missed;
	}
	check(right == count, "%u of %u tickers have 600 ticks in a minute of 100 ms", right, count);
	check(!missed, "%u missed", missed);
	remove_all(count);
}

const struct ktest test_thousand = {
	"thousand", run_thousand, .timeout_s = 900, .needs_virtual = true, .on_request = true
};

/* From nothing to nothing; returns what they took meanwhile, in KiB. */
static uint64_t live_and_die(unsigned int count)
{
	uint64_t ticks = 0, missed = 0, before = slab_kb(), with;
	int64_t started = now_ns(CLOCK_MONOTONIC);

	make_all(count);
	note("mkdir: %" PRId64 " us each", (now_ns(CLOCK_MONOTONIC) - started) / 1000 / count);
	set_all(count, "enabled", "1");
	sleep_ns(10 * NSEC_PER_SEC);
	with = slab_kb();
	set_all(count, "enabled", "0");
	for (unsigned int i = 0; i < count; i++) {
		struct ticker_stat stat;

		ticker_choose(numbered(i));
		stat = ticker_stat();
		if (stat.counter + stat.missed < 10)
			require(false, "number %u: %" PRIu64 " ticks, %" PRIu64 " missed", i,
				stat.counter, stat.missed);
		ticks += stat.counter;
		missed += stat.missed;
	}
	check(ticks >= 10 * (uint64_t)count && !missed, "%u tickers at 1 s for 10 s: %" PRIu64 " ticks, %"
	      PRIu64 " missed", count, ticks, missed);
	started = now_ns(CLOCK_MONOTONIC);
	remove_all(count);
	note("rmdir: %" PRId64 " us each", (now_ns(CLOCK_MONOTONIC) - started) / 1000 / count);
	return with - before;
}

static void run_ten_thousand(void)
{
	const unsigned int count = 10000;
	uint64_t taken, before, after;

	require(!module_load("enabled=0 max_tickers=10000"), "module loads");
	/* What sysfs and configfs keep for the next time is no leak, which would come again. */
	live_and_die(count);
	before = slab_kb();
	taken = live_and_die(count);
	after = slab_kb();
	/* Less than the smallest object there is, each. */
	check(taken > count && after < before + 8 * count / 1024, "memory is back: %" PRIu64 " KiB, then %" PRIu64,
	      before, after);
}

const struct ktest test_ten_thousand = {
	"ten_thousand", run_ten_thousand, .timeout_s = 900, .needs_virtual = true, .on_request = true
};
