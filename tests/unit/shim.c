// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the files of a fake tree can't do: a poll() that returns, and a write() that
 * fails with SHIM_ERRNO, to the file that SHIM_REFUSED names. With SHIM_NO_SLEEP set,
 * nanosleep() returns at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)fds, (void)count, (void)timeout;
	return usleep(50000);
}

ssize_t write(int fd, const void *data, size_t size)
{
	const char *refused = getenv("SHIM_REFUSED"), *error = getenv("SHIM_ERRNO");
	char link[32], path[4096] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (refused && error && readlink(link, path, sizeof(path) - 1) > 0 && strrchr(path, '/') &&
	    !strcmp(strrchr(path, '/') + 1, refused)) {
		errno = atoi(error);
		return -1;
	}
	return syscall(SYS_write, fd, data, size);
}

int nanosleep(const struct timespec *duration, struct timespec *left)
{
	if (getenv("SHIM_NO_SLEEP"))
		return 0;
	return syscall(SYS_nanosleep, duration, left);
}
