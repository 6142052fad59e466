// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs: one table of attributes, one line each.
 *
 * Every read takes one snapshot of the ticker, every write is parsed and held
 * against its range before the ticker hears of it. What the files mean is said
 * in docs/ABI/sysfs-kernel-sched_tick.
 */
#include <linux/kernel.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uidgid.h>

#include "attrs.h"
#include "compat.h"
#include "ticker.h"

/**
 * struct tick_attr - one file
 * @attr: name and mode
 * @offset: of what it shows in struct tick_snapshot
 * @show: how
 * @parse: how to read a value from what was written
 * @min: the smallest value
 * @max: the largest value
 * @set: what takes the value
 */
struct tick_attr {
	struct attribute attr;
	size_t offset;
	int (*show)(char *buf, int at, const void *value);
	int (*parse)(const char *buf, long long *value);
	int min;
	int max;
	tick_ticker_set_fn *set;
};

static const char * const tick_clock_names[TICK_CLOCKS] = {
	[TICK_CLOCK_MONOTONIC]	= "monotonic",
	[TICK_CLOCK_BOOTTIME]	= "boottime",
	[TICK_CLOCK_REALTIME]	= "realtime",
};

static int tick_show_int(char *buf, int at, const void *value)
{
	return sysfs_emit_at(buf, at, "%d\n", *(const int *)value);
}

static int tick_show_u64(char *buf, int at, const void *value)
{
	return sysfs_emit_at(buf, at, "%llu\n", *(const u64 *)value);
}

static int tick_show_clock(char *buf, int at, const void *value)
{
	int start = at, clock;

	for (clock = 0; clock < TICK_CLOCKS; clock++)
		at += sysfs_emit_at(buf, at, clock == *(const int *)value ?
				    "[%s]%c" : "%s%c", tick_clock_names[clock],
				    clock == TICK_CLOCKS - 1 ? '\n' : ' ');
	return at - start;
}

static int tick_show_row(char *buf, int at, const u64 *row, int length)
{
	int start = at, i;

	for (i = 0; i < length; i++)
		at += sysfs_emit_at(buf, at, "%llu%c", row[i],
				    i == length - 1 ? '\n' : ' ');
	return at - start;
}

static int tick_show_histogram(char *buf, int at, const void *value)
{
	return tick_show_row(buf, at, value, TICK_LATENESS_BUCKETS);
}

static int tick_show_bounds(char *buf, int at, const void *value)
{
	return tick_show_row(buf, at, tick_lateness_bounds_ns,
			     TICK_LATENESS_BOUNDS);
}

static int tick_show_stat_lateness(char *buf, int at,
				   const struct tick_lateness *lateness)
{
	int start = at;

	at += sysfs_emit_at(buf, at, " %llu %llu %llu ", lateness->last_ns,
			    lateness->max_ns, lateness->sum_ns);
	at += tick_show_histogram(buf, at, lateness->histogram);
	/* Over the line's end: more follows. */
	return at - 1 - start;
}

static int tick_show_stat(char *buf, int at, const void *value)
{
	const struct tick_snapshot *snapshot = value;
	const struct tick_counts *counts = &snapshot->counts;
	int start = at;

	at += sysfs_emit_at(buf, at, "%d %d %llu %llu",
			    snapshot->config.enabled,
			    snapshot->config.period_ms, counts->counter,
			    counts->missed);
	at += tick_show_stat_lateness(buf, at, &counts->lateness);
	at += tick_show_stat_lateness(buf, at, &counts->alarm_lateness);
	at += sysfs_emit_at(buf, at, " %llu\n", counts->stalls);
	return at - start;
}

static int tick_parse_number(const char *buf, long long *value)
{
	return kstrtoll(buf, 10, value);
}

/* Stricter than kstrtobool(), which looks at no more than two letters. */
static int tick_parse_bool(const char *buf, long long *value)
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

static int tick_parse_clock(const char *buf, long long *value)
{
	int clock = sysfs_match_string(tick_clock_names, buf);

	if (clock < 0)
		return clock;
	*value = clock;
	return 0;
}

/* As what is reset has nothing to read, there is only one thing to say. */
static int tick_parse_one(const char *buf, long long *value)
{
	*value = 1;
	return sysfs_streq(buf, "1") ? 0 : -EINVAL;
}

#define TICK_ATTR(_name, _mode, _member, _show, _parse, _min, _max, _set)	\
	((struct tick_attr) {							\
		.attr = { .name = (_name), .mode = (_mode) },			\
		.offset = offsetof(struct tick_snapshot, _member),		\
		.show = (_show), .parse = (_parse),				\
		.min = (_min), .max = (_max), .set = (_set),			\
	})

