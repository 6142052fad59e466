// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of sched-tick.conf(5). See config.h.
 *
 * Only blank lines and comments are skipped: any other line that is not valid makes
 * the file invalid.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

static struct config_ticker *find(struct config *config, const char *name)
{
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

/* Cut off blanks at both ends. Returns the new beginning. */
static char *trim(char *text)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length && strchr(BLANKS, text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* Cut off the newline. Returns false, with a message in @error, if the rest is not one line of text. */
static bool strip_newline(char *line, size_t length, char *error)
{
	if (strlen(line) != length) {
		strcpy(error, "invalid null character");
		return false;
	}
	if (length && line[length - 1] == '\n')
		line[--length] = '\0';
	if (length && line[length - 1] == '\r')
		line[--length] = '\0';
	if (strchr(line, '\r')) {
		strcpy(error, "invalid carriage return within a line");
		return false;
	}
	return true;
}

/* Cut off a comment: a whole line, or what follows a semicolon after a blank. */
static void strip_comment(char *line)
{
	char *text = line + strspn(line, BLANKS);

	if (*text == '#' || *text == ';')
		*text = '\0';
	while ((text = strchr(text, ';'))) {
		if (strchr(BLANKS, text[-1])) {
			*text = '\0';
			return;
		}
		text++;
	}
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((*text > 0 && *text < ' ' && *text != '\t') || *text == 127)
			return false;
	return true;
}

static bool parse_section(char *text, struct config *config, struct config_ticker **ticker, char *error)
{
	size_t length = strlen(text);

	if (text[length - 1] != ']') {
		snprintf(error, SETTINGS_ERROR, "invalid section '%.32s' (valid: [NAME])", text);
		return false;
	}
	text[length - 1] = '\0';
	if (!ticker_name_valid(++text)) {
		snprintf(error, SETTINGS_ERROR, TICKER_NAME_INVALID, text);
		return false;
	}
	*ticker = find(config, text);
	return true;
}

static bool parse_setting(char *text, struct config_ticker *ticker, char *error)
{
	char *value = strchr(text, '='), *key;

	if (!value || value == text) {
		snprintf(error, SETTINGS_ERROR, "invalid line '%.32s' (valid: [NAME] and KEY = VALUE)", text);
		return false;
	}
	*value = '\0';
	key = trim(text);
	if (!ticker) {
		snprintf(error, SETTINGS_ERROR,
			 "setting '%.32s' before the first section (valid: [NAME] in front of it)", key);
		return false;
	}
	return settings_parse(&ticker->settings, key, trim(value + 1), error, SETTINGS_ERROR) &&
	       settings_check(&ticker->settings, error, SETTINGS_ERROR);
}

/* Parse one line. Returns false, with a message in @error, if it is invalid. */
static bool parse_line(char *line, size_t length, struct config *config, struct config_ticker **ticker, char *error)
{
	char *text;

	if (!strip_newline(line, length, error))
		return false;
	strip_comment(line);
	text = trim(line);
	if (!*text)
		return true;
	if (!is_printable(text)) {
		strcpy(error, "invalid control character");
		return false;
	}
	return *text == '[' ? parse_section(text, config, ticker, error) : parse_setting(text, *ticker, error);
}

int config_read(FILE *file, const char *path, struct config *config)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	struct config_ticker *ticker = NULL;
	char error[SETTINGS_ERROR] = "";
	size_t size = 0, number = 0;
	char *line = NULL;
	ssize_t length;

	*config = (struct config){ };
	errno = 0;
	while (!*error && (length = getline(&line, &size, file)) >= 0) {
		size_t skip = !number++ && !strncmp(line, byte_order_mark, 3) ? 3 : 0;

		parse_line(line + skip, length - skip, config, &ticker, error);
	}
	if (*error)
		warnx("%s:%zu: %s", path, number, error);
	else if (ferror(file) || !feof(file))
		warn("%s", path);
	free(line);
	if (!*error && feof(file) && !ferror(file))
		return STATUS_DONE;
	config_free(config);
	return STATUS_FAILED;
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->count; i++)
		settings_free(&config->tickers[i].settings);
	free(config->tickers);
	*config = (struct config){ };
}
