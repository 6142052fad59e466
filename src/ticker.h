/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ticker: its object, its settings, its life.
 */
#ifndef SCHED_TICK_TICKER_H
#define SCHED_TICK_TICKER_H

#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "lateness.h"
#include "sched_tick.h"
#include "timeline.h"

struct ticker_cpu;
struct ticker_event;

#define TICKER_NAME_LEN		32
#define TICKER_NAME_DEFAULT	"default"
#define TICKER_PERIOD_MIN_MS	1
#define TICKER_PERIOD_MAX_MS	INT_MAX

enum ticker_clock {
	TICKER_CLOCK_MONOTONIC,
	TICKER_CLOCK_BOOTTIME,
	TICKER_CLOCK_REALTIME,
	TICKER_CLOCKS
};

enum ticker_timer {
	TICKER_TIMER_HRTIMER,
	TICKER_TIMER_WHEEL,
	TICKER_TIMERS
};

enum ticker_queue {
	TICKER_QUEUE_HIGHPRI,
	TICKER_QUEUE_NORMAL,
	TICKER_QUEUE_UNBOUND,
	TICKER_QUEUE_BH,	/* last: not every kernel has it, see compat.h */
	TICKER_QUEUES_MAX
};

enum ticker_cpus {
	TICKER_CPUS_ANY,
	TICKER_CPUS_ALL,
	TICKER_CPUS_HOUSEKEEPING,
	TICKER_CPUS_WORDS,
	TICKER_CPUS_LIST = TICKER_CPUS_WORDS
};

/**
 * struct ticker_config - settings of a ticker, one per file
 * @enabled: 0 or 1
 * @period_ms: TICKER_PERIOD_MIN_MS to TICKER_PERIOD_MAX_MS
 * @timer: an enum ticker_timer
 * @clock: an enum ticker_clock
 * @phase_ms: -1, or 0 to @period_ms - 1
 * @cpus: an enum ticker_cpus
 * @queue: an enum ticker_queue
 * @notify: 1: each tick wakes poll(2) on counter
 * @stall_ms: threshold of a stall in ms; 0: stalls are not detected
 */
struct ticker_config {
	int enabled;
	int period_ms;
	int timer;
	int clock;
	int phase_ms;
	int cpus;
	int queue;
	int notify;
	int stall_ms;
};

/* Settings of a new named ticker: disabled. */
extern const struct ticker_config ticker_config_default;

/**
 * struct ticker_counts - counts of one CPU, or their sums over all CPUs
 * @counter: ticks run since the ticker was created
 * @missed: periods that passed without a tick of their own
 * @stalls: ticks later than @stall_ms, one that is overdue included
 * @lateness: delay from the deadline to the tick
 * @timer_lateness: delay from the deadline to the timer interrupt, for ticks that
 *	the hrtimer queued
 */
struct ticker_counts {
	u64 counter;
	u64 missed;
	u64 stalls;
	struct ticker_lateness lateness;
	struct ticker_lateness timer_lateness;
};

/**
 * struct ticker_snapshot - what the files of a ticker show
 * @config: settings
 * @counts: counts
 * @late: where lateness went; 0 of a share that is bound to no CPU
 * @cpus: number of CPUs that it ticks on now; 1 for any
 */
struct ticker_snapshot {
	struct ticker_config config;
	struct ticker_counts counts;
	struct ticker_late late;
	unsigned int cpus;
};

