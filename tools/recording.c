// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directory of recordings. See recording.h.
 *
 * A name with a dot in front is of a recording that is being written or removed. A
 * recording becomes complete by one rename() after its files are on the disk, and
 * another rename() comes before the first of its files is removed.
 */
#include "recording.h"

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATE		"/var/lib/sched-tick"
#define DIRECTORY	STATE "/stalls"
#define TIME_LENGTH	20	/* 20261128T181500.123Z */

static const char *directory(const char *below)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", getenv("SCHED_TICK_ROOT") ?: "", below);
	return path;
}

/* Remove a directory of files below @at. */
static bool remove_directory(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *files = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (files && (entry = readdir(files)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(fd, entry->d_name, 0);
	if (files)
		closedir(files);
	else if (fd >= 0)
		close(fd);
	if (!unlinkat(at, name, AT_REMOVEDIR))
		return true;
	warn("%s/%s", directory(DIRECTORY), name);
	return false;
}

static int is_incomplete(const struct dirent *entry)
{
	return !strncmp(entry->d_name, ".new-", 5) || !strncmp(entry->d_name, ".old-", 5);
}

static void remove_incomplete(int recordings)
{
	struct dirent **entries;
	int found = scandirat(recordings, ".", &entries, is_incomplete, NULL);

	for (int i = 0; i < found; i++) {
		remove_directory(recordings, entries[i]->d_name);
		free(entries[i]);
	}
	if (found >= 0)
		free(entries);
}

int recordings_open(bool create)
{
	int fd;

	if (create && ((mkdir(directory(STATE), 0700) && errno != EEXIST) ||
		       (mkdir(directory(DIRECTORY), 0700) && errno != EEXIST))) {
		warn("%s", directory(DIRECTORY));
		return -1;
	}
	fd = open(directory(DIRECTORY), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		if (create || errno != ENOENT)
			warn("%s", directory(DIRECTORY));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	remove_incomplete(fd);
	return fd;
}

bool recordings_readable(void)
{
	return !access(directory(DIRECTORY), R_OK | X_OK);
}

uint64_t recording_time_us(const struct recording *recording)
{
	struct tm date = { };
	unsigned int ms;
	time_t seconds;

	if (!strptime(recording->name, "%Y%m%dT%H%M%S", &date) || sscanf(recording->name + 15, ".%3uZ", &ms) != 1)
		return 0;
	seconds = timegm(&date);
	return seconds < 0 ? 0 : UINT64_C(1000000) * seconds + 1000 * ms;
}

/* TIME-TICKER-CPU. The name of a ticker may contain a dash. */
static bool parse_name(const char *name, struct recording *recording)
{
	const char *ticker = name + TIME_LENGTH + 1, *dash = strrchr(name, '-');

	if (strlen(name) <= TIME_LENGTH || strlen(name) > RECORDING_NAME_MAX || !isdigit((unsigned char)*name) ||
	    name[TIME_LENGTH] != '-' || dash <= ticker || dash - ticker > TICKER_NAME_MAX ||
	    strlen(dash + 1) >= sizeof(recording->cpu))
		return false;
	memset(recording, 0, sizeof(*recording));
	strcpy(recording->name, name);
	memcpy(recording->ticker, ticker, dash - ticker);
	if (isdigit((unsigned char)dash[1]))
		strcpy(recording->cpu, dash + 1);
	return true;
}

static int is_recording(const struct dirent *entry)
{
	struct recording recording;

	return parse_name(entry->d_name, &recording);
}

static int compare_newest_first(const struct dirent **first, const struct dirent **second)
{
	return -strcmp((*first)->d_name, (*second)->d_name);
}

static uint64_t total_bytes(int recordings, const char *name)
{
	int fd = openat(recordings, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *files = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat status;
	uint64_t bytes = 0;

	while (files && (entry = readdir(files)))
		if (!fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) && S_ISREG(status.st_mode))
			bytes += status.st_size;
	if (files)
		closedir(files);
	else if (fd >= 0)
		close(fd);
	return bytes;
}

static size_t scan(int recordings, struct recording **list)
{
	struct dirent **entries;
	int found = scandirat(recordings, ".", &entries, is_recording, compare_newest_first);

	if (found < 0)
		err(STATUS_FAILED, "%s", directory(DIRECTORY));
	*list = calloc(found + 1, sizeof(**list));
	if (!*list)
		err(STATUS_FAILED, "memory");
	for (int i = 0; i < found; i++) {
		parse_name(entries[i]->d_name, &(*list)[i]);
		(*list)[i].bytes = total_bytes(recordings, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return found;
}

int recordings_list(struct recording **list, size_t *count)
{
	int fd = open(directory(DIRECTORY), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	*list = NULL;
	*count = 0;
	if (fd < 0 && errno != ENOENT) {
		warn("%s", directory(DIRECTORY));
		return STATUS_FAILED;
	}
	if (fd >= 0) {
		*count = scan(fd, list);
		close(fd);
	}
	return STATUS_DONE;
}

int recording_open(const char *name)
{
	struct recording recording;
	int fd, recordings;

	errno = ENOENT;
	if (strchr(name, '/') || !parse_name(name, &recording))
		return -1;
	recordings = open(directory(DIRECTORY), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (recordings < 0)
		return -1;
	fd = openat(recordings, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	close(recordings);
	return fd;
}

int recording_begin(int recordings, char *temporary, size_t size)
{
	int fd = -1;

	/* The caller has exclusive use of the directory, so the name is free. */
	snprintf(temporary, size, ".new-%d", getpid());
	if (!mkdirat(recordings, temporary, 0700))
		fd = openat(recordings, temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		warn("%s/%s", directory(DIRECTORY), temporary);
	return fd;
}

void recording_discard(int recordings, const char *temporary)
{
	remove_directory(recordings, temporary);
}

/* Remove what is over the limits, but never the recording @kept: a step of the clock may have made it look old. */
static void remove_oldest(int recordings, const char *kept)
{
	uint64_t bytes = total_bytes(recordings, kept);
	struct recording *list;
	size_t count = scan(recordings, &list), number = 1;
	bool full = false;

	for (size_t i = 0; i < count; i++) {
		char old[RECORDING_NAME_MAX + 8];

		if (!strcmp(list[i].name, kept))
			continue;
		full |= ++number > RECORDINGS_MAX || (bytes += list[i].bytes) > RECORDINGS_BYTES_MAX;
		if (!full)
			continue;
		snprintf(old, sizeof(old), ".old-%s", list[i].name);
		if (renameat(recordings, list[i].name, recordings, old))
			warn("%s/%s", directory(DIRECTORY), list[i].name);
		else
			remove_directory(recordings, old);
	}
	free(list);
}

static void format_name(const struct timespec *time, const char *ticker, const char *cpu, char *name)
{
	char seconds[24];
	struct tm fields;

	strftime(seconds, sizeof(seconds), "%Y%m%dT%H%M%S", gmtime_r(&time->tv_sec, &fields));
	snprintf(name, RECORDING_NAME_MAX + 1, "%.15s.%03dZ-%s-%s", seconds, (int)(time->tv_nsec / 1000000), ticker, cpu);
}

bool recording_finish(int recordings, const char *temporary, const char *ticker, const char *cpu, char *name)
{
	struct timespec now;
	int renamed;

	clock_gettime(CLOCK_REALTIME, &now);
	/* After a step of the clock the name may be in use. */
	do {
		format_name(&now, ticker, cpu, name);
		renamed = renameat(recordings, temporary, recordings, name);
		now.tv_nsec += 1000000;
		now.tv_sec += now.tv_nsec / 1000000000;
		now.tv_nsec %= 1000000000;
	} while (renamed && (errno == EEXIST || errno == ENOTEMPTY));
	if (renamed || fsync(recordings)) {
		warn("%s/%s", directory(DIRECTORY), name);
		recording_discard(recordings, renamed ? temporary : name);
		return false;
	}
	remove_oldest(recordings, name);
	return true;
}
