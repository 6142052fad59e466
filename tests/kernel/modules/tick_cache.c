// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small cache that drops entries that are older than max_age_ms. A ticker calls
 * it, so the module needs no timer and no work item of its own, and no order in
 * which to stop them when it is unloaded.
 *
 *	insmod tick_cache.ko ticker=hourly max_age_ms=5000
 *	cd /sys/module/tick_cache/parameters
 *	echo something > add
 *	cat entries dropped
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "sched_tick.h"

struct cache_entry {
	struct list_head node;
	u64 added_jiffies;
	char key[];
};

static char *ticker = "default";
module_param(ticker, charp, 0444);
MODULE_PARM_DESC(ticker, "ticker whose ticks drop old entries (default)");

static unsigned int max_age_ms = 5000;
module_param(max_age_ms, uint, 0644);
MODULE_PARM_DESC(max_age_ms, "maximum age of an entry (5000)");

static unsigned int entries;
module_param(entries, uint, 0444);
MODULE_PARM_DESC(entries, "number of entries");

static unsigned int dropped;
module_param(dropped, uint, 0444);
MODULE_PARM_DESC(dropped, "number of dropped entries");

static LIST_HEAD(cache);		/* oldest first */
static DEFINE_MUTEX(cache_lock);	/* cache, entries, dropped */

/* Drop entries of at least this age, the oldest first. */
static void cache_drop(u64 age_jiffies)
{
	struct cache_entry *entry, *next;

	mutex_lock(&cache_lock);
	list_for_each_entry_safe(entry, next, &cache, node) {
		if (get_jiffies_64() - entry->added_jiffies < age_jiffies)
			break;
		list_del(&entry->node);
		kfree(entry);
		entries--;
		dropped++;
	}
	mutex_unlock(&cache_lock);
}

/* Called by each tick; may sleep, here for cache_lock. */
static void cache_tick(struct sched_tick_subscriber *subscriber,
		       const struct sched_tick_info *info)
{
	cache_drop(msecs_to_jiffies(READ_ONCE(max_age_ms)));
}

static struct sched_tick_subscriber cache_subscriber = { .tick = cache_tick };

static int cache_add(const char *key, const struct kernel_param *kp)
{
	struct cache_entry *entry;
	size_t size = strlen(key) + 1;

	entry = kmalloc(struct_size(entry, key, size), GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	memcpy(entry->key, key, size);
	entry->added_jiffies = get_jiffies_64();

	mutex_lock(&cache_lock);
	list_add_tail(&entry->node, &cache);
	entries++;
	mutex_unlock(&cache_lock);
	return 0;
}

static const struct kernel_param_ops cache_add_ops = { .set = cache_add };
module_param_cb(add, &cache_add_ops, NULL, 0200);
MODULE_PARM_DESC(add, "put an entry into the cache");

static int __init cache_init(void)
{
	return sched_tick_subscribe(ticker, &cache_subscriber);
}

static void __exit cache_exit(void)
{
	sched_tick_unsubscribe(&cache_subscriber);
	cache_drop(0);
}

module_init(cache_init);
module_exit(cache_exit);

MODULE_DESCRIPTION("Example of a sched_tick subscriber: a cache that drops old entries");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
