/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On which CPU a ticker ticks.
 */
#ifndef SCHED_TICK_PLACE_H
#define SCHED_TICK_PLACE_H

#include <linux/types.h>

struct tick_ticker;

void tick_place_init(void);
void tick_place_exit(void);

void tick_place_enter(struct tick_ticker *ticker);
void tick_place_leave(struct tick_ticker *ticker);
void tick_place_arm(struct tick_ticker *ticker);
void tick_place_forget(struct tick_ticker *ticker);
void tick_place_cpu_down(struct tick_ticker *ticker, int cpu);
bool tick_place_cpu_up(struct tick_ticker *ticker, int cpu);

#endif /* SCHED_TICK_PLACE_H */
