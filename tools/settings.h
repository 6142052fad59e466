/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be set of a ticker, as people write it: period=250ms, enabled=yes.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting {
	SETTING_PERIOD,
	SETTING_PHASE,
	SETTING_TIMER,
	SETTING_CLOCK,
	SETTING_CPU,
	SETTING_NOTIFY,
	SETTING_STALL,
	SETTING_ENABLED,
	SETTINGS
};

/* The text to be written to the file of each, empty where nothing is to be set. */
struct settings {
	char text[SETTINGS][16];
};

/* What the file in sysfs is called. */
const char *setting_file(enum setting setting);

bool setting_is_switch(enum setting setting);

/* What it is now, of a choice the one that is chosen; returns an exit status. */
int setting_read(const char *ticker, enum setting setting, char *text, size_t size);

/* Take one key and value; returns why not, or NULL. */
const char *settings_take(struct settings *settings, const char *key, const char *value);

/* Whether they go together; returns why not, or NULL. */
const char *settings_check(const struct settings *settings);

/* Write what differs from what is; returns an exit status. Says what it changes if verbose. */
int settings_apply(const struct settings *settings, const char *ticker, bool verbose);

/* A length of time with its unit: 250ms, 1.5s, 5min, 2h, 1d. Returns whether it is one. */
bool parse_duration_ns(const char *text, uint64_t *ns);

#endif
