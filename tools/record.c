// SPDX-License-Identifier: GPL-2.0-only
/*
 * record: a flight recorder of what runs before a stall.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"
#include "record.h"
#include "recorder.h"

static const struct option options[] = {
	TABLE_OPTIONS,
	TABLE_OUTPUT_OPTION,
	{ "buffer-kb", required_argument, NULL, OPTION_BUFFER_KB },
	COMMON_OPTIONS
};

/* An action, and the numbers of its operands. */
static const struct {
	const char *name;
	int least, most;
} actions[] = {
	{ "start", 0, 0 }, { "save", 1, 2 }, { "list", 0, 0 }, { "show", 0, 1 }, { "stop", 0, 0 },
};

enum { START, SAVE, LIST, SHOW, STOP, ACTIONS };

static int parse_action(int argc, char **argv)
{
	const char *word = argv[optind];

	if (optind >= argc)
		missing_operand(*argv, "ACTION");
	for (int i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].name, word))
			continue;
		if (argc - optind - 1 < actions[i].least)
			missing_operand(*argv, "NAME");
		if (argc - optind - 1 > actions[i].most)
			expect_end(argv, optind + 1 + actions[i].most);
		return i;
	}
	errx(STATUS_USAGE, "unknown action '%s' (valid: start, save, list, show, stop)", word);
}

/* Warn if no ticker detects stalls: the recorder would never stop. */
static void check_thresholds(void)
{
	char *const all[] = { NULL };
	char text[16];
	struct ticker *list;
	size_t count;
	bool found = false;

	if (ticker_list(all, &list, &count))
		return;
	for (size_t i = 0; i < count && !found; i++)
		found = !ticker_read(list[i].name, "stall_ms", text, sizeof(text)) && strcmp(text, "0");
	if (!found)
		warnx("no ticker has a threshold of stalls: set one, such as `sched-tick set default stall=500ms`");
	free(list);
}

/* Create the directory of recordings, remove incomplete ones, and record until the next stall. */
static int start(uint64_t buffer_kb)
{
	int recordings = recordings_open(true), status;

	if (recordings < 0)
		return STATUS_FAILED;
	status = recorder_start(buffer_kb);
	close(recordings);
	if (!status)
		check_thresholds();
	return status;
}

/* Wait until nothing is being saved. */
static int stop(void)
{
	int recordings = recordings_open(false), status;

	if (recordings < 0 && errno != ENOENT)
		return STATUS_FAILED;
	status = recorder_stop();
	if (recordings >= 0)
		close(recordings);
	return status;
}

static int save(char **operands)
{
	const char *ticker = operands[0], *cpu = operands[1];

	if (!ticker_name_valid(ticker))
		errx(STATUS_USAGE, TICKER_NAME_INVALID, ticker);
	if (cpu && (!*cpu || strlen(cpu) > 5 || cpu[strspn(cpu, "0123456789")]))
		errx(STATUS_USAGE, "invalid CPU '%s' (valid: a whole number)", cpu);
	return record_save(ticker, cpu);
}

int command_record(int argc, char **argv)
{
	struct table_options table = { .rows = TABLE_RECORDINGS, .headings = true };
	uint64_t buffer_kb = 0;
	const char *of_list = NULL;
	int option, action;

	while ((option = next_option(argc, argv, options)) != -1) {
		if (option == OPTION_BUFFER_KB) {
			buffer_kb = parse_count(optarg);
			continue;
		}
		for (size_t i = 0; options[i].name && !of_list; i++)
			if (options[i].val == option)
				of_list = options[i].name;
		table_option(&table, option, optarg);
	}
	action = parse_action(argc, argv);
	if (buffer_kb && action != START)
		errx(STATUS_USAGE, "record: option '--buffer-kb' requires 'start'");
	if (of_list && action != LIST)
		errx(STATUS_USAGE, "record: option '--%s' requires 'list'", of_list);
	switch (action) {
	case START:
		return start(buffer_kb ?: RECORDER_BUFFER_KB);
	case SAVE:
		return save(argv + optind + 1);
	case LIST:
		return record_list(&table);
	case SHOW:
		return record_show(argv[optind + 1]);
	default:
		return stop();
	}
}
