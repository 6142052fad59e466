/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ticker: its object, its delayed work, its alarm, its life and death.
 */
#ifndef SCHED_TICK_TICKER_H
#define SCHED_TICK_TICKER_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/time64.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "lateness.h"
#include "sched_tick.h"
#include "timeline.h"

#define TICK_NAME_LEN		32
#define TICK_NAME_DEFAULT	"default"
#define TICK_PERIOD_MIN_MS	1
#define TICK_PERIOD_MAX_MS	INT_MAX

enum tick_clock {
	TICK_CLOCK_MONOTONIC,
	TICK_CLOCK_BOOTTIME,
	TICK_CLOCK_REALTIME,
	TICK_CLOCKS
};

/**
 * struct tick_config - what userspace chose, file by file
 * @enabled: 0 or 1
 * @period_ms: TICK_PERIOD_MIN_MS to TICK_PERIOD_MAX_MS
 * @precise: 1: an hrtimer keeps the time; 0: the timer wheel does
 * @clock: an enum tick_clock
 * @phase_ms: -1, or 0 to @period_ms - 1
 * @cpu: -1, or the CPU whose worker pool runs the ticks
 * @notify: 1: each tick wakes poll(2) on counter
 * @stall_ms: a tick later than this is a stall; 0: none is
 */
struct tick_config {
	int enabled;
	int period_ms;
	int precise;
	int clock;
	int phase_ms;
	int cpu;
	int notify;
	int stall_ms;
};

/* As of birth: disabled. */
extern const struct tick_config tick_config_default;

/**
 * struct tick_counts - what a monitor counts
 * @counter: ticks run since the ticker was made
 * @missed: periods that passed without a tick of their own
 * @stalls: ticks that were later than @stall_ms, one that is overdue included
 * @lateness: deadline to tick
 * @alarm_lateness: deadline to alarm, for ticks that an alarm woke
 */
struct tick_counts {
	u64 counter;
	u64 missed;
	u64 stalls;
	struct tick_lateness lateness;
	struct tick_lateness alarm_lateness;
};

struct tick_snapshot {
	struct tick_config config;
	struct tick_counts counts;
};

/**
 * struct tick_told - what userspace was last told by uevent
 * @stalls: as of the last stall; the lower half
 * @stalled: it was not followed by recovered
 * @enabled: as of the last enabled or disabled
 */
struct tick_told {
	u32 stalls;
	bool stalled;
	bool enabled;
};

/**
 * struct tick_waker - a file that processes poll(2) on
 * @node: the file; referenced
 * @deferred: there was a change during the pause
 * @again_ns: end of the pause, in ns on CLOCK_MONOTONIC
 * @took_ns: how long waking them took last, in ns
 */
struct tick_waker {
	struct kernfs_node *node;
	atomic_t deferred;
	atomic64_t again_ns;
	atomic64_t took_ns;
};

struct tick_ticker;

/**
 * struct tick_event - how a ticker is reported to userspace
 * @node: link to the tickers that have to be reported by uevent; under the lock of
 *	that queue
 * @again: when it may be reported again, in jiffies; under the same lock
 * @log_window: when a line was logged last; under the same lock
 * @ticker: the ticker
 * @told: state as of the last uevent; used by the work item that sends uevents,
 *	and by nobody else once the ticker is created
 * @stall_cpu: where the last stall was; under @lock of the ticker
 * @stall_late_ns: how late the tick was that ended the last stall, in ns; under
 *	@lock of the ticker
 * @wake_work: wakes processes after the pause of a file
 * @counter: the file counter
 * @enabled: the file enabled
 */
struct tick_event {
	struct list_head node;
	unsigned long again;
	unsigned long log_window;
	struct tick_ticker *ticker;
	struct tick_told told;
	int stall_cpu;
	u64 stall_late_ns;
	struct delayed_work wake_work;
	struct tick_waker counter;
	struct tick_waker enabled;
};

/**
 * struct tick_ticker - one ticker
 * @kobj: its folder in sysfs; the release frees the ticker
 * @control: serialises those who change @config, and @dying. A mutex apart
 *	from @lock because it is held while the work is waited for; so the work
 *	must never take it, and nobody may hold it across kobject_del(). Who waits
 *	for it can be killed.
 * @name: what tracepoints and the log call it
 * @dying: no change is taken any more, and nothing told. Changed under @control
 *	and @lock.
 * @running: a tick runs, its subscribers included. Set under @lock; see
 *	tick_ticker_halt().
 * @halting: somebody waits until none does
 * @rate: what it has of the sum of all rates; see rate.c
 * @lock: everything the tick reads and writes, below. Raw, and taken with
 *	interrupts off, because @watch takes it in hard interrupt context.
 * @config: changed under @control and @lock, but for @config.cpu, which also
 *	CPU hotplug changes, under @lock alone. The alarm, which takes no lock,
 *	reads what changes only while halted: @config.clock and the period of
 *	@timeline.
 * @counts: what happened
 * @timeline: when it is due; of no meaning while not enabled
 * @missed_reported: @counts.missed as of the last tick
 * @clock_offset_ns: the ticker's clock less CLOCK_MONOTONIC, as of when the next
 *	deadline was ahead; not kept on CLOCK_MONOTONIC
 * @armed: the work may run a tick and re-arm. False while halted.
 * @alarm_repeats: @alarm goes from deadline to deadline by itself, and nobody
 *	else touches it; otherwise every tick arms it. Changed only while halted.
 * @alarm_suffices: @alarm_repeats, and a tick has nothing else to arm or note.
 *	Changed only while halted.
 * @home: the CPU of its timers and its work, online; -1 while it is disabled
 * @stalled: the tick that is overdue is in @counts.stalls
 * @alarm_ns: when the alarm last fired, on CLOCK_MONOTONIC, 0 once a tick has
 *	taken note of it. Atomic, so that the alarm needs no lock in hard interrupt
 *	context.
 * @work: the tick
 * @alarm: queues @work at the deadline
 * @watch: looks whether the tick came; in use if @config.stall_ms is not 0
 * @place_node: link to the tickers whose timers a CPU has to arm; see place.c
 * @placing: number of CPUs that are arming them
 * @subscribers_lock: the list of subscribers
 * @subscribers: whom the tick calls
 * @called: the one whose callback runs
 * @event: how it is reported. Apart, because with it this would be a little more
 *	than 1 KiB, for which kmalloc() takes 2.
 * @cpuhp_node: link to CPU hotplug
 */
