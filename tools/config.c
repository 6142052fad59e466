// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of sched-tick.conf(5). See config.h.
 */
#include "config.h"

#include <err.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	FILE *file;
	const char *path;
	int line;
	int bad_line;	/* 0: none is */
	char why[256];
	struct config *config;
};

/* One thing at a time: what follows from the first would only confuse. */
static void complain(struct reader *reader, int line, const char *what, const char *why)
{
	if (reader->bad_line && reader->bad_line <= line)
		return;
	reader->bad_line = line;
	snprintf(reader->why, sizeof(reader->why), "%.64s%s%s", what, *what ? ": " : "", why);
}

/* For inih, which does not say which line it is at, nor that one was too long for it. */
static char *next_line(char *line, int size, void *argument)
{
	struct reader *reader = argument;
	char *read = fgets(line, size, reader->file);

	if (!read)
		return NULL;
	reader->line++;
	if (!strchr(line, '\n') && !feof(reader->file)) {
		complain(reader, reader->line, "", "the line is too long, or has a null character in it");
		return NULL;
	}
	return read;
}

static struct config_ticker *find(struct reader *reader, const char *name)
{
	struct config *config = reader->config;
	struct config_ticker *tickers;

	for (size_t i = 0; i < config->count; i++)
		if (!strcmp(config->tickers[i].name, name))
			return &config->tickers[i];
	tickers = reallocarray(config->tickers, config->count + 1, sizeof(*tickers));
	if (!tickers)
		err(STATUS_FAILED, "memory");
	config->tickers = tickers;
	memset(&tickers[config->count], 0, sizeof(*tickers));
	strcpy(tickers[config->count].name, name);
	return &tickers[config->count++];
}

/* For inih: one key with its value. */
static int take(void *argument, const char *section, const char *key, const char *value)
{
	struct reader *reader = argument;
	struct config_ticker *ticker;
	const char *why;

	if (!*section) {
		complain(reader, reader->line, key, "before the first section: which ticker is it for?");
		return 0;
	}
	if (!ticker_name_valid(section)) {
		complain(reader, reader->line, section, "no ticker can be called that");
		return 0;
	}
	ticker = find(reader, section);
	why = settings_take(&ticker->settings, key, value);
	if (!why)
		why = settings_check(&ticker->settings);
	if (why)
		complain(reader, reader->line, key, why);
	return !why;
}

int config_read(FILE *file, const char *path, struct config *config)
{
	struct reader reader = { .file = file, .path = path, .config = config };
	int line;

	*config = (struct config){ };
	/* inih goes on after a line that it can't make sense of, and returns the first of these. */
	line = ini_parse_stream(next_line, &reader, take, &reader);
	if (line > 0)
		complain(&reader, line, "", "neither [NAME] nor KEY = VALUE");
	if (line < 0 || ferror(file))
		warn("%s", path);
	else if (reader.bad_line)
		warnx("%s:%d: %s", path, reader.bad_line, reader.why);
	else
		return STATUS_DONE;
	config_free(config);
	return STATUS_FAILED;
}

void config_free(struct config *config)
{
	free(config->tickers);
	*config = (struct config){ };
}
