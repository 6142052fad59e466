/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU hotplug: start and stop shares as their CPUs come and go.
 */
#ifndef SCHED_TICK_HOTPLUG_H
#define SCHED_TICK_HOTPLUG_H

struct ticker;

int ticker_hotplug_init(void);
void ticker_hotplug_exit(void);
int ticker_add_hotplug(struct ticker *ticker);
void ticker_remove_hotplug(struct ticker *ticker);

#endif /* SCHED_TICK_HOTPLUG_H */
