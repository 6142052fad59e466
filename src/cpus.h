/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files cpus and cpus_effective.
 */
#ifndef SCHED_TICK_CPUS_H
#define SCHED_TICK_CPUS_H

#include <linux/types.h>

struct ticker;

ssize_t ticker_cpus_show(struct ticker *ticker, char *buf);
ssize_t ticker_cpus_show_effective(struct ticker *ticker, char *buf);
int ticker_cpus_store(struct ticker *ticker, const char *buf, size_t count);

#endif /* SCHED_TICK_CPUS_H */
