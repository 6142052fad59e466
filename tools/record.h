/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The actions of `record` that read and write recordings. Each returns an exit status.
 */
#ifndef RECORD_H
#define RECORD_H

#include "recording.h"
#include "table.h"

/* Save what the recorder holds, if it has stopped, and arm it again. @cpu may be NULL: that of last_stall. */
int record_save(const char *ticker, const char *cpu);

/* Print the recordings, newest first. */
int record_list(const struct table_options *options);

/* Print the files of a recording. NULL: of the newest one. */
int record_show(const char *name);

#endif
