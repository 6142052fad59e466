// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs: mkdir creates a ticker, rmdir removes it.
 *
 * The settings of a ticker are in sysfs. An item keeps the module loaded: configfs
 * takes a reference before mkdir calls this file and drops it after rmdir has
 * returned.
 *
 * make_item and drop_item run under su_mutex. The removal of a ticker waits for its
 * tick and for readers and writers of its files; none of these takes su_mutex.
 */
#include <linux/configfs.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "configfs.h"
#include "ticker.h"

#define TICKER_NAME_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz" \
			"0123456789_.-"

struct ticker_item {
	struct config_item item;
	struct ticker *ticker;
};

static struct ticker_item *to_ticker_item(struct config_item *item)
{
	return container_of(item, struct ticker_item, item);
}

/* The first two never change; the count is under su_mutex. */
static struct kobject *ticker_configfs_parent;
static unsigned int ticker_configfs_max;
static unsigned int ticker_configfs_count;

static void ticker_item_release(struct config_item *item)
{
	kfree(to_ticker_item(item));
}

static struct configfs_item_operations ticker_item_ops = {
	.release = ticker_item_release,
};

static const struct config_item_type ticker_item_type = {
	.ct_item_ops = &ticker_item_ops,
	.ct_owner = THIS_MODULE,
};

static int ticker_configfs_check_name(const char *name)
{
	size_t length = strlen(name);

	if (length > TICKER_NAME_LEN || name[0] == '.' ||
	    strspn(name, TICKER_NAME_CHARS) != length)
		return -EINVAL;
	return strcmp(name, TICKER_NAME_DEFAULT) ? 0 : -EEXIST;
}

static struct config_item *ticker_configfs_make(struct config_group *group,
						const char *name)
{
	struct ticker_item *item;
	int err;

	err = ticker_configfs_check_name(name);
	if (err)
		return ERR_PTR(err);
	if (ticker_configfs_count >= ticker_configfs_max)
		return ERR_PTR(-ENOSPC);

	item = kzalloc(sizeof(*item), GFP_KERNEL);
	if (!item)
		return ERR_PTR(-ENOMEM);
	config_item_init_type_name(&item->item, name, &ticker_item_type);
	/* It returns no error if a long name could not be allocated. */
	if (!config_item_name(&item->item)) {
		err = -ENOMEM;
		goto err_put;
	}

	item->ticker = ticker_create(name, name, ticker_configfs_parent,
				     &ticker_config_default);
	if (IS_ERR(item->ticker)) {
		err = PTR_ERR(item->ticker);
		goto err_put;
	}
	ticker_configfs_count++;
	return &item->item;

err_put:
	config_item_put(&item->item);
	return ERR_PTR(err);
}

static void ticker_configfs_drop(struct config_group *group,
				 struct config_item *item)
{
	ticker_destroy(to_ticker_item(item)->ticker);
	ticker_configfs_count--;
	config_item_put(item);
}

static struct configfs_group_operations ticker_configfs_ops = {
	.make_item = ticker_configfs_make,
	.drop_item = ticker_configfs_drop,
};

static const struct config_item_type ticker_configfs_type = {
	.ct_group_ops = &ticker_configfs_ops,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem ticker_subsys = {
	.su_group.cg_item = {
		.ci_namebuf = "sched_tick",
		.ci_type = &ticker_configfs_type,
	},
};

/**
 * ticker_configfs_hold() - find a ticker by name and prevent its removal
 * @name: its name
 * @ticker: set to the ticker
 *
 * Context: may sleep. Not from make_item or drop_item, nor from the tick.
 * Return: the item, to be given to ticker_configfs_release(), or ERR_PTR(-ENOENT) if
 * there is no such ticker or it is being created or removed.
 */
struct config_item *ticker_configfs_hold(const char *name,
					 struct ticker **ticker)
{
	struct config_item *item;
	int err;

	mutex_lock(&ticker_subsys.su_mutex);
	item = config_group_find_item(&ticker_subsys.su_group, name);
	mutex_unlock(&ticker_subsys.su_mutex);
	if (!item)
		return ERR_PTR(-ENOENT);

	/* From here on rmdir fails with EBUSY. */
	err = configfs_depend_item(&ticker_subsys, item);
	if (!err)
		*ticker = to_ticker_item(item)->ticker;
	config_item_put(item);
	return err ? ERR_PTR(err) : item;
}

/**
 * ticker_configfs_release() - undo ticker_configfs_hold()
 * @item: the item that it returned
 */
void ticker_configfs_release(struct config_item *item)
{
	configfs_undepend_item(item);
}

/**
 * ticker_configfs_init() - allow named tickers to be created
 * @parent: parent of their directories in sysfs
 * @max_tickers: largest number of named tickers
 *
 * Return: 0 or a negative error code.
 */
int ticker_configfs_init(struct kobject *parent, unsigned int max_tickers)
{
	ticker_configfs_parent = parent;
	ticker_configfs_max = max_tickers;
	config_group_init(&ticker_subsys.su_group);
	mutex_init(&ticker_subsys.su_mutex);
	return configfs_register_subsystem(&ticker_subsys);
}

/**
 * ticker_configfs_exit() - undo ticker_configfs_init() when no item is left
 */
void __exit ticker_configfs_exit(void)
{
	configfs_unregister_subsystem(&ticker_subsys);
	mutex_destroy(&ticker_subsys.su_mutex);
}
