/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One CPU's share of a ticker: its timeline, timer, watchdog, work item, counts.
 */
#ifndef SCHED_TICK_TICKER_CPU_H
#define SCHED_TICK_TICKER_CPU_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "culprit.h"
#include "ticker.h"
#include "timeline.h"

/**
 * struct ticker_cpu_late - where the lateness of a share that has a CPU went
 * @sums: the counters
 * @cputime: CPU time as of the last tick; of interrupts and softirqs as of the time when
 *	the timer fired. Written under the lock of the share, and by the timer without.
 */
struct ticker_cpu_late {
	struct ticker_late sums;
	struct ticker_cputime cputime;
};

/**
 * struct ticker_cpu - one CPU's share of a ticker
 * @lock: protects what a tick reads and writes. Raw, and taken with interrupts
 *	off, because @watchdog takes it in hard interrupt context.
 * @cpu: CPU of its timers and its work item; of a share that is bound to no CPU
 *	-1 while it has no timeline. Changed under @lock.
 * @active: it has a timeline, so its periods count; changed under @lock
 * @armed: the work item may run a tick and arm the timers again; false while the
 *	ticker is halted; under @lock
 * @stalled: the overdue tick is in @counts.stalls; under @lock
 * @timer_restarts: @timer restarts itself at each deadline, and nothing else
 *	arms it; otherwise each tick arms it. Changed while the ticker is halted.
 * @timer_suffices: @timer_restarts, and a tick has nothing else to arm or record.
 *	Changed while the ticker is halted.
 * @timer_watches: @timer_restarts, and arms @watchdog if a tick is overdue; otherwise
 *	each tick arms it. Changed while the ticker is halted.
 * @running: a tick runs, its subscribers included; set under @lock, see
 *	ticker_cpu_wait()
 * @halting: a process waits until no tick runs
 * @shown: the file percpu/N exists
 * @placing: number of CPUs that are arming its timers; see place.c
 * @check_next: when to check the share of the next CPU, as ticker_check_time(); under
 *	@lock
 * @ticker: the ticker
 * @timeline: its deadlines; meaningless while not @active; under @lock
 * @missed_reported: @counts.missed as of the last tick; under @lock
 * @clock_offset_ns: the ticker's clock minus CLOCK_MONOTONIC when the next deadline
 *	was last seen ahead, in ns; unused on CLOCK_MONOTONIC; under @lock
 * @timer_fired_ns: time at which @timer last fired, in ns on CLOCK_MONOTONIC; 0 once
 *	a tick has used it. Atomic: the timer takes no lock for it.
 * @late: where its lateness went; NULL if it is bound to no CPU. An object of its own:
 *	this one has almost 1 KiB.
 * @counts: counts of this share; under @lock
 * @work: the tick
 * @timer: queues @work at the deadline
 * @watchdog: detects a stall while it lasts; used if stall_ms is not 0
 * @place_node: link to the shares whose timers a CPU has to arm; see place.c
 * @stall: record of the last stall; under @lock
 */
struct ticker_cpu {
	raw_spinlock_t lock;	/* state of one CPU's share */
	int cpu;
	bool active;
	bool armed;
	bool stalled;
	bool timer_restarts;
	bool timer_suffices;
	bool timer_watches;
	bool running;
	bool halting;
	bool shown;
	u16 placing;
	u32 check_next;

	struct ticker *ticker;
	struct ticker_timeline timeline;
	u64 missed_reported;
	u64 clock_offset_ns;
	atomic64_t timer_fired_ns;
	struct ticker_cpu_late *late;
	struct ticker_counts counts;

	struct delayed_work work;
	struct hrtimer timer;
	struct hrtimer watchdog;

	struct list_head place_node;
	struct ticker_stall stall;
};

/* One instant, in nanoseconds. */
struct ticker_instant {
	u64 ns;		/* on the ticker's clock */
	u64 mono_ns;	/* on CLOCK_MONOTONIC */
};

static inline bool ticker_is_monotonic(const struct ticker *ticker)
{
	return ticker->config.clock == TICKER_CLOCK_MONOTONIC;
}

/* The clock must not change meanwhile: the ticker is not halted, or @control held. */
static inline u64 ticker_read_clock(const struct ticker *ticker)
{
	switch (ticker->config.clock) {
	case TICKER_CLOCK_BOOTTIME:
		return ktime_get_boottime_ns();
	case TICKER_CLOCK_REALTIME:
		return ktime_get_real_ns();
	default:
		return ktime_get_ns();
	}
}

static inline struct ticker_instant
ticker_read_clocks(const struct ticker *ticker)
{
	u64 mono_ns = ktime_get_ns();

	return (struct ticker_instant){
		.ns = ticker_is_monotonic(ticker) ? mono_ns :
						    ticker_read_clock(ticker),
		.mono_ns = mono_ns,
	};
}

static inline void ticker_start_hrtimer(struct hrtimer *timer, u64 at_ns)
{
	hrtimer_start(timer, ns_to_ktime(at_ns), HRTIMER_MODE_ABS_PINNED_HARD);
}

static inline bool ticker_cpu_is_bound(const struct ticker_cpu *share)
{
	return share != share->ticker->any;
}

/* ticker_cpu.c: life and timeline */
int ticker_cpu_init(void);
void ticker_cpu_exit(void);
struct workqueue_struct *ticker_cpu_wq(int queue);

struct ticker_cpu *ticker_cpu_create(struct ticker *ticker, int cpu);
void ticker_cpu_init_work(struct ticker_cpu *share);
void ticker_cpu_free(struct ticker_cpu *share);

void ticker_cpu_start(struct ticker_cpu *share);
void ticker_cpu_settle(struct ticker_cpu *share, bool end);
void ticker_cpu_resume(struct ticker_cpu *share);
void ticker_cpu_disarm(struct ticker_cpu *share);
int ticker_cpu_wait(struct ticker_cpu *share);
void ticker_cpu_cancel(struct ticker_cpu *share);

/* tick.c: the tick */
void ticker_work_fn(struct work_struct *work);
enum hrtimer_restart ticker_timer_fn(struct hrtimer *timer);
void ticker_cpu_arm_all(struct ticker_cpu *share);
void ticker_cpu_arm_here(struct ticker_cpu *share);

#endif /* SCHED_TICK_TICKER_CPU_H */
