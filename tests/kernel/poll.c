// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(2): ticks wake pollers of counter if notify is 1; changes wake pollers
 * of enabled.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktest.h"

/* How many changes of enabled the test makes. */
#define CHANGES	2000

static uint64_t reread(int fd)
{
	char text[64];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		require(false, "the file can be read again at offset 0");
	text[length] = '\0';
	return strtoull(text, NULL, 10);
}

/* Wait for a number of wake-ups and check that no tick was lost. */
static void check_wakeups(int fd, unsigned int wanted)
{
	struct pollfd poller = { .fd = fd, .events = POLLPRI };
	unsigned int woken = 0, empty = 0;
	uint64_t seen, now, first;

	first = seen = reread(fd);
	while (woken < wanted) {
		if (poll(&poller, 1, 10000) != 1)
			break;
		now = reread(fd);
		empty += now == seen;
		seen = now;
		woken++;
	}
	check(woken == wanted, "with notify 1, ticks wake the poller: %u of %u times", woken, wanted);
	/* On a slow machine two ticks may share a wake-up, or a read may come before the wake-up. */
	note("%u wake-ups found no new tick", empty);
	check(seen - first + empty >= wanted, "no tick is lost: %" PRIu64 " ticks seen", seen - first);
	if (in_virtual_time())
		check(seen - first == wanted && !empty, "each wake-up has one tick: %" PRIu64, seen - first);
	check(poller.revents == (POLLERR | POLLPRI), "poll returns POLLERR | POLLPRI");
}

static void run_poll(void)
{
	struct pollfd poller = { .events = POLLPRI };
	unsigned int woken, changes = effort(CHANGES);

	setup("period_ms=10");
	poller.fd = ticker_open("counter", O_RDONLY);
	require(poller.fd >= 0, "counter can be opened");

	reread(poller.fd);
	check(poll(&poller, 1, 200) == 0, "with notify 0, ticks wake nobody");

	ticker_set("notify", "1");
	check_wakeups(poller.fd, 200);

	ticker_set("notify", "0");
	sleep_ns(50 * NSEC_PER_MSEC);
	reread(poller.fd);
	check(poll(&poller, 1, 200) == 0, "after notify is 0 again, ticks wake nobody");
	close(poller.fd);

	poller.fd = ticker_open("enabled", O_RDONLY);
	require(poller.fd >= 0, "enabled can be opened");
	reread(poller.fd);
	ticker_set("notify", "1");
	ticker_set("enabled", "1");
	check(poll(&poller, 1, 200) == 0,
	      "neither ticks nor a write of the present value wake a poller of enabled");
	/* Each change comes at once after a wake-up, which may still be under way on another CPU. */
	for (woken = 0; woken < changes; woken++) {
		ticker_set_number("enabled", woken & 1);
		if (poll(&poller, 1, 10000) != 1 || poller.revents != (POLLERR | POLLPRI) ||
		    reread(poller.fd) != (woken & 1))
			break;
	}
	check(woken == changes, "each change wakes a poller of enabled: %u of %u", woken, changes);
	close(poller.fd);
}

const struct ktest test_poll = { "poll", run_poll, .timeout_s = 900 };

static void run_wakeups(void)
{
	int fd;

	setup("period_ms=1");
	ticker_set("notify", "1");
	fd = ticker_open("counter", O_RDONLY);
	require(fd >= 0, "counter can be opened");
	check_wakeups(fd, effort(10000));
	close(fd);
}

const struct ktest test_wakeups = { "wakeups", run_wakeups, .timeout_s = 300 };
