/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of <linux/module.h> that src/kunit.c uses, for the host. */
#ifndef UNIT_LINUX_MODULE_H
#define UNIT_LINUX_MODULE_H

#define MODULE_DESCRIPTION(text)
#define MODULE_AUTHOR(text)
#define MODULE_LICENSE(text)

#endif /* UNIT_LINUX_MODULE_H */
