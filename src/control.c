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
static int ticker_set_halted(struct ticker *ticker, int *field,
			     int value, bool restart)
{
	bool stall = false, recovered = false;
	struct sched_tick_info info;
	int err;

	err = ticker_halt(ticker);

	/* No CPU goes offline between the choice of one and arming timers there. */
	cpus_read_lock();
	if (!err && field == &ticker->config.cpu && value >= 0 &&
	    !cpu_online(value))
		err = -ENXIO;

	raw_spin_lock_irq(&ticker->lock);
	if (!err && ticker->config.enabled) {
		/* The tick may be overdue by the settings of before. */
		stall = ticker_check_stall(ticker, &info);
		if (restart)
			recovered = ticker_end_timeline(ticker);
	}
	if (!err)
		WRITE_ONCE(*field, value);
	/* To be chosen again. */
	if (!err && field == &ticker->config.cpu)
		ticker_place_leave(ticker);
	if (!ticker->config.enabled)
		ticker_place_leave(ticker);
	else if (restart && !err)
		ticker_start_timeline(ticker);
	else
		ticker_resume(ticker);
	raw_spin_unlock_irq(&ticker->lock);
	cpus_read_unlock();

	if (stall)
		ticker_event_stall(ticker, &info);
	else if (recovered)
		ticker_event_queue(ticker);
	return err;
}

static int ticker_set_restarting_timeline(struct ticker *ticker, int *field,
					  int value)
{
	if (value == *field)
		return 0;
	return ticker_set_halted(ticker, field, value, true);
}

static int ticker_set_keeping_timeline(struct ticker *ticker, int *field,
				       int value)
{
	/* CPU hotplug may change @config.cpu. */
	if (value == READ_ONCE(*field))
		return 0;
	return ticker_set_halted(ticker, field, value, false);
}

/* A change of @config.enabled or @config.period_ms. */
static int ticker_set_rate(struct ticker *ticker, int *field,
			   int value, int enabled, int period_ms)
{
	const struct ticker_config *config = &ticker->config;
	int err;

	if (value == *field)
		return 0;
	err = ticker_rate_change(ticker, enabled, period_ms);
	if (err)
		return err;
	err = ticker_set_halted(ticker, field, value, true);
	/* Back to what it was, which is never refused: it was killed. */
	if (err)
		ticker_rate_restore(ticker, config->enabled, config->period_ms);
	return err;
}

int ticker_set_enabled(struct ticker *ticker, int value)
{
	bool change = value != ticker->config.enabled;
	int err;

	err = ticker_set_rate(ticker, &ticker->config.enabled, value,
			      value, ticker->config.period_ms);
	if (err || !change)
		return err;
	ticker_waker_wake(ticker->event, &ticker->event->enabled);
	ticker_event_queue(ticker);
	return 0;
}

int ticker_set_period_ms(struct ticker *ticker, int value)
{
	if (value <= ticker->config.phase_ms)
		return -ERANGE;
	return ticker_set_rate(ticker, &ticker->config.period_ms, value,
			       ticker->config.enabled, value);
}

int ticker_set_clock(struct ticker *ticker, int value)
{
	return ticker_set_restarting_timeline(ticker, &ticker->config.clock, value);
}

int ticker_set_phase_ms(struct ticker *ticker, int value)
{
	if (value >= ticker->config.period_ms)
		return -ERANGE;
	return ticker_set_restarting_timeline(ticker, &ticker->config.phase_ms, value);
}

int ticker_set_timer(struct ticker *ticker, int value)
{
	return ticker_set_keeping_timeline(ticker, &ticker->config.timer, value);
}

int ticker_set_stall_ms(struct ticker *ticker, int value)
{
	return ticker_set_keeping_timeline(ticker, &ticker->config.stall_ms, value);
}

int ticker_set_cpu(struct ticker *ticker, int value)
{
	if (value >= (int)nr_cpu_ids)
		return -ERANGE;
	return ticker_set_keeping_timeline(ticker, &ticker->config.cpu, value);
}

int ticker_set_notify(struct ticker *ticker, int value)
{
	raw_spin_lock_irq(&ticker->lock);
	WRITE_ONCE(ticker->config.notify, value);
	raw_spin_unlock_irq(&ticker->lock);
	if (!value)
		ticker_waker_flush(ticker->event);
	return 0;
}

/* Only what does not count up; @value is 1. */
int ticker_reset_lateness(struct ticker *ticker, int value)
{
	raw_spin_lock_irq(&ticker->lock);
	ticker_lateness_reset(&ticker->counts.lateness);
	ticker_lateness_reset(&ticker->counts.timer_lateness);
	raw_spin_unlock_irq(&ticker->lock);
	return 0;
}

/**
 * ticker_change_setting() - apply one setting
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
int ticker_change_setting(struct ticker *ticker, ticker_set_fn *set,
			  int value)
{
	int err;

	if (mutex_lock_killable(&ticker->control))
		return -EINTR;
	err = ticker->dying ? -ENODEV : set(ticker, value);
	mutex_unlock(&ticker->control);
	return err;
}
