// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replace a file as a whole. See replace.h.
 */
#include "replace.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(FILE *out, mode_t mode, print_fn *print, const void *data)
{
	print(out, data);
	return !fchmod(fileno(out), mode) && !fflush(out) && !ferror(out);
}

bool replace_file(const char *path, mode_t mode, print_fn *print, const void *data)
{
	char temporary[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int directory = slash ? slash - path + 1 : 0, fd, error;
	FILE *out;

	/* The name must not end in .prom: the textfile collector reads files whose names do. */
	errno = ENAMETOOLONG;
	if (snprintf(temporary, sizeof(temporary), "%.*s.%s.XXXXXX", directory, path, path + directory) >=
	    (int)sizeof(temporary))
		return false;
	fd = mkstemp(temporary);
	if (fd < 0)
		return false;
	out = fdopen(fd, "w");
	error = out && write_all(out, mode, print, data) ? 0 : errno;
	if (!out)
		close(fd);
	else if (fclose(out) && !error)
		error = errno;
	if (!error && !rename(temporary, path))
		return true;
	if (!error)
		error = errno;
	unlink(temporary);
	errno = error;
	return false;
}
