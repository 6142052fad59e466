/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replace a file as a whole: a reader finds the old content or the new one.
 */
#ifndef REPLACE_H
#define REPLACE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

typedef void print_fn(FILE *out, const void *data);

/* Write what @print prints to a new file and rename it. Returns false, with errno set, if that fails. */
bool replace_file(const char *path, mode_t mode, print_fn *print, const void *data);

#endif
