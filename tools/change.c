// SPDX-License-Identifier: GPL-2.0-only
/*
 * create, set, delete: create, change and remove a ticker.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "settings.h"
#include "sysfs.h"

static const struct option options[] = { COMMON_OPTIONS };

static void parse_settings(struct settings *settings, char **words)
{
	char error[SETTINGS_ERROR];

	for (; *words; words++) {
		size_t length = strcspn(*words, "=");
		char key[33];

		if (!length || !(*words)[length])
			errx(STATUS_USAGE, "invalid setting '%s' (valid: KEY=VALUE; keys: %s)", *words,
			     settings_keys());
		snprintf(key, sizeof(key), "%.*s", (int)length, *words);
		if (!settings_parse(settings, key, *words + length + 1, error, sizeof(error)))
			errx(STATUS_USAGE, "%s", error);
	}
	if (!settings_check(settings, error, sizeof(error)))
		errx(STATUS_USAGE, "%s", error);
}

/* Parse a command line of a name and settings. Returns the name. */
static const char *parse(int argc, char **argv, struct settings *settings)
{
	const char *name;

	while (next_option(argc, argv, options) != -1)
		;
	name = parse_name(argc, argv);
	parse_settings(settings, argv + optind + 1);
	return name;
}

int command_create(int argc, char **argv)
{
	struct settings settings = { };
	const char *name = parse(argc, argv, &settings);
	int status = ticker_create(name);

	if (status) {
		settings_free(&settings);
		return status;
	}
	status = settings_apply(&settings, name, false);
	settings_free(&settings);
	/* Do not leave a ticker with some of its settings. */
	if (status)
		ticker_delete(name);
	return status;
}

int command_set(int argc, char **argv)
{
	struct settings settings = { };
	const char *name = parse(argc, argv, &settings);
	int status;

	if (optind + 1 == argc)
		missing_operand(*argv, "KEY=VALUE");
	status = settings_apply(&settings, name, false);
	settings_free(&settings);
	return status;
}

int command_delete(int argc, char **argv)
{
	const char *name;

	while (next_option(argc, argv, options) != -1)
		;
	name = parse_name(argc, argv);
	expect_end(argv, optind + 1);
	if (strcmp(name, TICKER_DEFAULT))
		return ticker_delete(name);
	warnx("the default ticker can't be removed while the module is loaded;"
	      " `sched-tick set default enabled=no` stops it");
	return STATUS_FAILED;
}
