// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be set of a ticker. See settings.h.
 */
#include "settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"

#define NSEC_PER_MSEC UINT64_C(1000000)

enum kind { DURATION, SWITCH, TIMER, CLOCK, CPU };

static const struct {
	const char *key;
	const char *file;
	enum kind kind;
	const char *none;	/* a word for the value below all others */
	int least;		/* what that value is; for a duration the least one, in ms */
} table[SETTINGS] = {
	[SETTING_PERIOD]	= { "period", "period_ms", DURATION, NULL, 1 },
	[SETTING_PHASE]		= { "phase", "phase_ms", DURATION, "none", -1 },
	[SETTING_TIMER]		= { "timer", "timer", TIMER },
	[SETTING_CLOCK]		= { "clock", "clock", CLOCK },
	[SETTING_CPU]		= { "cpu", "cpu", CPU, "any", -1 },
	[SETTING_NOTIFY]	= { "notify", "notify", SWITCH },
	[SETTING_STALL]		= { "stall", "stall_ms", DURATION, "off", 0 },
	[SETTING_ENABLED]	= { "enabled", "enabled", SWITCH },
};

const char *setting_file(enum setting setting)
{
	return table[setting].file;
}

bool parse_duration_ns(const char *text, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", NSEC_PER_MSEC }, { "s", 1000 * NSEC_PER_MSEC },
		{ "min", 60000 * NSEC_PER_MSEC }, { "h", 3600000 * NSEC_PER_MSEC },
		{ "d", 86400000 * NSEC_PER_MSEC },
	};
	const char *at = text;
	uint64_t whole = 0, part = 0, scale = 1, unit = 0;

	while (isdigit((unsigned char)*at) && whole < UINT64_MAX / 100)
		whole = whole * 10 + (*at++ - '0');
	if (at == text)
		return false;
	if (*at == '.') {
		const char *point = at++;

		while (isdigit((unsigned char)*at) && scale < 1000000000) {
			part = part * 10 + (*at++ - '0');
			scale *= 10;
		}
		if (at == point + 1)
			return false;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(at, units[i].name))
			unit = units[i].ns;
	if (!unit || whole > UINT64_MAX / unit / 2)
		return false;
	*ns = whole * unit + part * (unit / scale) + part * (unit % scale) / scale;
	return true;
}

static const char *take_duration(char *text, size_t size, int least, const char *value)
{
	uint64_t ns;

	if (!strcmp(value, "0"))
		ns = 0;
	else if (!parse_duration_ns(value, &ns))
		return "not a length of time with its unit, such as 250ms, 10s or 1h";
	if (ns % NSEC_PER_MSEC)
		return "not a whole number of milliseconds";
	if (ns / NSEC_PER_MSEC > INT32_MAX)
		return "too long: 2147483647ms is the most";
	if ((int64_t)(ns / NSEC_PER_MSEC) < least)
		return "too short: 1ms is the least";
	snprintf(text, size, "%d", (int)(ns / NSEC_PER_MSEC));
	return NULL;
}

static const char *take_switch(char *text, size_t size, const char *value)
{
	static const char *const words[] = { "0", "1", "no", "yes", "off", "on", "n", "y", "false", "true" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(value, words[i]))
			continue;
		snprintf(text, size, "%d", (int)(i & 1));
		return NULL;
	}
	return "neither yes nor no";
}

static const char *take_clock(char *text, size_t size, const char *value)
{
	if (strcmp(value, "monotonic") && strcmp(value, "boottime") && strcmp(value, "realtime"))
		return "none of monotonic, boottime, realtime";
	snprintf(text, size, "%s", value);
	return NULL;
}

static const char *take_timer(char *text, size_t size, const char *value)
{
	if (strcmp(value, "hrtimer") && strcmp(value, "wheel"))
		return "none of hrtimer, wheel";
	snprintf(text, size, "%s", value);
	return NULL;
}

static const char *take_cpu(char *text, size_t size, const char *value)
{
	size_t length = strspn(value, "0123456789");

	if (!length || length > 6 || value[length])
		return "neither the number of a CPU nor any";
	snprintf(text, size, "%d", atoi(value));
	return NULL;
}

const char *settings_take(struct settings *settings, const char *key, const char *value)
{
	for (int i = 0; i < SETTINGS; i++) {
		char *text = settings->text[i];
		size_t size = sizeof(settings->text[i]);

		if (strcmp(key, table[i].key))
			continue;
		if (table[i].none && !strcmp(value, table[i].none)) {
			snprintf(text, size, "%d", table[i].least);
			return NULL;
		}
		switch (table[i].kind) {
		case DURATION:
			return take_duration(text, size, table[i].least, value);
		case SWITCH:
			return take_switch(text, size, value);
		case TIMER:
			return take_timer(text, size, value);
		case CLOCK:
			return take_clock(text, size, value);
		case CPU:
			return take_cpu(text, size, value);
		}
	}
	return "no such setting: period, phase, timer, clock, cpu, notify, stall and enabled are";
}

const char *settings_check(const struct settings *settings)
{
	const char *period = settings->text[SETTING_PERIOD], *phase = settings->text[SETTING_PHASE];

	return *period && *phase && atoi(phase) >= atoi(period) ?
		"the phase has to be shorter than the period" : NULL;
}

bool setting_is_switch(enum setting setting)
{
	return table[setting].kind == SWITCH;
}

int setting_read(const char *ticker, enum setting setting, char *text, size_t size)
{
	char line[128], *begin, *end;
	int status = ticker_read(ticker, table[setting].file, line, sizeof(line));

	begin = strchr(line, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (!status && end) {
		*end = '\0';
		snprintf(text, size, "%s", begin + 1);
	} else if (!status) {
		snprintf(text, size, "%.*s", (int)size - 1, line);
	}
	return status;
}

static int write_one(const char *ticker, enum setting setting, const char *text, bool verbose)
{
	int status = ticker_write(ticker, table[setting].file, text);

	if (!status && verbose)
		printf("%s: %s = %s\n", ticker, table[setting].file, text);
	return status;
}

int settings_apply(const struct settings *settings, const char *ticker, bool verbose)
{
	char is[SETTINGS][16] = { };
	const char *period = settings->text[SETTING_PERIOD], *enabled = settings->text[SETTING_ENABLED];
	int status = STATUS_DONE;

	for (int i = 0; i < SETTINGS && !status; i++)
		if (*settings->text[i] || i == SETTING_PHASE)
			status = setting_read(ticker, i, is[i], sizeof(is[i]));

	/* What is to be off is so before anything else changes, what is to be on when all has. */
	if (!status && !strcmp(enabled, "0") && strcmp(is[SETTING_ENABLED], enabled))
		status = write_one(ticker, SETTING_ENABLED, enabled, verbose);
	/* The kernel takes no period that is not above the phase. */
	if (!status && *period && atoi(is[SETTING_PHASE]) >= atoi(period) &&
	    *settings->text[SETTING_PHASE]) {
		status = write_one(ticker, SETTING_PHASE, "-1", verbose);
		snprintf(is[SETTING_PHASE], sizeof(is[SETTING_PHASE]), "-1");
	}
	for (int i = 0; i < SETTINGS && !status; i++) {
		const char *text = settings->text[i];

		if (!*text || !strcmp(text, is[i]) || (i == SETTING_ENABLED && !strcmp(text, "0")))
			continue;
		status = write_one(ticker, i, text, verbose);
	}
	return status;
}
