/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recorder: a tracefs instance with a buffer of its own that stops at a stall.
 *
 * A function that fails prints the reason to stderr and returns an exit status.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What `record start` uses for each CPU without --buffer-kb, in KiB. It is the kernel's own default. */
#define RECORDER_BUFFER_KB	1408

/* Create the instance and arm it. An instance that exists is replaced. */
int recorder_start(uint64_t buffer_kb);

/* Remove the instance, if it exists. */
int recorder_stop(void);

/* Whether the instance exists, and whether it has stopped. Both are false if there is none. */
int recorder_state(bool *exists, bool *stopped);

/* The path of the instance's file trace, or NULL. The caller frees it. */
char *recorder_trace_path(void);

/* Clear the buffer and record until the next stall. */
int recorder_arm(void);

/* Report the error @error of an access to tracefs; @what is what was tried. Returns the exit status. */
int recorder_report(const char *what, int error);

#endif
