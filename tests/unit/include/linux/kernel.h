/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of <linux/kernel.h> that src/kunit.c uses, for the host. */
#ifndef UNIT_LINUX_KERNEL_H
#define UNIT_LINUX_KERNEL_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif /* UNIT_LINUX_KERNEL_H */
