// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stalls made on purpose: tick_hog occupies the CPU of a ticker. Each report must
 * be true and in time.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define PERIOD_MS 10

int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	require(fd >= 0 && lseek(fd, 0, SEEK_END) >= 0, "the kernel log can be read");
	return fd;
}

/* Undo the escaping of /dev/kmsg, which prints a backslash as \\x5c. */
static void log_unescape(char *line)
{
	char *to = line;
	unsigned int byte;

	for (const char *from = line; *from; to++) {
		if (sscanf(from, "\\x%2x", &byte) == 1) {
			*to = byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

bool log_next(int fd, char *line, size_t size)
{
	char record[8192];
	ssize_t length = read(fd, record, sizeof(record) - 1);
	char *at;

	if (length < 0)
		return false;
	record[length] = '\0';
	at = strchr(record, ';');
	snprintf(line, size, "%.*s", (int)size - 1, at ? at + 1 : record);
	line[strcspn(line, "\n")] = '\0';
	log_unescape(line);
	return true;
}

unsigned int log_count(int fd, const char *text)
{
	unsigned int count = 0;
	char line[512];

	while (log_next(fd, line, sizeof(line))) {
		/* The kernel's own lines about slow emulated interrupts and late releases. */
		if (!strstr(line, text) || strstr(line, "hrtimer: interrupt took") || strstr(line, ": kobject_release, "))
			continue;
		note("log: %s", line);
		count++;
	}
	return count;
}

static void hog_set(const char *parameter, int value)
{
	int err = helper_set("tick_hog", parameter, value);

	if (err)
		require(false, "tick_hog accepts %s=%d: %s", parameter, value, strerror(err));
}

/* Parameters are set after the load, because loading occupies the CPU, too. */
void hog(int cpu, int ms, bool irqs_off)
{
	hog_set("cpu", cpu);
	hog_set("context", HOG_TASK);
	hog_set("irqs_off", irqs_off);
	hog_set("ms", ms);
}

void hog_in(int cpu, int ms, int context)
{
	hog_set("cpu", cpu);
	hog_set("context", context);
	hog_set("ms", ms);
}

/* Return the lateness in the trace's stall event, in ms; -1 unless there is exactly one. */
static int64_t traced_stall_ms(FILE *trace)
{
	int64_t lateness_ms = -1;
	unsigned int count = 0;
	char line[512], *at;

	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, "sched_tick_stall: ");
		if (!at || !(at = strstr(at, " lateness_ns=")))
			continue;
		lateness_ms = strtoull(at + strlen(" lateness_ns="), NULL, 10) / NSEC_PER_MSEC;
		count++;
	}
	fclose(trace);
	return count == 1 ? lateness_ms : -1;
}

/* How long other delayed tasks may run before the tick after a stall, in ns. With lockdep they take long. */
static int64_t delayed_ns(int ms)
{
	return access("/proc/sys/kernel/prove_locking", F_OK) ? 0 : ms * NSEC_PER_MSEC / 1000;
}

static void check_stall(int ms, bool irqs_off, int hrtimer)
{
	const int64_t period_ns = PERIOD_MS * NSEC_PER_MSEC;
	/* tick_hog may begin right before a deadline or right after one. */
	int stall_ms = ms / 2, log;
	struct ticker_stat before, after;
	int64_t begin, end, deadline, truth, off, timer, reported;
	char what[64], line[512], order[8] = "";
	uint64_t missed;

	snprintf(what, sizeof(what), "%d ms, %s, hrtimer %d", ms, irqs_off ? "interrupts off" : "busy",
		 hrtimer);
	ticker_set_number("stall_ms", stall_ms);
	ticker_set_timer(hrtimer);
	ticker_set("enabled", "1");
	/* Not during the stall: enabling a tracepoint patches text with interrupts off. */
	trace_begin("sched_tick_stall/");
	sleep_ns(10 * period_ns);
	ticker_set("reset", "1");
	before = ticker_stat();
	log = log_open();
	hog(0, ms, irqs_off);
	begin = helper_u64("tick_hog", "begin_ns");
	end = helper_u64("tick_hog", "end_ns");
	sleep_ns(10 * period_ns);
	/* Before the write, which counts a tick that is overdue as missed. */
	after = ticker_stat();
	ticker_set("enabled", "0");
	reported = traced_stall_ms(trace_end("sched_tick_stall/"));

	deadline = (begin / period_ns + 1) * period_ns;
	truth = end - deadline;
	/* Between end_ns and free_ns the delayed interrupts run and report the stall. */
	off = after.lateness.max_ns - (helper_u64("tick_hog", "free_ns") - deadline);
	/* The wheel is a jiffy late: tick_hog may have begun before the tick of the last deadline. */
	check(off >= 0 && off < NSEC_PER_MSEC + (hrtimer ? 0 : period_ns) + delayed_ns(ms),
	      "%s: lateness is the duration of the stall: %" PRIu64 " ns, expected %" PRId64,
	      what, after.lateness.max_ns,
	      after.lateness.max_ns - off);
	check(after.stalls == before.stalls + 1, "%s: stalls grows by one", what);
	missed = after.missed - before.missed;
	/* From the measured lateness, because a deadline may fall between the end of tick_hog and the tick. */
	if (hrtimer)
		check(missed == after.lateness.max_ns / period_ns,
		      "%s: missed grows by the periods in the lateness: %" PRIu64, what, missed);
	timer = after.timer_lateness.max_ns;
	if (hrtimer && irqs_off)
		check(llabs(timer - truth) < NSEC_PER_MSEC,
		      "%s: timer lateness is the duration of the stall: %" PRId64 " ns", what, timer);
	else if (hrtimer)
		check(timer < NSEC_PER_MSEC, "%s: timer lateness is below 1 ms: %" PRId64 " ns", what, timer);

	if (irqs_off)
		check(llabs(reported - truth / NSEC_PER_MSEC) <= 1,
		      "%s: the stall is traced once, at its end: %"
		      PRId64 " ms late", what, reported);
	else
		check(reported == stall_ms,
		      "%s: the stall is traced once, at stall_ms: %" PRId64 " ms late", what,
		      reported);
	/* b: tick_hog began, s: the stall is logged, e: tick_hog ended. */
	while (log_next(log, line, sizeof(line)) && strlen(order) < sizeof(order) - 1) {
		if (strstr(line, "tick_hog: begin"))
			strcat(order, "b");
		if (strstr(line, "tick_hog: end"))
			strcat(order, "e");
		if (strstr(line, "sched_tick: ") && strstr(line, ": stall on CPU 0, tick overdue by "))
			strcat(order, "s");
	}
	close(log);
	check(!strcmp(order, irqs_off ? "bes" : "bse"),
	      "%s: the stall is logged once, %s tick_hog ends: %s", what,
	      irqs_off ? "after" : "before", order);
}

static void run_stalls(void)
{
	uint64_t stalls;

	setup("enabled=0 period_ms=10");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	ticker_set("phase_ms", "0");
	ticker_set("cpus", "0");
	check_stall(50, false, 1);
	check_stall(500, false, 1);
	check_stall(50, true, 1);
	check_stall(500, true, 1);
	check_stall(500, false, 0);
	/* Five busy seconds take long in virtual time. */
	if (effort(100) == 100) {
		check_stall(5000, false, 1);
		check_stall(5000, true, 1);
	}

	/* With stall_ms 0. */
	stalls = ticker_u64("stalls");
	ticker_set("stall_ms", "0");
	ticker_set("enabled", "1");
	hog(0, 100, false);
	check(ticker_u64("stalls") == stalls, "with stall_ms 0 no stall is counted");
}

const struct ktest test_stalls = {
	"stalls", run_stalls, .timeout_s = 600, .needs_vm = true, .needs_virtual = true
};

static void hog_cpu1(void *unused)
{
	hog(1, 5000, false);
}

/* Observe a stall of CPU 1 from CPU 0 while it lasts. */
static void run_stalls_seen(void)
{
	struct ticker_stat first, second;
	struct event event = { };
	int fd, log, status;
	pid_t child;

	if (access("/sys/devices/system/cpu/cpu1", F_OK)) {
		skip("stalls_seen", "this machine has one CPU");
		return;
	}
	setup("period_ms=10");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	ticker_set("cpus", "1");
	ticker_set("stall_ms", "1000");
	sleep_ns(2 * NSEC_PER_SEC);
	fd = events_open();
	log = log_open();
	first = ticker_stat();
	child = spawn(hog_cpu1, NULL);
	do
		require(events_next(fd, &event, 20000), "a uevent is received");
	while (strcmp(event.event, "stall"));
	check(!waitpid(child, &status, WNOHANG), "the stall event comes while CPU 1 is still occupied");
	check(event.cpu == 1, "the event names CPU 1: %d", event.cpu);
	check(log_count(log, ": stall on CPU 1, tick overdue by ") == 1, "the kernel log names CPU 1, once");
	first = ticker_stat();
	sleep_ns(NSEC_PER_SEC / 4);
	second = ticker_stat();
	check(first.stalls >= 1, "stalls has counted it: %" PRIu64, first.stalls);
	if (!waitpid(child, &status, WNOHANG))
		check(second.counter == first.counter && second.missed > first.missed,
		      "counter stays at %" PRIu64 " and missed grows: %" PRIu64 ", %" PRIu64,
		      first.counter, first.missed, second.missed);
	waitpid(child, &status, 0);
	require(events_next(fd, &event, 20000) && !strcmp(event.event, "recovered"),
		"the next event is recovered: %s", event.event);
	check(event.lateness_ns > 4900 * (uint64_t)NSEC_PER_MSEC,
	      "the event has the total lateness: %" PRIu64 " ns", event.lateness_ns);
	check(ticker_stat().lateness.max_ns >= event.lateness_ns,
	      "lateness/max_ns is at least the lateness of the event");

	/* Disabling the ticker ends its stall. */
	sleep_ns(2 * NSEC_PER_SEC);
	child = spawn(hog_cpu1, NULL);
	do
		require(events_next(fd, &event, 20000), "another uevent is received");
	while (strcmp(event.event, "stall"));
	ticker_set("enabled", "0");
	if (!waitpid(child, &status, WNOHANG)) {
		require(events_next(fd, &event, 20000) && !strcmp(event.event, "recovered"),
			"disabling a stalled ticker sends recovered: %s", event.event);
		check(waitpid(child, &status, WNOHANG) == 0, "recovered is sent while CPU 1 is still occupied");
		require(events_next(fd, &event, 20000) && !strcmp(event.event, "disabled"),
			"disabled is sent after it: %s", event.event);
	}
	close(log);
	close(fd);
}

const struct ktest test_stalls_seen = {
	"stalls_seen", run_stalls_seen, .timeout_s = 180, .needs_vm = true
};
