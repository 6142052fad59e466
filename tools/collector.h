/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The directory that the textfile collector of a node exporter reads.
 */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include <stddef.h>

/*
 * Find one that this process can write to: the one that SCHED_TICK_COLLECTOR
 * names and no other, or that of a node exporter that runs, or a usual one. Says
 * which it skips, and why; returns an exit status.
 */
int collector_find(char *directory, size_t size);

#endif
