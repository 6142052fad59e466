/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of sched-tick(8). Each parses its own options and returns an exit status.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

typedef int command_fn(int argc, char **argv);

command_fn command_list, command_show, command_create, command_set, command_delete, command_wait, command_watch,
	command_check, command_stalls, command_record, command_export, command_apply;

/* Print the help text of a command to stdout and exit. */
void command_help(const char *command) __attribute__((noreturn));

/* Print the version to stdout and exit. */
void command_version(void) __attribute__((noreturn));

/* The options and operands of a command, as its help text prints them. */
const char *command_synopsis(const char *command);

#endif
