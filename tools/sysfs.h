/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tickers of the kernel and their files.
 *
 * A function that fails prints the reason to stderr and returns an exit status.
 */
#ifndef SYSFS_H
#define SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#include "stat.h"

/* Exit statuses, documented in sched-tick(8). */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_MISSING = 3,	/* no module, or no such ticker */
	STATUS_EXCEEDED = 4,	/* check: a threshold is exceeded */
};

#define TICKER_DEFAULT	"default"
#define TICKER_NAME_MAX	32
#define TICKER_GROUP	"sched_tick"

struct ticker {
	char name[TICKER_NAME_MAX + 1];
	struct stat_line stat;
};

/* Whether the kernel accepts the name. */
bool ticker_name_valid(const char *name);

/* The error message for another name. */
#define TICKER_NAME_INVALID	"invalid name '%.64s' (valid: 1 to 32 of A-Z a-z 0-9 _ . -, without a dot in front)"

/* The path of a file of a ticker. The next call overwrites it. */
const char *ticker_path(const char *name, const char *file);

/* Read and write one file; a newline at the end is cut off. */
int ticker_read(const char *name, const char *file, char *text, size_t size);
int ticker_write(const char *name, const char *file, const char *text);

/* Read without a message. Returns false, with errno set, if that fails. */
bool ticker_try_read(const char *name, const char *file, char *text, size_t size);

/* Read the first line of a file that is not of a ticker. Returns false if the file is missing or empty. */
bool read_first_line(const char *path, char *line, size_t size);

bool ticker_exists(const char *name);
int ticker_create(const char *name);
int ticker_delete(const char *name);

int ticker_stat(const char *name, struct ticker *ticker);

/*
 * Read the tickers with these names, or all of them: the default one, then the
 * others sorted by name. A ticker that is removed meanwhile is left out if it was
 * not named. The caller frees the list.
 */
int ticker_list(char *const *names, struct ticker **list, size_t *count);

/* Count the CPUs that a ticker has run on: 0 if it has always been on any CPU. */
int ticker_count_cpus(const char *name, size_t *count);

/*
 * Read the counts of each CPU that a ticker has run on, in the order of their
 * numbers; the name is the number. The list is empty if the ticker has always been on
 * any CPU. The caller frees it, also after an error.
 */
int ticker_list_cpus(const char *name, struct ticker **list, size_t *count);

/* Find a ticker in a list. Returns NULL if it is not there. */
const struct ticker *ticker_find(const struct ticker *list, size_t count, const char *name);

/*
 * Let the group TICKER_GROUP, if it exists, write period_ms and enabled of all
 * tickers, and of those created later.
 */
int ticker_grant(void);

/* Report the error @error of the operation or file @what of a ticker. Returns the exit status. */
int ticker_report(const char *name, const char *what, int error);

#endif
