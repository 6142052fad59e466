// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callbacks of other modules.
 *
 * A subscriber depends on this module by the symbols it calls, so the module
 * stays while it is there; and it holds its ticker's item in configfs. The
 * default ticker goes with the module only.
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

/* Two who subscribe the same subscriber; not taken to unsubscribe. */
static DEFINE_MUTEX(ticker_subscribe_lock);

static int ticker_subscribe_add(const char *name,
				struct sched_tick_subscriber *subscriber)
{
	struct config_item *item = NULL;
	struct ticker *ticker;

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

	subscriber->ticker = ticker;
	subscriber->item = item;
	ticker_add_subscriber(ticker, subscriber);
	return 0;
}

/**
 * sched_tick_subscribe() - have a function called at every tick of a ticker
 * @ticker: the ticker's name: "default", or what was given to mkdir
 * @subscriber: whom to call: @tick is set, the rest is zero. The caller's, and
 *	not to be freed or changed before sched_tick_unsubscribe() has returned.
 *
 * @subscriber->tick is called once for each tick that starts after this has
 * returned, in the order of subscription, in a kernel worker, in process context
 * with nothing locked; never twice at a time. It may sleep. What it takes makes
 * later ticks late, and periods that pass meanwhile count as missed; they are
 * not made up for. It is not called while the ticker is disabled.
 *
 * It must not call sched_tick_subscribe() or sched_tick_unsubscribe(), nor wait
 * for anyone who does, or who writes to the ticker's files: all of these may
 * wait for it to return.
 *
 * While it has a subscriber a named ticker can't be removed: rmdir fails with
 * EBUSY. The settings of the ticker are its administrator's, and may change.
 *
 * Context: process context; may sleep. Not in a tick, nor in a function of
 * configfs.
 * Return: 0; -EINVAL if a name or function is missing; -ENOENT if there is no
 * such ticker; -EBUSY if @subscriber is subscribed already.
 */
int sched_tick_subscribe(const char *ticker,
			 struct sched_tick_subscriber *subscriber)
{
	int err;

	if (!ticker || !subscriber || !subscriber->tick)
		return -EINVAL;

	mutex_lock(&ticker_subscribe_lock);
	err = ticker_subscribe_add(ticker, subscriber);
	mutex_unlock(&ticker_subscribe_lock);
	return err;
}
EXPORT_SYMBOL_GPL(sched_tick_subscribe);

/**
 * sched_tick_unsubscribe() - undo sched_tick_subscribe()
 * @subscriber: what was given to that. One that is not subscribed is left alone.
 *
 * When this returns @subscriber->tick does not run and will not be called any
 * more; @subscriber may be freed, or subscribed anew.
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
 * ticker_subscribe_init() - make ready for subscribers
 * @ticker: the default ticker
 *
 * No other module can call before this one is loaded, or after it began to go.
 */
void ticker_subscribe_init(struct ticker *ticker)
{
	ticker_subscribe_default = ticker;
}
