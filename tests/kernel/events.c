// SPDX-License-Identifier: GPL-2.0-only
/*
 * uevents: which are sent, when, and how many at most.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ktest.h"

#define NAMED_PATH "/kernel/sched_tick/tickers/n"

int events_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	require(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)),
		"a netlink socket receives uevents");
	return fd;
}

/* Parse a uevent; return whether its subsystem is sched_tick. */
static bool parse(const char *message, ssize_t length, struct event *event)
{
	bool ours = false;

	*event = (struct event){ .cpu = -1 };
	for (const char *at = message; at < message + length; at += strlen(at) + 1) {
		sscanf(at, "ACTION=%15s", event->action);
		sscanf(at, "DEVPATH=%127s", event->path);
		sscanf(at, "SCHED_TICK_EVENT=%15s", event->event);
		sscanf(at, "SCHED_TICK_CPU=%d", &event->cpu);
		sscanf(at, "SCHED_TICK_CONTEXT=%15s", event->context);
		sscanf(at, "SCHED_TICK_LATENESS_NS=%" SCNu64, &event->lateness_ns);
		event->fields += !strncmp(at, "SCHED_TICK_", strlen("SCHED_TICK_"));
		ours |= !strcmp(at, "SUBSYSTEM=sched_tick");
	}
	return ours;
}

bool events_next(int fd, struct event *event, int timeout_ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	char message[4096];

	while (poll(&poller, 1, timeout_ms) == 1) {
		ssize_t length = recv(fd, message, sizeof(message) - 1, 0);

		if (length < 0 && errno == ENOBUFS) {
			*event = (struct event){ .cpu = -1, .overrun = true };
			return true;
		}
		if (length < 0)
			require(false, "a uevent is received: %s", strerror(errno));
		message[length] = '\0';
		if (parse(message, length, event))
			return true;
	}
	return false;
}

static void expect(int fd, const char *action, const char *path, const char *what)
{
	struct event event = { };
	bool came = events_next(fd, &event, 10000);

	check(came && !strcmp(event.action, action) && !strcmp(event.path, path) &&
	      !strcmp(event.event, what), "event %s %s %s is received: %s %s %s", action, path, what, event.action,
	      event.path, event.event);
}

/* The maximum number of events since then: one a second, and two at the edges. */
static unsigned int events_since(int64_t from_ns)
{
	return 2 + (now_ns(CLOCK_MONOTONIC) - from_ns) / NSEC_PER_SEC;
}

static unsigned int count_events(int fd, int quiet_ms, struct event *last)
{
	unsigned int count = 0;

	while (events_next(fd, last, quiet_ms))
		count++;
	return count;
}

static void run_events(void)
{
	struct event event;
	unsigned int count, most, changes = 2 * effort(500);
	int fd = events_open();
	int64_t from;

	require(!module_load("period_ms=50"), "the module loads with the ticker enabled");
	expect(fd, "add", "/kernel/sched_tick", "");
	check(!access(KTEST_ROOT "/timer_lateness/bounds_ns", F_OK),
	      "the files exist when the event add is sent");
	check(count_events(fd, 2500, &event) == 0,
	      "no change event is sent for a ticker that is enabled at load");
	require(!ticker_make("n"), "mkdir creates a ticker");
	expect(fd, "add", NAMED_PATH, "");

	ticker_choose("n");
	ticker_set("enabled", "1");
	expect(fd, "change", NAMED_PATH, "enabled");
	ticker_set("enabled", "1");
	ticker_set("period_ms", "20");
	ticker_set("timer", "wheel");
	check(count_events(fd, 2500, &event) == 0, "writes that do not change enabled send no event");
	ticker_set("enabled", "0");
	expect(fd, "change", NAMED_PATH, "disabled");
	ticker_choose("default");
	ticker_set("enabled", "0");
	expect(fd, "change", "/kernel/sched_tick", "disabled");

	sleep_ns(3 * NSEC_PER_SEC / 2);
	ticker_choose("n");
	from = now_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < changes + 1; i++)
		ticker_set_number("enabled", !(i & 1));
	most = events_since(from);
	count = count_events(fd, 2500, &event);
	check(count >= 1 && count <= most, "%u changes of enabled send %u events, at most %u",
	      changes + 1, count, most);
	check(!strcmp(event.event, "enabled"), "the last event reflects the current state: %s", event.event);
	from = now_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < changes; i++)
		ticker_set_number("enabled", i & 1);
	most = events_since(from);
	count = count_events(fd, 2500, &event);
	check(!(count & 1) && count <= most,
	      "%u changes back and forth send an even number of events: %u, at most %u",
	      changes, count, most);
	check(ticker_u64("enabled") == 1, "enabled is 1 again");

	require(!ticker_remove("n"), "rmdir removes the ticker");
	expect(fd, "remove", NAMED_PATH, "");
	require(!module_unload(), "the module unloads");
	expect(fd, "remove", "/kernel/sched_tick", "");
	check(count_events(fd, 1500, &event) == 0, "no further event is sent");
	close(fd);
}

const struct ktest test_events = { "events", run_events, .timeout_s = 120 };

static void run_quiet_hour(void)
{
	uint64_t ticks;
	struct event event;
	int fd = events_open();

	setup("period_ms=100");
	expect(fd, "add", ticker_dir() + strlen("/sys"), "");
	if (ticker_is_named())
		note("%u more events during setup", count_events(fd, 2000, &event));
	ticker_set("notify", "1");
	ticker_set("stall_ms", "50");
	ticks = ticker_u64("counter");
	sleep_ns(3600 * NSEC_PER_SEC);
	ticks = ticker_u64("counter") - ticks;
	check(ticks == 36000, "an hour at 100 ms has 36000 ticks: %" PRIu64, ticks);
	check(!ticker_u64("stalls"), "no stall is counted");
	check(count_events(fd, 100, &event) == 0, "no event is sent");
	close(fd);
}

const struct ktest test_quiet_hour = {
	"quiet_hour", run_quiet_hour, .timeout_s = 4000, .needs_virtual = true, .on_request = true
};
