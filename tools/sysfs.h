/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tickers as the kernel shows them: which there are, and their files.
 *
 * Functions that can fail say why on stderr and return an exit status.
 */
#ifndef SYSFS_H
#define SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#include "stat.h"

/* Exit statuses, as in sched-tick(8). */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_MISSING = 3,	/* the module or the ticker */
	STATUS_EXCEEDED = 4,	/* a threshold of check */
};

#define TICKER_DEFAULT	"default"
#define TICKER_NAME_MAX	32
#define TICKER_GROUP	"sched_tick"

struct ticker {
	char name[TICKER_NAME_MAX + 1];
	struct stat_line stat;
};

/* Whether the name is one that the kernel would take. */
bool ticker_name_valid(const char *name);

/* The path of a file of a ticker, for as long as until the next call. */
const char *ticker_path(const char *name, const char *file);

/* One file, less the newline at its end. */
int ticker_read(const char *name, const char *file, char *text, size_t size);
int ticker_write(const char *name, const char *file, const char *text);

bool ticker_exists(const char *name);
int ticker_create(const char *name);
int ticker_delete(const char *name);

int ticker_stat(const char *name, struct ticker *ticker);

/*
 * All of them, the default one first, then by name; or only those named. The
 * caller frees the list. One that goes while it is being read is left out.
 */
int ticker_list(char *const *names, struct ticker **list, size_t *count);

/*
 * Let the group TICKER_GROUP, if there is one, write what starts, stops and paces
 * the tickers that are there and those to come.
 */
int ticker_grant(void);

/* Say what went wrong with a ticker, and why that is likely so; returns the exit status. */
int ticker_complain(const char *name, const char *what, int err);

#endif
