// SPDX-License-Identifier: GPL-2.0-only
/*
 * record list and record show.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"

struct rows {
	const struct recording *list;
	int chosen[TABLE_CHOSEN_MAX];
};

/* Find a line "key value" of the recording's last_stall. An unknown value is empty. */
static void read_stall(const char *name, const char *key, char *text, size_t size)
{
	int directory = recording_open(name);
	int fd = directory < 0 ? -1 : openat(directory, "last_stall", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[512];
	size_t length = strlen(key);

	*text = '\0';
	while (file && !*text && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, key, length) && line[length] == ' ' && strcmp(line + length + 1, "?"))
			snprintf(text, size, "%s", line + length + 1);
	}
	if (file)
		fclose(file);
	if (directory >= 0)
		close(directory);
}

static void format_number(enum recording_column column, enum table_form form, char *text, size_t size)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	/* In JSON anything else would not be a number. */
	if (!*text || *end)
		*text = '\0';
	else if (column == RECORDING_OVERDUE && form == TABLE_HUMAN)
		human_ns(value, text, size);
}

static void format(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct rows *rows = data;
	const struct recording *recording = &rows->list[row];
	enum recording_column shown = rows->chosen[column];

	switch (shown) {
	case RECORDING_NAME:
		snprintf(text, size, "%s", recording->name);
		return;
	case RECORDING_TICKER:
		snprintf(text, size, "%s", recording->ticker);
		return;
	case RECORDING_CPU:
		snprintf(text, size, "%s", recording->cpu);
		break;
	case RECORDING_SIZE:
		snprintf(text, size, "%" PRIu64, recording->bytes);
		break;
	case RECORDING_OVERDUE:
		read_stall(recording->name, "overdue_ns", text, size);
		break;
	case RECORDING_CONTEXT:
		read_stall(recording->name, "context", text, size);
		return;
	case RECORDING_COMM:
		read_stall(recording->name, "comm", text, size);
		return;
	case RECORDING_PID:
		read_stall(recording->name, "pid", text, size);
		break;
	case RECORDING_FUNCTION:
		read_stall(recording->name, "function", text, size);
		return;
	case RECORDING_COLUMNS:
		return;
	}
	format_number(shown, form, text, size);
}

int record_list(const struct table_options *options)
{
	struct table_column shown[TABLE_CHOSEN_MAX];
	struct recording *list;
	struct rows rows = { };
	size_t count, wanted = table_choose(options, rows.chosen, shown);
	int status = recordings_list(&list, &count);

	if (status)
		return status;
	rows.list = list;
	status = table_emit(stdout, "recordings", options, shown, wanted, format, &rows, count);
	free(list);
	return status;
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The culprit first, and the trace last: its last lines are what ran before the stall. */
static int rank(const char *name)
{
	return !strcmp(name, "version") ? 0 : !strcmp(name, "last_stall") ? 1 : !strcmp(name, "trace") ? 3 : 2;
}

static int compare_files(const struct dirent **first, const struct dirent **second)
{
	int order = rank((*first)->d_name) - rank((*second)->d_name);

	return order ?: strcmp((*first)->d_name, (*second)->d_name);
}

static bool print_file(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	int byte;

	if (!file) {
		warn("%s", name);
		return false;
	}
	printf("==> %s <==\n", name);
	/* A process chooses its name in the trace: no byte of it may control the terminal. */
	while ((byte = getc(file)) != EOF)
		putchar(byte == '\n' || byte == '\t' || (byte >= ' ' && byte < 127) ? byte : '?');
	fclose(file);
	return true;
}

int record_show(const char *name)
{
	struct recording *list;
	struct dirent **entries;
	size_t count;
	int directory, found, status = recordings_list(&list, &count);

	if (status)
		return status;
	if (!name && !count)
		errx(STATUS_FAILED, "there is no recording");
	directory = recording_open(name ?: list->name);
	if (directory < 0) {
		warn("recording '%.*s'", RECORDING_NAME_MAX, name ?: list->name);
		free(list);
		return STATUS_FAILED;
	}
	found = scandirat(directory, ".", &entries, is_file, compare_files);
	if (found < 0)
		err(STATUS_FAILED, "%s", name ?: list->name);
	for (int i = 0; i < found; i++) {
		if (i)
			putchar('\n');
		if (!print_file(directory, entries[i]->d_name))
			status = STATUS_FAILED;
		free(entries[i]);
	}
	free(entries);
	free(list);
	close(directory);
	return status;
}
