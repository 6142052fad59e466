// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stalls known to this machine. See stallist.h.
 */
#include "stallist.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernlog.h"
#include "recording.h"
#include "settings.h"

#define NSEC_PER_USEC	1000
#define USEC_PER_SEC	1000000

/* A recording is saved within this time after the report of its stall: several are saved one after the other. */
#define SAVE_US_MAX	(UINT64_C(600) * USEC_PER_SEC)

/* A line gets its time at most this long after the end of the stall: the journal reads the kernel log when it gets a CPU. */
#define LOG_US_MAX	(UINT64_C(10) * USEC_PER_SEC)

static struct stall *append(struct stalls *stalls, const struct stall *stall)
{
	/* The size is a power of two. */
	if (!(stalls->count & (stalls->count - 1))) {
		size_t size = stalls->count ? 2 * stalls->count : 1;

		stalls->list = reallocarray(stalls->list, size, sizeof(*stall));
		if (!stalls->list)
			err(STATUS_FAILED, "memory");
	}
	stalls->list[stalls->count] = *stall;
	stalls->list[stalls->count].order = stalls->count;
	return &stalls->list[stalls->count++];
}

/*
 * The line names who ran when interrupts came back. Without the line of the stall, which may be suppressed or too old, it
 * stands for the stall.
 */
static void add_again(struct stalls *stalls, struct stall *again)
{
	again->how = STALL_TOOK_NO_IRQS;
	for (size_t i = stalls->count; i-- > 0;) {
		struct stall *stall = &stalls->list[i];

		if (strcmp(stall->ticker, again->ticker) || stall->cpu != again->cpu)
			continue;
		if (stall->how != STALL_TAKES_NO_IRQS || stall->this_boot != again->this_boot)
			break;
		again->time_us = stall->time_us;
		again->order = stall->order;
		*stall = *again;
		return;
	}
	append(stalls, again);
}

static void add_line(void *data, const struct log_entry *entry)
{
	struct stalls *stalls = data;
	struct stall stall;
	uint64_t suppressed = 0;
	enum stall_line line = stall_parse_line(entry->message, &stall, &suppressed);

	stall.time_us = entry->time_us;
	stall.this_boot = entry->this_boot;
	if (line == STALL_LINE_STALL)
		append(stalls, &stall);
	else if (line == STALL_LINE_AGAIN)
		add_again(stalls, &stall);
	else if (line == STALL_LINE_SUPPRESSED)
		stalls->suppressed += suppressed;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return UINT64_C(1000000000) * now.tv_sec + now.tv_nsec;
}

/* The time since the epoch of an instant on the clock of a ticker. */
static int find_time_us(const char *name, uint64_t ns, uint64_t *us)
{
	clockid_t clock = CLOCK_MONOTONIC;
	char text[SETTING_SIZE] = "";
	int status = setting_read(name, SETTING_CLOCK, text, sizeof(text));

	if (!strcmp(text, "realtime"))
		clock = CLOCK_REALTIME;
	else if (!strcmp(text, "boottime"))
		clock = CLOCK_BOOTTIME;
	if (clock != CLOCK_REALTIME)
		ns += clock_ns(CLOCK_REALTIME) - clock_ns(clock);
	*us = ns / NSEC_PER_USEC;
	return status;
}

static char *copy_stack(const char *stack)
{
	char *copy = stack ? strdup(stack) : NULL;

	if (stack && !copy)
		err(STATUS_FAILED, "memory");
	return copy;
}

/* Whether a line is of the time of a stall. */
static bool is_during(const struct stall *logged, const struct stall *record)
{
	return logged->time_us >= record->time_us &&
	       logged->time_us - record->time_us < record->overdue_ns / NSEC_PER_USEC + LOG_US_MAX;
}

static int add_record(struct stalls *stalls, const char *name, char *text)
{
	uint64_t deadline_ns;
	struct stall record;
	int status;

	if (!stall_parse_record(text, &record, &deadline_ns)) {
		warnx("%s: unknown format of last_stall: is the module older than sched-tick?", name);
		return STATUS_FAILED;
	}
	record.this_boot = true;
	record.stack = copy_stack(record.stack);
	status = find_time_us(name, deadline_ns, &record.time_us);
	for (size_t i = stalls->count; i-- > 0;) {
		struct stall *logged = &stalls->list[i];

		if (!logged->this_boot ||
		    !(stall_is_same(logged, &record) || (stall_is_similar(logged, &record) && is_during(logged, &record))))
			continue;
		logged->overdue_ns = record.overdue_ns;
		logged->stack = record.stack;
		return status;
	}
	append(stalls, &record);
	return status;
}

