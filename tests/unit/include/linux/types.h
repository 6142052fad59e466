/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of <linux/types.h> that src/ uses, for the host. */
#ifndef UNIT_LINUX_TYPES_H
#define UNIT_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#define S32_MAX INT32_MAX
#define S64_MAX INT64_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX

#endif /* UNIT_LINUX_TYPES_H */
