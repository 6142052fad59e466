// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limit of the sum of the rates of all enabled tickers.
 *
 * A group may enable tickers and set their periods. The limit keeps its members from
 * taking most of a CPU. A ticker counts once, on however many CPUs it ticks: the
 * limit is valid for each CPU.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mutex.h>

#include "rate.h"
#include "ticker.h"

/* Rates are in ticks per 1000 s, rounded up. */
#define TICKER_RATE_UNIT	1000

unsigned int ticker_rate_max = 10000;

static DEFINE_MUTEX(ticker_rate_lock);	/* the sum and @rate of each ticker */
static u64 ticker_rate_sum;

/* Unsigned: DIV_ROUND_UP() adds its operands, and a signed long may have 32 bits. */
static u32 ticker_rate(int enabled, unsigned int period_ms)
{
	return enabled ? DIV_ROUND_UP(MSEC_PER_SEC * TICKER_RATE_UNIT, period_ms) :
			 0;
}

static void ticker_rate_set(struct ticker *ticker, u32 rate)
{
	ticker_rate_sum += rate;
	ticker_rate_sum -= ticker->rate;
	ticker->rate = rate;
}

/**
 * ticker_rate_change() - account for a change of a ticker's rate, if it is allowed
 * @ticker: the ticker
 * @enabled: whether it is enabled after the change
 * @period_ms: its period after the change, in ms
 *
 * A rate that does not grow is never refused, nor one that a writer with
 * CAP_SYS_RESOURCE chooses.
 *
 * Context: may sleep. Under @control.
 * Return: 0, or -ERANGE if the sum of all rates would exceed the limit.
 */
int ticker_rate_change(struct ticker *ticker, int enabled, int period_ms)
{
	u64 most = (u64)READ_ONCE(ticker_rate_max) * TICKER_RATE_UNIT;
	u32 rate = ticker_rate(enabled, period_ms);
	int err = 0;

	mutex_lock(&ticker_rate_lock);
	if (rate > ticker->rate &&
	    ticker_rate_sum - ticker->rate + rate > most &&
	    !capable(CAP_SYS_RESOURCE))
		err = -ERANGE;
	else
		ticker_rate_set(ticker, rate);
	mutex_unlock(&ticker_rate_lock);
	return err;
}

/**
 * ticker_rate_restore() - undo ticker_rate_change()
 * @ticker: the ticker
 * @enabled: whether it is enabled
 * @period_ms: its period, in ms
 *
 * Context: may sleep. Under @control.
 */
void ticker_rate_restore(struct ticker *ticker, int enabled, int period_ms)
{
	mutex_lock(&ticker_rate_lock);
	ticker_rate_set(ticker, ticker_rate(enabled, period_ms));
	mutex_unlock(&ticker_rate_lock);
}
