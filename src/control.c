// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of a ticker's settings.
 *
 * Each change is one call under @control. It either halts the ticker first, so that
 * no tick runs while several things change, or writes a single word.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>

#include "event.h"
#include "rate.h"
#include "shares.h"
#include "ticker.h"
#include "ticker_cpu.h"

static bool ticker_cannot_sleep(int queue)
{
	return queue == TICKER_QUEUE_BH;
}

/*
 * Change a setting while no tick runs. With @restart a timeline ends, a new one
 * starts, or both; otherwise no deadline moves. @list, if not NULL, becomes the list
 * of CPUs.
 */
static int ticker_set_halted(struct ticker *ticker, int *field, int value,
			     bool restart, const struct cpumask *list)
{
	const struct ticker_config *config = &ticker->config;
	bool enables = field == &ticker->config.enabled;
	bool moves = field == &ticker->config.cpus;
	int err = ticker_halt(ticker);

	cpus_read_lock();
	if (!err && (enables ? value : config->enabled))
		err = ticker_create_shares(ticker, moves ? value : config->cpus,
					   list ?: ticker_cpu_list(ticker));
	if (!err) {
		/* A tick may be overdue by the settings that were valid so far. */
		ticker_settle(ticker, restart);
		spin_lock(&ticker->lock);
		WRITE_ONCE(*field, value);
		if (list)
			cpumask_copy(ticker_cpu_list(ticker), list);
		spin_unlock(&ticker->lock);
		if (field == &config->queue)
			ticker_update_queue(ticker);
		if (restart && config->enabled)
			ticker_start_timeline(ticker);
		ticker_update_shares(ticker);
	}
	ticker_resume(ticker);
	cpus_read_unlock();
	return err;
}

static int ticker_set_restarting(struct ticker *ticker, int *field, int value)
{
	if (value == *field)
		return 0;
	return ticker_set_halted(ticker, field, value, true, NULL);
}

static int ticker_set_continuing(struct ticker *ticker, int *field, int value)
{
	if (value == *field)
		return 0;
	return ticker_set_halted(ticker, field, value, false, NULL);
}

/* A change of @config.enabled or @config.period_ms. */
static int ticker_set_rate(struct ticker *ticker, int *field, int value,
			   int enabled, int period_ms)
{
	const struct ticker_config *config = &ticker->config;
	int err;

	if (value == *field)
		return 0;
	err = ticker_rate_change(ticker, enabled, period_ms);
	if (err)
		return err;
	err = ticker_set_halted(ticker, field, value, true, NULL);
	if (err)
		ticker_rate_restore(ticker, config->enabled, config->period_ms);
	return err;
}

int ticker_set_enabled(struct ticker *ticker, int value)
{
	bool change = value != ticker->config.enabled;
	int err;

	err = ticker_set_rate(ticker, &ticker->config.enabled, value, value,
			      ticker->config.period_ms);
	if (err || !change)
		return err;
	ticker_waker_wake(&ticker->event->enabled);
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
	return ticker_set_restarting(ticker, &ticker->config.clock, value);
}

int ticker_set_phase_ms(struct ticker *ticker, int value)
{
	if (value >= ticker->config.period_ms)
		return -ERANGE;
	return ticker_set_restarting(ticker, &ticker->config.phase_ms, value);
}

int ticker_set_timer(struct ticker *ticker, int value)
{
	return ticker_set_continuing(ticker, &ticker->config.timer, value);
}

int ticker_set_stall_ms(struct ticker *ticker, int value)
{
	return ticker_set_continuing(ticker, &ticker->config.stall_ms, value);
}

/* Refuse subscribers, or fail if there is one; no tick has run with the new settings yet. */
static int ticker_refuse_subscribers(struct ticker *ticker)
{
	int err = -EBUSY;

	spin_lock(&ticker->lock);
	if (!ticker->subscriber_count) {
		ticker->refuses_subscribers = true;
		err = 0;
	}
	spin_unlock(&ticker->lock);
	return err;
}

static void ticker_update_refusal(struct ticker *ticker)
{
	const struct ticker_config *config = &ticker->config;

	spin_lock(&ticker->lock);
	ticker->refuses_subscribers =
		ticker_cannot_sleep(config->queue) ||
		ticker_is_several(config->cpus, ticker_cpu_list(ticker));
	spin_unlock(&ticker->lock);
}

int ticker_set_queue(struct ticker *ticker, int value)
{
	int err = ticker_cannot_sleep(value) ?
		  ticker_refuse_subscribers(ticker) : 0;

	if (!err)
		err = ticker_set_continuing(ticker, &ticker->config.queue, value);
	ticker_update_refusal(ticker);
	return err;
}

static int ticker_set_cpus(struct ticker *ticker, int cpus,
			   const struct cpumask *list)
{
	int err = 0;

	if (cpus == ticker->config.cpus &&
	    (cpus != TICKER_CPUS_LIST || cpumask_equal(list, ticker_cpu_list(ticker))))
		return 0;
	if (ticker_is_several(cpus, list))
		err = ticker_refuse_subscribers(ticker);
	if (!err)
		err = ticker_set_halted(ticker, &ticker->config.cpus, cpus,
					false, list);
	ticker_update_refusal(ticker);
	return err;
}

int ticker_set_notify(struct ticker *ticker, int value)
{
	WRITE_ONCE(ticker->config.notify, value);
	if (!value)
		ticker_waker_flush(&ticker->event->counter);
	return 0;
}

/* Clear the last and the largest lateness; @value is 1. */
int ticker_reset_lateness(struct ticker *ticker, int value)
{
	struct ticker_cpu *share = NULL;

	while ((share = ticker_next_share(ticker, share))) {
		raw_spin_lock_irq(&share->lock);
		ticker_lateness_reset(&share->counts.lateness);
		ticker_lateness_reset(&share->counts.timer_lateness);
		raw_spin_unlock_irq(&share->lock);
	}
	return 0;
}

/**
 * ticker_change_setting() - apply one setting
 * @ticker: the ticker
 * @set: the setting
 * @value: its value, in the range of the setting by itself
 *
 * A new setting is valid for each tick that starts after this returns; disabling
 * returns when no tick runs. After an error nothing has changed.
 *
 * Context: may sleep; waits for ticks that run, and for other changes of this
 * ticker. Not from the tick.
 * Return: 0, -ERANGE if @value does not fit the other settings or the sum of all
 * rates would exceed the limit, -EBUSY if a subscriber does not allow it, -ENOMEM,
 * -ENODEV if the ticker is being removed, -EINTR if the process was killed.
 */
int ticker_change_setting(struct ticker *ticker, ticker_set_fn *set, int value)
{
	int err;

	if (mutex_lock_killable(&ticker->control))
		return -EINTR;
	err = ticker->dying ? -ENODEV : set(ticker, value);
	mutex_unlock(&ticker->control);
	return err;
}

/**
 * ticker_change_cpus() - change the CPUs that a ticker ticks on
 * @ticker: the ticker
 * @cpus: an enum ticker_cpus
 * @list: the CPUs of TICKER_CPUS_LIST, at least one, each possible
 *
 * Otherwise like ticker_change_setting(). No deadline moves.
 *
 * Context: like ticker_change_setting().
 * Return: like ticker_change_setting().
 */
int ticker_change_cpus(struct ticker *ticker, int cpus,
		       const struct cpumask *list)
{
	int err;

	if (mutex_lock_killable(&ticker->control))
		return -EINTR;
	err = ticker->dying ? -ENODEV : ticker_set_cpus(ticker, cpus, list);
	mutex_unlock(&ticker->control);
	return err;
}
