/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysfs: the files of a ticker.
 */
#ifndef SCHED_TICK_ATTRS_H
#define SCHED_TICK_ATTRS_H

#include <linux/kobject.h>

extern const struct kobj_type tick_attrs_ktype;

#endif /* SCHED_TICK_ATTRS_H */
