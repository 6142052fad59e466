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
#include <linux/sysfs.h>

#include "ticker.h"

/* A change that ends one timeline, begins another, or both. */
static void tick_ticker_retime(struct tick_ticker *ticker, int *field,
			       int value)
{
	bool recovered = false;

	tick_ticker_halt(ticker);

	raw_spin_lock_irq(&ticker->lock);
	if (ticker->config.enabled)
		recovered = tick_ticker_stop(ticker);
	WRITE_ONCE(*field, value);
	if (ticker->config.enabled)
		tick_ticker_start(ticker);
	raw_spin_unlock_irq(&ticker->lock);

	if (recovered)
		tick_event_tell(ticker);
}

int tick_ticker_set_enabled(struct tick_ticker *ticker, int value)
{
	if (value == ticker->config.enabled)
		return 0;
	tick_ticker_retime(ticker, &ticker->config.enabled, value);
	sysfs_notify_dirent(ticker->enabled_node);
	tick_event_tell(ticker);
	return 0;
}

int tick_ticker_set_period_ms(struct tick_ticker *ticker, int value)
{
	if (value <= ticker->config.phase_ms)
		return -ERANGE;
	if (value == ticker->config.period_ms)
		return 0;
	tick_ticker_retime(ticker, &ticker->config.period_ms, value);
	return 0;
}

int tick_ticker_set_clock(struct tick_ticker *ticker, int value)
{
	if (value != ticker->config.clock)
		tick_ticker_retime(ticker, &ticker->config.clock, value);
	return 0;
}

int tick_ticker_set_phase_ms(struct tick_ticker *ticker, int value)
{
	if (value >= ticker->config.period_ms)
		return -ERANGE;
	if (value != ticker->config.phase_ms)
		tick_ticker_retime(ticker, &ticker->config.phase_ms, value);
	return 0;
}

static void tick_ticker_assign(struct tick_ticker *ticker, int *field,
			       int value)
{
	raw_spin_lock_irq(&ticker->lock);
	WRITE_ONCE(*field, value);
	raw_spin_unlock_irq(&ticker->lock);
}

/* After a change of how the same timeline is kept: no deadline moves. */
static void tick_ticker_rearm(struct tick_ticker *ticker)
{
	tick_ticker_halt(ticker);

	raw_spin_lock_irq(&ticker->lock);
	if (ticker->config.enabled)
		tick_ticker_resume(ticker);
	raw_spin_unlock_irq(&ticker->lock);
}

static int tick_ticker_set_rearmed(struct tick_ticker *ticker, int *field,
				   int value)
{
	if (value == *field)
		return 0;
	tick_ticker_assign(ticker, field, value);
	tick_ticker_rearm(ticker);
	return 0;
}

int tick_ticker_set_precise(struct tick_ticker *ticker, int value)
{
	return tick_ticker_set_rearmed(ticker, &ticker->config.precise, value);
}

int tick_ticker_set_stall_ms(struct tick_ticker *ticker, int value)
{
	return tick_ticker_set_rearmed(ticker, &ticker->config.stall_ms, value);
}

int tick_ticker_set_cpu(struct tick_ticker *ticker, int value)
{
	int err = 0;

	if (value >= (int)nr_cpu_ids)
		return -ERANGE;

	/* Between the test and the assignment hotplug must not look away. */
	cpus_read_lock();
	if (value >= 0 && !cpu_online(value))
		err = -ENXIO;
	else
		tick_ticker_assign(ticker, &ticker->config.cpu, value);
	cpus_read_unlock();

	if (!err)
		tick_ticker_rearm(ticker);
	return err;
}

int tick_ticker_set_notify(struct tick_ticker *ticker, int value)
{
	tick_ticker_assign(ticker, &ticker->config.notify, value);
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
 * Context: may sleep; waits for a tick that is running. Not from the tick.
 * Return: 0, -ERANGE if @value does not go with the other settings, -ENXIO if
 * it names a CPU that is not online, -ENODEV if the ticker is being removed.
 */
int tick_ticker_change(struct tick_ticker *ticker, tick_ticker_set_fn *set,
		       int value)
{
	int err;

	mutex_lock(&ticker->control);
	err = ticker->dying ? -ENODEV : set(ticker, value);
	mutex_unlock(&ticker->control);
	return err;
}
