// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs: mkdir makes a ticker, rmdir ends it.
 *
 * Birth and death only; what a ticker does is controlled in sysfs. An item holds
 * the module: configfs takes a reference before mkdir calls here and drops it
 * after rmdir has come back.
 *
 * make_item and drop_item run under su_mutex, and a ticker's end waits for its
 * tick and for readers and writers of its files: none of these takes su_mutex.
 */
#include <linux/configfs.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "configfs.h"
#include "ticker.h"

#define TICK_NAME_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz" \
			"0123456789_.-"

struct tick_item {
	struct config_item item;
	struct tick_ticker *ticker;
};

static struct tick_item *to_tick_item(struct config_item *item)
{
	return container_of(item, struct tick_item, item);
}

/* Under su_mutex, but for the first two, which never change. */
static struct kobject *tick_configfs_parent;
static unsigned int tick_configfs_max;
static unsigned int tick_configfs_count;

static void tick_item_release(struct config_item *item)
{
	kfree(to_tick_item(item));
}

static struct configfs_item_operations tick_item_ops = {
	.release = tick_item_release,
};

static const struct config_item_type tick_item_type = {
	.ct_item_ops = &tick_item_ops,
	.ct_owner = THIS_MODULE,
};

static int tick_configfs_check_name(const char *name)
{
	size_t length = strlen(name);

	if (length > TICK_NAME_LEN || name[0] == '.' ||
	    strspn(name, TICK_NAME_CHARS) != length)
		return -EINVAL;
	return strcmp(name, TICK_NAME_DEFAULT) ? 0 : -EEXIST;
}

static struct config_item *tick_configfs_make(struct config_group *group,
					      const char *name)
{
	struct tick_item *item;
	int err;

	err = tick_configfs_check_name(name);
	if (err)
		return ERR_PTR(err);
	if (tick_configfs_count >= tick_configfs_max)
		return ERR_PTR(-ENOSPC);

	item = kzalloc(sizeof(*item), GFP_KERNEL);
	if (!item)
		return ERR_PTR(-ENOMEM);
	config_item_init_type_name(&item->item, name, &tick_item_type);
	/* It does not say so when it had no memory for a long name. */
	if (!config_item_name(&item->item)) {
		err = -ENOMEM;
		goto err_put;
	}

	item->ticker = tick_ticker_create(name, name, tick_configfs_parent,
					  &tick_config_default);
	if (IS_ERR(item->ticker)) {
		err = PTR_ERR(item->ticker);
		goto err_put;
	}
	tick_configfs_count++;
	return &item->item;

err_put:
	config_item_put(&item->item);
	return ERR_PTR(err);
}

static void tick_configfs_drop(struct config_group *group,
			       struct config_item *item)
{
	tick_ticker_destroy(to_tick_item(item)->ticker);
	tick_configfs_count--;
	config_item_put(item);
}

static struct configfs_group_operations tick_configfs_ops = {
	.make_item = tick_configfs_make,
	.drop_item = tick_configfs_drop,
};

static const struct config_item_type tick_configfs_type = {
	.ct_group_ops = &tick_configfs_ops,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem tick_subsys = {
	.su_group.cg_item = {
		.ci_namebuf = "sched_tick",
		.ci_type = &tick_configfs_type,
	},
};

/**
 * tick_configfs_hold() - find a ticker by name and keep it from being removed
 * @name: its name
 * @ticker: set to the ticker
 *
 * Context: may sleep. Not from make_item or drop_item, nor from the tick.
 * Return: what tick_configfs_release() takes, or ERR_PTR(-ENOENT) if there is no
 * such ticker, or if it is just being made or removed.
 */
struct config_item *tick_configfs_hold(const char *name,
				       struct tick_ticker **ticker)
{
	struct config_item *item;
	int err;

	mutex_lock(&tick_subsys.su_mutex);
	item = config_group_find_item(&tick_subsys.su_group, name);
	mutex_unlock(&tick_subsys.su_mutex);
	if (!item)
		return ERR_PTR(-ENOENT);

	/* From here on rmdir is refused with EBUSY. */
	err = configfs_depend_item(&tick_subsys, item);
	if (!err)
		*ticker = to_tick_item(item)->ticker;
	config_item_put(item);
	return err ? ERR_PTR(err) : item;
}

/**
 * tick_configfs_release() - undo tick_configfs_hold()
 * @item: what that returned
 */
void tick_configfs_release(struct config_item *item)
{
	configfs_undepend_item(item);
}

/**
 * tick_configfs_init() - from here on there may be named tickers
 * @parent: where their folders go in sysfs
 * @max_tickers: how many of them there may be
 *
 * Return: 0 or a negative error code.
 */
int tick_configfs_init(struct kobject *parent, unsigned int max_tickers)
{
	tick_configfs_parent = parent;
	tick_configfs_max = max_tickers;
	config_group_init(&tick_subsys.su_group);
	mutex_init(&tick_subsys.su_mutex);
	return configfs_register_subsystem(&tick_subsys);
}

/**
 * tick_configfs_exit() - undo tick_configfs_init(), when no item is left
 */
void tick_configfs_exit(void)
{
	configfs_unregister_subsystem(&tick_subsys);
	mutex_destroy(&tick_subsys.su_mutex);
}
