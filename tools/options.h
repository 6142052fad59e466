/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options and operands of a command line.
 *
 * A function that finds an invalid one prints one line that names it and what is
 * valid, and exits with STATUS_USAGE.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

/* The end of every table of options. */
#define COMMON_OPTIONS \
	{ "help", no_argument, NULL, 'h' }, \
	{ "version", no_argument, NULL, 'V' }, \
	{ }

/* Values of options without a letter. */
enum {
	OPTION_NAGIOS = 256,
	OPTION_BUFFER_KB,
	OPTION_SETTINGS,
	OPTION_SINCE,
	OPTION_STACK,
	OPTION_STATE_DIR,
};

/*
 * Parse the next option, with getopt_long(3). A value below 256 in @options is the
 * option's letter. --help and --version are handled here. Returns -1 after the last
 * option; @optind is the first operand then.
 */
int next_option(int argc, char **argv, const struct option *options);

/* Parse the argument of the option @option. */
uint64_t parse_count(const char *text);
uint64_t parse_duration(const char *option, const char *text);

/* Check the number of operands from @optind on, and that the first one is a valid name. */
const char *parse_name(int argc, char **argv);
void expect_end(char **argv, int index);

/* Exit because of an operand that is missing. */
void missing_operand(const char *command, const char *operand) __attribute__((noreturn));

#endif
