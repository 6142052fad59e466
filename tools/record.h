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

/* Exit with STATUS_USAGE if the options name an unknown column. */
void record_check_columns(const struct table_options *options);

/* Print the columns of record_list() with a description of each, for the help text. */
void record_print_columns(FILE *out);

/* Print the files of a recording. NULL: of the newest one. */
int record_show(const char *name);

#endif
