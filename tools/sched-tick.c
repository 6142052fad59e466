// SPDX-License-Identifier: GPL-2.0-only
/*
 * sched-tick(8): the table of commands, and their help texts.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "sysfs.h"
#include "table.h"

#define JSON_HELP	" -J, --json               use the JSON output format\n"
#define RAW_HELP	" -r, --raw                use the raw output format\n"
#define NOHEADINGS_HELP	" -n, --noheadings         don't print headings\n"
#define OUTPUT_HELP \
	" -o, --output COLUMNS     output columns, separated by commas; '+' in front of the first adds to\n" \
	"                            the default ones\n"
#define COMMON_HELP \
	"\n" \
	" -h, --help               display this help\n" \
	" -V, --version            display version\n"

#define SETTINGS_HELP \
	"\n" \
	"Settings:\n" \
	" period=TIME              time from one deadline to the next: 1ms to 2147483647ms\n" \
	" phase=none|TIME          offset of the deadlines from multiples of the period\n" \
	" timer=hrtimer|wheel      the kernel timer that queues the tick\n" \
	" clock=monotonic|boottime|realtime\n" \
	"                          the clock of the deadlines\n" \
	" cpus=any|all|housekeeping|LIST\n" \
	"                          the CPUs that tick, such as 0,2-5\n" \
	" queue=highpri|normal|unbound|bh\n" \
	"                          the kind of kernel worker that runs the tick\n" \
	" notify=yes|no            whether each tick wakes poll(2)\n" \
	" stall=off|TIME           report a tick that is overdue by more than this\n" \
	" enabled=yes|no           whether the ticker runs\n" \
	"\n" \
	"TIME is a number and ns, us, ms, s, min, h or d, such as 250ms.\n"

static const enum table_rows tickers = TABLE_TICKERS, cpus = TABLE_CPUS, stalls = TABLE_STALLS,
			     recordings = TABLE_RECORDINGS;

static const struct command {
	const char *name;
	command_fn *run;
	const char *synopsis;
	const char *summary;
	const char *options;
	const char *more;
	const enum table_rows *columns;
} commands[] = {
	{ "list", command_list, "[options] [NAME...]", "List tickers with their counts and lateness.",
	  JSON_HELP
	  NOHEADINGS_HELP
	  OUTPUT_HELP
	  RAW_HELP, "", &tickers },
	{ "show", command_show, "[options] NAME", "Show the settings, counts and histograms of one ticker.",
	  JSON_HELP
	  NOHEADINGS_HELP
	  OUTPUT_HELP
	  " -p, --percpu             print a table of the CPUs that the ticker has run on\n"
	  RAW_HELP
	  "     --settings           print only the settings, as 'set' and 'create' take them\n", "", &cpus },
	{ "create", command_create, "NAME [KEY=VALUE...]",
	  "Create a ticker. It is disabled unless enabled=yes is given.", "", SETTINGS_HELP },
	{ "set", command_set, "NAME KEY=VALUE...", "Change settings of a ticker.", "", SETTINGS_HELP },
	{ "delete", command_delete, "NAME", "Remove a ticker.", "", "" },
	{ "wait", command_wait, "[options] NAME [-- COMMAND [ARGUMENT...]]",
	  "Sleep until the next tick, or run a command at every tick.",
	  " -c, --count COUNT        number of ticks (default: 1; with a COMMAND: no limit)\n",
	  "\n"
	  "COMMAND finds the counter in SCHED_TICK_COUNTER, and the number of ticks since its\n"
	  "last run in SCHED_TICK_TICKS. The first COMMAND that fails ends the loop; its exit\n"
	  "status is passed on.\n" },
	{ "watch", command_watch, "[options] [NAME...]", "Show the ticks of each interval, again and again.",
	  " -b, --batch              append each sample instead of clearing the screen\n"
	  " -c, --count COUNT        number of samples (default: no limit)\n"
	  " -d, --delay TIME         length of an interval (default: 1s)\n"
	  JSON_HELP
	  NOHEADINGS_HELP
	  OUTPUT_HELP
	  RAW_HELP, "", &tickers },
	{ "check", command_check, "[options] [NAME...]",
	  "Compare tickers with thresholds, over the time since the previous check.",
	  JSON_HELP
	  " -l, --max-late SHARE     highest share of late ticks (default: 0.1%)\n"
	  " -m, --max-missed SHARE   highest share of missed periods (default: 1%)\n"
	  NOHEADINGS_HELP
	  " -q, --quiet              print nothing; use the exit status\n"
	  RAW_HELP
	  " -s, --since-start        check the whole life of each ticker\n"
	  " -t, --threshold TIME     a tick later than this is late (default: 100ms);\n"
	  "                            1, 2 or 5 times a power of ten, from 1us to 100s\n"
	  " -w, --wait TIME          take two samples TIME apart and check the time between them\n"
	  "     --nagios             print one line and exit as a monitoring plugin\n"
	  "     --state-dir DIR      directory of the samples of the previous check\n", "" },
	{ "stalls", command_stalls, "[options] [NAME...]",
	  "List stalls with their culprits, the newest first, from the kernel log and last_stall.",
	  JSON_HELP
	  NOHEADINGS_HELP
	  OUTPUT_HELP
	  RAW_HELP
	  "     --since TIME         only stalls of the last TIME, such as 2h, or since a date such as\n"
	  "                            '2026-11-28 17:30'\n"
	  "     --stack              print the stack of the last stall of each ticker\n", "", &stalls },
	{ "record", command_record, "[options] start|save TICKER [CPU]|list|show [NAME]|stop",
	  "Record what runs before a stall.",
	  "     --buffer-kb SIZE     start: size of the buffer of each CPU in KiB (default: 1408)\n"
	  JSON_HELP
	  NOHEADINGS_HELP
	  OUTPUT_HELP
	  RAW_HELP,
	  "\n"
	  "Actions:\n"
	  " start                    record until a stall, in memory\n"
	  " save TICKER [CPU]        save the recording of a stall, and record until the next one\n"
	  " list                     list the recordings that were saved, newest first\n"
	  " show [NAME]              print a recording (default: the newest one)\n"
	  " stop                     end recording; recordings that were saved stay\n", &recordings },
	{ "export", command_export, "[options]", "Write metrics for the textfile collector of the node exporter.",
	  " -f, --file FILE          output file; '-' is standard output (default: sched_tick.prom in the\n"
	  "                            directory of the collector)\n", "" },
	{ "apply", command_apply, "[options] [FILE...]",
	  "Create and change tickers as files specify: FILE, or /etc/sched-tick.d/*.conf.",
	  " -q, --quiet              don't print the changes\n", "" },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_program_help(void)
{
	printf("\nUsage:\n sched-tick [COMMAND] [options] [arguments]\n\n"
	       "Create, configure, watch and check kernel tickers.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf(" %-8s%s%s\n", commands[i].name, commands[i].summary, i ? "" : " The default command.");
	printf(" help    Display this help, or the help of a command.\n\nOptions:\n"
	       " -h, --help      display this help, or after a COMMAND its help\n"
	       " -V, --version   display version\n\nFor more details see sched-tick(8).\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static const struct command *expect_command(const char *name)
{
	const struct command *command = find_command(name);
	char valid[128];
	size_t length = 0;

	if (command)
		return command;
	for (size_t i = 0; i < COMMANDS; i++)
		length += snprintf(valid + length, sizeof(valid) - length, "%s, ", commands[i].name);
	errx(STATUS_USAGE, "unknown command '%s' (valid: %shelp)", name, valid);
}

const char *command_synopsis(const char *command)
{
	return find_command(command)->synopsis;
}

void command_help(const char *name)
{
	const struct command *command = find_command(name);

	printf("\nUsage:\n sched-tick %s %s\n\n%s\n\nOptions:\n%s%s%s", name, command->synopsis, command->summary,
	       command->options, *command->options ? COMMON_HELP : strchr(COMMON_HELP, ' '), command->more);
	if (command->columns)
		table_print_columns(stdout, *command->columns);
	printf("\nFor more details see sched-tick(8).\n");
	exit(STATUS_DONE);
}

void command_version(void)
{
	puts("sched-tick " VERSION);
	exit(STATUS_DONE);
}

/* Run a command, and report output that could not be written. */
static int run(const struct command *command, int argc, char **argv)
{
	int status = command->run(argc, argv);

	if (fflush(stdout) || ferror(stdout))
		err(STATUS_FAILED, "standard output");
	return status;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "list";

	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		command_version();
	if (!strcmp(word, "help") && argc > 2)
		command_help(expect_command(argv[2])->name);
	if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h")) {
		print_program_help();
		return STATUS_DONE;
	}
	/* Without a command, options are those of list. */
	if (argc < 2 || *word == '-') {
		argv[0] = "list";
		return run(&commands[0], argc, argv);
	}
	return run(expect_command(word), argc - 1, argv + 1);
}
