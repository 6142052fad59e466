/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of sched-tick(8). Each parses its own options and returns an exit status.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

typedef int command_fn(int argc, char **argv);

command_fn command_list, command_show, command_create, command_set, command_delete, command_wait, command_watch,
	command_check, command_export, command_apply;

/* Say how a command is used and exit: with STATUS_DONE to stdout, with STATUS_USAGE to stderr. */
void usage(const char *command, int status) __attribute__((noreturn));

#endif
