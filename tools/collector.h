/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The directory that the textfile collector of a node exporter reads.
 */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include <stddef.h>

/*
 * Find a directory that this process can write to: the value of SCHED_TICK_COLLECTOR
 * if that is set; or else that of a node exporter that runs; or else a default one.
 * Prints what it skips, and why. Returns an exit status.
 */
int collector_find(char *directory, size_t size);

#endif
