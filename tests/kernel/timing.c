// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timeline, lateness, and the effect of a change of settings on both. Times
 * are asserted in virtual time only; sums always.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktest.h"

static uint64_t total(const uint64_t *histogram)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < KTEST_BUCKETS; i++)
		sum += histogram[i];
	return sum;
}

/* Run one timeline for a while and compare the counts with the clock. */
static struct ticker_stat run_timeline(long long period_ms, int64_t duration_ns)
{
	struct ticker_stat before, during, after;
	int64_t started[2], stopped[2], periods[2], counted;
	int64_t period_ns = period_ms * NSEC_PER_MSEC;

	ticker_set("enabled", "0");
	ticker_set_number("period_ms", period_ms);
	before = ticker_stat();

	started[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "1");
	started[1] = now_ns(CLOCK_MONOTONIC);
	sleep_ns(duration_ns);

	/* While enabled: one tick may be in flight. */
	periods[0] = (now_ns(CLOCK_MONOTONIC) - started[1]) / period_ns;
	during = ticker_stat();
	periods[1] = (now_ns(CLOCK_MONOTONIC) - started[0]) / period_ns;
	counted = during.counter + during.missed - before.counter - before.missed;
	if (counted < periods[0] - 1 || counted > periods[1])
		check(false,
		      "%lld ms: while enabled, counter + missed equals the periods elapsed: %" PRId64 ", %" PRId64
		      " to %" PRId64,
		      period_ms, counted, periods[0], periods[1]);

	/* While disabled: no tick is in flight. */
	stopped[0] = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "0");
	stopped[1] = now_ns(CLOCK_MONOTONIC);
	after = ticker_stat();
	after.counter -= before.counter;
	after.missed -= before.missed;
	counted = after.counter + after.missed;
	periods[0] = (stopped[0] - started[1]) / period_ns;
	periods[1] = (stopped[1] - started[0]) / period_ns;
	check(counted >= periods[0] && counted <= periods[1],
	      "%lld ms: counter + missed equals the periods elapsed: %" PRIu64 " + %" PRIu64 ", %" PRId64 " to %" PRId64,
	      period_ms, after.counter, after.missed, periods[0], periods[1]);

	after.lateness.sum_ns -= before.lateness.sum_ns;
	after.timer_lateness.sum_ns -= before.timer_lateness.sum_ns;
	check(total(after.lateness.histogram) == after.counter + before.counter,
	      "%lld ms: the histogram contains every tick", period_ms);
	return after;
}

static void run_ticks(void)
{
	static const struct {
		long long period_ms;
		int64_t duration_ns;
	} runs[] = {
		{ 1, 2 * NSEC_PER_SEC },
		{ 7, 2 * NSEC_PER_SEC },
		{ 10, 10 * NSEC_PER_SEC + 5 * NSEC_PER_MSEC },
		{ 250, 3 * NSEC_PER_SEC },
		{ 2147483647, NSEC_PER_SEC / 10 },
	};
	struct ticker_stat stat;

	setup("enabled=0");
	for (int hrtimer = 1; hrtimer >= 0; hrtimer--) {
		ticker_set_timer(hrtimer);
		for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
			/* Where times are not asserted, a fifth suffices. */
			stat = run_timeline(runs[i].period_ms,
					    runs[i].duration_ns / (in_virtual_time() ? 1 : 5));
			if (!in_virtual_time())
				continue;
			if (hrtimer)
				check(!stat.missed, "%lld ms, hrtimer: no tick is missed",
				      runs[i].period_ms);
			if (runs[i].period_ms == 10 && hrtimer)
				check(stat.counter == 1000,
				      "10 ms, hrtimer: 10 s have 1000 ticks: %" PRIu64, stat.counter);
		}
	}
	check(ticker_u64("timer_lateness/sum_ns") > 0, "timer_lateness/sum_ns is above 0");
}

const struct ktest test_ticks = { "ticks", run_ticks, .timeout_s = 300 };

