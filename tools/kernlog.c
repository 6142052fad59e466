// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel log. See kernlog.h.
 *
 * journalctl is used and not libsystemd, so that the tool also runs without systemd.
 */
#include "kernlog.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sysfs.h"

#define JOURNALCTL	"journalctl"
#define KMSG_RECORD_MAX	8192	/* no kernel prints a longer one */

extern char **environ;

/* Tests put a tree of files in place of the kernel. */
static const char *root(void)
{
	return getenv("SCHED_TICK_ROOT") ?: "";
}

/* Skip a field that is binary: its size in 8 bytes, little endian, then that many bytes and a newline. */
static void skip_binary_field(FILE *file)
{
	uint64_t size = 0;

	for (int i = 0; i < 8; i++)
		size |= (uint64_t)(getc(file) & 0xff) << (8 * i);
	while (size-- && getc(file) != EOF)
		;
	getc(file);
}

/* The value of a field, if it has that name. */
static const char *field_value(const char *line, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(line, name, length) && line[length] == '=' ? line + length + 1 : NULL;
}

uint64_t journal_read(FILE *file, const char *boot_id, log_entry_fn *entry, void *data)
{
	struct log_entry found = { .this_boot = true };
	char *line = NULL, *message = NULL;
	uint64_t this_boot = 0;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, file)) > 0) {
		const char *value;

		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (!length) {
			/* The empty line at the end of an entry. */
			found.message = message;
			if (message)
				entry(data, &found);
			this_boot += message && found.this_boot;
			free(message);
			message = NULL;
			found = (struct log_entry){ .this_boot = true };
		} else if (!strchr(line, '=')) {
			skip_binary_field(file);
		} else if ((value = field_value(line, "__REALTIME_TIMESTAMP"))) {
			found.time_us = strtoull(value, NULL, 10);
		} else if ((value = field_value(line, "_BOOT_ID"))) {
			found.this_boot = !strcmp(value, boot_id);
		} else if ((value = field_value(line, "MESSAGE"))) {
			free(message);
			message = strdup(value);
			if (!message)
				err(STATUS_FAILED, "memory");
		}
	}
	free(message);
	free(line);
	return this_boot;
}

static bool journal_is_readable(void)
{
	static const char *const places[] = { "/var/log/journal/*/system.journal", "/run/log/journal/*/system.journal" };
	bool readable = false;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char pattern[PATH_MAX];
		glob_t found;

		snprintf(pattern, sizeof(pattern), "%s%s", root(), places[i]);
		if (glob(pattern, GLOB_NOSORT, NULL, &found))
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++)
			readable |= !access(found.gl_pathv[j], R_OK);
		globfree(&found);
	}
	return readable;
}

static void read_boot_id(char *boot_id, size_t size)
{
	char *to = boot_id;

	*boot_id = '\0';
	read_first_line("/proc/sys/kernel/random/boot_id", boot_id, size);
	for (const char *from = boot_id; *from && *from != '\n'; from++)
		if (*from != '-')
			*to++ = *from;
	*to = '\0';
}

/* Start journalctl for the warnings of the kernel. Returns its output, or NULL if there is no such program. */
static FILE *start_journalctl(uint64_t since_us, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	char since[64];
	char *arguments[] = {
		JOURNALCTL, "--quiet", "--no-pager", "--output=export", "--output-fields=MESSAGE", since,
		"_TRANSPORT=kernel", "SYSLOG_IDENTIFIER=kernel", "PRIORITY=4", NULL,
	};
	int ends[2], error;

	snprintf(since, sizeof(since), "--since=@%" PRIu64, since_us / 1000000);
	if (pipe2(ends, O_CLOEXEC) || posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO))
		err(STATUS_FAILED, JOURNALCTL);
	error = posix_spawnp(pid, JOURNALCTL, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (error) {
		close(ends[0]);
		return NULL;
	}
	return fdopen(ends[0], "re") ?: (err(STATUS_FAILED, JOURNALCTL), NULL);
}

/* Returns false if there is no journal or no entry of this boot in it; other entries may have been read. */
static bool read_journal(uint64_t since_us, log_entry_fn *entry, void *data, bool *readable)
{
	uint64_t this_boot;
	char boot_id[64];
	int status = 0;
	FILE *output;
	pid_t pid;

	if (!journal_is_readable())
		return false;
	output = start_journalctl(since_us, &pid);
	if (!output)
		return false;
	read_boot_id(boot_id, sizeof(boot_id));
	this_boot = journal_read(output, boot_id, entry, data);
	fclose(output);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		warnx(JOURNALCTL " failed; not all stalls may be listed");
	else
		*readable = true;
	return this_boot;
}

static int hex_digit(char digit)
{
	return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* /dev/kmsg prints a backslash and bytes that are not printable as \xHH. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int high = -1, low = -1;

		if (from[0] == '\\' && from[1] == 'x' && (high = hex_digit(from[2])) >= 0)
			low = hex_digit(from[3]);
		if (low >= 0 && (high || low)) {
			*to = (char)(high << 4 | low);
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];MESSAGE, where PRIORITY has the facility; 0 is the kernel. */
static void read_record(char *record, uint64_t boot_us, log_entry_fn *entry, void *data)
{
	char *message = strchr(record, ';');
	unsigned int priority;
	uint64_t time_us;

	if (!message || sscanf(record, "%u,%*u,%" SCNu64 ",", &priority, &time_us) != 2 || priority >> 3)
		return;
	unescape(++message);
	entry(data, &(struct log_entry){ .message = message, .time_us = boot_us + time_us, .this_boot = true });
}

void kmsg_read(char *records, uint64_t boot_us, log_entry_fn *entry, void *data)
{
	char *rest;

	for (char *line = strtok_r(records, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		/* Lines with a blank in front are fields of the record before. */
		if (*line != ' ')
			read_record(line, boot_us, entry, data);
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return UINT64_C(1000000) * now.tv_sec + now.tv_nsec / 1000;
}

static bool read_kmsg(log_entry_fn *entry, void *data)
{
	uint64_t boot_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
	char path[PATH_MAX], *text = NULL, record[KMSG_RECORD_MAX];
	size_t size = 0;
	ssize_t length;
	FILE *all;
	int fd;

	snprintf(path, sizeof(path), "%s/dev/kmsg", root());
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	all = open_memstream(&text, &size);
	if (!all)
		err(STATUS_FAILED, "memory");
	/* One record at a time. EPIPE: the next ones were overwritten. */
	while ((length = read(fd, record, sizeof(record))) > 0 || (length < 0 && (errno == EPIPE || errno == EINTR)))
		if (length > 0)
			fwrite(record, 1, length, all);
	close(fd);
	if (fclose(all))
		err(STATUS_FAILED, "memory");
	kmsg_read(text, boot_us, entry, data);
	free(text);
	return true;
}

bool kernel_log_read(uint64_t since_us, log_entry_fn *entry, void *data)
{
	bool readable = false;

	/* An entry of this boot in the journal is in /dev/kmsg, too. */
	if (read_journal(since_us, entry, data, &readable))
		return true;
	return read_kmsg(entry, data) || readable;
}
