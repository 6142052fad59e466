// SPDX-License-Identifier: GPL-2.0-only
/*
 * Subscribers in other modules.
 *
 * A module with a subscriber uses symbols of this module, which therefore stays
 * loaded. A subscriber also holds its ticker's item in configfs. The default ticker
 * is removed with the module only.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "configfs.h"
#include "sched_tick.h"
#include "subscribe.h"
#include "ticker.h"

static struct ticker *ticker_subscribe_default;

/* Serializes calls that subscribe the same subscriber; not taken to unsubscribe. */
static DEFINE_MUTEX(ticker_subscribe_lock);

static int ticker_subscribe_add(const char *name,
				struct sched_tick_subscriber *subscriber)
{
	struct config_item *item = NULL;
	struct ticker *ticker;
	int err;

	lockdep_assert_held(&ticker_subscribe_lock);

	if (subscriber->ticker)
		return -EBUSY;
	if (strcmp(name, TICKER_NAME_DEFAULT)) {
		item = ticker_configfs_hold(name, &ticker);
		if (IS_ERR(item))
			return PTR_ERR(item);
	} else {
		ticker = ticker_subscribe_default;
	}

	err = ticker_add_subscriber(ticker, subscriber);
	if (err) {
		if (item)
			ticker_configfs_release(item);
		return err;
	}
	subscriber->ticker = ticker;
	subscriber->item = item;
	return 0;
}

/**
 * sched_tick_subscribe() - have a function called at every tick of a ticker
 * @ticker: name of the ticker: "default", or the name given to mkdir
 * @subscriber: the subscriber, with @tick set and the rest zero. It belongs to the
 *	caller, who must not free or change it before sched_tick_unsubscribe() has
 *	returned.
 *
 * @subscriber->tick is called once for each tick that starts after this has
 * returned, in the order of subscription, in process context of a kernel worker
 * with no lock held, and never twice at a time. It may sleep. The time it takes
 * makes later ticks late; periods that pass meanwhile are missed and not run
 * later. It is not called while the ticker is disabled.
 *
 * It must not call sched_tick_subscribe() or sched_tick_unsubscribe(), nor wait
 * for a task that does so or that writes to the ticker's files: these wait until
 * it has returned.
 *
 * A named ticker that has a subscriber cannot be removed: rmdir fails with EBUSY.
 * Its administrator may change its settings, but not so that ticks run on several
 * CPUs or on the queue bh.
 *
 * Context: process context; may sleep. Not in a tick, nor in a function of
 * configfs.
 * Return: 0; -EINVAL if a name or function is missing; -ENOENT if there is no such
 * ticker; -EBUSY if @subscriber is subscribed already, or if the ticks run on
 * several CPUs or on the queue bh; -ENODEV if this module is built in and its
 * initcall has not run yet or has failed.
 */
int sched_tick_subscribe(const char *ticker,
			 struct sched_tick_subscriber *subscriber)
{
	int err;

	if (!ticker || !subscriber || !subscriber->tick)
		return -EINVAL;
	if (!ticker_subscribe_default)
		return -ENODEV;

	mutex_lock(&ticker_subscribe_lock);
	err = ticker_subscribe_add(ticker, subscriber);
	mutex_unlock(&ticker_subscribe_lock);
	return err;
}
EXPORT_SYMBOL_GPL(sched_tick_subscribe);

/**
 * sched_tick_unsubscribe() - undo sched_tick_subscribe()
 * @subscriber: the subscriber; ignored if it is not subscribed
 *
 * When this returns @subscriber->tick does not run and will not be called again;
 * @subscriber may be freed or subscribed again.
 *
 * Context: process context; sleeps until @subscriber->tick has returned, if it
 * runs, and waits for no other callback. Not in a tick.
 */
void sched_tick_unsubscribe(struct sched_tick_subscriber *subscriber)
{
	if (!subscriber->ticker)
		return;

	ticker_remove_subscriber(subscriber->ticker, subscriber);
	if (subscriber->item)
		ticker_configfs_release(subscriber->item);
	subscriber->ticker = NULL;
}
EXPORT_SYMBOL_GPL(sched_tick_unsubscribe);

/**
 * ticker_subscribe_init() - prepare for subscribers
 * @ticker: the default ticker
 *
 * Until then sched_tick_subscribe() fails: a subscriber that is built in may be
 * initialized before this module. Other modules can subscribe only after this
 * module is loaded and before its removal starts.
 */
void ticker_subscribe_init(struct ticker *ticker)
{
	ticker_subscribe_default = ticker;
}
