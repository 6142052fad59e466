// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU hotplug: start and stop shares as their CPUs come and go.
 *
 * The callbacks run under the write side of the lock that cpus_read_lock() takes;
 * settings change under the read side.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpuhotplug.h>
#include <linux/printk.h>
#include <linux/xarray.h>

#include "hotplug.h"
#include "place.h"
#include "shares.h"
#include "ticker.h"
#include "ticker_cpu.h"

static int ticker_cpuhp_state;

static int ticker_cpu_up(unsigned int cpu, struct hlist_node *node)
{
	struct ticker *ticker = hlist_entry(node, struct ticker, cpuhp_node);
	const struct ticker_config *config = &ticker->config;
	struct ticker_cpu *share = ticker->any;
	unsigned long flags;
	bool arm;

	raw_spin_lock_irqsave(&share->lock, flags);
	arm = ticker_place_cpu_online(share, cpu);
	raw_spin_unlock(&share->lock);
	if (arm)
		ticker_cpu_arm_here(share);
	local_irq_restore(flags);

	if (!config->enabled ||
	    !ticker_has_cpu(config->cpus, ticker_cpu_list(ticker), cpu))
		return 0;
	/* An error would keep the CPU offline. */
	if (ticker_create_share(ticker, cpu)) {
		pr_warn("%s: no memory to tick on CPU %u\n", ticker->name, cpu);
		return 0;
	}
	share = xa_load(&ticker->shares, cpu);
	raw_spin_lock_irq(&share->lock);
	/* A write may have started it while the CPU was only partly online. */
	if (!share->active) {
		ticker_cpu_start(share);
		if (!ticker->halted)
			ticker_cpu_resume(share);
	}
	raw_spin_unlock_irq(&share->lock);
	return 0;
}

static int ticker_cpu_down(unsigned int cpu, struct hlist_node *node)
{
	struct ticker *ticker = hlist_entry(node, struct ticker, cpuhp_node);
	struct ticker_cpu *share = ticker->any;

	raw_spin_lock_irq(&share->lock);
	ticker_place_cpu_offline(share, cpu);
	raw_spin_unlock_irq(&share->lock);

	share = xa_load(&ticker->shares, cpu);
	if (share) {
		ticker_cpu_settle(share, true);
		ticker_cpu_cancel(share);
	}
	return 0;
}

/**
 * ticker_add_hotplug() - have a ticker follow CPU hotplug
 * @ticker: the ticker
 *
 * Context: may sleep.
 * Return: 0 or a negative error code.
 */
int ticker_add_hotplug(struct ticker *ticker)
{
	return cpuhp_state_add_instance_nocalls(ticker_cpuhp_state,
						&ticker->cpuhp_node);
}

/**
 * ticker_remove_hotplug() - undo ticker_add_hotplug()
 * @ticker: the ticker
 *
 * Context: may sleep; waits for CPU hotplug.
 */
void ticker_remove_hotplug(struct ticker *ticker)
{
	cpuhp_state_remove_instance_nocalls(ticker_cpuhp_state,
					    &ticker->cpuhp_node);
}

/**
 * ticker_hotplug_init() - prepare for the first ticker
 *
 * Return: 0 or a negative error code.
 */
int ticker_hotplug_init(void)
{
	int state = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN,
					    "sched_tick:online", ticker_cpu_up,
					    ticker_cpu_down);

	if (state < 0)
		return state;
	ticker_cpuhp_state = state;
	return 0;
}

/**
 * ticker_hotplug_exit() - undo ticker_hotplug_init() after the last ticker is released
 */
void ticker_hotplug_exit(void)
{
	cpuhp_remove_multi_state(ticker_cpuhp_state);
}
