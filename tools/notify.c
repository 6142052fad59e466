// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keep notify set while a process waits. See notify.h.
 *
 * Each holder has a shared lock on a file in /run/sched-tick, one file for each
 * ticker. A holder that finds notify at 0 writes the inode number of notify to that
 * file before it sets notify. A holder that leaves tries to get the lock
 * exclusively. It gets it only if it is the last one, and then clears notify if the
 * inode number is in the file.
 *
 * A child process, the guard, does that for a holder that is killed. If the guard is
 * killed as well, the number stays in the file, and the last of the next holders
 * clears notify. The inode number of a removed ticker is not used again, so a file
 * about a removed ticker does not affect a new one of the same name.
 */
#include "notify.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"

#define DIRECTORY "/run/sched-tick"

/* Returns a file descriptor with the shared lock, or -1 and errno. */
static int open_lock(const char *name)
{
	const char *root = getenv("SCHED_TICK_ROOT") ?: "";
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s" DIRECTORY, root);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -1;
	snprintf(path, sizeof(path), "%s" DIRECTORY "/%s", root, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_SH)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_set(const char *name)
{
	char text[8];

	return !ticker_read(name, "notify", text, sizeof(text)) && *text == '1';
}

/* The inode number of a ticker's notify, or 0. */
static uint64_t notify_inode(const char *name)
{
	struct stat about;

	return stat(ticker_path(name, "notify"), &about) ? 0 : about.st_ino;
}

/* The process and its guard share the open file of the lock. Both may call this, in any order. */
static void release_lock(const struct notify *notify)
{
	uint64_t number = 0;

	/* If others share the lock, this fails and releases our share. */
	if (flock(notify->lock, LOCK_EX | LOCK_NB))
		return;
	if (pread(notify->lock, &number, sizeof(number), 0) == sizeof(number) && number == notify_inode(notify->name) &&
	    is_set(notify->name))
		ticker_write(notify->name, "notify", "0");
	if (ftruncate(notify->lock, 0))
		warn(DIRECTORY "/%s", notify->name);
	flock(notify->lock, LOCK_UN);
}

static void run_guard(const struct notify *notify, int pipe_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	setsid();
	prctl(PR_SET_NAME, "notify-guard");
	/* A reader of the process's output must not wait for the guard. */
	for (int fd = 0; fd <= 2; fd++)
		if (fd != notify->lock && fd != pipe_fd)
			dup2(null, fd);
	while (read(pipe_fd, &byte, 1) < 0 && errno == EINTR)
		;
	release_lock(notify);
	_exit(STATUS_DONE);
}

/* Only SIGKILL ends the guard: all signals are blocked before it is forked. */
static void start_guard(struct notify *notify)
{
	sigset_t all, before;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		err(STATUS_FAILED, "pipe");
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (!pid) {
		close(ends[1]);
		run_guard(notify, ends[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		err(STATUS_FAILED, "fork");
	close(ends[0]);
	notify->alive = ends[1];
}

int notify_hold(struct notify *notify, const char *name)
{
	char text[8];
	uint64_t number;
	int status, error;

	*notify = (struct notify){ .name = name, .lock = -1, .alive = -1 };
	if (!ticker_exists(name))
		return ticker_report(name, "wait", ENOENT);
	notify->lock = open_lock(name);
	error = errno;
	if (notify->lock >= 0)
		start_guard(notify);
	status = ticker_read(name, "notify", text, sizeof(text));
	if (status || *text == '1')
		return status;
	number = notify_inode(name);
	if (notify->lock >= 0 && pwrite(notify->lock, &number, sizeof(number), 0) != sizeof(number)) {
		error = errno;
		notify_release(notify);
	}
	status = ticker_write(name, "notify", "1");
	if (!status && notify->lock < 0)
		warnx("%s: notify stays set: " DIRECTORY ": %s", name, strerror(error));
	return status;
}

void notify_release(struct notify *notify)
{
	if (notify->lock < 0)
		return;
	release_lock(notify);
	close(notify->alive);
	close(notify->lock);
	notify->lock = -1;
}
