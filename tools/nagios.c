// SPDX-License-Identifier: GPL-2.0-only
/*
 * check as a monitoring plugin. See nagios.h.
 *
 * A child process runs the check, so that every error message is caught, also that
 * of a function that exits.
 */
#include "nagios.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sysfs.h"

enum { NAGIOS_OK = 0, NAGIOS_CRITICAL = 2, NAGIOS_UNKNOWN = 3 };

bool nagios_wanted(char *const *argv)
{
	for (argv++; *argv && strcmp(*argv, "--"); argv++)
		/* Shorter ones could be --noheadings. */
		if (strlen(*argv) >= strlen("--na") && !strncmp("--nagios", *argv, strlen(*argv)))
			return true;
	return false;
}

/* Start the check with stderr in a pipe. Returns the end to read. */
static int start(command_fn *check, int argc, char **argv, pid_t *pid)
{
	int ends[2], status;

	if (pipe(ends))
		err(NAGIOS_UNKNOWN, "pipe");
	fflush(stdout);
	*pid = fork();
	if (*pid < 0)
		err(NAGIOS_UNKNOWN, "fork");
	if (*pid) {
		close(ends[1]);
		return ends[0];
	}
	dup2(ends[1], STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
	status = check(argc, argv);
	if (fflush(stdout) || ferror(stdout))
		err(STATUS_FAILED, "standard output");
	exit(status);
}

int nagios_run(command_fn *check, int argc, char **argv)
{
	char line[1024], reason[1024] = "see standard error";
	bool found = false;
	FILE *messages;
	int status;
	pid_t pid;

	messages = fdopen(start(check, argc, argv, &pid), "r");
	if (!messages)
		err(NAGIOS_UNKNOWN, "memory");
	while (fgets(line, sizeof(line), messages)) {
		fputs(line, stderr);
		if (found)
			continue;
		found = true;
		line[strcspn(line, "\n")] = '\0';
		strcpy(reason, !strncmp(line, "sched-tick: ", 12) ? line + 12 : line);
	}
	fclose(messages);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(NAGIOS_UNKNOWN, "wait");
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_DONE)
		return NAGIOS_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_EXCEEDED)
		return NAGIOS_CRITICAL;
	/* A vertical bar would begin the performance data. */
	for (char *bar = strchr(reason, '|'); bar; bar = strchr(bar, '|'))
		*bar = '/';
	printf("SCHED_TICK UNKNOWN - %s\n", reason);
	return NAGIOS_UNKNOWN;
}
