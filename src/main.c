// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load and unload: the order of birth and of death, and nothing else.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "attrs.h"
#include "ticker.h"

static unsigned int period_ms = 1000;
static bool enabled = true;
static struct tick_ticker *tick_default;

static int tick_param_set_period(const char *val, const struct kernel_param *kp)
{
	unsigned int value;

	if (kstrtouint(val, 10, &value) || value < TICK_PERIOD_MIN_MS ||
	    value > TICK_PERIOD_MAX_MS)
		return -EINVAL;
	*(unsigned int *)kp->arg = value;
	return 0;
}

static const struct kernel_param_ops tick_param_period_ops = {
	.set = tick_param_set_period,
	.get = param_get_uint,
};

module_param_cb(period_ms, &tick_param_period_ops, &period_ms, 0444);
MODULE_PARM_DESC(period_ms, "period of the default ticker at load, 1 to 2147483647 (1000)");
module_param(enabled, bool, 0444);
MODULE_PARM_DESC(enabled, "whether the default ticker runs from load on (1)");

static int __init sched_tick_init(void)
{
	const struct tick_config config = {
		.enabled = enabled,
		.period_ms = period_ms,
		.precise = 1,
		.clock = TICK_CLOCK_MONOTONIC,
		.phase_ms = -1,
		.cpu = -1,
	};
	int err;

	err = tick_ticker_init(&tick_attrs_ktype);
	if (err)
		return err;

	tick_default = tick_ticker_create("default", "sched_tick", kernel_kobj,
					  &config);
	if (IS_ERR(tick_default)) {
		tick_ticker_exit();
		return PTR_ERR(tick_default);
	}
	return 0;
}

static void __exit sched_tick_exit(void)
{
	tick_ticker_destroy(tick_default);
	tick_ticker_exit();
}

module_init(sched_tick_init);
module_exit(sched_tick_exit);

MODULE_DESCRIPTION("Work every so often, and how punctually it ran");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
