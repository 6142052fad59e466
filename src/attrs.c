// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of a ticker in sysfs: one table of attributes, one line each.
 *
 * A read takes one snapshot of the ticker. A write is parsed and checked against
 * its range before the ticker is changed. The ABI document
 * sysfs-kernel-sched_tick describes the files.
 */
#include <linux/kernel.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uidgid.h>

#include "attrs.h"
#include "compat.h"
#include "cpus.h"
#include "record.h"
#include "shares.h"
#include "ticker.h"

/**
 * struct ticker_attr - one file
 * @attr: name and mode
 * @offset: offset of its value in struct ticker_snapshot
 * @show: print the value at a position of a page; return the number of bytes
 * @parse: convert what was written to a value
 * @min: smallest value
 * @max: largest value
 * @set: apply the value
 * @emit: in place of @show, for what is not in the snapshot
 * @store: in place of @parse and @set, for what is not a number
 */
struct ticker_attr {
	struct attribute attr;
	size_t offset;
	int (*show)(char *buf, int at, const void *value);
	int (*parse)(const char *buf, long long *value);
	int min;
	int max;
	ticker_set_fn *set;
	ssize_t (*emit)(struct ticker *ticker, char *buf);
	int (*store)(struct ticker *ticker, const char *buf, size_t count);
};

static const char * const ticker_clock_names[TICKER_CLOCKS] = {
	[TICKER_CLOCK_MONOTONIC]	= "monotonic",
	[TICKER_CLOCK_BOOTTIME]	= "boottime",
	[TICKER_CLOCK_REALTIME]	= "realtime",
};

static const char * const ticker_timer_names[TICKER_TIMERS] = {
	[TICKER_TIMER_HRTIMER]	= "hrtimer",
	[TICKER_TIMER_WHEEL]	= "wheel",
};

static const char * const ticker_queue_names[TICKER_QUEUES_MAX] = {
	[TICKER_QUEUE_HIGHPRI]	= "highpri",
	[TICKER_QUEUE_NORMAL]	= "normal",
	[TICKER_QUEUE_UNBOUND]	= "unbound",
	[TICKER_QUEUE_BH]	= "bh",
};

static int ticker_show_int(char *buf, int at, const void *value)
{
	return sysfs_emit_at(buf, at, "%d\n", *(const int *)value);
}

static int ticker_show_u64(char *buf, int at, const void *value)
{
	return sysfs_emit_at(buf, at, "%llu\n", *(const u64 *)value);
}

static int ticker_show_choice(char *buf, int at, int chosen,
			      const char * const *names, int count)
{
	int start = at, i;

	for (i = 0; i < count; i++)
		at += sysfs_emit_at(buf, at, i == chosen ? "[%s]%c" : "%s%c",
				    names[i], i == count - 1 ? '\n' : ' ');
	return at - start;
}

static int ticker_show_clock(char *buf, int at, const void *value)
{
	return ticker_show_choice(buf, at, *(const int *)value,
				  ticker_clock_names, TICKER_CLOCKS);
}

static int ticker_show_timer(char *buf, int at, const void *value)
{
	return ticker_show_choice(buf, at, *(const int *)value,
				  ticker_timer_names, TICKER_TIMERS);
}

static int ticker_show_queue(char *buf, int at, const void *value)
{
	return ticker_show_choice(buf, at, *(const int *)value,
				  ticker_queue_names, TICKER_QUEUES);
}

static int ticker_show_row(char *buf, int at, const u64 *row, int length)
{
	int start = at, i;

	for (i = 0; i < length; i++)
		at += sysfs_emit_at(buf, at, "%llu%c", row[i],
				    i == length - 1 ? '\n' : ' ');
	return at - start;
}

static int ticker_show_histogram(char *buf, int at, const void *value)
{
	return ticker_show_row(buf, at, value, TICKER_LATENESS_BUCKETS);
}

static int ticker_show_bounds(char *buf, int at, const void *value)
{
	return ticker_show_row(buf, at, ticker_lateness_bounds_ns,
			       TICKER_LATENESS_BOUNDS);
}

static int ticker_show_stat_lateness(char *buf, int at,
				     const struct ticker_lateness *lateness)
{
	int start = at;

	at += sysfs_emit_at(buf, at, " %llu %llu %llu ", lateness->last_ns,
			    lateness->max_ns, lateness->sum_ns);
	at += ticker_show_histogram(buf, at, lateness->histogram);
	/* Drop the line feed: more fields follow. */
	return at - 1 - start;
}

