/* SPDX-License-Identifier: GPL-2.0-only */
/* What the pure files of src/ use of the kernel's division, for the host. */
#ifndef UNIT_LINUX_MATH64_H
#define UNIT_LINUX_MATH64_H

#include <linux/types.h>

/* Not inline, unlike what tests use: so that a 32-bit object shows whether it divides by itself. */
u64 div64_u64(u64 dividend, u64 divisor);

static inline u64 div64_u64_rem(u64 dividend, u64 divisor, u64 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}

#endif /* UNIT_LINUX_MATH64_H */
