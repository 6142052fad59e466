/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The settings of a ticker as users write them: period=250ms, enabled=yes.
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
	SETTING_CPUS,
	SETTING_QUEUE,
	SETTING_NOTIFY,
	SETTING_STALL,
	SETTING_ENABLED,
	SETTINGS
};

#define SETTING_SIZE	4096	/* the longest value that sysfs takes, and its null character */
#define SETTINGS_ERROR	256	/* the longest error message fits */

/* The text to write to the file of each setting; NULL if the setting is not to be changed. */
struct settings {
	char *text[SETTINGS];
};

void settings_free(struct settings *settings);

const char *setting_key(enum setting setting);

/* The name of the file in sysfs. */
const char *setting_file(enum setting setting);

/* Read the current value as the kernel writes it, of a list the one in brackets. Returns an exit status. */
int setting_read(const char *ticker, enum setting setting, char *text, size_t size);

/* The same without a message. Returns false if the file can't be read: an old module does not have it. */
bool setting_try_read(const char *ticker, enum setting setting, char *text, size_t size);

/* Format a value that the kernel wrote in the form that settings_parse() reads. */
void setting_format(enum setting setting, const char *kernel_text, char *text, size_t size);

/* Store one key and value in @settings. Returns false, with a message in @error, if either is invalid. */
bool settings_parse(struct settings *settings, const char *key, const char *value, char *error, size_t size);

/* Returns false, with a message in @error, if the values contradict each other. */
bool settings_check(const struct settings *settings, char *error, size_t size);

/* List the keys, separated by commas. */
const char *settings_keys(void);

/* Write the values that differ from the current ones. Returns an exit status. Prints each change if @verbose. */
int settings_apply(const struct settings *settings, const char *ticker, bool verbose);

#define DURATION_VALID	"a number and ns, us, ms, s, min, h or d, such as 250ms or 1.5s"

/* Parse a duration with its unit: 250ms, 1.5s, 5min, 2h, 1d. Returns false if @text is not one. */
bool parse_duration_ns(const char *text, uint64_t *ns);

#endif
