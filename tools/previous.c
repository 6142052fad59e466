// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample that the previous check took. See previous.h.
 *
 * The first line of a file identifies the format, the boot and the ticker; the
 * second one is a line of stat. The inode number of a removed ticker's files is not
 * used again before the next boot, so it identifies the ticker.
 */
#include "previous.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace.h"

#define IDENTITY_SIZE	128

const char *previous_directory(void)
{
	static char path[PATH_MAX];
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
	int length;

	/* No ticker can have a name with a leading dot, so no lock of wait in the same directory has this path. */
	if (!geteuid())
		length = snprintf(path, sizeof(path), "%s/run/sched-tick/.check", getenv("SCHED_TICK_ROOT") ?: "");
	else if (runtime && *runtime == '/')
		length = snprintf(path, sizeof(path), "%s/sched-tick", runtime);
	else if (home && *home == '/')
		length = snprintf(path, sizeof(path), "%s/.local/state/sched-tick", home);
	else
		length = sizeof(path);
	if (length < (int)sizeof(path))
		return path;
	warnx("no directory for the sample of the previous check: set XDG_RUNTIME_DIR or HOME, or use --state-dir");
	return NULL;
}

/* The first line of the file of a ticker, without its newline. */
static void format_identity(const char *name, char *text, size_t size)
{
	char path[PATH_MAX], boot[64] = "";
	struct stat status = { };
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/sys/kernel/random/boot_id", getenv("SCHED_TICK_ROOT") ?: "");
	file = fopen(path, "re");
	if (file) {
		if (!fgets(boot, sizeof(boot), file))
			boot[0] = '\0';
		fclose(file);
	}
	boot[strcspn(boot, "\n")] = '\0';
	if (stat(ticker_path(name, "stat"), &status))
		status.st_ino = 0;
	snprintf(text, size, "sched-tick check 1 %s %ju", boot, (uintmax_t)status.st_ino);
}

/* Read a regular file of this user. Returns false if it is not one, or too long. */
static bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	ssize_t length = -1;

	if (fd < 0)
		return false;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
	    status.st_size < (off_t)size)
		length = read(fd, text, size - 1);
	close(fd);
	if (length < 0)
		return false;
	text[length] = '\0';
	return true;
}

bool previous_load(const char *directory, const struct ticker *now, struct ticker *previous)
{
	char path[PATH_MAX], text[4096], identity[IDENTITY_SIZE];
	size_t length;

	if (snprintf(path, sizeof(path), "%s/%s", directory, now->name) >= (int)sizeof(path) ||
	    !read_file(path, text, sizeof(text)))
		return false;
	format_identity(now->name, identity, sizeof(identity));
	length = strlen(identity);
	if (strncmp(text, identity, length) || text[length] != '\n')
		return false;
	strcpy(previous->name, now->name);
	return stat_parse(text + length + 1, &previous->stat) && stat_follows(&now->stat, &previous->stat);
}

static bool make_directories(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return false;
		*slash = '/';
	}
	return !mkdir(part, 0700) || errno == EEXIST;
}

static void print_sample(FILE *out, const void *data)
{
	const struct ticker *sample = data;
	char identity[IDENTITY_SIZE];

	format_identity(sample->name, identity, sizeof(identity));
	fprintf(out, "%s\n", identity);
	stat_print(out, &sample->stat);
}

void previous_store(const char *directory, const struct ticker *sample)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, sample->name) >= (int)sizeof(path))
		errno = ENAMETOOLONG;
	else if (make_directories(directory) && replace_file(path, 0600, print_sample, sample))
		return;
	warn("can't keep the sample for the next check: %s/%s", directory, sample->name);
}
