// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module parameters; load and unload: the order of creation and removal.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "attrs.h"
#include "configfs.h"
#include "rate.h"
#include "subscribe.h"
#include "ticker.h"

#define TICKER_TICKERS_MAX	65536

static unsigned int period_ms = 1000;
static bool enabled = true;
static unsigned int max_tickers = 1024;

static struct ticker *ticker_default;
static struct kobject *ticker_named_kobj;

static int ticker_param_set(const char *val, const struct kernel_param *kp,
			    unsigned int min, unsigned int max)
{
	unsigned int value;

	if (kstrtouint(val, 10, &value) || value < min || value > max)
		return -EINVAL;
	/* A ticker may be created at the same time. */
	WRITE_ONCE(*(unsigned int *)kp->arg, value);
	return 0;
}

static int ticker_param_set_period(const char *val, const struct kernel_param *kp)
{
	return ticker_param_set(val, kp, TICKER_PERIOD_MIN_MS, TICKER_PERIOD_MAX_MS);
}

static const struct kernel_param_ops ticker_param_period_ops = {
	.set = ticker_param_set_period,
	.get = param_get_uint,
};

static int ticker_param_set_tickers(const char *val,
				    const struct kernel_param *kp)
{
	return ticker_param_set(val, kp, 0, TICKER_TICKERS_MAX);
}

static const struct kernel_param_ops ticker_param_tickers_ops = {
	.set = ticker_param_set_tickers,
	.get = param_get_uint,
};

/* UINT_MAX is no group. */
static int ticker_param_set_gid(const char *val, const struct kernel_param *kp)
{
	return ticker_param_set(val, kp, 0, UINT_MAX - 1);
}

static const struct kernel_param_ops ticker_param_gid_ops = {
	.set = ticker_param_set_gid,
	.get = param_get_uint,
};

static int ticker_param_set_rate(const char *val, const struct kernel_param *kp)
{
	return ticker_param_set(val, kp, 1, INT_MAX);
}

static const struct kernel_param_ops ticker_param_rate_ops = {
	.set = ticker_param_set_rate,
	.get = param_get_uint,
};

/*
 * period_ms and enabled are not in /sys/module, where they would keep the values of
 * load; the default ticker has files of these names.
 */
module_param_cb(period_ms, &ticker_param_period_ops, &period_ms, 0);
MODULE_PARM_DESC(period_ms, "Period of the default ticker at load in ms, 1 to 2147483647 (default: 1000)");
module_param(enabled, bool, 0);
MODULE_PARM_DESC(enabled, "Enable the default ticker at load, 0 or 1 (default: 1)");
module_param_cb(max_tickers, &ticker_param_tickers_ops, &max_tickers, 0444);
MODULE_PARM_DESC(max_tickers, "Largest number of named tickers, 0 to 65536 (default: 1024)");
module_param_cb(gid, &ticker_param_gid_ops, &ticker_attrs_gid, 0644);
module_param_cb(max_rate, &ticker_param_rate_ops, &ticker_rate_max, 0644);
MODULE_PARM_DESC(max_rate, "Largest sum of the rates of all enabled tickers in ticks per second, for writers without CAP_SYS_RESOURCE, 1 to 2147483647 (default: 10000)");
MODULE_PARM_DESC(gid, "Group that may write period_ms and enabled of tickers created from now on, 0 for none (default: 0)");

static int __init sched_tick_init(void)
{
	struct ticker_config config = ticker_config_default;
	int err;

	config.enabled = enabled;
	config.period_ms = period_ms;

	err = ticker_init(&ticker_attrs_ktype);
	if (err)
		return err;

	ticker_default = ticker_create(TICKER_NAME_DEFAULT, "sched_tick",
				       kernel_kobj, &config);
	if (IS_ERR(ticker_default)) {
		err = PTR_ERR(ticker_default);
		goto err_ticker;
	}

	ticker_named_kobj = kobject_create_and_add("tickers", &ticker_default->kobj);
	if (!ticker_named_kobj) {
		err = -ENOMEM;
		goto err_default;
	}

	err = ticker_configfs_init(ticker_named_kobj, max_tickers);
	if (err)
		goto err_tickers;
	ticker_subscribe_init(ticker_default);
	return 0;

err_tickers:
	kobject_del(ticker_named_kobj);
	kobject_put(ticker_named_kobj);
err_default:
	ticker_destroy(ticker_default);
err_ticker:
	ticker_exit();
	return err;
}

static void __exit sched_tick_exit(void)
{
	ticker_configfs_exit();
	kobject_del(ticker_named_kobj);
	kobject_put(ticker_named_kobj);
	ticker_destroy(ticker_default);
	ticker_exit();
}

module_init(sched_tick_init);
module_exit(sched_tick_exit);

MODULE_DESCRIPTION("Periodic work, and statistics of how late it ran");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
