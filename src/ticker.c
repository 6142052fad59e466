// SPDX-License-Identifier: GPL-2.0-only
/*
 * One ticker: its object, from creation to release.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "event.h"
#include "hotplug.h"
#include "place.h"
#include "record.h"
#include "shares.h"
#include "ticker.h"
#include "ticker_cpu.h"

const struct ticker_config ticker_config_default = {
	.period_ms = 1000,
	.timer = TICKER_TIMER_HRTIMER,
	.clock = TICKER_CLOCK_MONOTONIC,
	.phase_ms = -1,
	.cpus = TICKER_CPUS_ANY,
	.queue = TICKER_QUEUE_HIGHPRI,
};

static const struct kobj_type *ticker_ktype;

/*
 * Gives the uevents of its members, the tickers, their SUBSYSTEM. It is not in
 * sysfs, where the directory of this name is that of the default ticker.
 */
static struct kset *ticker_kset;

/* One reference for each unreleased ticker, one for the kset, one for the module. */
static struct kref ticker_live;
static DECLARE_COMPLETION(ticker_all_released);

static void ticker_complete_release(struct kref *kref)
{
	complete(&ticker_all_released);
}

static void ticker_free(struct ticker *ticker)
{
	struct ticker_cpu *share = ticker->any, *next;

	while (share) {
		next = ticker_next_share(ticker, share);
		ticker_cpu_free(share);
		share = next;
	}
	xa_destroy(&ticker->shares);
	kfree(ticker->event);
	kfree(ticker);
}

/**
 * ticker_release() - free a ticker; release function of its kobject
 * @kobj: the kobject
 *
 * ticker_destroy() has stopped the work items before. Flushing them again here
 * prevents a use after free if ticker_destroy() has a bug.
 *
 * Context: may sleep. Never from the tick, which holds no reference.
 */
void ticker_release(struct kobject *kobj)
{
	struct ticker *ticker = to_ticker(kobj);

	ticker->dying = true;
	ticker_event_cancel(ticker);
	ticker_record_remove(ticker);
	mutex_destroy(&ticker->control);
	ticker_free(ticker);
	kref_put(&ticker_live, ticker_complete_release);
}

/* Allocate a ticker; its kobject is not initialized yet. */
static struct ticker *ticker_alloc(const char *name,
				   const struct ticker_config *config)
{
	struct ticker *ticker = kzalloc(sizeof(*ticker) + cpumask_size(),
					GFP_KERNEL);

	if (!ticker)
		return NULL;
	xa_init(&ticker->shares);
	strscpy(ticker->name, name, sizeof(ticker->name));
	mutex_init(&ticker->control);
	spin_lock_init(&ticker->lock);
	INIT_LIST_HEAD(&ticker->subscribers);
	ticker->config = *config;
	ticker->config.enabled = 0;
	ticker->wq = ticker_cpu_wq(config->queue);
	ticker->any = ticker_cpu_create(ticker, -1);
	/* A ticker that is created enabled needs no enabled event. */
	if (!ticker->any || ticker_event_setup(ticker, config->enabled)) {
		ticker_free(ticker);
		return NULL;
	}
	return ticker;
}

/**
 * ticker_create() - create a ticker, and enable it if its settings say so
 * @name: name in tracepoints and the log, at most TICKER_NAME_LEN bytes
 * @dirname: name of its directory
 * @parent: parent of its directory
 * @config: its settings, each in range; @cpus is TICKER_CPUS_ANY, and @queue not
 *	TICKER_QUEUE_BH, because subscribers are not refused
 *
 * Context: may sleep.
 * Return: the ticker, to be removed by ticker_destroy(), or an ERR_PTR().
 */
struct ticker *ticker_create(const char *name, const char *dirname,
			     struct kobject *parent,
			     const struct ticker_config *config)
{
	struct ticker *ticker = ticker_alloc(name, config);
	int err;

	if (!ticker)
		return ERR_PTR(-ENOMEM);

	/* From here on the release frees it. */
	kref_get(&ticker_live);
	ticker_kobject_init(&ticker->kobj, ticker_ktype);
	ticker->kobj.kset = ticker_kset;
	ticker_record_add(ticker);

	/* Before the files exist, because a write may choose CPUs at once. */
	err = ticker_add_hotplug(ticker);
	if (err)
		goto err_put;
	/* A write to a new file waits until the ticker is complete. */
	mutex_lock(&ticker->control);
	err = kobject_add(&ticker->kobj, parent, "%s", dirname);
	if (!err) {
		ticker->event->counter.node = sysfs_get_dirent(ticker->kobj.sd,
							       "counter");
		ticker->event->enabled.node = sysfs_get_dirent(ticker->kobj.sd,
							       "enabled");
		kobject_uevent(&ticker->kobj, KOBJ_ADD);
		ticker_set_enabled(ticker, config->enabled);
	}
	mutex_unlock(&ticker->control);
	if (err)
		goto err_hotplug;
	return ticker;

err_hotplug:
	ticker_remove_hotplug(ticker);
err_put:
	kobject_put(&ticker->kobj);
	return ERR_PTR(err);
}

