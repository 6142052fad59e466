/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Callbacks of other modules. What they call is in sched_tick.h.
 */
#ifndef SCHED_TICK_SUBSCRIBE_H
#define SCHED_TICK_SUBSCRIBE_H

struct ticker;

void ticker_subscribe_init(struct ticker *ticker);

#endif /* SCHED_TICK_SUBSCRIBE_H */
