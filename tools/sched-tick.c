// SPDX-License-Identifier: GPL-2.0-only
/*
 * sched-tick(8): which command.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ticker.h"

static const struct {
	const char *name;
	command_fn *run;
	const char *arguments;
	const char *what;
} commands[] = {
	{ "list", command_list, "[options] [NAME...]", "all tickers in a table" },
	{ "show", command_show, "[--json] NAME", "all there is to know of one" },
	{ "create", command_create, "NAME [KEY=VALUE...]", "make one; it runs if enabled=yes is given" },
	{ "set", command_set, "NAME KEY=VALUE...", "change settings of one" },
	{ "delete", command_delete, "NAME", "end one" },
	{ "wait", command_wait, "NAME [-n COUNT] [-- COMMAND...]", "sleep until it ticks" },
	{ "watch", command_watch, "[options] [NAME...]", "a live table" },
	{ "check", command_check, "[options] [NAME...]", "hold them against thresholds" },
	{ "export", command_export, "[--output FILE]", "metrics for the node exporter's textfile collector" },
	{ "apply", command_apply, "[FILE...]", "make tickers as /etc/sched-tick.d says" },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage_all(FILE *to)
{
	fprintf(to, "Usage: sched-tick COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s%-34s%s\n", commands[i].name, commands[i].arguments, commands[i].what);
	fprintf(to, "\nKEY=VALUE: period=250ms phase=none precise=yes clock=monotonic cpu=any notify=no stall=off"
		" enabled=yes\nsched-tick(8) has the rest.\n");
}

void usage(const char *command, int status)
{
	FILE *to = status ? stderr : stdout;

	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, command))
			fprintf(to, "Usage: sched-tick %s %s\nsched-tick(8) has the rest.\n", command,
				commands[i].arguments);
	exit(status);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage_all(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage_all(stdout);
		return STATUS_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("sched-tick " VERSION);
		return STATUS_DONE;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		int status;

		if (strcmp(argv[1], commands[i].name))
			continue;
		status = commands[i].run(argc - 1, argv + 1);
		/* What could not be printed was not said. */
		if (fflush(stdout) || ferror(stdout))
			err(STATUS_FAILED, "standard output");
		return status;
	}
	warnx("%s: no such command", argv[1]);
	usage_all(stderr);
	return STATUS_USAGE;
}