/*
 * Check the mean lateness against limit_ns. If that is 0, check that the mean
 * worker lateness is at most 10 us: timer lateness after a long idle time
 * differs between kernels.
 */
static void check_mean(long long period_ms, unsigned int ticks, int hrtimer, int64_t limit_ns)
{
	struct ticker_stat stat;
	int64_t mean, timer;

	ticker_set_timer(hrtimer);
	stat = run_timeline(period_ms, period_ms * NSEC_PER_MSEC * ticks + NSEC_PER_MSEC / 2);
	require(stat.counter > 0, "%lld ms, hrtimer %d: the ticker ticks", period_ms, hrtimer);
	mean = stat.lateness.sum_ns / stat.counter;
	timer = stat.timer_lateness.sum_ns / stat.counter;
	check(mean <= (limit_ns ? limit_ns : timer + 10000),
	      "%lld ms, hrtimer %d: the mean lateness is within its limit: %" PRId64 " ns (max %" PRIu64 ", timer mean %"
	      PRId64 ")", period_ms, hrtimer, mean, stat.lateness.max_ns, timer);
	/* Stopped half a ms past the last deadline: with the wheel the last tick may still be due. */
	check(stat.counter == ticks || (!hrtimer && stat.counter == ticks - 1),
	      "%lld ms, hrtimer %d: every period has a tick: %" PRIu64 " of %u",
	      period_ms, hrtimer, stat.counter,
	      ticks);
	ticker_set("reset", "1");
}

/* Check the wheel for deadlines at each offset between two jiffies, in steps of 10 us. */
static void check_wheel_phases(int64_t limit_ns)
{
	int64_t step_ns = 10000, worst_ns = 0, worst_at_ns = 0;
	int64_t period_ns = 10 * jiffy_ns(), now;
	struct ticker_stat stat;

	ticker_set_timer(0);
	ticker_set_number("period_ms", period_ns / NSEC_PER_MSEC);
	for (int64_t at_ns = 0; at_ns < jiffy_ns(); at_ns += step_ns) {
		ticker_set("reset", "1");
		now = now_ns(CLOCK_MONOTONIC);
		sleep_ns(2 * jiffy_ns() - now % jiffy_ns() + at_ns);
		ticker_set("enabled", "1");
		sleep_ns(4 * period_ns);
		ticker_set("enabled", "0");
		stat = ticker_stat();
		if ((int64_t)stat.lateness.max_ns > worst_ns) {
			worst_ns = stat.lateness.max_ns;
			worst_at_ns = at_ns;
		}
	}
	check(worst_ns > 0 && worst_ns <= limit_ns,
	      "timer wheel: the maximum lateness over all offsets is within its limit: %" PRId64
	      " ns (at %" PRId64 " ns past a multiple of a jiffy)",
	      worst_ns, worst_at_ns);
}

static void run_mean_lateness(void)
{
	const char *given = getenv("SCHED_TICK_LATENESS_NS");
	int64_t timer_ns = given ? strtoll(given, NULL, 10) : 0;
	int64_t wheel_ns = jiffy_ns() * 3 / 2;

	setup("enabled=0");
	note("a jiffy is %" PRId64 " ns", jiffy_ns());
	check_mean(1, 10000, 1, timer_ns);
	check_mean(10, 1000, 1, timer_ns);
	check_mean(100, 300, 1, timer_ns);
	check_mean(1000, 100, 1, timer_ns);
	check_mean(100, 300, 0, wheel_ns);
	check_mean(1000, 100, 0, wheel_ns);
	check_mean(10000, 30, 0, wheel_ns);
	check_mean(60000, 20, 0, wheel_ns);
	check_wheel_phases(wheel_ns);
}

const struct ktest test_mean_lateness = {
	"mean_lateness", run_mean_lateness, .timeout_s = 3600, .needs_virtual = true
};