static int ticker_show_stat(char *buf, int at, const void *value)
{
	const struct ticker_snapshot *snapshot = value;
	const struct ticker_counts *counts = &snapshot->counts;
	int start = at;

	at += sysfs_emit_at(buf, at, "%d %d %llu %llu",
			    snapshot->config.enabled,
			    snapshot->config.period_ms, counts->counter,
			    counts->missed);
	at += ticker_show_stat_lateness(buf, at, &counts->lateness);
	at += ticker_show_stat_lateness(buf, at, &counts->timer_lateness);
	at += sysfs_emit_at(buf, at, " %llu %u", counts->stalls, snapshot->cpus);
	at += sysfs_emit_at(buf, at, " %llu %llu %llu %llu\n",
			    snapshot->late.steal_ns, snapshot->late.irq_ns,
			    snapshot->late.softirq_ns, snapshot->late.other_ns);
	return at - start;
}

static int ticker_parse_number(const char *buf, long long *value)
{
	return kstrtoll(buf, 10, value);
}

/* kstrtobool() checks only the first two letters. */
static int ticker_parse_bool(const char *buf, long long *value)
{
	static const char * const words[] = {
		"0", "1", "n", "y", "N", "Y", "off", "on", "no", "yes",
	};
	int word = sysfs_match_string(words, buf);

	if (word < 0)
		return word;
	*value = word & 1;
	return 0;
}

static int ticker_parse_choice(const char *buf, long long *value,
			       const char * const *names, size_t count)
{
	int choice = __sysfs_match_string(names, count, buf);

	if (choice < 0)
		return choice;
	*value = choice;
	return 0;
}

static int ticker_parse_clock(const char *buf, long long *value)
{
	return ticker_parse_choice(buf, value, ticker_clock_names,
				   TICKER_CLOCKS);
}

static int ticker_parse_timer(const char *buf, long long *value)
{
	return ticker_parse_choice(buf, value, ticker_timer_names,
				   TICKER_TIMERS);
}

static int ticker_parse_queue(const char *buf, long long *value)
{
	return ticker_parse_choice(buf, value, ticker_queue_names,
				   TICKER_QUEUES);
}

/* @reset is write-only and accepts only "1". */
static int ticker_parse_one(const char *buf, long long *value)
{
	*value = 1;
	return sysfs_streq(buf, "1") ? 0 : -EINVAL;
}

#define TICKER_ATTR(_name, _mode, _member, _show, _parse, _min, _max, _set)	\
	((struct ticker_attr) {							\
		.attr = { .name = (_name), .mode = (_mode) },			\
		.offset = offsetof(struct ticker_snapshot, _member),		\
		.show = (_show), .parse = (_parse),				\
		.min = (_min), .max = (_max), .set = (_set),			\
	})

