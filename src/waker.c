// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wake those who poll(2) on a file, but not too often.
 *
 * Waking runs a function for each open file, with interrupts off; any user may
 * open the file ten thousand times. So after waking there is a pause, a multiple
 * of the time that waking took: it takes half a per cent of a CPU at the most.
 * With few pollers that pause is shorter than the shortest period. Changes during
 * a pause share one wake-up at its end.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sysfs.h>

#include "ticker.h"

#define TICKER_WAKER_PAUSES	200
#define TICKER_WAKER_PAUSE_MAX_NS	(10 * NSEC_PER_SEC)

static void ticker_waker_wake_now(struct ticker_waker *waker, u64 now_ns)
{
	u64 took_ns, pause_ns;

	/* A change that comes from here on asks for a wake-up of its own. */
	atomic_set(&waker->deferred, 0);
	sysfs_notify_dirent(waker->node);
	took_ns = ktime_get_ns() - now_ns;
	/* Once is no evidence: something may have taken the CPU meanwhile. */
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
 * ticker_waker_wake() - wake those who poll on a file, now or after the pause
 * @event: the reports of the ticker
 * @waker: one of its files
 *
 * Context: process context.
 */
void ticker_waker_wake(struct ticker_event *event, struct ticker_waker *waker)
{
	u64 again_ns = atomic64_read(&waker->again_ns);
	u64 now_ns = ktime_get_ns();

	if (now_ns >= again_ns) {
		ticker_waker_wake_now(waker, now_ns);
		return;
	}
	atomic_set(&waker->deferred, 1);
	ticker_waker_defer(event, again_ns - now_ns);
}

static void ticker_waker_work_fn(struct work_struct *work)
{
	struct ticker_event *event = container_of(to_delayed_work(work),
						  struct ticker_event, wake_work);

	/* If it comes too early for one of them, that is deferred again. */
	if (atomic_read(&event->counter.deferred))
		ticker_waker_wake(event, &event->counter);
	if (atomic_read(&event->enabled.deferred))
		ticker_waker_wake(event, &event->enabled);
}

/**
 * ticker_waker_flush() - have nobody woken later for a tick that has run
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
 * ticker_waker_end() - wake all a last time, after the files are gone
 * @event: the reports of the ticker; nobody else uses them any more
 *
 * sysfs wakes nobody when it removes a file. Who was woken before could find the
 * file there, and go back to sleep.
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
