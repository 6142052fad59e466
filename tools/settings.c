// SPDX-License-Identifier: GPL-2.0-only
/*
 * The settings of a ticker. See settings.h.
 */
#include "settings.h"

#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"
#include "sysfs.h"

#define NSEC_PER_MSEC UINT64_C(1000000)

enum kind { DURATION, SWITCH, CHOICE, CPUS };

static const struct {
	const char *key;
	const char *file;
	enum kind kind;
	const char *valid;	/* in error messages; of a choice exactly the words, separated by ", " */
	const char *none;	/* the word for the lowest value, if there is one */
	int lowest;		/* of a duration in ms */
} table[SETTINGS] = {
	[SETTING_PERIOD]	= { "period", "period_ms", DURATION,
				    "1ms to 2147483647ms, such as 250ms, 10s or 1h", NULL, 1 },
	[SETTING_PHASE]		= { "phase", "phase_ms", DURATION,
				    "none, or 0 to 2147483647ms, such as 250ms or 3h", "none", -1 },
	[SETTING_TIMER]		= { "timer", "timer", CHOICE, "hrtimer, wheel" },
	[SETTING_CLOCK]		= { "clock", "clock", CHOICE, "monotonic, boottime, realtime" },
	[SETTING_CPUS]		= { "cpus", "cpus", CPUS, "any, all, housekeeping, or a list such as 0,2-5" },
	[SETTING_QUEUE]		= { "queue", "queue", CHOICE, "highpri, normal, unbound, bh" },
	[SETTING_NOTIFY]	= { "notify", "notify", SWITCH, "yes, no" },
	[SETTING_STALL]		= { "stall", "stall_ms", DURATION,
				    "off, or 1ms to 2147483647ms, such as 500ms or 10s", "off", 0 },
	[SETTING_ENABLED]	= { "enabled", "enabled", SWITCH, "yes, no" },
};

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "d", 86400000 * NSEC_PER_MSEC }, { "h", 3600000 * NSEC_PER_MSEC }, { "min", 60000 * NSEC_PER_MSEC },
	{ "s", 1000 * NSEC_PER_MSEC }, { "ms", NSEC_PER_MSEC }, { "us", 1000 }, { "ns", 1 },
};

#define UNITS (sizeof(units) / sizeof(*units))

const char *setting_key(enum setting setting)
{
	return table[setting].key;
}

const char *setting_file(enum setting setting)
{
	return table[setting].file;
}

const char *settings_keys(void)
{
	static char keys[128];
	size_t length = 0;

	for (int i = 0; i < SETTINGS; i++)
		length += snprintf(keys + length, sizeof(keys) - length, "%s%s", i ? ", " : "", table[i].key);
	return keys;
}

bool parse_duration_ns(const char *text, uint64_t *ns)
{
	const char *at = text;
	uint64_t whole = 0, fraction = 0, scale = 1, unit = 0;

	while (isdigit((unsigned char)*at) && whole < UINT64_MAX / 100)
		whole = whole * 10 + (*at++ - '0');
	if (at == text)
		return false;
	if (*at == '.') {
		const char *point = at++;

		while (isdigit((unsigned char)*at) && scale < 1000000000) {
			fraction = fraction * 10 + (*at++ - '0');
			scale *= 10;
		}
		if (at == point + 1)
			return false;
	}
	for (size_t i = 0; i < UNITS; i++)
		if (!strcmp(at, units[i].name))
			unit = units[i].ns;
	if (!unit || whole > UINT64_MAX / unit / 2)
		return false;
	*ns = whole * unit + fraction * (unit / scale) + fraction * (unit % scale) / scale;
	return true;
}

/* Format a number of milliseconds without loss, in the largest unit that divides it. */
static void format_duration(uint64_t ms, char *text, size_t size)
{
	uint64_t ns = ms * NSEC_PER_MSEC;
	size_t i = 0;

	while (ns % units[i].ns)
		i++;
	snprintf(text, size, "%llu%s", (unsigned long long)(ns / units[i].ns), ns ? units[i].name : "");
}

static bool parse_duration(char *text, int lowest, const char *value)
{
	uint64_t ns;

	if (!strcmp(value, "0"))
		ns = 0;
	else if (!parse_duration_ns(value, &ns))
		return false;
	if (ns % NSEC_PER_MSEC || ns / NSEC_PER_MSEC > INT32_MAX || (int64_t)(ns / NSEC_PER_MSEC) < lowest)
		return false;
	snprintf(text, SETTING_SIZE, "%d", (int)(ns / NSEC_PER_MSEC));
	return true;
}

static bool parse_switch(char *text, const char *value)
{
	static const char *const words[] = { "0", "1", "no", "yes", "off", "on", "n", "y", "false", "true" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(value, words[i]))
			continue;
		snprintf(text, SETTING_SIZE, "%d", (int)(i & 1));
		return true;
	}
	return false;
}

static bool parse_choice(char *text, const char *words, const char *value)
{
	for (const char *word = words; *word; word += strspn(word, ", ")) {
		size_t length = strcspn(word, ",");

		if (strlen(value) == length && !strncmp(word, value, length)) {
			snprintf(text, SETTING_SIZE, "%s", value);
			return true;
		}
		word += length;
	}
	return false;
}

/* Whether the CPUs of a list exist, the kernel knows. */
static bool parse_cpus(char *text, const char *value)
{
	if (parse_choice(text, "any, all, housekeeping", value))
		return true;
	if (!cpulist_is_valid(value) || strlen(value) >= SETTING_SIZE)
		return false;
	strcpy(text, value);
	return true;
}

