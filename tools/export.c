// SPDX-License-Identifier: GPL-2.0-only
/*
 * export: write metrics for the textfile collector of the node exporter.
 *
 * The file is replaced as a whole. metrics.c has what is in it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector.h"
#include "commands.h"
#include "metrics.h"
#include "options.h"
#include "replace.h"
#include "sysfs.h"

#define FILE_NAME	"sched_tick.prom"

/* Write to a device or a pipe, which must not be replaced. */
static int write_in_place(const char *path, const struct metrics *metrics)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool written;

	if (!out) {
		warn("%s", path);
		return STATUS_FAILED;
	}
	metrics_print(out, metrics);
	written = !fflush(out) && !ferror(out);
	if (!written)
		warn("%s", path);
	fclose(out);
	return written ? STATUS_DONE : STATUS_FAILED;
}

/* Read the path that a symbolic link points to. */
static bool read_link(const char *path, char *next, size_t size)
{
	const char *slash = strrchr(path, '/');
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	int directory;

	if (length < 0)
		return false;
	target[length] = '\0';
	directory = *target == '/' || !slash ? 0 : slash - path + 1;
	errno = ENAMETOOLONG;
	return snprintf(next, size, "%.*s%s", directory, path, target) < (int)size;
}

/*
 * Follow symbolic links to their end. @mode is 0 if that does not exist. A link of another user is not followed,
 * because it could point to a file that only root may write; nor is a link in /proc to a file without a path.
 */
static bool follow_links(char *path, mode_t *mode)
{
	for (int links = 0; links < 40; links++) {
		struct stat status, target;
		char next[PATH_MAX];

		*mode = 0;
		if (lstat(path, &status))
			return errno == ENOENT;
		*mode = status.st_mode;
		if (!S_ISLNK(*mode) || (status.st_uid && status.st_uid != geteuid()))
			return true;
		if (!read_link(path, next, sizeof(next)))
			return false;
		if (lstat(next, &target) && !stat(path, &status)) {
			*mode = status.st_mode;
			return true;
		}
		strcpy(path, next);
	}
	errno = ELOOP;
	return false;
}

static int write_file(const char *path, const struct metrics *metrics)
{
	char target[PATH_MAX];
	mode_t mode;

	snprintf(target, sizeof(target), "%s", path);
	if (follow_links(target, &mode)) {
		if (mode && !S_ISREG(mode) && !S_ISLNK(mode) && !S_ISDIR(mode))
			return write_in_place(target, metrics);
		if (!S_ISDIR(mode) && replace_file(target, 0644, metrics_print, metrics))
			return STATUS_DONE;
		if (S_ISDIR(mode))
			errno = EISDIR;
	}
	warn("%s", path);
	return STATUS_FAILED;
}

/* The path of the file without --file. */
static int find_file(char *path, size_t size)
{
	int status = collector_find(path, size - sizeof("/" FILE_NAME));

	if (!status)
		strcat(path, "/" FILE_NAME);
	return status;
}

static const struct option options[] = {
	{ "file", required_argument, NULL, 'f' },
	COMMON_OPTIONS
};

int command_export(int argc, char **argv)
{
	char path[PATH_MAX] = "";
	struct metrics metrics = { };
	int option, status;

	while ((option = next_option(argc, argv, options)) != -1)
		if (option == 'f' && (!*optarg || snprintf(path, sizeof(path), "%s", optarg) >= (int)sizeof(path)))
			errx(STATUS_USAGE, "invalid file name '%.64s' (valid: 1 to %zu bytes)", optarg,
			     sizeof(path) - 1);
	expect_end(argv, optind);
	status = *path ? STATUS_DONE : find_file(path, sizeof(path));
	if (!status)
		status = metrics_read(&metrics);
	if (!status && !strcmp(path, "-"))
		metrics_print(stdout, &metrics);
	else if (!status)
		status = write_file(path, &metrics);
	metrics_free(&metrics);
	return status;
}
