/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of <linux/prandom.h> that src/kunit.c uses, for the host. */
#ifndef UNIT_LINUX_PRANDOM_H
#define UNIT_LINUX_PRANDOM_H

#include <stdlib.h>

#include <linux/types.h>

struct rnd_state {
	unsigned int seed;
};

static inline void prandom_seed_state(struct rnd_state *state, u64 seed)
{
	state->seed = seed;
}

static inline u32 prandom_u32_state(struct rnd_state *state)
{
	return rand_r(&state->seed);
}

#endif /* UNIT_LINUX_PRANDOM_H */
