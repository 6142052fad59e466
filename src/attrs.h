/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysfs: the files of a ticker.
 */
#ifndef SCHED_TICK_ATTRS_H
#define SCHED_TICK_ATTRS_H

#include <linux/kobject.h>

/*
 * Group that may write period_ms and enabled of tickers created from now on; 0 for
 * none. A module parameter.
 */
extern unsigned int ticker_attrs_gid;

extern const struct kobj_type ticker_attrs_ktype;

#endif /* SCHED_TICK_ATTRS_H */
