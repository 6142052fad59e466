// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait: sleep in poll(2) until a ticker ticks, and run a command at each tick.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "notify.h"
#include "options.h"
#include "sysfs.h"

/* How often to read the counter if notify may be cleared meanwhile. */
#define READ_INTERVAL_MS 1000

/* Exit statuses of a command that could not be run, as those of env(1). */
enum { COMMAND_NOT_EXECUTABLE = 126, COMMAND_NOT_FOUND = 127 };

extern char **environ;

/* Read the counter. Returns false if the ticker was removed. */
static bool read_counter(int fd, uint64_t *counter)
{
	char text[32];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	if (length < 0 && errno != ENODEV)
		err(STATUS_FAILED, "counter");
	if (length <= 0)
		return false;
	text[length] = '\0';
	*counter = strtoull(text, NULL, 10);
	return true;
}

/* Run the command. Returns its exit status, or 128 plus the signal that killed it. */
static int run(char **command, uint64_t counter, uint64_t ticks)
{
	char text[32];
	int status, error;
	pid_t pid;

	snprintf(text, sizeof(text), "%" PRIu64, counter);
	setenv("SCHED_TICK_COUNTER", text, true);
	snprintf(text, sizeof(text), "%" PRIu64, ticks);
	setenv("SCHED_TICK_TICKS", text, true);
	error = posix_spawnp(&pid, *command, NULL, NULL, command, environ);
	if (error) {
		warnx("%s: %s", *command, strerror(error));
		return error == ENOENT ? COMMAND_NOT_FOUND : COMMAND_NOT_EXECUTABLE;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(STATUS_FAILED, "%s", *command);
	if (WIFSIGNALED(status)) {
		warnx("%s: killed by signal %d", *command, WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	if (WEXITSTATUS(status))
		warnx("%s: exit status %d", *command, WEXITSTATUS(status));
	return WEXITSTATUS(status);
}

static int wait_for_ticks(const char *name, int timeout_ms, uint64_t wanted, char **command)
{
	struct pollfd poller = { .events = POLLPRI };
	uint64_t seen, counter, ticks, done = 0;
	int status = STATUS_DONE;

	poller.fd = open(ticker_path(name, "counter"), O_RDONLY | O_CLOEXEC);
	if (poller.fd < 0)
		return ticker_report(name, "counter", errno);
	if (!read_counter(poller.fd, &seen))
		return ticker_report(name, "wait", ENODEV);
	while (done < wanted) {
		if (poll(&poller, 1, timeout_ms) < 0 && errno != EINTR)
			err(STATUS_FAILED, "poll");
		if (!read_counter(poller.fd, &counter))
			return ticker_report(name, "wait", ENODEV);
		ticks = counter - seen;
		seen = counter;
		if (!ticks)
			continue;
		done += ticks;
		if (command)
			status = run(command, counter, ticks);
		if (status)
			return status;
	}
	close(poller.fd);
	return STATUS_DONE;
}

static const struct option options[] = {
	{ "count", required_argument, NULL, 'c' },
	COMMON_OPTIONS
};

int command_wait(int argc, char **argv)
{
	struct notify notify;
	uint64_t wanted = 0;
	char **command;
	const char *name;
	int option, status;

	while ((option = next_option(argc, argv, options)) != -1)
		if (option == 'c')
			wanted = parse_count(optarg);
	name = parse_name(argc, argv);
	command = optind + 1 < argc ? argv + optind + 1 : NULL;
	if (!wanted)
		wanted = command ? UINT64_MAX : 1;
	status = notify_hold(&notify, name);
	if (!status)
		status = wait_for_ticks(name, notify.lock < 0 ? READ_INTERVAL_MS : -1, wanted, command);
	notify_release(&notify);
	return status;
}
