/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The directory of recordings. Each recording is a directory TIME-TICKER-CPU of files.
 *
 * A function that fails prints the reason to stderr.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sysfs.h"

/* What is kept: the newest recordings, up to this number and total size. */
#define RECORDINGS_MAX		10
#define RECORDINGS_BYTES_MAX	(UINT64_C(50) << 20)

#define RECORDING_NAME_MAX	96

struct recording {
	char name[RECORDING_NAME_MAX + 1];
	char ticker[TICKER_NAME_MAX + 1];
	char cpu[12];		/* a number; empty: not known */
	uint64_t bytes;		/* total size of its files */
};

/*
 * Open the directory and wait until no other process writes to it. With @create it is
 * created if it is missing. Recordings that an interrupted process left incomplete are
 * removed. Returns a file descriptor whose close ends the exclusive use, or -1.
 */
int recordings_open(bool create);

/*
 * List the complete recordings, newest first. The caller frees the list. Returns an exit
 * status.
 */
int recordings_list(struct recording **list, size_t *count);

/* Whether this user can read the directory of recordings, and there is one. */
bool recordings_readable(void);

/* When it was saved, in microseconds since the epoch; 0 if its name has no such time. */
uint64_t recording_time_us(const struct recording *recording);

/* Open the directory of a recording. Returns a file descriptor, or -1 and errno. */
int recording_open(const char *name);

/* Create the directory of a recording that is not complete yet. Returns its file descriptor, or -1. */
int recording_begin(int recordings, char *temporary, size_t size);

/*
 * Make a recording complete: its name and files are on the disk when this returns. Then
 * remove the oldest ones over the limits. Returns false if it could not be done; the recording
 * is discarded then.
 */
bool recording_finish(int recordings, const char *temporary, const char *ticker, const char *cpu, char *name);

/* Remove a recording that is not complete. */
void recording_discard(int recordings, const char *temporary);

#endif
