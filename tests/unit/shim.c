// SPDX-License-Identifier: GPL-2.0-only
/*
 * What files of a fake tree cannot do: a poll() that wakes up, and a write() that
 * the kernel refuses with ERANGE, for the file that SHIM_ERANGE names.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)fds, (void)count, (void)timeout;
	return usleep(50000);
}

ssize_t write(int fd, const void *data, size_t size)
{
	const char *refused = getenv("SHIM_ERANGE");
	char link[32], path[4096] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (refused && readlink(link, path, sizeof(path) - 1) > 0 && strrchr(path, '/') &&
	    !strcmp(strrchr(path, '/') + 1, refused)) {
		errno = ERANGE;
		return -1;
	}
	return syscall(SYS_write, fd, data, size);
}
