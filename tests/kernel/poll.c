// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(2) on counter: woken by a tick if notify is 1, and not otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ktest.h"

static uint64_t reread(int fd)
{
	char text[64];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	require(length > 0, "counter reads again at 0");
	text[length] = '\0';
	return strtoull(text, NULL, 10);
}

static void run_poll(void)
{
	struct pollfd poller = { .events = POLLPRI };
	unsigned int woken = 0, empty = 0;
	uint64_t seen, now, first;

	setup("period_ms=10");
	poller.fd = tick_open("counter", O_RDONLY);
	require(poller.fd >= 0, "counter opens");

	reread(poller.fd);
	check(poll(&poller, 1, 200) == 0, "notify 0: nobody is woken");

	tick_set("notify", "1");
	first = seen = reread(poller.fd);
	while (woken < 200) {
		if (poll(&poller, 1, 10000) != 1)
			break;
		now = reread(poller.fd);
		empty += now == seen;
		seen = now;
		woken++;
	}
	check(woken == 200, "notify 1: woken %u of 200 times", woken);
	/* On a slow machine two ticks may share a wake-up, or a read come before it. */
	note("%u of them found no new tick", empty);
	check(seen - first + empty >= 200, "%" PRIu64 " ticks, none slept through", seen - first);
	if (in_virtual_time())
		check(seen - first == 200 && !empty, "one tick each: %" PRIu64, seen - first);
	check(poller.revents == (POLLERR | POLLPRI), "poll says POLLERR | POLLPRI");

	tick_set("notify", "0");
	sleep_ns(50 * NSEC_PER_MSEC);
	reread(poller.fd);
	check(poll(&poller, 1, 200) == 0, "notify 0 again: nobody is woken");
	close(poller.fd);
}

const struct ktest test_poll = { "poll", run_poll, .timeout_s = 120 };
