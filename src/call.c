// SPDX-License-Identifier: GPL-2.0-only
/*
 * The subscribers of one ticker: its list of them, and the calls.
 *
 * A callback may sleep, so nothing is locked while it runs. Who leaves the list
 * waits for its own callback only.
 */
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "ticker.h"

/**
 * ticker_call_subscribers() - call the subscribers of a ticker
 * @ticker: the ticker
 * @info: the tick
 *
 * Context: the tick, nothing locked. Never twice at a time for one ticker.
 */
void ticker_call_subscribers(struct ticker *ticker,
			     const struct sched_tick_info *info)
{
	struct sched_tick_subscriber *subscriber;
	LIST_HEAD(cursor);
	LIST_HEAD(end);

	/*
	 * The cursor keeps the place while the subscriber before it may leave. One
	 * that comes meanwhile, which may have left before, is behind the end: its
	 * first tick is the next one.
	 */
	spin_lock(&ticker->subscribers_lock);
	list_add(&cursor, &ticker->subscribers);
	list_add_tail(&end, &ticker->subscribers);
	while (cursor.next != &end) {
		subscriber = list_entry(cursor.next,
					struct sched_tick_subscriber, node);
		list_move(&cursor, &subscriber->node);
		WRITE_ONCE(ticker->called, subscriber);
		spin_unlock(&ticker->subscribers_lock);

		subscriber->tick(subscriber, info);

		/*
		 * From here on the subscriber may be freed. Pairs with
		 * ticker_remove_subscriber().
		 */
		smp_store_release(&ticker->called, NULL);
		/* A waiter queues up and loads; this is the other way round. */
		smp_mb();
		wake_up_var(&ticker->called);
		spin_lock(&ticker->subscribers_lock);
	}
	list_del(&cursor);
	list_del(&end);
	spin_unlock(&ticker->subscribers_lock);
}

/**
 * ticker_add_subscriber() - call a subscriber at each tick from now on
 * @ticker: the ticker
 * @subscriber: the subscriber, on no list
 *
 * Context: process context.
 */
void ticker_add_subscriber(struct ticker *ticker,
			   struct sched_tick_subscriber *subscriber)
{
	spin_lock(&ticker->subscribers_lock);
	list_add_tail(&subscriber->node, &ticker->subscribers);
	spin_unlock(&ticker->subscribers_lock);
}

static struct sched_tick_subscriber *
ticker_load_called(struct ticker *ticker)
{
	/* What the callback did comes before. Pairs with ticker_call_subscribers(). */
	return smp_load_acquire(&ticker->called);
}

/**
 * ticker_remove_subscriber() - call a subscriber no more
 * @ticker: the ticker
 * @subscriber: the subscriber; may be freed when this returns
 *
 * Context: may sleep; waits for the subscriber's own callback, if it runs. Not
 * from that.
 */
void ticker_remove_subscriber(struct ticker *ticker,
			      struct sched_tick_subscriber *subscriber)
{
	spin_lock(&ticker->subscribers_lock);
	list_del(&subscriber->node);
	spin_unlock(&ticker->subscribers_lock);
	wait_var_event(&ticker->called,
		       ticker_load_called(ticker) != subscriber);
}