#define TICK_RO(_name, _member, _show)						\
	TICK_ATTR(_name, 0444, _member, tick_show_##_show, NULL, 0, 0, NULL)

#define TICK_RW(_name, _show, _parse, _min, _max)				\
	TICK_ATTR(#_name, 0644, config._name, tick_show_##_show,		\
		  tick_parse_##_parse, _min, _max, tick_ticker_set_##_name)

#define TICK_WO(_name, _parse, _set)						\
	TICK_ATTR(_name, 0200, config, NULL, tick_parse_##_parse, 1, 1, _set)

static struct attribute *tick_attrs[] = {
	&TICK_RO("counter", counts.counter, u64).attr,
	&TICK_RO("missed", counts.missed, u64).attr,
	&TICK_RO("stat", config, stat).attr,
	&TICK_RW(enabled, int, bool, 0, 1).attr,
	&TICK_RW(period_ms, int, number, TICK_PERIOD_MIN_MS, TICK_PERIOD_MAX_MS).attr,
	&TICK_RW(precise, int, bool, 0, 1).attr,
	&TICK_RW(clock, clock, clock, 0, TICK_CLOCKS - 1).attr,
	&TICK_RW(phase_ms, int, number, -1, TICK_PERIOD_MAX_MS - 1).attr,
	&TICK_RW(cpu, int, number, -1, INT_MAX).attr,
	&TICK_RW(notify, int, bool, 0, 1).attr,
	&TICK_RW(stall_ms, int, number, 0, INT_MAX).attr,
	&TICK_RO("stalls", counts.stalls, u64).attr,
	&TICK_WO("reset", one, tick_ticker_reset).attr,
	NULL
};

static struct attribute *tick_lateness_attrs[] = {
	&TICK_RO("last_ns", counts.lateness.last_ns, u64).attr,
	&TICK_RO("max_ns", counts.lateness.max_ns, u64).attr,
	&TICK_RO("sum_ns", counts.lateness.sum_ns, u64).attr,
	&TICK_RO("histogram", counts.lateness.histogram, histogram).attr,
	&TICK_RO("bounds_ns", counts, bounds).attr,
	NULL
};

static struct attribute *tick_alarm_lateness_attrs[] = {
	&TICK_RO("last_ns", counts.alarm_lateness.last_ns, u64).attr,
	&TICK_RO("max_ns", counts.alarm_lateness.max_ns, u64).attr,
	&TICK_RO("sum_ns", counts.alarm_lateness.sum_ns, u64).attr,
	&TICK_RO("histogram", counts.alarm_lateness.histogram, histogram).attr,
	&TICK_RO("bounds_ns", counts, bounds).attr,
	NULL
};

unsigned int tick_attrs_gid;

/* For the group it is writable from birth: a chmod would always be too late. */
static umode_t tick_attrs_mode(struct kobject *kobj, struct attribute *attr,
			       int index)
{
	const struct tick_attr *file = container_of(attr, struct tick_attr,
						    attr);

	if (READ_ONCE(tick_attrs_gid) &&
	    (file->set == tick_ticker_set_enabled ||
	     file->set == tick_ticker_set_period_ms))
		return attr->mode | 0020;
	return attr->mode;
}

static void tick_attrs_own(TICK_OWNED *kobj, kuid_t *uid, kgid_t *gid)
{
	*gid = KGIDT_INIT(READ_ONCE(tick_attrs_gid));
}

static const struct attribute_group tick_group = {
	.attrs = tick_attrs,
	.is_visible = tick_attrs_mode,
};

static const struct attribute_group tick_lateness_group = {
	.name = "lateness",
	.attrs = tick_lateness_attrs,
};

static const struct attribute_group tick_alarm_lateness_group = {
	.name = "alarm_lateness",
	.attrs = tick_alarm_lateness_attrs,
};

static const struct attribute_group *tick_groups[] = {
	&tick_group,
	&tick_lateness_group,
	&tick_alarm_lateness_group,
	NULL
};

static ssize_t tick_attrs_show(struct kobject *kobj, struct attribute *attr,
			       char *buf)
{
	const struct tick_attr *file = container_of(attr, struct tick_attr,
						    attr);
	struct tick_snapshot snapshot;

	/* Root may have changed the mode. */
	if (!file->show)
		return -EIO;
	tick_ticker_snapshot(to_tick_ticker(kobj), &snapshot);
	return file->show(buf, 0, (const char *)&snapshot + file->offset);
}

static ssize_t tick_attrs_store(struct kobject *kobj, struct attribute *attr,
				const char *buf, size_t count)
{
	const struct tick_attr *file = container_of(attr, struct tick_attr,
						    attr);
	long long value;
	int err;

	if (!file->set)
		return -EIO;
	err = file->parse(buf, &value);
	if (err)
		return err;
	if (value < file->min || value > file->max)
		return -ERANGE;
	err = tick_ticker_change(to_tick_ticker(kobj), file->set, value);
	return err ?: count;
}

static const struct sysfs_ops tick_sysfs_ops = {
	.show = tick_attrs_show,
	.store = tick_attrs_store,
};

const struct kobj_type tick_attrs_ktype = {
	.release = tick_ticker_release,
	.sysfs_ops = &tick_sysfs_ops,
	.default_groups = tick_groups,
	.get_ownership = tick_attrs_own,
};
