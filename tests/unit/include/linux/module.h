/* SPDX-License-Identifier: GPL-2.0-only */
/* What src/kunit.c uses of it, for the host. */
#ifndef UNIT_LINUX_MODULE_H
#define UNIT_LINUX_MODULE_H

#define MODULE_DESCRIPTION(text)
#define MODULE_AUTHOR(text)
#define MODULE_LICENSE(text)

#endif /* UNIT_LINUX_MODULE_H */