#define TICKER_RO(_name, _member, _show)						\
	TICKER_ATTR(_name, 0444, _member, ticker_show_##_show, NULL, 0, 0, NULL)

#define TICKER_RW(_name, _show, _parse, _min, _max)				\
	TICKER_ATTR(#_name, 0644, config._name, ticker_show_##_show,		\
		    ticker_parse_##_parse, _min, _max, ticker_set_##_name)

#define TICKER_WO(_name, _parse, _set)						\
	TICKER_ATTR(_name, 0200, config, NULL, ticker_parse_##_parse, 1, 1, _set)

#define TICKER_TEXT(_name, _mode, _emit, _store)				\
	((struct ticker_attr) {							\
		.attr = { .name = (_name), .mode = (_mode) },			\
		.emit = (_emit), .store = (_store),				\
	})

static struct attribute *ticker_attrs[] = {
	&TICKER_RO("counter", counts.counter, u64).attr,
	&TICKER_RO("missed", counts.missed, u64).attr,
	&TICKER_RO("stat", config, stat).attr,
	&TICKER_RW(enabled, int, bool, 0, 1).attr,
	&TICKER_RW(period_ms, int, number, TICKER_PERIOD_MIN_MS, TICKER_PERIOD_MAX_MS).attr,
	&TICKER_RW(timer, timer, timer, 0, TICKER_TIMERS - 1).attr,
	&TICKER_RW(clock, clock, clock, 0, TICKER_CLOCKS - 1).attr,
	&TICKER_RW(phase_ms, int, number, -1, TICKER_PERIOD_MAX_MS - 1).attr,
	&TICKER_TEXT("cpus", 0644, ticker_cpus_show, ticker_cpus_store).attr,
	&TICKER_TEXT("cpus_effective", 0444, ticker_cpus_show_effective, NULL).attr,
	&TICKER_RW(queue, queue, queue, 0, TICKER_QUEUES - 1).attr,
	&TICKER_RW(notify, int, bool, 0, 1).attr,
	&TICKER_RW(stall_ms, int, number, 0, INT_MAX).attr,
	&TICKER_RO("stalls", counts.stalls, u64).attr,
	&TICKER_TEXT("last_stall", 0400, ticker_record_show, NULL).attr,
	&TICKER_WO("reset", one, ticker_reset_lateness).attr,
	NULL
};

static struct attribute *ticker_lateness_attrs[] = {
	&TICKER_RO("last_ns", counts.lateness.last_ns, u64).attr,
	&TICKER_RO("max_ns", counts.lateness.max_ns, u64).attr,
	&TICKER_RO("sum_ns", counts.lateness.sum_ns, u64).attr,
	&TICKER_RO("histogram", counts.lateness.histogram, histogram).attr,
	&TICKER_RO("bounds_ns", counts, bounds).attr,
	NULL
};

static struct attribute *ticker_timer_lateness_attrs[] = {
	&TICKER_RO("last_ns", counts.timer_lateness.last_ns, u64).attr,
	&TICKER_RO("max_ns", counts.timer_lateness.max_ns, u64).attr,
	&TICKER_RO("sum_ns", counts.timer_lateness.sum_ns, u64).attr,
	&TICKER_RO("histogram", counts.timer_lateness.histogram, histogram).attr,
	&TICKER_RO("bounds_ns", counts, bounds).attr,
	NULL
};

static struct attribute *ticker_late_attrs[] = {
	&TICKER_RO("steal", late.steal_ns, u64).attr,
	&TICKER_RO("irq", late.irq_ns, u64).attr,
	&TICKER_RO("softirq", late.softirq_ns, u64).attr,
	&TICKER_RO("other", late.other_ns, u64).attr,
	NULL
};

unsigned int ticker_attrs_gid;

/* The files are created writable for the group: a chmod after the uevent would race. */
static umode_t ticker_attrs_mode(struct kobject *kobj, struct attribute *attr,
				 int index)
{
	const struct ticker_attr *file = container_of(attr, struct ticker_attr,
						      attr);

	if (READ_ONCE(ticker_attrs_gid) &&
	    (file->set == ticker_set_enabled ||
	     file->set == ticker_set_period_ms))
		return attr->mode | 0020;
	return attr->mode;
}

static void ticker_attrs_get_ownership(TICKER_OWNED_KOBJECT *kobj,
				       kuid_t *uid, kgid_t *gid)
{
	*gid = KGIDT_INIT(READ_ONCE(ticker_attrs_gid));
}

static const struct attribute_group ticker_group = {
	.attrs = ticker_attrs,
	.is_visible = ticker_attrs_mode,
};

static const struct attribute_group ticker_lateness_group = {
	.name = "lateness",
	.attrs = ticker_lateness_attrs,
};

static const struct attribute_group ticker_timer_lateness_group = {
	.name = "timer_lateness",
	.attrs = ticker_timer_lateness_attrs,
};

static const struct attribute_group ticker_late_group = {
	.name = "late_ns",
	.attrs = ticker_late_attrs,
};

static const struct attribute_group *ticker_groups[] = {
	&ticker_group,
	&ticker_lateness_group,
	&ticker_timer_lateness_group,
	&ticker_late_group,
	NULL
};

static ssize_t ticker_attrs_show(struct kobject *kobj, struct attribute *attr,
				 char *buf)
{
	const struct ticker_attr *file = container_of(attr, struct ticker_attr,
						      attr);
	struct ticker_snapshot snapshot;
	struct ticker_cpu *share;

	share = ticker_find_share(to_ticker(kobj), attr);
	if (share) {
		ticker_read_share(share, &snapshot);
		return ticker_show_stat(buf, 0, &snapshot);
	}
	if (file->emit)
		return file->emit(to_ticker(kobj), buf);
	/* Root may have changed the mode. */
	if (!file->show)
		return -EIO;
	ticker_read_snapshot(to_ticker(kobj), &snapshot);
	return file->show(buf, 0, (const char *)&snapshot + file->offset);
}

static ssize_t ticker_attrs_store(struct kobject *kobj, struct attribute *attr,
				  const char *buf, size_t count)
{
	const struct ticker_attr *file = container_of(attr, struct ticker_attr,
						      attr);
	long long value;
	int err;

	if (ticker_find_share(to_ticker(kobj), attr))
		return -EIO;
	if (file->store) {
		err = file->store(to_ticker(kobj), buf, count);
		return err ?: count;
	}
	if (!file->set)
		return -EIO;
	err = file->parse(buf, &value);
	if (err)
		return err;
	if (value < file->min || value > file->max)
		return -ERANGE;
	err = ticker_change_setting(to_ticker(kobj), file->set, value);
	return err ?: count;
}

static const struct sysfs_ops ticker_sysfs_ops = {
	.show = ticker_attrs_show,
	.store = ticker_attrs_store,
};

const struct kobj_type ticker_attrs_ktype = {
	.release = ticker_release,
	.sysfs_ops = &ticker_sysfs_ops,
	.default_groups = ticker_groups,
	.get_ownership = ticker_attrs_get_ownership,
};
