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
#define TICKER_WAKER_PAUSE_MAX_NS	(10ULL * NSEC_PER_SEC)

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

/**
 * ticker_waker_wake() - wake processes that poll on a file, now or after the pause
 * @waker: the file
 *
 * Context: process context, or the tick.
 */
void ticker_waker_wake(struct ticker_waker *waker)
{
	u64 now_ns, again_ns;

	atomic_set(&waker->deferred, 1);
	/* Ticks of several CPUs come at once: one of them wakes, for the others too. */
	if (atomic_xchg(&waker->busy, 1))
		return;
	now_ns = ktime_get_ns();
	if (now_ns >= (u64)atomic64_read(&waker->again_ns))
		ticker_waker_wake_now(waker, now_ns);
	again_ns = atomic64_read(&waker->again_ns);
	/* Who came meanwhile has set deferred before; both exchanges are full barriers. */
	atomic_xchg(&waker->busy, 0);
	if (atomic_read(&waker->deferred))
		queue_delayed_work(ticker_event_wq, &waker->work,
				   nsecs_to_jiffies(again_ns > now_ns ?
						    again_ns - now_ns : 0) + 1);
}

static void ticker_waker_work_fn(struct work_struct *work)
{
	struct ticker_waker *waker = container_of(to_delayed_work(work),
						  struct ticker_waker, work);

	if (atomic_read(&waker->deferred))
		ticker_waker_wake(waker);
}

/**
 * ticker_waker_flush() - do a deferred wake-up now
 * @waker: the file
 *
 * Context: process context.
 */
void ticker_waker_flush(struct ticker_waker *waker)
{
	if (atomic_read(&waker->deferred))
		ticker_waker_wake_now(waker, ktime_get_ns());
}

/**
 * ticker_waker_setup() - prepare the wake-ups of a file
 * @waker: the file, zeroed; its node is set when it exists
 */
void ticker_waker_setup(struct ticker_waker *waker)
{
	INIT_DELAYED_WORK(&waker->work, ticker_waker_work_fn);
}

/**
 * ticker_waker_end() - wake all processes after a file is removed
 * @waker: the file, not used by others any more
 *
 * sysfs wakes no process when it removes a file, and a process that was woken before
 * the removal could find the file and sleep again.
 *
 * Context: may sleep.
 */
void ticker_waker_end(struct ticker_waker *waker)
{
	cancel_delayed_work_sync(&waker->work);
	sysfs_notify_dirent(waker->node);
	sysfs_put(waker->node);
}
