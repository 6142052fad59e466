// SPDX-License-Identifier: GPL-2.0-only
/*
 * The subscribers of one ticker: their list and the calls.
 *
 * A callback may sleep, so no lock is held while it runs. A subscriber that leaves
 * waits for its own callback only.
 */
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "ticker.h"

/**
 * ticker_call_subscribers() - call the subscribers of a ticker
 * @ticker: the ticker
 * @info: the tick
 *
 * Context: the tick, no lock held. Never twice at a time for one ticker.
 */
void ticker_call_subscribers(struct ticker *ticker,
			     const struct sched_tick_info *info)
{
	struct sched_tick_subscriber *subscriber;
	LIST_HEAD(cursor);
	LIST_HEAD(end);

	/*
	 * The cursor keeps the position while the subscriber before it may leave.
	 * A subscriber that is added meanwhile is behind the end, so its first
	 * tick is the next one, even if it had left just before.
	 */
	spin_lock(&ticker->lock);
	list_add(&cursor, &ticker->subscribers);
	list_add_tail(&end, &ticker->subscribers);
	while (cursor.next != &end) {
		subscriber = list_entry(cursor.next,
					struct sched_tick_subscriber, node);
		list_move(&cursor, &subscriber->node);
		WRITE_ONCE(ticker->called, subscriber);
		WRITE_ONCE(ticker->callback, subscriber->tick);
		WRITE_ONCE(ticker->caller, current);
		spin_unlock(&ticker->lock);

		subscriber->tick(subscriber, info);

		/* It is not the culprit of a stall from here on. */
		WRITE_ONCE(ticker->caller, NULL);
		/*
		 * The subscriber may be freed from here on. Pairs with
		 * ticker_remove_subscriber().
		 */
		smp_store_release(&ticker->called, NULL);
		/* A waiter queues itself and loads; this is the reverse. */
		smp_mb();
		wake_up_var(&ticker->called);
		spin_lock(&ticker->lock);
	}
	list_del(&cursor);
	list_del(&end);
	spin_unlock(&ticker->lock);
}

/**
 * ticker_add_subscriber() - have a subscriber called at each tick from now on
 * @ticker: the ticker
 * @subscriber: the subscriber, on no list
 *
 * Context: process context.
 * Return: 0, or -EBUSY if the ticks of the ticker run on several CPUs or cannot
 * sleep.
 */
int ticker_add_subscriber(struct ticker *ticker,
			  struct sched_tick_subscriber *subscriber)
{
	int err = -EBUSY;

	spin_lock(&ticker->lock);
	if (!ticker->refuses_subscribers) {
		list_add_tail(&subscriber->node, &ticker->subscribers);
		ticker->subscriber_count++;
		err = 0;
	}
	spin_unlock(&ticker->lock);
	return err;
}

static struct sched_tick_subscriber *
ticker_load_called(struct ticker *ticker)
{
	/* Orders what the callback did before. Pairs with ticker_call_subscribers(). */
	return smp_load_acquire(&ticker->called);
}

/**
 * ticker_remove_subscriber() - stop calling a subscriber
 * @ticker: the ticker
 * @subscriber: the subscriber; may be freed when this returns
 *
 * Context: may sleep; waits for the subscriber's own callback, if it runs. Not
 * from that callback.
 */
void ticker_remove_subscriber(struct ticker *ticker,
			      struct sched_tick_subscriber *subscriber)
{
	spin_lock(&ticker->lock);
	list_del(&subscriber->node);
	ticker->subscriber_count--;
	spin_unlock(&ticker->lock);
	wait_var_event(&ticker->called,
		       ticker_load_called(ticker) != subscriber);
}
