/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * configfs: mkdir creates a ticker, rmdir removes it.
 */
#ifndef SCHED_TICK_CONFIGFS_H
#define SCHED_TICK_CONFIGFS_H

struct config_item;
struct kobject;
struct ticker;

int ticker_configfs_init(struct kobject *parent, unsigned int max_tickers);
void ticker_configfs_exit(void);

struct config_item *ticker_configfs_hold(const char *name,
					 struct ticker **ticker);
void ticker_configfs_release(struct config_item *item);

#endif /* SCHED_TICK_CONFIGFS_H */
