// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample that the previous check took. See previous.h.
 *
 * The first line of a file identifies the format, the boot and the ticker; the
 * second one is a line of stat; then follow lines of the CPUs. The inode number of a removed ticker's files is not
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
#define SAMPLE_SIZE_MAX	(1 << 20)	/* enough for more than 16384 CPUs */

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
	snprintf(text, size, "sched-tick check 2 %s %ju", boot, (uintmax_t)status.st_ino);
}

/* Read a regular file of this user. Returns NULL if it is not one, or too long. The caller frees the text. */
static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	char *text = NULL;
	ssize_t length = -1;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
	    status.st_size < SAMPLE_SIZE_MAX) {
		text = malloc(status.st_size + 1);
		if (!text)
			err(STATUS_FAILED, "memory");
		length = read(fd, text, status.st_size);
	}
	close(fd);
	if (length < 0) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

/* Parse the text of a file. It is changed. */
static bool parse(char *text, const char *identity, struct ticker *previous, struct percpu *percpu)
{
	size_t length = strlen(identity);
	char *stat = text + length + 1, *cpus;

	if (strncmp(text, identity, length) || text[length] != '\n')
		return false;
	cpus = strchr(stat, '\n');
	if (!cpus)
		return false;
	*cpus++ = '\0';
	return stat_parse(stat, &previous->stat) && percpu_parse(cpus, percpu);
}

bool previous_load(const char *directory, const struct ticker *now, struct ticker *previous, struct percpu *percpu)
{
	char path[PATH_MAX], identity[IDENTITY_SIZE], *text;
	bool found;

	if (snprintf(path, sizeof(path), "%s/%s", directory, now->name) >= (int)sizeof(path))
		return false;
	text = read_file(path);
	if (!text)
		return false;
	format_identity(now->name, identity, sizeof(identity));
	found = parse(text, identity, previous, percpu) && stat_follows(&now->stat, &previous->stat);
	if (found)
		strcpy(previous->name, now->name);
	else
		percpu_free(percpu);
	free(text);
	return found;
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

struct sample {
	const struct ticker *ticker;
	const struct percpu *percpu;
};

static void print_sample(FILE *out, const void *data)
{
	const struct sample *sample = data;
	char identity[IDENTITY_SIZE];

	format_identity(sample->ticker->name, identity, sizeof(identity));
	fprintf(out, "%s\n", identity);
	stat_print(out, &sample->ticker->stat);
	percpu_print(out, sample->percpu);
}

void previous_store(const char *directory, const struct ticker *ticker, const struct percpu *percpu)
{
	const struct sample sample = { ticker, percpu };
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, ticker->name) >= (int)sizeof(path))
		errno = ENAMETOOLONG;
	else if (make_directories(directory) && replace_file(path, 0600, print_sample, &sample))
		return;
	warn("can't keep the sample for the next check: %s/%s", directory, ticker->name);
}