static bool parse_value(enum setting setting, char *text, const char *value)
{
	char lowest[16];

	snprintf(lowest, sizeof(lowest), "%d", table[setting].lowest);
	if (table[setting].none && (!strcmp(value, table[setting].none) || !strcmp(value, lowest))) {
		strcpy(text, lowest);
		return true;
	}
	switch (table[setting].kind) {
	case DURATION:
		return parse_duration(text, table[setting].lowest, value);
	case SWITCH:
		return parse_switch(text, value);
	case CHOICE:
		return parse_choice(text, table[setting].valid, value);
	case CPUS:
		return parse_cpus(text, value);
	}
	return false;
}

bool settings_parse(struct settings *settings, const char *key, const char *value, char *error, size_t size)
{
	char text[SETTING_SIZE];

	for (int i = 0; i < SETTINGS; i++) {
		if (strcmp(key, table[i].key))
			continue;
		if (parse_value(i, text, value)) {
			free(settings->text[i]);
			settings->text[i] = strdup(text);
			if (!settings->text[i])
				err(STATUS_FAILED, "memory");
			return true;
		}
		snprintf(error, size, "invalid %s '%.32s' (valid: %s)", key, value, table[i].valid);
		return false;
	}
	snprintf(error, size, "unknown setting '%.32s' (valid: %s)", key, settings_keys());
	return false;
}

void settings_free(struct settings *settings)
{
	for (int i = 0; i < SETTINGS; i++)
		free(settings->text[i]);
	*settings = (struct settings){ };
}

bool settings_check(const struct settings *settings, char *error, size_t size)
{
	const char *period = settings->text[SETTING_PERIOD], *phase = settings->text[SETTING_PHASE];
	char texts[2][32];

	if (!period || !phase || atoi(phase) < atoi(period))
		return true;
	setting_format(SETTING_PHASE, phase, texts[0], sizeof(texts[0]));
	setting_format(SETTING_PERIOD, period, texts[1], sizeof(texts[1]));
	snprintf(error, size, "invalid phase '%s' (valid: less than the period, %s)", texts[0], texts[1]);
	return false;
}

/* Copy the value from a file's line: the word in brackets, if there is one. */
static void copy_value(char *line, char *text, size_t size)
{
	char *begin = strchr(line, '['), *end = begin ? strchr(begin, ']') : NULL;

	if (end)
		*end = '\0';
	snprintf(text, size, "%.*s", (int)size - 1, end ? begin + 1 : line);
}

int setting_read(const char *ticker, enum setting setting, char *text, size_t size)
{
	char line[SETTING_SIZE];
	int status = ticker_read(ticker, table[setting].file, line, sizeof(line));

	if (!status)
		copy_value(line, text, size);
	return status;
}

bool setting_try_read(const char *ticker, enum setting setting, char *text, size_t size)
{
	char line[SETTING_SIZE];

	if (!ticker_try_read(ticker, table[setting].file, line, sizeof(line)))
		return false;
	copy_value(line, text, size);
	return true;
}

void setting_format(enum setting setting, const char *kernel_text, char *text, size_t size)
{
	if (table[setting].none && atoi(kernel_text) == table[setting].lowest)
		snprintf(text, size, "%s", table[setting].none);
	else if (table[setting].kind == DURATION)
		format_duration(strtoull(kernel_text, NULL, 10), text, size);
	else if (table[setting].kind == SWITCH)
		snprintf(text, size, "%s", *kernel_text == '1' ? "yes" : "no");
	else
		snprintf(text, size, "%s", kernel_text);
}

static int write_one(const char *ticker, enum setting setting, const char *text, bool verbose)
{
	int status = ticker_write(ticker, table[setting].file, text);
	char value[SETTING_SIZE];

	if (!status && verbose) {
		setting_format(setting, text, value, sizeof(value));
		printf("%s: %s=%s\n", ticker, table[setting].key, value);
	}
	return status;
}

static bool is_current(enum setting setting, const char *text, const char *current)
{
	if (table[setting].kind == CPUS && cpulist_is_valid(text) && cpulist_is_valid(current))
		return cpulist_is_equal(text, current);
	return !strcmp(text, current);
}

int settings_apply(const struct settings *settings, const char *ticker, bool verbose)
{
	char current[SETTINGS][SETTING_SIZE] = { };
	const char *period = settings->text[SETTING_PERIOD], *enabled = settings->text[SETTING_ENABLED];
	bool disable = enabled && !strcmp(enabled, "0");
	int status = STATUS_DONE;

	for (int i = 0; i < SETTINGS && !status; i++)
		if (settings->text[i] || i == SETTING_PHASE)
			status = setting_read(ticker, i, current[i], sizeof(current[i]));

	/* Disable before anything else changes, and enable when everything else has changed. */
	if (!status && disable && strcmp(current[SETTING_ENABLED], enabled))
		status = write_one(ticker, SETTING_ENABLED, enabled, verbose);
	/* The kernel refuses a period that is not longer than the current phase. */
	if (!status && period && atoi(current[SETTING_PHASE]) >= atoi(period) && settings->text[SETTING_PHASE]) {
		status = write_one(ticker, SETTING_PHASE, "-1", verbose);
		strcpy(current[SETTING_PHASE], "-1");
	}
	for (int i = 0; i < SETTINGS && !status; i++) {
		const char *text = settings->text[i];

		if (!text || is_current(i, text, current[i]) || (i == SETTING_ENABLED && disable))
			continue;
		status = write_one(ticker, i, text, verbose);
	}
	return status;
}