/**
 * struct ticker - one ticker
 * @kobj: its directory in sysfs; the release frees the ticker
 * @control: serializes changes of @config, and @dying. It is held while a tick is
 *	waited for, so a tick must not take it, and nobody may hold it across
 *	kobject_del(). Waiting for it can be killed.
 * @name: name in tracepoints and the log
 * @dying: no setting is changed and nothing is reported any more; under @control
 * @halted: no share may be armed; changed under @control and cpus_read_lock()
 * @has_percpu: the directory percpu exists; changed like a share is added
 * @rate: its part of the sum of all rates; see rate.c
 * @config: settings. Changed under @control and cpus_read_lock(), all but @notify
 *	only while the ticker is halted. CPU hotplug therefore sees no change.
 * @wq: work queue of its work items; changed only while halted
 * @timeline: the timeline as it was started; its shares start with a copy of it.
 *	Changed only while halted.
 * @any: the share that ticks if @config.cpus is TICKER_CPUS_ANY
 * @shares: all other shares, by CPU. A share is added under cpus_read_lock() or by
 *	CPU hotplug, and stays until the ticker is released.
 * @counter_base: ticks of its shares that are not active; 0 if several are active.
 *	Changed only while halted.
 * @lock: protects @subscribers, @subscriber_count, @refuses_subscribers and
 *	@cpu_list
 * @refuses_subscribers: its ticks run on several CPUs, or cannot sleep
 * @subscribers: subscribers that a tick calls
 * @subscriber_count: number of subscribers; the list may hold a cursor as well
 * @called: subscriber whose callback runs
 * @caller: task that calls subscribers; read in RCU read-side critical sections
 * @callback: the last callback that it called; valid if @caller is set
 * @event: state of its reports to userspace
 * @cpuhp_node: link to CPU hotplug
 * @record_node: link to all tickers; see record.c
 * @cpu_list: the CPUs of TICKER_CPUS_LIST, a cpumask; changed like @config
 */
struct ticker {
	struct kobject kobj;
	struct mutex control;	/* one change at a time */
	char name[TICKER_NAME_LEN + 1];
	bool dying;
	bool halted;
	bool refuses_subscribers;
	bool has_percpu;
	u32 rate;

	struct ticker_config config;
	struct workqueue_struct *wq;
	struct ticker_timeline timeline;
	struct ticker_cpu *any;
	struct xarray shares;
	u64 counter_base;

	spinlock_t lock;	/* lists; nested in nothing */
	struct list_head subscribers;
	unsigned int subscriber_count;
	struct sched_tick_subscriber *called;
	struct task_struct *caller;
	void (*callback)(struct sched_tick_subscriber *subscriber,
			 const struct sched_tick_info *info);

	struct ticker_event *event;
	struct hlist_node cpuhp_node;
	struct list_head record_node;
	unsigned long cpu_list[];
};

static inline struct ticker *to_ticker(struct kobject *kobj)
{
	return container_of(kobj, struct ticker, kobj);
}

static inline struct cpumask *ticker_cpu_list(struct ticker *ticker)
{
	return to_cpumask(ticker->cpu_list);
}

/* ticker.c: object and life */
int ticker_init(const struct kobj_type *ktype);
void ticker_exit(void);

struct ticker *ticker_create(const char *name, const char *dirname,
			     struct kobject *parent,
			     const struct ticker_config *config);
void ticker_destroy(struct ticker *ticker);
void ticker_release(struct kobject *kobj);

/* call.c: subscribers */
void ticker_call_subscribers(struct ticker *ticker,
			     const struct sched_tick_info *info);
int ticker_add_subscriber(struct ticker *ticker,
			  struct sched_tick_subscriber *subscriber);
void ticker_remove_subscriber(struct ticker *ticker,
			      struct sched_tick_subscriber *subscriber);

/* control.c: apply a value that is in the range of its file; under @control. */
typedef int ticker_set_fn(struct ticker *ticker, int value);

int ticker_change_setting(struct ticker *ticker, ticker_set_fn *set, int value);
int ticker_change_cpus(struct ticker *ticker, int cpus,
		       const struct cpumask *list);

ticker_set_fn ticker_set_enabled;
ticker_set_fn ticker_set_period_ms;
ticker_set_fn ticker_set_timer;
ticker_set_fn ticker_set_clock;
ticker_set_fn ticker_set_phase_ms;
ticker_set_fn ticker_set_queue;
ticker_set_fn ticker_set_notify;
ticker_set_fn ticker_set_stall_ms;
ticker_set_fn ticker_reset_lateness;

#endif /* SCHED_TICK_TICKER_H */