/* Read last_stall from a file. Returns false if it is empty. */
static bool read_text(int fd, char *text, size_t size)
{
	ssize_t length = read(fd, text, size - 1);

	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length > 0;
}

/* Read last_stall of a ticker, which only root can. */
static int read_record(struct stalls *stalls, const char *name)
{
	int fd = open(ticker_path(name, "last_stall"), O_RDONLY | O_CLOEXEC);
	char text[8192];

	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		stalls->records_are_read = false;
		return STATUS_DONE;
	}
	/* The ticker may have been removed meanwhile. */
	if (fd < 0)
		return STATUS_DONE;
	return read_text(fd, text, sizeof(text)) ? add_record(stalls, name, text) : STATUS_DONE;
}

/* Whether the last_stall of a recording is of that stall. It was overdue for longer when one of both was read later. */
static bool is_recorded(const struct stall *stall, const struct stall *recorded)
{
	return stall->time_us <= recorded->time_us && recorded->time_us - stall->time_us < SAVE_US_MAX &&
	       (stall_is_same(stall, recorded) || stall_is_same(recorded, stall));
}

static void add_recorded(struct stalls *stalls, struct stall *recorded)
{
	for (size_t i = stalls->count; i-- > 0;) {
		struct stall *stall = &stalls->list[i];

		if (!is_recorded(stall, recorded))
			continue;
		if (recorded->overdue_ns > stall->overdue_ns)
			stall->overdue_ns = recorded->overdue_ns;
		if (!stall->stack)
			stall->stack = copy_stack(recorded->stack);
		return;
	}
	recorded->stack = copy_stack(recorded->stack);
	append(stalls, recorded);
}

/* Read last_stall of a recording. Skip one that cannot be read: record reports it. */
static void read_recording(struct stalls *stalls, const struct recording *recording)
{
	int directory = recording_open(recording->name);
	int fd = directory < 0 ? -1 : openat(directory, "last_stall", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stall recorded;
	uint64_t deadline_ns;
	char text[8192];

	if (fd >= 0 && read_text(fd, text, sizeof(text)) && stall_parse_record(text, &recorded, &deadline_ns)) {
		recorded.time_us = recording_time_us(recording);
		recorded.this_boot = false;
		add_recorded(stalls, &recorded);
	}
	if (directory >= 0)
		close(directory);
}

static int read_recordings(struct stalls *stalls)
{
	struct recording *list;
	size_t count;
	int status;

	if (!recordings_readable())
		return STATUS_DONE;
	status = recordings_list(&list, &count);
	if (status)
		return status;
	for (size_t i = 0; i < count; i++)
		read_recording(stalls, &list[i]);
	free(list);
	return STATUS_DONE;
}

static bool is_wanted(const struct stall *stall, uint64_t since_us, char *const *names)
{
	if (stall->time_us < since_us)
		return false;
	for (char *const *name = names; *name; name++)
		if (!strcmp(stall->ticker, *name))
			return true;
	return !*names;
}

static void filter(struct stalls *stalls, uint64_t since_us, char *const *names)
{
	size_t kept = 0;

	for (size_t i = 0; i < stalls->count; i++) {
		if (is_wanted(&stalls->list[i], since_us, names))
			stalls->list[kept++] = stalls->list[i];
		else
			free(stalls->list[i].stack);
	}
	stalls->count = kept;
}

/* By time, the newest first. Of the same time, the one that was logged last is the newest. */
static int compare(const void *first, const void *second)
{
	const struct stall *a = first, *b = second;

	if (a->time_us != b->time_us)
		return a->time_us < b->time_us ? 1 : -1;
	return a->order < b->order ? 1 : -1;
}

int stalls_gather(struct stalls *stalls, uint64_t since_us, char *const *names, const struct ticker *tickers,
		  size_t count)
{
	int status = STATUS_DONE;

	*stalls = (struct stalls){ .records_are_read = true };
	stalls->log_is_read = kernel_log_read(since_us, add_line, stalls);
	for (size_t i = 0; i < count && !status; i++)
		status = read_record(stalls, tickers[i].name);
	if (!status)
		status = read_recordings(stalls);
	filter(stalls, since_us, names);
	if (stalls->count)
		qsort(stalls->list, stalls->count, sizeof(*stalls->list), compare);
	return status;
}

void stalls_free(struct stalls *stalls)
{
	for (size_t i = 0; i < stalls->count; i++)
		free(stalls->list[i].stack);
	free(stalls->list);
}
