// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may be changed of a ticker, and how a change takes effect.
 *
 * Every change is one call under @control that either halts the ticker first,
 * so that nothing runs while it is taken apart, or is a single word.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>

#include "place.h"
#include "rate.h"
#include "ticker.h"

/*
 * Change a setting while nothing runs. With @restart a timeline ends, another
 * begins, or both; otherwise no deadline moves.
 */
static int tick_ticker_set_halted(struct tick_ticker *ticker, int *field,
				  int value, bool restart)
{
	bool stall = false, recovered = false;
	struct sched_tick_info info;
	int err;

	err = tick_ticker_halt(ticker);

	/* No CPU goes offline between the choice of one and arming timers there. */
	cpus_read_lock();
	if (!err && field == &ticker->config.cpu && value >= 0 &&
	    !cpu_online(value))
		err = -ENXIO;

	raw_spin_lock_irq(&ticker->lock);
	if (!err && ticker->config.enabled) {
		/* The tick may be overdue by the settings of before. */
		stall = tick_ticker_check_stall(ticker, &info);
		if (restart)
			recovered = tick_ticker_stop(ticker);
	}
	if (!err)
		WRITE_ONCE(*field, value);
	/* To be chosen again. */
	if (!err && field == &ticker->config.cpu)
		tick_place_leave(ticker);
	if (!ticker->config.enabled)
		tick_place_leave(ticker);
	else if (restart && !err)
		tick_ticker_start(ticker);
	else
		tick_ticker_resume(ticker);
	raw_spin_unlock_irq(&ticker->lock);
	cpus_read_unlock();

	if (stall)
		tick_event_stall(ticker, &info);
	else if (recovered)
		tick_event_tell(ticker);
	return err;
}

static int tick_ticker_set_timeline(struct tick_ticker *ticker, int *field,
				    int value)
{
	if (value == *field)
		return 0;
	return tick_ticker_set_halted(ticker, field, value, true);
}

static int tick_ticker_set_manner(struct tick_ticker *ticker, int *field,
				  int value)
{
	/* CPU hotplug may change @config.cpu. */
	if (value == READ_ONCE(*field))
		return 0;
	return tick_ticker_set_halted(ticker, field, value, false);
}

/* A change of @config.enabled or @config.period_ms. */
static int tick_ticker_set_rate(struct tick_ticker *ticker, int *field,
				int value, int enabled, int period_ms)
{
	const struct tick_config *config = &ticker->config;
	int err;

	if (value == *field)
		return 0;
	err = tick_rate_change(ticker, enabled, period_ms);
	if (err)
		return err;
	err = tick_ticker_set_halted(ticker, field, value, true);
	/* Back to what it was, which is never refused: it was killed. */
	if (err)
		tick_rate_restore(ticker, config->enabled, config->period_ms);
	return err;
}

int tick_ticker_set_enabled(struct tick_ticker *ticker, int value)
{
	bool change = value != ticker->config.enabled;
	int err;

	err = tick_ticker_set_rate(ticker, &ticker->config.enabled, value,
				   value, ticker->config.period_ms);
	if (err || !change)
		return err;
	tick_waker_wake(ticker->event, &ticker->event->enabled);
	tick_event_tell(ticker);
	return 0;
}

int tick_ticker_set_period_ms(struct tick_ticker *ticker, int value)
{
	if (value <= ticker->config.phase_ms)
		return -ERANGE;
	return tick_ticker_set_rate(ticker, &ticker->config.period_ms, value,
				    ticker->config.enabled, value);
}

int tick_ticker_set_clock(struct tick_ticker *ticker, int value)
{
	return tick_ticker_set_timeline(ticker, &ticker->config.clock, value);
}

int tick_ticker_set_phase_ms(struct tick_ticker *ticker, int value)
{
	if (value >= ticker->config.period_ms)
		return -ERANGE;
	return tick_ticker_set_timeline(ticker, &ticker->config.phase_ms, value);
}

int tick_ticker_set_precise(struct tick_ticker *ticker, int value)
{
	return tick_ticker_set_manner(ticker, &ticker->config.precise, value);
}

int tick_ticker_set_stall_ms(struct tick_ticker *ticker, int value)
{
	return tick_ticker_set_manner(ticker, &ticker->config.stall_ms, value);
}

int tick_ticker_set_cpu(struct tick_ticker *ticker, int value)
{
	if (value >= (int)nr_cpu_ids)
		return -ERANGE;
	return tick_ticker_set_manner(ticker, &ticker->config.cpu, value);
}

int tick_ticker_set_notify(struct tick_ticker *ticker, int value)
{
	raw_spin_lock_irq(&ticker->lock);
	WRITE_ONCE(ticker->config.notify, value);
	raw_spin_unlock_irq(&ticker->lock);
	if (!value)
		tick_waker_flush(ticker->event);
	return 0;
}

/* Only what does not count up; @value is 1. */
int tick_ticker_reset(struct tick_ticker *ticker, int value)
{
	raw_spin_lock_irq(&ticker->lock);
	tick_lateness_reset(&ticker->counts.lateness);
	tick_lateness_reset(&ticker->counts.alarm_lateness);
	raw_spin_unlock_irq(&ticker->lock);
	return 0;
}

/**
 * tick_ticker_change() - apply one setting
 * @ticker: the ticker
 * @set: which
 * @value: the value, in range of the setting on its own
 *
 * A new setting holds for every tick that starts after this returns; disabling
 * returns when no tick runs. On error nothing has changed.
 *
 * Context: may sleep; waits for a tick that is running, and for others who change
 * this ticker. Not from the tick.
 * Return: 0, -ERANGE if @value does not go with the other settings or the sum of
 * all rates would exceed the limit, -ENXIO if it names a CPU that is not online,
 * -ENODEV if the ticker is being removed, -EINTR if the process was killed.
 */
int tick_ticker_change(struct tick_ticker *ticker, tick_ticker_set_fn *set,
		       int value)
{
	int err;

	if (mutex_lock_killable(&ticker->control))
		return -EINTR;
	err = ticker->dying ? -ENODEV : set(ticker, value);
	mutex_unlock(&ticker->control);
	return err;
}
