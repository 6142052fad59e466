/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports to userspace: tracepoint, log and uevent of a stall, uevents of other
 * changes, and wake-ups of processes that poll.
 */
#ifndef SCHED_TICK_EVENT_H
#define SCHED_TICK_EVENT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct kernfs_node;
struct sched_tick_info;
struct ticker;
struct ticker_cpu;
struct ticker_culprit;

/**
 * struct ticker_reported - state of a ticker as of its last uevent
 * @stalls: number of stalls at the last stall event; its lower 32 bits
 * @stalled: no recovered event followed that
 * @enabled: whether the last event was enabled or disabled
 */
struct ticker_reported {
	u32 stalls;
	bool stalled;
	bool enabled;
};

/**
 * struct ticker_waker - a file that processes poll(2) on
 * @node: the file; referenced
 * @work: wakes the processes after the pause
 * @busy: somebody looks whether the pause has ended, or wakes
 * @deferred: the file changed and no wake-up has begun since
 * @again_ns: end of the pause, in ns on CLOCK_MONOTONIC
 * @took_ns: duration of the last wake-up, in ns
 */
struct ticker_waker {
	struct kernfs_node *node;
	struct delayed_work work;
	atomic_t busy;
	atomic_t deferred;
	atomic64_t again_ns;
	atomic64_t took_ns;
};

/**
 * struct ticker_event - state of a ticker's reports
 * @node: link to the tickers that wait for a uevent; under the lock of that queue
 * @again: end of the pause after a uevent, in jiffies; under the same lock
 * @log_window: window of the last log line; under the same lock
 * @ticker: the ticker
 * @last_reported: state as of the last uevent; used by the work item that sends
 *	uevents alone once the ticker is created
 * @stalled: share of the last stall; written with WRITE_ONCE()
 * @counter: the file counter
 * @enabled: the file enabled
 */
struct ticker_event {
	struct list_head node;
	unsigned long again;
	unsigned long log_window;
	struct ticker *ticker;
	struct ticker_reported last_reported;
	struct ticker_cpu *stalled;
	struct ticker_waker counter;
	struct ticker_waker enabled;
};

extern struct workqueue_struct *ticker_event_wq;

/* event.c */
int ticker_event_init(void);
void ticker_event_exit(void);
int ticker_event_setup(struct ticker *ticker, bool enabled);
void ticker_event_cancel(struct ticker *ticker);
void ticker_event_queue(struct ticker *ticker);
void ticker_event_stall(struct ticker *ticker,
			const struct sched_tick_info *info,
			const struct ticker_culprit *culprit);

/* waker.c: processes that poll on a ticker's files */
void ticker_waker_setup(struct ticker_waker *waker);
void ticker_waker_wake(struct ticker_waker *waker);
void ticker_waker_flush(struct ticker_waker *waker);
void ticker_waker_end(struct ticker_waker *waker);

#endif /* SCHED_TICK_EVENT_H */
