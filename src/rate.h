/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many ticks per second all enabled tickers together may have.
 */
#ifndef SCHED_TICK_RATE_H
#define SCHED_TICK_RATE_H

struct ticker;

/* The limit, for writers without CAP_SYS_RESOURCE. A parameter of the module. */
extern unsigned int ticker_rate_max;

int ticker_rate_change(struct ticker *ticker, int enabled, int period_ms);
void ticker_rate_restore(struct ticker *ticker, int enabled, int period_ms);

#endif /* SCHED_TICK_RATE_H */
