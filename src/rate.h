/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limit of the sum of the rates of all enabled tickers.
 */
#ifndef SCHED_TICK_RATE_H
#define SCHED_TICK_RATE_H

struct ticker;

/* Ticks per second, for writers without CAP_SYS_RESOURCE. A module parameter. */
extern unsigned int ticker_rate_max;

int ticker_rate_change(struct ticker *ticker, int enabled, int period_ms);
void ticker_rate_restore(struct ticker *ticker, int enabled, int period_ms);

#endif /* SCHED_TICK_RATE_H */
