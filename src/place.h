/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On which CPU a ticker ticks.
 */
#ifndef SCHED_TICK_PLACE_H
#define SCHED_TICK_PLACE_H

#include <linux/types.h>

struct ticker;

void ticker_place_init(void);
void ticker_place_exit(void);

void ticker_place_enter(struct ticker *ticker);
void ticker_place_leave(struct ticker *ticker);
void ticker_place_arm(struct ticker *ticker);
void ticker_place_forget(struct ticker *ticker);
void ticker_place_cpu_down(struct ticker *ticker, int cpu);
bool ticker_place_cpu_up(struct ticker *ticker, int cpu);

#endif /* SCHED_TICK_PLACE_H */
