// SPDX-License-Identifier: GPL-2.0-only
/*
 * create, set, delete: birth, change and death of a ticker.
 */
#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "settings.h"
#include "sysfs.h"

/* No options but --help; returns the name, or exits. */
static const char *only_name(int *argc, char ***argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { } };
	const char *command = (*argv)[0];
	int option = getopt_long(*argc, *argv, "+h", options, NULL);

	if (option != -1)
		usage(command, option == 'h' ? STATUS_DONE : STATUS_USAGE);
	*argc -= optind;
	*argv += optind;
	if (!*argc)
		usage(command, STATUS_USAGE);
	return (*argv)[0];
}

static bool take_all(struct settings *settings, char **words)
{
	for (; *words; words++) {
		char key[32], *value = strchr(*words, '=');
		const char *why;

		if (!value) {
			warnx("%s: not of the form KEY=VALUE", *words);
			return false;
		}
		snprintf(key, sizeof(key), "%.*s", (int)(value - *words), *words);
		why = settings_take(settings, key, value + 1);
		if (why) {
			warnx("%s: %s", *words, why);
			return false;
		}
	}
	return true;
}

/* The name and the settings of a command line, at least and at most so many; or its exit status. */
static int parse(int argc, char **argv, const char **name, struct settings *settings, int least, int most)
{
	const char *why, *command = *argv;

	*name = only_name(&argc, &argv);
	if (argc - 1 < least || argc - 1 > most)
		usage(command, STATUS_USAGE);
	if (!ticker_name_valid(*name)) {
		warnx("%s: a name is 1 to 32 of A-Z a-z 0-9 _ . - and does not start with a dot", *name);
		return STATUS_USAGE;
	}
	if (!take_all(settings, argv + 1))
		return STATUS_USAGE;
	why = settings_check(settings);
	if (why)
		warnx("%s", why);
	return why ? STATUS_USAGE : STATUS_DONE;
}

int command_create(int argc, char **argv)
{
	struct settings settings = { };
	const char *name;
	int status = parse(argc, argv, &name, &settings, 0, INT_MAX);

	if (status)
		return status;
	status = ticker_create(name);
	if (status)
		return status;
	status = settings_apply(&settings, name, false);
	/* Whole or not at all. */
	if (status)
		ticker_delete(name);
	return status;
}

int command_set(int argc, char **argv)
{
	struct settings settings = { };
	const char *name;
	int status = parse(argc, argv, &name, &settings, 1, INT_MAX);

	return status ?: settings_apply(&settings, name, false);
}

int command_delete(int argc, char **argv)
{
	struct settings none = { };
	const char *name;
	int status = parse(argc, argv, &name, &none, 0, 0);

	if (status)
		return status;
	if (!strcmp(name, TICKER_DEFAULT)) {
		warnx("the default ticker goes with the module only; `sched-tick set default enabled=no` stops it");
		return STATUS_FAILED;
	}
	return ticker_delete(name);
}
