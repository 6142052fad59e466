/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The record of a ticker's last stall: print it, and forget code that is freed.
 */
#ifndef SCHED_TICK_RECORD_H
#define SCHED_TICK_RECORD_H

#include <linux/types.h>

struct ticker;

int ticker_record_init(void);
void ticker_record_exit(void);
void ticker_record_add(struct ticker *ticker);
void ticker_record_remove(struct ticker *ticker);
ssize_t ticker_record_show(struct ticker *ticker, char *buf);

#endif /* SCHED_TICK_RECORD_H */
