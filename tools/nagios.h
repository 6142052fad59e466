/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check as a monitoring plugin: one line on stdout, and the exit statuses of Nagios.
 */
#ifndef NAGIOS_H
#define NAGIOS_H

#include <stdbool.h>

#include "commands.h"

/* Whether --nagios, which may be abbreviated, is among the options. */
bool nagios_wanted(char *const *argv);

/*
 * Run @check, which prints the line unless it fails. If it fails, print a line with
 * the first error message. Returns the exit status of a plugin.
 */
int nagios_run(command_fn *check, int argc, char **argv);

#endif
