// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait: asleep in poll(2) until a ticker ticks, as often as is wanted.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
#include "sysfs.h"

/* How often to look where others may clear notify. */
#define LOOK_MS 1000

extern char **environ;

/* The counter through an open file; false when the ticker is gone. */
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

/* Run the command; ticks that pass meanwhile are told the next one. Returns its exit status. */
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
		return STATUS_FAILED;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(STATUS_FAILED, "%s", *command);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return STATUS_DONE;
	if (WIFEXITED(status))
		warnx("%s: exit status %d", *command, WEXITSTATUS(status));
	else
		warnx("%s: killed by signal %d", *command, WTERMSIG(status));
	return STATUS_FAILED;
}

static int wait_for_ticks(const char *name, int timeout_ms, uint64_t wanted, char **command)
{
	struct pollfd poller = { .events = POLLPRI };
	uint64_t seen, counter, ticks, done = 0;
	int status = STATUS_DONE;

	poller.fd = open(ticker_path(name, "counter"), O_RDONLY | O_CLOEXEC);
	if (poller.fd < 0)
		return ticker_complain(name, "counter", errno);
	if (!read_counter(poller.fd, &seen))
		return ticker_complain(name, "wait", ENODEV);
	while (done < wanted) {
		if (poll(&poller, 1, timeout_ms) < 0 && errno != EINTR)
			err(STATUS_FAILED, "poll");
		if (!read_counter(poller.fd, &counter))
			return ticker_complain(name, "wait", ENODEV);
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
	{ "count", required_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

int command_wait(int argc, char **argv)
{
	struct notify notify;
	uint64_t wanted = 0;
	const char *name;
	int option, status;
	char *end;

	/* What follows "--" is left as it is. */
	while ((option = getopt_long(argc, argv, "hn:", options, NULL)) != -1) {
		if (option != 'n')
			usage("wait", option == 'h' ? STATUS_DONE : STATUS_USAGE);
		errno = 0;
		wanted = strtoull(optarg, &end, 10);
		if (errno || *end || *optarg < '0' || *optarg > '9' || !wanted) {
			warnx("%s: not a number of ticks", optarg);
			return STATUS_USAGE;
		}
	}
	if (optind == argc)
		usage("wait", STATUS_USAGE);
	name = argv[optind++];
	if (!ticker_name_valid(name)) {
		warnx("%s: no such ticker", name);
		return STATUS_MISSING;
	}
	/* A command goes on for ever unless told how often; without one, one tick is what is waited for. */
	if (!wanted)
		wanted = optind < argc ? UINT64_MAX : 1;
	status = notify_hold(&notify, name);
	if (!status)
		status = wait_for_ticks(name, notify.lock < 0 ? LOOK_MS : -1, wanted,
					optind < argc ? argv + optind : NULL);
	notify_release(&notify);
	return status;
}
