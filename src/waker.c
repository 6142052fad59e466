// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wake processes that poll(2) on a file, at a limited rate.
 *
 * A wake-up runs a function for each open file, with interrupts off, and any user
 * may open the file ten thousand times. Each wake-up is therefore followed by a
 * pause of a multiple of its duration, so that wake-ups take at most half a per cent
 * of a CPU. With few pollers the pause is shorter than the shortest period. Changes
 * during a pause share one wake-up at its end.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sysfs.h>

#include "event.h"

#define TICKER_WAKER_PAUSES	200
#define TICKER_WAKER_PAUSE_MAX_NS	(10 * NSEC_PER_SEC)

static void ticker_waker_wake_now(struct ticker_waker *waker, u64 now_ns)
{
	u64 took_ns, pause_ns;

	/* A change after this point needs a wake-up of its own. */
	atomic_set(&waker->deferred, 0);
	sysfs_notify_dirent(waker->node);
	took_ns = ktime_get_ns() - now_ns;
	/* The shorter of two: an interrupt may have prolonged one of them. */
	pause_ns = TICKER_WAKER_PAUSES *
		   min(took_ns, (u64)atomic64_xchg(&waker->took_ns, took_ns));
	atomic64_set(&waker->again_ns, now_ns + took_ns +
		     min_t(u64, pause_ns, TICKER_WAKER_PAUSE_MAX_NS));
}

static void ticker_waker_defer(struct ticker_event *event, u64 left_ns)
{
	queue_delayed_work(ticker_event_wq, &event->wake_work,
			   nsecs_to_jiffies(left_ns) + 1);
}

/**
 * ticker_waker_wake() - wake processes that poll on a file, now or after the pause
 * @event: the reports of the ticker
 * @waker: one of its files
 *
 * Context: process context, or the tick.
 */
void ticker_waker_wake(struct ticker_event *event, struct ticker_waker *waker)
{
	u64 again_ns = atomic64_read(&waker->again_ns);
	u64 now_ns = ktime_get_ns();

	/* Ticks of several CPUs come at once: one of them wakes. */
	if (now_ns >= again_ns &&
	    atomic64_cmpxchg(&waker->again_ns, again_ns,
			     now_ns + TICKER_WAKER_PAUSE_MAX_NS) == again_ns) {
		ticker_waker_wake_now(waker, now_ns);
		return;
	}
	atomic_set(&waker->deferred, 1);
	ticker_waker_defer(event, now_ns < again_ns ? again_ns - now_ns : 0);
}

static void ticker_waker_work_fn(struct work_struct *work)
{
	struct ticker_event *event = container_of(to_delayed_work(work),
						  struct ticker_event, wake_work);

	/* A file whose pause has not ended is deferred again. */
	if (atomic_read(&event->counter.deferred))
		ticker_waker_wake(event, &event->counter);
	if (atomic_read(&event->enabled.deferred))
		ticker_waker_wake(event, &event->enabled);
}

/**
 * ticker_waker_flush() - do a deferred wake-up of the file counter now
 * @event: the reports of the ticker
 *
 * Context: process context.
 */
void ticker_waker_flush(struct ticker_event *event)
{
	if (atomic_read(&event->counter.deferred))
		ticker_waker_wake_now(&event->counter, ktime_get_ns());
}

/**
 * ticker_waker_setup() - prepare the wake-ups of a new ticker
 * @event: the reports of the ticker, zeroed; the nodes are set when the files exist
 */
void ticker_waker_setup(struct ticker_event *event)
{
	INIT_DELAYED_WORK(&event->wake_work, ticker_waker_work_fn);
}

/**
 * ticker_waker_end() - wake all processes after the files are removed
 * @event: the reports of the ticker, not used by others any more
 *
 * sysfs wakes no process when it removes a file, and a process that was woken before
 * the removal could find the file and sleep again.
 *
 * Context: may sleep.
 */
void ticker_waker_end(struct ticker_event *event)
{
	cancel_delayed_work_sync(&event->wake_work);
	sysfs_notify_dirent(event->counter.node);
	sysfs_notify_dirent(event->enabled.node);
	sysfs_put(event->counter.node);
	sysfs_put(event->enabled.node);
}
