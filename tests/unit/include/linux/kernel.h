/* SPDX-License-Identifier: GPL-2.0-only */
/* What src/kunit.c uses of it, for the host. */
#ifndef UNIT_LINUX_KERNEL_H
#define UNIT_LINUX_KERNEL_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif /* UNIT_LINUX_KERNEL_H */
