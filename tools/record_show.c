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
#include <strings.h>
#include <unistd.h>

#include "record.h"

enum column { NAME, TICKER, CPU, OVERDUE, CONTEXT, COMM, PID, FUNCTION, SIZE, COLUMNS };

#define CHOSEN_MAX	(2 * COLUMNS)

static const struct table_column columns[COLUMNS] = {
	[NAME]		= { "NAME", "name", TABLE_STRING, 0.3, "name of the recording: time (UTC), ticker, CPU" },
	[TICKER]	= { "TICKER", "ticker", TABLE_STRING, 7, "name of the ticker" },
	[CPU]		= { "CPU", "cpu", TABLE_NUMBER, 3, "number of the CPU" },
	[OVERDUE]	= { "OVERDUE", "overdue_ns", TABLE_NUMBER, 6, "how long the tick was overdue" },
	[CONTEXT]	= { "CONTEXT", "context", TABLE_STRING, 7, "context of the culprit" },
	[COMM]		= { "COMM", "comm", TABLE_STRING, 8, "name of the task" },
	[PID]		= { "PID", "pid", TABLE_NUMBER, 5, "its process ID" },
	[FUNCTION]	= { "FUNCTION", "function", TABLE_STRING, 0.3, "function of the culprit" },
	[SIZE]		= { "SIZE", "bytes", TABLE_NUMBER, 6, "size of the files" },
};

static const enum column defaults[] = { NAME, OVERDUE, CONTEXT, COMM, PID, FUNCTION };

#define DEFAULTS	(sizeof(defaults) / sizeof(*defaults))

struct rows {
	const struct recording *list;
	enum column chosen[CHOSEN_MAX];
};

static size_t choose(const struct table_options *options, enum column *chosen)
{
	const char *names = options->columns;
	size_t count = 0;

	if (!names || *names == '+') {
		memcpy(chosen, defaults, sizeof(defaults));
		count = DEFAULTS;
		if (!names)
			return count;
		names++;
	}
	do {
		size_t length = strcspn(names, ","), i = 0;
		char valid[128];

		while (i < COLUMNS && (strlen(columns[i].name) != length || strncasecmp(columns[i].name, names, length)))
			i++;
		if (i == COLUMNS) {
			size_t end = 0;

			for (i = 0; i < COLUMNS; i++)
				end += snprintf(valid + end, sizeof(valid) - end, "%s%s", i ? ", " : "", columns[i].name);
			errx(STATUS_USAGE, "unknown column '%.*s' (valid: %s)", (int)length, names, valid);
		}
		if (count == CHOSEN_MAX)
			errx(STATUS_USAGE, "more than %d columns", CHOSEN_MAX);
		chosen[count++] = i;
		names += length + (names[length] == ',');
	} while (*names);
	return count;
}

void record_check_columns(const struct table_options *options)
{
	enum column chosen[CHOSEN_MAX];

	choose(options, chosen);
}

void record_print_columns(FILE *out)
{
	fprintf(out, "\nAvailable output columns of list:\n");
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(out, " %10s  %s\n", columns[i].name, columns[i].help);
}

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

static void format_number(enum column column, enum table_form form, char *text, size_t size)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	/* In JSON anything else would not be a number. */
	if (!*text || *end)
		*text = '\0';
	else if (column == OVERDUE && form == TABLE_HUMAN)
		human_ns(value, text, size);
}

static void format(const void *data, size_t row, size_t column, enum table_form form, char *text, size_t size)
{
	const struct rows *rows = data;
	const struct recording *recording = &rows->list[row];
	enum column shown = rows->chosen[column];

	switch (shown) {
	case NAME:
		snprintf(text, size, "%s", recording->name);
		return;
	case TICKER:
		snprintf(text, size, "%s", recording->ticker);
		return;
	case CPU:
		snprintf(text, size, "%s", recording->cpu);
		break;
	case SIZE:
		snprintf(text, size, "%" PRIu64, recording->bytes);
		break;
	case OVERDUE:
		read_stall(recording->name, "overdue_ns", text, size);
		break;
	case CONTEXT:
		read_stall(recording->name, "context", text, size);
		return;
	case COMM:
		read_stall(recording->name, "comm", text, size);
		return;
	case PID:
		read_stall(recording->name, "pid", text, size);
		break;
	case FUNCTION:
		read_stall(recording->name, "function", text, size);
		return;
	case COLUMNS:
		return;
	}
	format_number(shown, form, text, size);
}

int record_list(const struct table_options *options)
{
	struct table_column shown[CHOSEN_MAX];
	struct recording *list;
	struct rows rows = { };
	size_t count, wanted = choose(options, rows.chosen);
	int status = recordings_list(&list, &count);

	if (status)
		return status;
	for (size_t i = 0; i < wanted; i++)
		shown[i] = columns[rows.chosen[i]];
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