static void run_settings(void)
{
	struct ticker_stat before, after;
	char text[128];

	setup("period_ms=20");
	check(wait_for_counter(2, 10 * NSEC_PER_SEC), "the ticker ticks from load on");

	/* A period written while enabled starts a new timeline now. */
	ticker_set("period_ms", "3600000");
	before = ticker_stat();
	sleep_ns(NSEC_PER_SEC / 10);
	after = ticker_stat();
	check(before.counter == after.counter && before.missed == after.missed,
	      "a longer period takes effect at once");
	check(after.enabled == 1, "the ticker stays enabled");
	ticker_set("period_ms", "20");
	check(wait_for_counter(after.counter, 10 * NSEC_PER_SEC), "a shorter period takes effect at once");

	/* Changes of timer and cpu keep the timeline. */
	for (int i = 0; i < 50; i++) {
		ticker_set_timer(i & 1);
		ticker_set("cpus", i & 2 ? "0" : "any");
		sleep_ns(3 * NSEC_PER_MSEC);
	}
	before = ticker_stat();
	check(wait_for_counter(before.counter, 10 * NSEC_PER_SEC),
	      "the ticker ticks after 50 changes of timer and cpu");
	if (in_virtual_time())
		check(!before.missed, "changes of timer and cpu miss no tick: %" PRIu64, before.missed);

	/* Writing the present value changes nothing. */
	ticker_set("period_ms", "400");
	before = ticker_stat();
	for (int i = 0; i < 30; i++) {
		ticker_set("enabled", "1");
		ticker_set("period_ms", "400");
		ticker_set("phase_ms", "-1");
		ticker_set("clock", "monotonic");
		sleep_ns(20 * NSEC_PER_MSEC);
	}
	after = ticker_stat();
	check(after.counter + after.missed > before.counter + before.missed,
	      "writing the present settings starts no new timeline");

	/* Counts never go down. */
	ticker_set("enabled", "0");
	before = ticker_stat();
	ticker_set("reset", "1");
	after = ticker_stat();
	check(after.lateness.max_ns == 0 && after.timer_lateness.max_ns == 0 &&
	      after.lateness.last_ns == 0 && after.timer_lateness.last_ns == 0,
	      "reset clears max_ns and last_ns");
	check(after.counter == before.counter && after.missed == before.missed &&
	      after.lateness.sum_ns == before.lateness.sum_ns &&
	      !memcmp(after.lateness.histogram, before.lateness.histogram,
		      sizeof(before.lateness.histogram)),
	      "reset changes no count");
	ticker_set("enabled", "1");
	check(ticker_u64("counter") >= before.counter, "enabling keeps the counter");

	/* stat and the separate files. */
	ticker_set("enabled", "0");
	after = ticker_stat();
	check(after.counter == ticker_u64("counter") && after.missed == ticker_u64("missed") &&
	      after.lateness.sum_ns == ticker_u64("lateness/sum_ns") &&
	      after.lateness.max_ns == ticker_u64("lateness/max_ns") &&
	      after.lateness.last_ns == ticker_u64("lateness/last_ns") &&
	      after.timer_lateness.sum_ns == ticker_u64("timer_lateness/sum_ns"),
	      "stat has the values of the separate files");

	/* A phase: deadlines are 30 ms past multiples of 100 ms since boot. */
	ticker_set("period_ms", "100");
	ticker_set("phase_ms", "30");
	ticker_set("enabled", "1");
	before = ticker_stat();
	check(wait_for_counter(before.counter, 10 * NSEC_PER_SEC), "the ticker ticks with a phase");
	if (in_virtual_time()) {
		int64_t past = now_ns(CLOCK_MONOTONIC) % (100 * NSEC_PER_MSEC) - 30 * NSEC_PER_MSEC;

		check(past >= 0 && past < 5 * NSEC_PER_MSEC,
		      "the tick runs within 5 ms of the phase: %" PRId64 " ns", past);
	}
	ticker_text("phase_ms", text, sizeof(text));
	check(!strcmp(text, "30"), "phase_ms reads as written");
}

