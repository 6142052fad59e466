// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directory of a textfile collector. See collector.h.
 *
 * Any user can run a process with any command line. A process counts as a node
 * exporter only if its program has that name and all of its user IDs are those of
 * system users.
 */
#include "collector.h"

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"

#define OPTION	"--collector.textfile.directory"

/* Those of the packages of Debian and Fedora. */
static const char *const defaults[] = {
	"/var/lib/prometheus/node-exporter",
	"/var/lib/node_exporter/textfile_collector",
};

/* Read a file of a process in /proc. Returns its length, or -1. */
static ssize_t read_file(int process, const char *name, char *text, size_t size)
{
	int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t more = 0;

	if (fd < 0)
		return -1;
	while (length < size - 1 && (more = read(fd, text + length, size - 1 - length)) > 0)
		length += more;
	close(fd);
	text[length] = '\0';
	return more < 0 ? -1 : (ssize_t)length;
}

static bool is_exporter(int process)
{
	char program[PATH_MAX];
	ssize_t length = readlinkat(process, "exe", program, sizeof(program) - 1);
	const char *name;

	if (length < 0)
		return false;
	program[length] = '\0';
	name = strrchr(program, '/');
	/* After an upgrade, " (deleted)" follows. */
	return name && (!strncmp(name, "/node_exporter", 14) || !strncmp(name, "/prometheus-node-exporter", 25));
}

/* A static system user, or one of a systemd unit with DynamicUser=. */
static bool is_system_user(unsigned int uid)
{
	return uid < 1000 || (uid >= 61184 && uid <= 65519);
}

static bool belongs_to_system(int process)
{
	char status[4096], *line;
	unsigned int uids[4];

	if (read_file(process, "status", status, sizeof(status)) < 0)
		return false;
	line = strstr(status, "\nUid:");
	if (!line || sscanf(line + 5, "%u %u %u %u", &uids[0], &uids[1], &uids[2], &uids[3]) != 4)
		return false;
	return is_system_user(uids[0]) && is_system_user(uids[1]) && is_system_user(uids[2]) &&
	       is_system_user(uids[3]);
}

/* Whether a path is the same directory in the mount namespaces of that process and of this one. */
static bool is_shared(int process, const char *path)
{
	char theirs[PATH_MAX + 8];
	struct stat here, there;

	snprintf(theirs, sizeof(theirs), "root/%s", path);
	return !stat(path, &here) && !fstatat(process, theirs, &there, 0) && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

/* Returns why this process can't write to the directory, or NULL. */
static const char *directory_error(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return strerror(errno);
	if (!S_ISDIR(status.st_mode))
		return strerror(ENOTDIR);
	return access(path, W_OK | X_OK) ? strerror(errno) : NULL;
}

/* Find the first usable directory of an argument of the option, which may be a glob. */
static bool use_argument(int process, const char *pid, const char *value, char *directory, size_t size)
{
	bool usable = false;
	glob_t found;

	if (*value != '/') {
		warnx("skipping node exporter %s: %s is relative", pid, value);
		return false;
	}
	if (glob(value, GLOB_NOCHECK, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc && !usable; i++) {
		const char *path = found.gl_pathv[i], *error = directory_error(path);

		if (!error && !is_shared(process, path))
			error = "another directory in its mount namespace";
		if (!error && strlen(path) >= size)
			error = strerror(ENAMETOOLONG);
		usable = !error;
		if (usable)
			snprintf(directory, size, "%s", path);
		else
			warnx("skipping node exporter %s: %s: %s", pid, path, error);
	}
	globfree(&found);
	return usable;
}

/* Find a usable directory in a command line, of which each word ends with a null character. */
static bool use_command_line(int process, const char *pid, char *directory, size_t size)
{
	static char words[1 << 16];
	const size_t skip = strlen(OPTION);
	ssize_t length = read_file(process, "cmdline", words, sizeof(words));
	const char *end = words + length;

	for (const char *word = words; word < end && strcmp(word, "--"); word += strlen(word) + 1) {
		const char *value = NULL;

		if (!strncmp(word, OPTION "=", skip + 1))
			value = word + skip + 1;
		else if (!strcmp(word, OPTION) && word + skip + 1 < end)
			value = word += skip + 1;
		if (value && use_argument(process, pid, value, directory, size))
			return true;
	}
	return false;
}

static bool find_exporter(char *directory, size_t size)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (proc && !found && (entry = readdir(proc))) {
		int process;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process = openat(dirfd(proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		found = is_exporter(process) && belongs_to_system(process) &&
			use_command_line(process, entry->d_name, directory, size);
		close(process);
	}
	if (proc)
		closedir(proc);
	return found;
}

int collector_find(char *directory, size_t size)
{
	const char *configured = getenv("SCHED_TICK_COLLECTOR"), *root = getenv("SCHED_TICK_ROOT") ?: "";

	if (configured && *configured) {
		if (snprintf(directory, size, "%s", configured) < (int)size)
			return STATUS_DONE;
		warnx("SCHED_TICK_COLLECTOR: the path is too long");
		return STATUS_FAILED;
	}
	if (find_exporter(directory, size))
		return STATUS_DONE;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		const char *error;

		if (snprintf(directory, size, "%s%s", root, defaults[i]) >= (int)size)
			continue;
		error = directory_error(directory);
		if (!error)
			return STATUS_DONE;
		if (!access(directory, F_OK))
			warnx("skipping %s: %s", directory, error);
	}
	warnx("no directory of a textfile collector found: name a file with --file, or a directory in"
	      " SCHED_TICK_COLLECTOR");
	return STATUS_FAILED;
}