struct tick_ticker {
	struct kobject kobj;
	struct mutex control;	/* one change at a time */
	char name[TICK_NAME_LEN + 1];
	bool dying;
	bool running;
	bool halting;
	u32 rate;

	raw_spinlock_t lock;	/* one instant for all below */
	struct tick_config config;
	struct tick_counts counts;
	struct tick_timeline timeline;
	u64 missed_reported;
	u64 clock_offset_ns;
	bool armed;
	bool alarm_repeats;
	bool alarm_suffices;
	bool stalled;
	int home;

	atomic64_t alarm_ns;
	struct delayed_work work;
	struct hrtimer alarm;
	struct hrtimer watch;

	struct list_head place_node;
	unsigned int placing;

	spinlock_t subscribers_lock;	/* the list, nested in nothing */
	struct list_head subscribers;
	struct sched_tick_subscriber *called;

	struct tick_event *event;
	struct hlist_node cpuhp_node;
};

static inline struct tick_ticker *to_tick_ticker(struct kobject *kobj)
{
	return container_of(kobj, struct tick_ticker, kobj);
}

/* ticker.c: its object, its life and death */
int tick_ticker_init(const struct kobj_type *ktype);
void tick_ticker_exit(void);

struct tick_ticker *tick_ticker_create(const char *name, const char *dirname,
				       struct kobject *parent,
				       const struct tick_config *config);
void tick_ticker_destroy(struct tick_ticker *ticker);
void tick_ticker_release(struct kobject *kobj);

void tick_ticker_snapshot(struct tick_ticker *ticker,
			  struct tick_snapshot *snapshot);

/* tick.c: its delayed work and what wakes it */
int tick_tick_init(void);
void tick_tick_exit(void);
void tick_ticker_setup(struct tick_ticker *ticker);
u64 tick_ticker_now(const struct tick_ticker *ticker);
void tick_ticker_start(struct tick_ticker *ticker);
bool tick_ticker_stop(struct tick_ticker *ticker);
int tick_ticker_halt(struct tick_ticker *ticker);
void tick_ticker_resume(struct tick_ticker *ticker);
void tick_ticker_arm_here(struct tick_ticker *ticker);
bool tick_ticker_check_stall(struct tick_ticker *ticker,
			     struct sched_tick_info *info);

/* call.c: its subscribers */
void tick_ticker_call(struct tick_ticker *ticker,
		      const struct sched_tick_info *info);
void tick_ticker_add_subscriber(struct tick_ticker *ticker,
				struct sched_tick_subscriber *subscriber);
void tick_ticker_remove_subscriber(struct tick_ticker *ticker,
				   struct sched_tick_subscriber *subscriber);

/* waker.c: processes that poll on its files */
void tick_waker_setup(struct tick_event *event);
void tick_waker_wake(struct tick_event *event, struct tick_waker *waker);
void tick_waker_flush(struct tick_event *event);
void tick_waker_end(struct tick_event *event);

/* event.c: what userspace is told unasked */
extern struct workqueue_struct *tick_event_wq;

int tick_event_init(void);
void tick_event_exit(void);
int tick_event_setup(struct tick_ticker *ticker, bool enabled);
void tick_event_cancel(struct tick_ticker *ticker);
void tick_event_tell(struct tick_ticker *ticker);
void tick_event_stall(struct tick_ticker *ticker,
		      const struct sched_tick_info *info);

/* control.c: how a value that is in range of its file takes effect; under @control. */
typedef int tick_ticker_set_fn(struct tick_ticker *ticker, int value);

int tick_ticker_change(struct tick_ticker *ticker, tick_ticker_set_fn *set,
		       int value);

tick_ticker_set_fn tick_ticker_set_enabled;
tick_ticker_set_fn tick_ticker_set_period_ms;
tick_ticker_set_fn tick_ticker_set_precise;
tick_ticker_set_fn tick_ticker_set_clock;
tick_ticker_set_fn tick_ticker_set_phase_ms;
tick_ticker_set_fn tick_ticker_set_cpu;
tick_ticker_set_fn tick_ticker_set_notify;
tick_ticker_set_fn tick_ticker_set_stall_ms;
tick_ticker_set_fn tick_ticker_reset;

#endif /* SCHED_TICK_TICKER_H */
