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

/**
 * struct ticker_config - what userspace chose, file by file
 * @enabled: 0 or 1
 * @period_ms: TICKER_PERIOD_MIN_MS to TICKER_PERIOD_MAX_MS
 * @timer: an enum ticker_timer
 * @clock: an enum ticker_clock
 * @phase_ms: -1, or 0 to @period_ms - 1
 * @cpu: -1, or the CPU whose worker pool runs the ticks
 * @notify: 1: each tick wakes poll(2) on counter
 * @stall_ms: a tick later than this is a stall; 0: none is
 */
struct ticker_config {
	int enabled;
	int period_ms;
	int timer;
	int clock;
	int phase_ms;
	int cpu;
	int notify;
	int stall_ms;
};

/* As of birth: disabled. */
extern const struct ticker_config ticker_config_default;

/**
 * struct ticker_counts - what a monitor counts
 * @counter: ticks run since the ticker was made
 * @missed: periods that passed without a tick of their own
 * @stalls: ticks that were later than @stall_ms, one that is overdue included
 * @lateness: deadline to tick
 * @timer_lateness: deadline to alarm, for ticks that an alarm woke
 */
struct ticker_counts {
	u64 counter;
	u64 missed;
	u64 stalls;
	struct ticker_lateness lateness;
	struct ticker_lateness timer_lateness;
};

struct ticker_snapshot {
	struct ticker_config config;
	struct ticker_counts counts;
};

/**
 * struct ticker_reported - what userspace was last last_reported by uevent
 * @stalls: as of the last stall; the lower half
 * @stalled: it was not followed by recovered
 * @enabled: as of the last enabled or disabled
 */
struct ticker_reported {
	u32 stalls;
	bool stalled;
	bool enabled;
};

/**
 * struct ticker_waker - a file that processes poll(2) on
 * @node: the file; referenced
 * @deferred: there was a change during the pause
 * @again_ns: end of the pause, in ns on CLOCK_MONOTONIC
 * @took_ns: how long waking them took last, in ns
 */
struct ticker_waker {
	struct kernfs_node *node;
	atomic_t deferred;
	atomic64_t again_ns;
	atomic64_t took_ns;
};

struct ticker;

/**
 * struct ticker_event - how a ticker is reported to userspace
 * @node: link to the tickers that have to be reported by uevent; under the lock of
 *	that queue
 * @again: when it may be reported again, in jiffies; under the same lock
 * @log_window: when a line was logged last; under the same lock
 * @ticker: the ticker
 * @last_reported: state as of the last uevent; used by the work item that sends uevents,
 *	and by nobody else once the ticker is created
 * @stall_cpu: where the last stall was; under @lock of the ticker
 * @stall_late_ns: how late the tick was that ended the last stall, in ns; under
 *	@lock of the ticker
 * @wake_work: wakes processes after the pause of a file
 * @counter: the file counter
 * @enabled: the file enabled
 */
struct ticker_event {
	struct list_head node;
	unsigned long again;
	unsigned long log_window;
	struct ticker *ticker;
	struct ticker_reported last_reported;
	int stall_cpu;
	u64 stall_late_ns;
	struct delayed_work wake_work;
	struct ticker_waker counter;
	struct ticker_waker enabled;
};

/**
 * struct ticker - one ticker
 * @kobj: its directory in sysfs; the release frees the ticker
 * @control: serialises those who change @config, and @dying. A mutex apart
 *	from @lock because it is held while the work is waited for; so the work
 *	must never take it, and nobody may hold it across kobject_del(). Who waits
 *	for it can be killed.
 * @name: what tracepoints and the log call it
 * @dying: no change is taken any more, and nothing last_reported. Changed under @control
 *	and @lock.
 * @running: a tick runs, its subscribers included. Set under @lock; see
 *	ticker_halt().
 * @halting: somebody waits until none does
 * @rate: what it has of the sum of all rates; see rate.c
 * @lock: everything the tick reads and writes, below. Raw, and taken with
 *	interrupts off, because @watchdog takes it in hard interrupt context.
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
 * @timer_restarts: @timer goes from deadline to deadline by itself, and nobody
 *	else touches it; otherwise every tick arms it. Changed only while halted.
 * @timer_suffices: @timer_restarts, and a tick has nothing else to arm or note.
 *	Changed only while halted.
 * @cpu: the CPU of its timers and its work, online; -1 while it is disabled
 * @stalled: the tick that is overdue is in @counts.stalls
 * @timer_fired_ns: when the alarm last fired, on CLOCK_MONOTONIC, 0 once a tick has
 *	taken note of it. Atomic, so that the alarm needs no lock in hard interrupt
 *	context.
 * @work: the tick
 * @timer: queues @work at the deadline
 * @watchdog: looks whether the tick came; in use if @config.stall_ms is not 0
 * @place_node: link to the tickers whose timers a CPU has to arm; see place.c
 * @placing: number of CPUs that are arming them
 * @subscribers_lock: the list of subscribers
 * @subscribers: whom the tick calls
 * @called: the one whose callback runs
 * @event: how it is reported. Apart, because with it this would be a little more
 *	than 1 KiB, for which kmalloc() takes 2.
 * @cpuhp_node: link to CPU hotplug
 */
