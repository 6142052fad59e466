/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Subscribers in other modules. Their interface is in sched_tick.h.
 */
#ifndef SCHED_TICK_SUBSCRIBE_H
#define SCHED_TICK_SUBSCRIBE_H

struct ticker;

void ticker_subscribe_init(struct ticker *ticker);

#endif /* SCHED_TICK_SUBSCRIBE_H */
