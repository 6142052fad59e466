/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of <linux/math64.h> that src/ uses, for the host. */
#ifndef UNIT_LINUX_MATH64_H
#define UNIT_LINUX_MATH64_H

#include <linux/types.h>

/* Not inline: the symbols of a 32-bit object show whether it divides in another way. */
u64 div64_u64(u64 dividend, u64 divisor);

static inline u64 div64_u64_rem(u64 dividend, u64 divisor, u64 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}

#endif /* UNIT_LINUX_MATH64_H */