struct ticker {
	struct kobject kobj;
	struct mutex control;	/* one change at a time */
	char name[TICKER_NAME_LEN + 1];
	bool dying;
	bool running;
	bool halting;
	u32 rate;

	raw_spinlock_t lock;	/* one instant for all below */
	struct ticker_config config;
	struct ticker_counts counts;
	struct ticker_timeline timeline;
	u64 missed_reported;
	u64 clock_offset_ns;
	bool armed;
	bool timer_restarts;
	bool timer_suffices;
	bool stalled;
	int cpu;

	atomic64_t timer_fired_ns;
	struct delayed_work work;
	struct hrtimer timer;
	struct hrtimer watchdog;

	struct list_head place_node;
	unsigned int placing;

	spinlock_t subscribers_lock;	/* the list, nested in nothing */
	struct list_head subscribers;
	struct sched_tick_subscriber *called;

	struct ticker_event *event;
	struct hlist_node cpuhp_node;
};

static inline struct ticker *to_ticker(struct kobject *kobj)
{
	return container_of(kobj, struct ticker, kobj);
}

/* ticker.c: its object, its life and death */
int ticker_init(const struct kobj_type *ktype);
void ticker_exit(void);

struct ticker *ticker_create(const char *name, const char *dirname,
			     struct kobject *parent,
			     const struct ticker_config *config);
void ticker_destroy(struct ticker *ticker);
void ticker_release(struct kobject *kobj);

void ticker_read_snapshot(struct ticker *ticker,
			  struct ticker_snapshot *snapshot);

/* tick.c: its delayed work and what wakes it */
int ticker_work_init(void);
void ticker_work_exit(void);
void ticker_setup(struct ticker *ticker);
u64 ticker_read_clock(const struct ticker *ticker);
void ticker_start_timeline(struct ticker *ticker);
bool ticker_end_timeline(struct ticker *ticker);
int ticker_halt(struct ticker *ticker);
void ticker_resume(struct ticker *ticker);
void ticker_arm_here(struct ticker *ticker);
bool ticker_check_stall(struct ticker *ticker,
			struct sched_tick_info *info);

/* call.c: its subscribers */
void ticker_call_subscribers(struct ticker *ticker,
			     const struct sched_tick_info *info);
void ticker_add_subscriber(struct ticker *ticker,
			   struct sched_tick_subscriber *subscriber);
void ticker_remove_subscriber(struct ticker *ticker,
			      struct sched_tick_subscriber *subscriber);

/* waker.c: processes that poll on its files */
void ticker_waker_setup(struct ticker_event *event);
void ticker_waker_wake(struct ticker_event *event, struct ticker_waker *waker);
void ticker_waker_flush(struct ticker_event *event);
void ticker_waker_end(struct ticker_event *event);

/* event.c: what userspace is last_reported unasked */
extern struct workqueue_struct *ticker_event_wq;

int ticker_event_init(void);
void ticker_event_exit(void);
int ticker_event_setup(struct ticker *ticker, bool enabled);
void ticker_event_cancel(struct ticker *ticker);
void ticker_event_queue(struct ticker *ticker);
void ticker_event_stall(struct ticker *ticker,
			const struct sched_tick_info *info);

/* control.c: how a value that is in range of its file takes effect; under @control. */
typedef int ticker_set_fn(struct ticker *ticker, int value);

int ticker_change_setting(struct ticker *ticker, ticker_set_fn *set,
			  int value);

ticker_set_fn ticker_set_enabled;
ticker_set_fn ticker_set_period_ms;
ticker_set_fn ticker_set_timer;
ticker_set_fn ticker_set_clock;
ticker_set_fn ticker_set_phase_ms;
ticker_set_fn ticker_set_cpu;
ticker_set_fn ticker_set_notify;
ticker_set_fn ticker_set_stall_ms;
ticker_set_fn ticker_reset_lateness;

#endif /* SCHED_TICK_TICKER_H */
