// SPDX-License-Identifier: GPL-2.0-only
/*
 * sched-tick(8): which command.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "sysfs.h"

#define TABLE_HELP \
	"  -J, --json             as JSON; times are numbers of nanoseconds, shares of one\n" \
	"  -r, --raw              one space between columns, none within\n"

#define COLUMNS_HELP \
	"  -o, --output COLUMNS   which, with commas between; with a + first, besides the usual ones:\n" \
	"                         NAME ENABLED PERIOD TICKS MISSED STALLS MEAN P99 MAX\n" \
	"                         TIMER-MEAN TIMER-P99 TIMER-MAX\n"

#define KEYS_HELP \
	"KEY=VALUE: period=250ms phase=none timer=hrtimer clock=monotonic cpu=any notify=no stall=off enabled=yes\n"

static const struct {
	const char *name;
	command_fn *run;
	const char *arguments;
	const char *what;
	const char *options;
} commands[] = {
	{ "list", command_list, "[options] [NAME...]", "all tickers in a table",
	  TABLE_HELP
	  "  -n, --noheadings       without the first line\n"
	  COLUMNS_HELP },
	{ "show", command_show, "[options] NAME", "all there is to know of one", TABLE_HELP },
	{ "create", command_create, "NAME [KEY=VALUE...]", "make one; it runs if enabled=yes is given", KEYS_HELP },
	{ "set", command_set, "NAME KEY=VALUE...", "change settings of one", KEYS_HELP },
	{ "delete", command_delete, "NAME", "end one", "" },
	{ "wait", command_wait, "NAME [-n COUNT] [-- COMMAND...]", "sleep until it ticks",
	  "  -n, --count COUNT      how many ticks (1; with a command, without end)\n" },
	{ "watch", command_watch, "[options] [NAME...]", "a live table",
	  "  -d, --delay TIME       how long from look to look (1s)\n"
	  "  -n, --count COUNT      how many looks (without end)\n"
	  "  -b, --batch            one after the other, the screen is not cleared\n"
	  TABLE_HELP
	  "      --noheadings       without the first line\n"
	  COLUMNS_HELP },
	{ "check", command_check, "[options] [NAME...]", "hold them against thresholds",
	  "  -l, --lateness TIME    what is late (100ms): 1, 2 or 5 in any decade from 1us to 100s\n"
	  "  -p, --late SHARE%      how many ticks may be (0.1%)\n"
	  "  -m, --missed SHARE%    how many periods may be without a tick (1%)\n"
	  "  -w, --wait TIME        how long to look whether a worker is stuck (2s)\n"
	  "  -q, --quiet            the exit status says it\n"
	  "      --nagios           as a monitoring plugin\n"
	  TABLE_HELP
	  "  -n, --noheadings       without the first line\n" },
	{ "export", command_export, "[options]", "metrics for the node exporter's textfile collector",
	  "  -o, --output FILE      where to (the directory of a node exporter, or a usual one); - is stdout\n" },
	{ "apply", command_apply, "[options] [FILE...]", "make tickers as /etc/sched-tick.d says",
	  "  -q, --quiet            do not say what is changed\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage_all(FILE *to)
{
	fprintf(to, "Usage: sched-tick COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s%-34s%s\n", commands[i].name, commands[i].arguments, commands[i].what);
	fprintf(to, "\n" KEYS_HELP "sched-tick COMMAND --help and sched-tick(8) have the rest.\n");
}

void usage(const char *command, int status)
{
	FILE *to = status ? stderr : stdout;

	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, command))
			fprintf(to, "Usage: sched-tick %s %s\n%s\n%s", command, commands[i].arguments,
				commands[i].what, commands[i].options);
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