/**
 * ticker_destroy() - stop a ticker and remove its files
 * @ticker: the ticker; the caller must not use it after this returns
 *
 * Context: may sleep; waits for ticks that run and for readers and writers of its
 * files. Not from the tick, nor under a lock that the tick takes.
 */
void ticker_destroy(struct ticker *ticker)
{
	mutex_lock(&ticker->control);
	WRITE_ONCE(ticker->dying, true);
	ticker_set_enabled(ticker, 0);
	mutex_unlock(&ticker->control);
	/* The remove event replaces what was not reported yet. */
	ticker_event_cancel(ticker);
	/* CPU hotplug may create files. */
	ticker_remove_hotplug(ticker);

	/* Before its parent may go: older kernels send it from the release. */
	kobject_uevent(&ticker->kobj, KOBJ_REMOVE);
	kobject_del(&ticker->kobj);
	ticker_waker_end(&ticker->event->counter);
	ticker_waker_end(&ticker->event->enabled);
	kobject_put(&ticker->kobj);
}

static void ticker_kset_release(struct kobject *kobj)
{
	kfree(to_kset(kobj));
	kref_put(&ticker_live, ticker_complete_release);
}

static const struct kobj_type ticker_kset_ktype = {
	.release = ticker_kset_release,
};

/* kset_init() is not exported; kset_register() would create a directory. */
static struct kset *ticker_kset_create(void)
{
	struct kset *kset = kzalloc(sizeof(*kset), GFP_KERNEL);

	if (!kset)
		return NULL;
	INIT_LIST_HEAD(&kset->list);
	spin_lock_init(&kset->list_lock);
	kref_get(&ticker_live);
	ticker_kobject_init(&kset->kobj, &ticker_kset_ktype);
	if (kobject_set_name(&kset->kobj, "sched_tick")) {
		kset_put(kset);
		return NULL;
	}
	return kset;
}

static void ticker_wait_released(void)
{
	kref_put(&ticker_live, ticker_complete_release);
	wait_for_completion(&ticker_all_released);
	/*
	 * The release that completed it may have been preempted before it
	 * returned, and its code is about to be freed; so may the last
	 * ticker_trace_put(). Neither sleeps after that point, so once each task
	 * has slept or has been in user mode, none is left inside.
	 */
	synchronize_rcu_tasks();
}

/**
 * ticker_init() - prepare for ticker_create()
 * @ktype: the type of each ticker's kobject, with ticker_release()
 *
 * Return: 0 or a negative error code.
 */
int ticker_init(const struct kobj_type *ktype)
{
	int err;

	ticker_ktype = ktype;
	kref_init(&ticker_live);
	ticker_place_init();
	ticker_shares_init();

	err = ticker_cpu_init();
	if (err)
		return err;
	err = ticker_event_init();
	if (err)
		goto err_cpu;
	err = ticker_record_init();
	if (err)
		goto err_event;
	err = ticker_hotplug_init();
	if (err)
		goto err_record;

	ticker_kset = ticker_kset_create();
	if (!ticker_kset) {
		err = -ENOMEM;
		goto err_kset;
	}
	return 0;

err_kset:
	/* The kset exists if only its name could not be allocated. */
	ticker_wait_released();
	ticker_hotplug_exit();
err_record:
	ticker_record_exit();
err_event:
	ticker_event_exit();
err_cpu:
	ticker_cpu_exit();
	return err;
}

/**
 * ticker_exit() - undo ticker_init() when no ticker is left
 *
 * Waits until the last ticker is released, which may be later than the last
 * ticker_destroy().
 */
void ticker_exit(void)
{
	kset_put(ticker_kset);
	ticker_wait_released();

	ticker_hotplug_exit();
	ticker_record_exit();
	ticker_event_exit();
	ticker_cpu_exit();
	ticker_place_exit();
}
