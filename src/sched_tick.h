/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For other kernel modules: have a function called at every tick of a ticker.
 * docs/subscribe.md shows a module that does, and how to build it.
 */
#ifndef SCHED_TICK_H
#define SCHED_TICK_H

#include <linux/list.h>
#include <linux/types.h>

struct config_item;
struct ticker;

/**
 * struct sched_tick_info - one tick
 * @ticker: the ticker's name
 * @counter: which tick it is: how many ran since the ticker was made
 * @deadline_ns: when it was due, in nanoseconds on the ticker's clock. If
 *	periods were missed, when the first of them was.
 * @now_ns: when it ran, on the same clock
 * @missed: how many periods had no tick of their own since the one before
 * @lateness_ns: how long after the deadline was reached it ran, in nanoseconds of
 *	CLOCK_MONOTONIC: a step of the ticker's clock is not in it
 */
struct sched_tick_info {
	const char *ticker;
	u64 counter;
	u64 deadline_ns;
	u64 now_ns;
	u64 missed;
	u64 lateness_ns;
};

/**
 * struct sched_tick_subscriber - whom a ticker calls
 * @tick: called once per tick, see sched_tick_subscribe()
 *
 * Belongs to the caller, who sets @tick and zeroes the rest, usually as part of
 * a larger struct that @tick finds by container_of().
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
