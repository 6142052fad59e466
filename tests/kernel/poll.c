// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(2): on counter woken by a tick if notify is 1, and not otherwise; on
 * enabled by a change. And what being woken costs.
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

static uint64_t reread(int fd)
{
	char text[64];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		require(false, "the file reads again at 0");
	text[length] = '\0';
	return strtoull(text, NULL, 10);
}

/* Sleep through so many wake-ups and see that none was lost. */
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
	check(woken == wanted, "notify 1: woken %u of %u times", woken, wanted);
	/* On a slow machine two ticks may share a wake-up, or a read come before it. */
	note("%u of them found no new tick", empty);
	check(seen - first + empty >= wanted, "%" PRIu64 " ticks, none slept through", seen - first);
	if (in_virtual_time())
		check(seen - first == wanted && !empty, "one tick each: %" PRIu64, seen - first);
	check(poller.revents == (POLLERR | POLLPRI), "poll says POLLERR | POLLPRI");
}

static void run_poll(void)
{
	struct pollfd poller = { .events = POLLPRI };

	setup("period_ms=10");
	poller.fd = tick_open("counter", O_RDONLY);
	require(poller.fd >= 0, "counter opens");

	reread(poller.fd);
	check(poll(&poller, 1, 200) == 0, "notify 0: nobody is woken");

	tick_set("notify", "1");
	check_wakeups(poller.fd, 200);

	tick_set("notify", "0");
	sleep_ns(50 * NSEC_PER_MSEC);
	reread(poller.fd);
	check(poll(&poller, 1, 200) == 0, "notify 0 again: nobody is woken");
	close(poller.fd);

	poller.fd = tick_open("enabled", O_RDONLY);
	require(poller.fd >= 0, "enabled opens");
	reread(poller.fd);
	tick_set("notify", "1");
	tick_set("enabled", "1");
	check(poll(&poller, 1, 200) == 0, "enabled: ticks wake nobody, nor does writing what it is");
	for (int i = 0; i < 6; i++) {
		tick_set_number("enabled", i & 1);
		check(poll(&poller, 1, 10000) == 1 && poller.revents == (POLLERR | POLLPRI) &&
		      reread(poller.fd) == (uint64_t)(i & 1), "enabled: a change to %d wakes", i & 1);
	}
	close(poller.fd);
}

const struct ktest test_poll = { "poll", run_poll, .timeout_s = 120 };

static void run_wakeups(void)
{
	int fd;

	setup("period_ms=1");
	tick_set("notify", "1");
	fd = tick_open("counter", O_RDONLY);
	require(fd >= 0, "counter opens");
	check_wakeups(fd, effort(10000));
	close(fd);
}

const struct ktest test_wakeups = { "wakeups", run_wakeups, .timeout_s = 300 };

/* Of a program that runs when nothing else does: how far it came, on one CPU. */
static volatile uint64_t *turns;

static void idle_burner(void *unused)
{
	struct sched_param none = { };

	sched_setscheduler(0, SCHED_IDLE, &none);
	for (;;)
		(*turns)++;
}

static double turns_in(int64_t duration_ns)
{
	uint64_t before = *turns;

	sleep_ns(duration_ns);
	return *turns - before;
}

/* Time taken from the burner per tick at 1 ms, in ns. */
static double cost_of_tick(double undisturbed, int64_t duration_ns)
{
	double left;

	tick_set("enabled", "1");
	left = turns_in(duration_ns);
	tick_set("enabled", "0");
	return (1 - left / undisturbed) * NSEC_PER_MSEC;
}

static void run_price(void)
{
	const int64_t duration_ns = 4 * NSEC_PER_SEC;
	double undisturbed, cost[4];
	pid_t burner;

	turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(turns != MAP_FAILED, "memory is shared");
	setup("enabled=0 period_ms=1");
	burner = spawn(idle_burner, NULL);
	turns_in(NSEC_PER_SEC);
	undisturbed = turns_in(duration_ns);
	cost[0] = cost_of_tick(undisturbed, duration_ns);
	tick_set("notify", "1");
	cost[1] = cost_of_tick(undisturbed, duration_ns);
	tick_set("notify", "0");
	cost[2] = cost_of_tick(undisturbed, duration_ns);
	tick_set("stall_ms", "1000");
	cost[3] = cost_of_tick(undisturbed, duration_ns);
	reap(&burner, 1);

	note("a tick takes %.0f instructions, with notify %.0f, without again %.0f, with stall_ms %.0f",
	     cost[0], cost[1], cost[2], cost[3]);
	check(cost[0] > 1000 && cost[0] < 20000, "a tick has a price");
	check(cost[1] > cost[0] + 500, "being woken has one more: %.0f", cost[1] - cost[0]);
	check(cost[2] < cost[0] * 1.01, "which only those pay who ask for it");
}

const struct ktest test_price = {
	"price", run_price, .timeout_s = 300, .needs_virtual = true
};
