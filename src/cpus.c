// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files cpus and cpus_effective.
 */
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "cpus.h"
#include "shares.h"
#include "ticker.h"

static const char * const ticker_cpus_words[TICKER_CPUS_WORDS] = {
	[TICKER_CPUS_ANY]		= "any",
	[TICKER_CPUS_ALL]		= "all",
	[TICKER_CPUS_HOUSEKEEPING]	= "housekeeping",
};

/**
 * ticker_cpus_show() - show the setting cpus
 * @ticker: the ticker
 * @buf: a page
 *
 * Return: number of bytes.
 */
ssize_t ticker_cpus_show(struct ticker *ticker, char *buf)
{
	ssize_t length;
	int cpus;

	spin_lock(&ticker->lock);
	cpus = ticker->config.cpus;
	if (cpus == TICKER_CPUS_LIST)
		length = sysfs_emit(buf, "%*pbl\n",
				    cpumask_pr_args(ticker_cpu_list(ticker)));
	else
		length = sysfs_emit(buf, "%s\n", ticker_cpus_words[cpus]);
	spin_unlock(&ticker->lock);
	return length;
}

/**
 * ticker_cpus_show_effective() - show the CPUs that a ticker ticks on now
 * @ticker: the ticker
 * @buf: a page
 *
 * Return: number of bytes, or -ENOMEM.
 */
ssize_t ticker_cpus_show_effective(struct ticker *ticker, char *buf)
{
	struct ticker_cpu *share = ticker->any;
	cpumask_var_t active;
	ssize_t length;

	if (!zalloc_cpumask_var(&active, GFP_KERNEL))
		return -ENOMEM;
	while ((share = ticker_next_share(ticker, share)))
		if (READ_ONCE(share->active))
			cpumask_set_cpu(share->cpu, active);
	length = sysfs_emit(buf, "%*pbl\n", cpumask_pr_args(active));
	free_cpumask_var(active);
	return length;
}

/*
 * Kernels accept different lists (spaces, "N", "all", strides). Accept only numbers
 * and ranges of CPUs that exist.
 */
static int ticker_cpus_parse_list(const char *buf, struct cpumask *list)
{
	size_t length = strcspn(buf, "\n");
	int err;

	if (strspn(buf, "0123456789,-") != length || !length ||
	    buf[length + (buf[length] == '\n')] || buf[0] == ',' ||
	    buf[length - 1] == ',' || strstr(buf, ",,"))
		return -EINVAL;
	err = cpulist_parse(buf, list);
	if (err == -EOVERFLOW)
		return -ERANGE;
	if (err)
		return err;
	return cpumask_subset(list, cpu_possible_mask) ? 0 : -ERANGE;
}

/**
 * ticker_cpus_store() - change the setting cpus
 * @ticker: the ticker
 * @buf: what was written
 * @count: its length in bytes
 *
 * Context: may sleep.
 * Return: 0, -EINVAL if it is neither a word nor a list, -ERANGE if a CPU does not
 * exist, or an error of ticker_change_cpus().
 */
int ticker_cpus_store(struct ticker *ticker, const char *buf, size_t count)
{
	int cpus = sysfs_match_string(ticker_cpus_words, buf);
	cpumask_var_t list;
	int err = 0;

	/* sysfs truncates longer text to a page. */
	if (count >= PAGE_SIZE)
		return -EINVAL;
	if (!zalloc_cpumask_var(&list, GFP_KERNEL))
		return -ENOMEM;
	if (cpus < 0) {
		cpus = TICKER_CPUS_LIST;
		err = ticker_cpus_parse_list(buf, list);
	}
	if (!err)
		err = ticker_change_cpus(ticker, cpus, list);
	free_cpumask_var(list);
	return err;
}
