/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysfs: the files of a ticker.
 */
#ifndef SCHED_TICK_ATTRS_H
#define SCHED_TICK_ATTRS_H

#include <linux/kobject.h>

/*
 * Who may write period_ms and enabled of the tickers that are made from now on,
 * besides root; 0: nobody. A parameter of the module.
 */
extern unsigned int ticker_attrs_gid;

extern const struct kobj_type ticker_attrs_ktype;

#endif /* SCHED_TICK_ATTRS_H */
