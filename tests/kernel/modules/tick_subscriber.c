// SPDX-License-Identifier: GPL-2.0-only
/*
 * A subscriber that tests the guarantees for subscribers.
 *
 * With cycles it subscribes and unsubscribes at least that often while it is being
 * loaded, at any point of a tick, and counts violations. Without cycles it stays
 * subscribed and sleeps for sleep_ms in every tick.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "sched_tick.h"

static char *ticker = "default";
module_param(ticker, charp, 0444);

static unsigned int cycles;
module_param(cycles, uint, 0444);

static unsigned int sleep_ms;
module_param(sleep_ms, uint, 0644);

static unsigned int pause_us = 3000;
module_param(pause_us, uint, 0444);

static unsigned long calls;
module_param(calls, ulong, 0444);

/* Calls after unsubscribe returned, concurrent calls, repeated ticks. */
static unsigned long wrong;
module_param(wrong, ulong, 0444);

static bool subscribed;
static bool inside;
static u64 last_counter;

static void subscriber_tick(struct sched_tick_subscriber *subscriber,
			    const struct sched_tick_info *info)
{
	if (inside || !READ_ONCE(subscribed) || info->counter <= last_counter ||
	    info->now_ns < info->deadline_ns)
		wrong++;
	WRITE_ONCE(inside, true);
	last_counter = info->counter;
	calls++;
	/* Idle, so that it is not reported as a hung task. */
	if (sleep_ms)
		schedule_timeout_idle(msecs_to_jiffies(sleep_ms));
	if (!READ_ONCE(subscribed))
		wrong++;
	WRITE_ONCE(inside, false);
}

static struct sched_tick_subscriber subscriber = { .tick = subscriber_tick };

static int subscriber_cycle(void)
{
	unsigned int pause;
	int err;

	WRITE_ONCE(subscribed, true);
	err = sched_tick_subscribe(ticker, &subscriber);
	if (err)
		return err;
	if (sched_tick_subscribe(ticker, &subscriber) != -EBUSY)
		wrong++;
	get_random_bytes(&pause, sizeof(pause));
	pause %= pause_us;
	usleep_range(pause, pause + 1);
	sched_tick_unsubscribe(&subscriber);
	WRITE_ONCE(subscribed, false);
	/* A callback that still sleeps may not wake before the next cycle, so check here, too. */
	if (READ_ONCE(inside))
		wrong++;
	return 0;
}

static int __init subscriber_init(void)
{
	struct sched_tick_subscriber without = { };
	unsigned int i;
	int err;

	if (sched_tick_subscribe(ticker, &without) != -EINVAL ||
	    sched_tick_subscribe(NULL, &subscriber) != -EINVAL ||
	    sched_tick_subscribe("no such ticker", &subscriber) != -ENOENT)
		wrong++;
	/* Unsubscribing without a subscription has no effect. */
	sched_tick_unsubscribe(&without);

	/* On a slow machine pauses may pass without a tick: then more cycles are needed. */
	for (i = 0; i < cycles || (calls <= cycles / 4 && i < 10 * cycles); i++) {
		err = subscriber_cycle();
		if (err)
			return err;
	}
	if (cycles)
		return 0;
	WRITE_ONCE(subscribed, true);
	return sched_tick_subscribe(ticker, &subscriber);
}

static void __exit subscriber_exit(void)
{
	sched_tick_unsubscribe(&subscriber);
}

module_init(subscriber_init);
module_exit(subscriber_exit);

MODULE_DESCRIPTION("Tests the guarantees of sched_tick for subscribers");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
