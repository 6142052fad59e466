// SPDX-License-Identifier: GPL-2.0-only
/*
 * apply: create and change tickers as the files in /etc/sched-tick.d specify.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "config.h"
#include "options.h"

#define DIRECTORY "/etc/sched-tick.d"

static int apply_file(const char *path, bool verbose)
{
	FILE *file = fopen(path, "re");
	struct config config;
	int status, worst = STATUS_DONE;

	if (!file) {
		warn("%s", path);
		return STATUS_FAILED;
	}
	worst = config_read(file, path, &config);
	fclose(file);
	for (size_t i = 0; i < config.count; i++) {
		const char *name = config.tickers[i].name;

		status = STATUS_DONE;
		if (!ticker_exists(name)) {
			status = ticker_create(name);
			if (!status && verbose)
				printf("%s: created\n", name);
		}
		if (!status)
			status = settings_apply(&config.tickers[i].settings, name, verbose);
		if (status && !worst)
			worst = status;
	}
	config_free(&config);
	return worst;
}

static int is_config(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 && !strcmp(entry->d_name + length - 5, ".conf");
}

static int apply_directory(bool verbose)
{
	struct dirent **entries = NULL;
	char directory[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
	int found, status, worst = STATUS_DONE;

	snprintf(directory, sizeof(directory), "%s" DIRECTORY, getenv("SCHED_TICK_ROOT") ?: "");
	found = scandir(directory, &entries, is_config, alphasort);
	if (found < 0 && errno != ENOENT) {
		warn("%s", directory);
		return STATUS_FAILED;
	}
	for (int i = 0; i < found; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		status = apply_file(path, verbose);
		if (status && !worst)
			worst = status;
		free(entries[i]);
	}
	free(entries);
	return worst;
}

static const struct option options[] = {
	{ "quiet", no_argument, NULL, 'q' },
	COMMON_OPTIONS
};

int command_apply(int argc, char **argv)
{
	int status, worst = STATUS_DONE;
	bool verbose = true;

	while (next_option(argc, argv, options) != -1)
		verbose = false;
	if (optind == argc) {
		worst = ticker_grant();
		status = apply_directory(verbose);
		return worst ? worst : status;
	}
	for (int i = optind; i < argc; i++) {
		status = apply_file(argv[i], verbose);
		if (status && !worst)
			worst = status;
	}
	return worst;
}
