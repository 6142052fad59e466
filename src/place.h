/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Placement: the CPU of a share that is bound to none, and arming timers there.
 */
#ifndef SCHED_TICK_PLACE_H
#define SCHED_TICK_PLACE_H

#include <linux/types.h>

struct ticker_cpu;

void ticker_place_init(void);
void ticker_place_exit(void);

bool ticker_place_is_housekeeping(unsigned int cpu);
void ticker_place_enter(struct ticker_cpu *share);
void ticker_place_leave(struct ticker_cpu *share);
void ticker_place_arm(struct ticker_cpu *share);
void ticker_place_forget(struct ticker_cpu *share);
void ticker_place_cpu_offline(struct ticker_cpu *share, int cpu);
bool ticker_place_cpu_online(struct ticker_cpu *share, int cpu);

#endif /* SCHED_TICK_PLACE_H */
