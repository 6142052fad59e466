// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options and operands of a command line. See options.h.
 */
#include "options.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "settings.h"
#include "sysfs.h"

/* The letters in the form that getopt_long(3) takes. */
static const char *letters(const struct option *options)
{
	static char text[64];
	size_t length = 0;

	/* With the colon a missing argument is reported as ':'. */
	text[length++] = ':';
	for (; options->name; options++) {
		if (options->val >= 256)
			continue;
		text[length++] = options->val;
		if (options->has_arg == required_argument)
			text[length++] = ':';
	}
	text[length] = '\0';
	return text;
}

static void unknown_option(const char *command, const char *word, const struct option *options)
{
	char valid[512];
	size_t length = 0;

	for (const struct option *option = options; option->name; option++) {
		length += snprintf(valid + length, sizeof(valid) - length, "%s", length ? ", " : "");
		if (option->val < 256)
			length += snprintf(valid + length, sizeof(valid) - length, "-%c, ", option->val);
		length += snprintf(valid + length, sizeof(valid) - length, "--%s", option->name);
	}
	errx(STATUS_USAGE, "%s: unknown option '%s' (valid: %s)", command, word, valid);
}

/* What getopt_long(3) returned '?' or ':' for. */
static void invalid_option(int result, char **argv, const struct option *options)
{
	const char *word = argv[optind - 1];
	const struct option *option = options;
	char letter[3] = { '-', optopt };

	/* For an unknown letter optopt is the letter; argv may hold several of them in one word. */
	if (optopt && strncmp(word, "--", 2))
		word = letter;
	while (option->name && option->val != optopt)
		option++;
	if (!optopt || !option->name)
		unknown_option(*argv, word, options);
	if (result == ':')
		errx(STATUS_USAGE, "%s: option '--%s' requires an argument", *argv, option->name);
	errx(STATUS_USAGE, "%s: option '--%s' takes no argument", *argv, option->name);
}

int next_option(int argc, char **argv, const struct option *options)
{
	int option;

	opterr = 0;
	option = getopt_long(argc, argv, letters(options), options, NULL);
	if (option == 'h')
		command_help(*argv);
	if (option == 'V')
		command_version();
	if (option == '?' || option == ':')
		invalid_option(option, argv, options);
	return option;
}

uint64_t parse_count(const char *text)
{
	uint64_t count;
	char *end;

	errno = 0;
	count = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || !count)
		errx(STATUS_USAGE, "invalid count '%s' (valid: a whole number from 1)", text);
	return count;
}

uint64_t parse_duration(const char *option, const char *text)
{
	uint64_t ns;

	if (!parse_duration_ns(text, &ns) || !ns)
		errx(STATUS_USAGE, "invalid duration '%s' for --%s (valid: " DURATION_VALID ")", text, option);
	return ns;
}

void missing_operand(const char *command, const char *operand)
{
	errx(STATUS_USAGE, "%s: missing %s (usage: sched-tick %s %s)", command, operand, command,
	     command_synopsis(command));
}

const char *parse_name(int argc, char **argv)
{
	if (optind >= argc)
		missing_operand(*argv, "NAME");
	if (!ticker_name_valid(argv[optind]))
		errx(STATUS_USAGE, TICKER_NAME_INVALID, argv[optind]);
	return argv[optind];
}

void expect_end(char **argv, int index)
{
	if (argv[index])
		errx(STATUS_USAGE, "%s: unexpected operand '%s' (usage: sched-tick %s %s)", *argv, argv[index], *argv,
		     command_synopsis(*argv));
}
