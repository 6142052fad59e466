/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interface for other kernel modules: call a function at each tick of a ticker.
 * docs/subscribe.md has a module that uses it, and how to build it.
 */
#ifndef SCHED_TICK_H
#define SCHED_TICK_H

#include <linux/list.h>
#include <linux/types.h>

struct config_item;
struct ticker;

/**
 * struct sched_tick_info - one tick
 * @ticker: name of the ticker
 * @counter: number of ticks since the ticker was created, this one included; of a
 *	ticker on several CPUs, those of its CPU
 * @deadline_ns: deadline of the tick, in ns on the ticker's clock; if periods were
 *	missed, deadline of the first of them
 * @now_ns: start of the tick, in ns on the same clock
 * @missed: periods without a tick of their own since the previous tick
 * @lateness_ns: delay from the instant at which the deadline was reached to the
 *	start of the tick, in ns on CLOCK_MONOTONIC; a step of the ticker's clock is
 *	not part of it
 * @cpu: CPU of the timer that queued the tick
 */
struct sched_tick_info {
	const char *ticker;
	u64 counter;
	u64 deadline_ns;
	u64 now_ns;
	u64 missed;
	u64 lateness_ns;
	int cpu;
};

/**
 * struct sched_tick_subscriber - a function that a ticker calls
 * @tick: called once for each tick, see sched_tick_subscribe()
 *
 * It belongs to the caller, who sets @tick and zeroes the rest, usually as part of a
 * larger struct that @tick finds with container_of().
 */
struct sched_tick_subscriber {
	void (*tick)(struct sched_tick_subscriber *subscriber,
		     const struct sched_tick_info *info);
	/* private: */
	struct list_head node;
	struct ticker *ticker;
	struct config_item *item;
};

int sched_tick_subscribe(const char *ticker,
			 struct sched_tick_subscriber *subscriber);
void sched_tick_unsubscribe(struct sched_tick_subscriber *subscriber);

#endif /* SCHED_TICK_H */