const struct ktest test_settings = { "settings", run_settings, .timeout_s = 120 };

static void run_ten_minutes(void)
{
	struct ticker_stat stat;

	setup("enabled=0");
	stat = run_timeline(1, 600 * NSEC_PER_SEC);
	check(!stat.missed, "ten minutes at 1 ms miss no tick: %" PRIu64, stat.missed);
	check(stat.counter >= 600000, "ten minutes at 1 ms have 600000 ticks: %" PRIu64, stat.counter);
	note("mean lateness %" PRIu64 " ns, max %" PRIu64 " ns",
	     stat.lateness.sum_ns / stat.counter, stat.lateness.max_ns);
}

const struct ktest test_ten_minutes = {
	"ten_minutes", run_ten_minutes, .timeout_s = 900, .needs_virtual = true, .on_request = true
};

static void run_day(void)
{
	struct ticker_stat stat;

	setup("enabled=0");
	stat = run_timeline(1000, 86400 * NSEC_PER_SEC);
	check(stat.counter == 86400, "a day at 1 s has 86400 ticks: %" PRIu64 ", %" PRIu64 " missed",
	      stat.counter, stat.missed);
	note("mean lateness %" PRIu64 " ns, max %" PRIu64 " ns",
	     stat.lateness.sum_ns / stat.counter, stat.lateness.max_ns);
}

const struct ktest test_day = {
	"day", run_day, .timeout_s = 90000, .needs_virtual = true, .on_request = true
};

/* Return the mean lateness of the next hour, in ns. */
static uint64_t hour_of_lateness(void)
{
	struct ticker_stat before = ticker_stat(), after;

	sleep_ns(3600 * NSEC_PER_SEC);
	after = ticker_stat();
	return (after.lateness.sum_ns - before.lateness.sum_ns) / (after.counter - before.counter);
}

/* Thirty days at 1 s, after a million ticks at 1 ms. */
static void run_soak(void)
{
	const int64_t hours = effort(30 * 24);
	uint64_t first, last, counted;
	long long slab, vmalloc;
	struct ticker_stat stat;
	int64_t from, passed;

	setup("enabled=0");
	stat = run_timeline(1, effort(1000) * NSEC_PER_SEC);
	check(!stat.missed && stat.counter >= effort(1000000),
	      "a million ticks at 1 ms, and none is missed: %" PRIu64 ", %" PRIu64 " missed",
	      stat.counter, stat.missed);

	ticker_set("period_ms", "1000");
	ticker_set("reset", "1");
	counted = ticker_stat().counter + ticker_stat().missed;
	from = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "1");
	first = hour_of_lateness();
	slab = meminfo_kb("Slab:");
	vmalloc = meminfo_kb("VmallocUsed:");
	sleep_ns((hours - 2) * 3600 * NSEC_PER_SEC);
	last = hour_of_lateness();
	slab = meminfo_kb("Slab:") - slab;
	vmalloc = meminfo_kb("VmallocUsed:") - vmalloc;
	ticker_set("enabled", "0");
	passed = (now_ns(CLOCK_MONOTONIC) - from) / NSEC_PER_SEC;

	stat = ticker_stat();
	counted = stat.counter + stat.missed - counted;
	check((int64_t)counted == passed && !stat.missed,
	      "%" PRId64 " hours: counter + missed equals the periods elapsed: %" PRIu64 " of %" PRId64 ", %" PRIu64
	      " missed",
	      hours, counted, passed, stat.missed);
	/* Within 2 % of each other. */
	check(first - last + first / 50 <= first / 25,
	      "the mean lateness does not change: %" PRIu64 " ns in the first hour, %" PRIu64 " in the last",
	      first, last);
	check(slab < 256 && vmalloc < 16,
	      "memory does not grow: slab by %lld kB, vmalloc by %lld", slab, vmalloc);
}

const struct ktest test_soak = {
	"soak", run_soak, .timeout_s = 3000000, .needs_virtual = true, .on_request = true
};
