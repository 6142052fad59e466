// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unload at any moment, while readers, writers and pollers use the files.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static const char *const readable[] = {
	"counter", "stat", "missed", "clock", "lateness/histogram", "timer_lateness/max_ns",
};

static void run_unload(void)
{
	int fds[ARRAY_SIZE(readable)], writer, wrong = 0, status, err;
	pid_t pollers[8];
	char text[4096];

	setup("period_ms=1");
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		fds[i] = ticker_open(readable[i], O_RDONLY);
		require(fds[i] >= 0, "%s can be opened", readable[i]);
	}
	check(read(fds[0], text, sizeof(text)) > 0, "counter can be read");
	writer = ticker_open("enabled", O_RDWR);
	for (size_t i = 0; i < ARRAY_SIZE(pollers); i++)
		pollers[i] = ticker_poller("counter");

	err = ticker_end();
	check(!err, "the module unloads while its files are open: %s", err ? strerror(err) : "success");
	for (size_t i = 0; i < ARRAY_SIZE(pollers); i++) {
		waitpid(pollers[i], &status, 0);
		wrong += status != 0;
	}
	check(!wrong, "unloading wakes 8 pollers, which read ENODEV: %d did not", wrong);
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		check(pread(fds[i], text, sizeof(text), 0) < 0 && errno == ENODEV,
		      "reading %s through an open descriptor fails with ENODEV", readable[i]);
		close(fds[i]);
	}
	check(write(writer, "1", 1) < 0 && errno == ENODEV,
	      "writing enabled through an open descriptor fails with ENODEV");
	close(writer);
	check(access(KTEST_ROOT, F_OK) && access("/sys/module/sched_tick", F_OK),
	      "no directory is left in sysfs");
}

const struct ktest test_unload = { "unload", run_unload, .timeout_s = 120 };

static const struct {
	const char *file, *text;
} writes[] = {
	{ "period_ms", "1" }, { "period_ms", "2" }, { "enabled", "0" }, { "enabled", "1" },
	{ "timer", "wheel" }, { "timer", "hrtimer" }, { "notify", "1" }, { "notify", "0" },
	{ "clock", "realtime" }, { "clock", "boottime" }, { "clock", "monotonic" },
	{ "phase_ms", "0" }, { "phase_ms", "-1" }, { "cpus", "0" }, { "cpus", "1" }, { "cpus", "any" },
	{ "stall_ms", "1" }, { "stall_ms", "0" }, { "reset", "1" }, { "period_ms", "garbage" }, { "enabled", "" }, { "cpu", "70000" },
};

/* Shared with ticker_disturb(): no ticker exists for a while, so do not retry at once. */
static volatile bool *absent;

void ticker_disturb(void *seed)
{
	static unsigned int done;
	char text[4096];

	srand((uintptr_t)seed);
	for (;;) {
		size_t i = rand() % ARRAY_SIZE(writes);
		int fd = ticker_open(readable[rand() % ARRAY_SIZE(readable)], O_RDONLY);
		struct pollfd poller = { .fd = fd, .events = POLLPRI };

		if (fd < 0) {
			if (absent && *absent)
				sleep_ns(rand() % (32 * NSEC_PER_MSEC));
			continue;
		}
		ticker_write(writes[i].file, writes[i].text);
		done += read(fd, text, sizeof(text)) > 0;
		poll(&poller, 1, rand() % 3);
		pread(fd, text, sizeof(text), 0);
		close(fd);
	}
}

static void run_cycles(void)
{
	unsigned int cycles = effort(300), refused = 0, ticked = 0;
	pid_t others[6];

	absent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(absent != MAP_FAILED, "memory is shared");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = spawn(ticker_disturb, (void *)(i + 1));
	for (unsigned int i = 0; i < cycles; i++) {
		int err;

		*absent = false;
		err = ticker_begin("period_ms=1");
		if (err)
			require(false, "the module loads in cycle %u: %s", i, strerror(err));
		sleep_ns(rand() % (20 * NSEC_PER_MSEC));
		ticked += ticker_u64("counter") > 0;
		/* With late releases unloading takes seconds. */
		*absent = true;
		err = ticker_end();
		refused += err != 0;
		if (err)
			require(false, "the module unloads in cycle %u: %s", i, strerror(err));
		if (i % 50 == 49) {
			note("%u cycles", i + 1);
			fflush(stdout);
		}
	}
	reap(others, ARRAY_SIZE(others));
	check(!refused, "%u load/unload cycles at 1 ms under readers, writers and pollers", cycles);
	check(ticked > cycles / 4, "the ticker ticks in more than a quarter of the cycles: %u", ticked);
}

const struct ktest test_cycles = { "cycles", run_cycles, .timeout_s = 3600 };
