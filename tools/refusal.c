// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why the kernel refused a value. See refusal.h.
 */
#include "refusal.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"

#define MAX_RATE	"/sys/module/sched_tick/parameters/max_rate"
#define POSSIBLE_CPUS	"/sys/devices/system/cpu/possible"

/* Report the reason of ERANGE. */
static void report_out_of_range(const char *name, const char *what, const char *file, const char *text)
{
	char phase[16], line[64];

	if (!strcmp(file, "cpus") && read_first_line(POSSIBLE_CPUS, line, sizeof(line)))
		warnx("%s: %s: there is no such CPU (there are: %.*s)", name, what, (int)strcspn(line, "\n"), line);
	else if (!strcmp(file, "cpus"))
		warnx("%s: %s: there is no such CPU", name, what);
	else if (!strcmp(file, "phase_ms"))
		warnx("%s: %s: the phase must be shorter than the period", name, what);
	else if (!strcmp(file, "period_ms") && !ticker_read(name, "phase_ms", phase, sizeof(phase)) &&
		 atoi(phase) >= atoi(text))
		warnx("%s: %s: the period must be longer than phase_ms, which is %s", name, what, phase);
	else if ((!strcmp(file, "period_ms") || !strcmp(file, "enabled")) &&
		 read_first_line(MAX_RATE, line, sizeof(line)))
		warnx("%s: %s: all enabled tickers together would exceed max_rate, %.*s ticks per second;"
		      " root can raise it in " MAX_RATE, name, what, (int)strcspn(line, "\n"), line);
	else
		warnx("%s: %s: out of range", name, what);
}

static const char *strip_brackets(char *text)
{
	char *end = text;

	for (const char *from = text; *from; from++)
		if (*from != '[' && *from != ']')
			*end++ = *from;
	*end = '\0';
	return text;
}

/* The same for EINVAL. Returns false if it is not known. */
static bool report_invalid(const char *name, const char *what, const char *file)
{
	char queues[64];

	if (!strcmp(file, "cpus"))
		warnx("%s: %s: the kernel does not take this list: a range goes from the lower to the higher number",
		      name, what);
	else if (!strcmp(file, "queue") && !ticker_read(name, file, queues, sizeof(queues)))
		warnx("%s: %s: this kernel has no such queue (it has: %s)", name, what, strip_brackets(queues));
	else
		return false;
	return true;
}

/* The same for EBUSY. */
static bool report_subscribed(const char *name, const char *what, const char *file)
{
	const char *why = "its function may sleep, which this queue does not allow";

	if (!strcmp(file, "cpus"))
		why = "it is not called on several CPUs";
	else if (strcmp(file, "queue"))
		return false;
	warnx("%s: %s: another module has subscribed to the ticker: %s; `lsmod | grep sched_tick` lists modules"
	      " that can subscribe", name, what, why);
	return true;
}

bool refusal_report(const char *name, const char *what, const char *file, const char *text, int error)
{
	switch (error) {
	case ERANGE:
		report_out_of_range(name, what, file, text);
		return true;
	case EINVAL:
		return report_invalid(name, what, file);
	case EBUSY:
		return report_subscribed(name, what, file);
	default:
		return false;
	}
}
