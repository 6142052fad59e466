// SPDX-License-Identifier: GPL-2.0-only
/*
 * apply: make tickers as the files in /etc/sched-tick.d say.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "config.h"

#define FOLDER "/etc/sched-tick.d"

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
				printf("%s: made\n", name);
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

static int apply_folder(bool verbose)
{
	struct dirent **entries = NULL;
	char directory[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
	int found, status, worst = STATUS_DONE;

	snprintf(directory, sizeof(directory), "%s" FOLDER, getenv("SCHED_TICK_ROOT") ?: "");
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
	{ "help", no_argument, NULL, 'h' },
	{ "quiet", no_argument, NULL, 'q' },
	{ }
};

int command_apply(int argc, char **argv)
{
	int option, status, worst = STATUS_DONE;
	bool verbose = true;

	while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
		if (option != 'q')
			usage("apply", option == 'h' ? STATUS_DONE : STATUS_USAGE);
		verbose = false;
	}
	if (optind == argc) {
		worst = ticker_grant();
		status = apply_folder(verbose);
		return worst ? worst : status;
	}
	for (int i = optind; i < argc; i++) {
		status = apply_file(argv[i], verbose);
		if (status && !worst)
			worst = status;
	}
	return worst;
}
