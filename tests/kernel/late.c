// SPDX-License-Identifier: GPL-2.0-only
/*
 * late_ns: where the lateness of ticks went. Each kind of hog is seen in its counter.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "ktest.h"

#define PERIOD_MS	10
#define HOLD_MS		120
/* Of the lateness, in per cent. */
#define SHARE		80

#define LATE(cause)	offsetof(struct ticker_stat, late.cause##_ns)

static const struct {
	const char *what;
	int context;
	bool irqs_off, wheel;
	size_t counter;
} hogs[] = {
	{ "a kernel thread", HOG_TASK, .counter = LATE(other) },
	{ "a kernel thread with interrupts off", HOG_TASK, .irqs_off = true, .counter = LATE(irq) },
	{ "a softirq", HOG_SOFTIRQ, .counter = LATE(softirq) },
	{ "a softirq, timer wheel", HOG_SOFTIRQ, .wheel = true, .counter = LATE(softirq) },
	{ "the handler of an interrupt", HOG_HARDIRQ, .counter = LATE(irq) },
};

static uint64_t get(const struct ticker_stat *stat, size_t counter)
{
	return *(const uint64_t *)((const char *)stat + counter);
}

static uint64_t sum(const struct ticker_stat *stat)
{
	return stat->late.steal_ns + stat->late.irq_ns + stat->late.softirq_ns + stat->late.other_ns;
}

static void run_late_ns(void)
{
	struct ticker_stat before, after;
	uint64_t lateness, late, part;

	if (helper_load("tick_hog", ""))
		require(false, "tick_hog is loaded");
	setup("enabled=0 period_ms=10");
	ticker_set("cpus", "0");
	for (size_t i = 0; i < ARRAY_SIZE(hogs); i++) {
		ticker_set_timer(!hogs[i].wheel);
		ticker_set("enabled", "1");
		sleep_ns(100 * NSEC_PER_MSEC);
		before = ticker_stat();
		if (hogs[i].context == HOG_TASK)
			hog(0, HOLD_MS, hogs[i].irqs_off);
		else
			hog_in(0, HOLD_MS, hogs[i].context);
		sleep_ns(2 * PERIOD_MS * NSEC_PER_MSEC);
		after = ticker_stat();
		ticker_set("enabled", "0");

		lateness = after.lateness.sum_ns - before.lateness.sum_ns;
		late = sum(&after) - sum(&before);
		part = get(&after, hogs[i].counter) - get(&before, hogs[i].counter);
		check(late >= (HOLD_MS - PERIOD_MS) * NSEC_PER_MSEC && late <= lateness,
		      "%s: %" PRIu64 " ns of late ticks, at most the lateness, %" PRIu64 " ns",
		      hogs[i].what, late, lateness);
		check(part * 100 >= late * SHARE, "%s: %" PRIu64 " %% are in its counter", hogs[i].what,
		      part * 100 / late);
	}

	after = ticker_stat();
	check(sum(&after) <= after.lateness.sum_ns, "the counters are at most the lateness in total");
	check(ticker_u64("late_ns/steal") == after.late.steal_ns && ticker_u64("late_ns/irq") == after.late.irq_ns &&
	      ticker_u64("late_ns/softirq") == after.late.softirq_ns && ticker_u64("late_ns/other") == after.late.other_ns,
	      "stat and the files of late_ns agree");
	before = stat_of_cpu(0);
	check(!memcmp(&before.late, &after.late, sizeof(after.late)), "percpu/0 and stat agree");
	ticker_set("reset", "1");
	after = ticker_stat();
	check(!memcmp(&before.late, &after.late, sizeof(after.late)), "a reset changes none");

	ticker_set("cpus", "any");
	ticker_set("enabled", "1");
	hog(0, 3 * PERIOD_MS, false);
	sleep_ns(2 * PERIOD_MS * NSEC_PER_MSEC);
	after = ticker_stat();
	check(!memcmp(&before.late, &after.late, sizeof(after.late)) && after.lateness.max_ns > PERIOD_MS * NSEC_PER_MSEC,
	      "late ticks of a ticker without a CPU are in none");
	check(!ticker_end() && !module_remove("tick_hog"), "both modules are unloaded");
}

const struct ktest test_late_ns = {
	.name = "late_ns", .run = run_late_ns, .timeout_s = 300, .needs_virtual = true,
};
