/* SPDX-License-Identifier: GPL-2.0-only */
/* What the pure files of src/ use of the kernel's types, for the host. */
#ifndef UNIT_LINUX_TYPES_H
#define UNIT_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
#define U64_MAX UINT64_MAX

#endif /* UNIT_LINUX_TYPES_H */
