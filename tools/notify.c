// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wake-ups of pollers for as long as somebody waits. See notify.h.
 *
 * Each holder has a shared lock on a file in /run/sched-tick, one file for each
 * ticker. A holder that finds notify at 0 writes the inode number of notify to that
 * file before it sets notify. A holder that leaves tries to get the lock
 * exclusively. It gets it only if it is the last one, and then clears notify, if
 * the inode number is in the file.
 *
 * A child process, the guard, leaves in the place of a holder that is killed. If the
 * guard is killed, too, the number stays in the file, and the last of the next
 * holders clears notify. A removed ticker's number never comes back, so what was
 * written about it does not affect a new ticker of the same name.
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

/* Returns -1, with errno set, if there is no lock to be had. */
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

/* The inode number of a ticker's notify; 0: there is none. */
static uint64_t inode(const char *name)
{
	struct stat about;

	return stat(ticker_path(name, "notify"), &about) ? 0 : about.st_ino;
}

/* Process and guard share the lock's open file: both may call this, in any order. */
static void leave(const struct notify *notify)
{
	uint64_t ours = 0;

	/* If others share the lock this fails and drops our share. */
	if (flock(notify->lock, LOCK_EX | LOCK_NB))
		return;
	if (pread(notify->lock, &ours, sizeof(ours), 0) == sizeof(ours) && ours == inode(notify->name) &&
	    is_set(notify->name))
		ticker_write(notify->name, "notify", "0");
	if (ftruncate(notify->lock, 0))
		warn(DIRECTORY "/%s", notify->name);
	flock(notify->lock, LOCK_UN);
}

static void guard(const struct notify *notify, int pipe_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	setsid();
	prctl(PR_SET_NAME, "notify-guard");
	/* Whoever reads the output of the process is not to wait for the guard. */
	for (int fd = 0; fd <= 2; fd++)
		if (fd != notify->lock && fd != pipe_fd)
			dup2(null, fd);
	while (read(pipe_fd, &byte, 1) < 0 && errno == EINTR)
		;
	leave(notify);
	_exit(STATUS_DONE);
}

/* No signal but SIGKILL ends the guard: all are blocked before it is there. */
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
		guard(notify, ends[0]);
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
	uint64_t ours;
	int status, error;

	*notify = (struct notify){ .name = name, .lock = -1, .alive = -1 };
	if (!ticker_exists(name))
		return ticker_complain(name, "wait", ENOENT);
	notify->lock = open_lock(name);
	error = errno;
	if (notify->lock >= 0)
		start_guard(notify);
	status = ticker_read(name, "notify", text, sizeof(text));
	if (status || *text == '1')
		return status;
	ours = inode(name);
	if (notify->lock >= 0 && pwrite(notify->lock, &ours, sizeof(ours), 0) != sizeof(ours)) {
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
	leave(notify);
	close(notify->alive);
	close(notify->lock);
	notify->lock = -1;
}
