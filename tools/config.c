// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of sched-tick.conf(5). See config.h.
 *
 * Nothing is skipped but blank lines and comments: a line that is not understood
 * refuses the file.
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

/* Cut off blanks at both ends. */
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

/* Cut off the end of the line; returns why the rest is not one line, or NULL. */
static const char *take_end(char *line, size_t length)
{
	if (strlen(line) != length)
		return "a null character";
	if (length && line[length - 1] == '\n')
		line[--length] = '\0';
	if (length && line[length - 1] == '\r')
		line[--length] = '\0';
	return strchr(line, '\r') ? "a carriage return within the line" : NULL;
}

/* Cut off a comment: a whole line, or what follows a semicolon after a blank. */
static void take_comment(char *line)
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

/* [NAME] and nothing else. */
static const char *take_section(char *text, struct config *config, struct config_ticker **ticker, const char **what)
{
	size_t length = strlen(text);

	if (text[length - 1] != ']')
		return "no ] at the end of the line";
	text[length - 1] = '\0';
	*what = ++text;
	if (!ticker_name_valid(text))
		return "no ticker can be called that";
	*ticker = find(config, text);
	return NULL;
}

static const char *take_setting(char *text, struct config_ticker *ticker, const char **what)
{
	char *value = strchr(text, '=');
	const char *why;

	if (!value || value == text)
		return "neither [NAME] nor KEY = VALUE";
	*value = '\0';
	*what = trim(text);
	if (!ticker)
		return "before the first section: which ticker is it for?";
	why = settings_take(&ticker->settings, *what, trim(value + 1));
	return why ?: settings_check(&ticker->settings);
}

/* Take one line; returns why not, and what of it, or NULL. */
static const char *take(char *line, size_t length, struct config *config, struct config_ticker **ticker, const char **what)
{
	const char *why = take_end(line, length);
	char *text;

	if (why)
		return why;
	take_comment(line);
	text = trim(line);
	if (!*text)
		return NULL;
	if (!is_printable(text))
		return "a control character";
	return *text == '[' ? take_section(text, config, ticker, what) : take_setting(text, *ticker, what);
}

int config_read(FILE *file, const char *path, struct config *config)
{
	static const char mark[] = "\xef\xbb\xbf";	/* an editor's, of UTF-8 */
	struct config_ticker *ticker = NULL;
	const char *why = NULL, *what;
	size_t size = 0, number = 0;
	char *line = NULL;
	ssize_t length;

	*config = (struct config){ };
	errno = 0;
	while (!why && (length = getline(&line, &size, file)) >= 0) {
		size_t skip = !number++ && !strncmp(line, mark, 3) ? 3 : 0;

		what = "";	/* a word of this line, for the message */
		why = take(line + skip, length - skip, config, &ticker, &what);
	}
	if (why)
		warnx("%s:%zu: %.64s%s%s", path, number, what, *what ? ": " : "", why);
	else if (ferror(file) || !feof(file))
		warn("%s", path);
	free(line);
	if (!why && feof(file) && !ferror(file))
		return STATUS_DONE;
	config_free(config);
	return STATUS_FAILED;
}

void config_free(struct config *config)
{
	free(config->tickers);
	*config = (struct config){ };
}
