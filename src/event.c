// SPDX-License-Identifier: GPL-2.0-only
/*
 * What userspace is told unasked: stalls, by tracepoint, log and uevent, and
 * whether a ticker is enabled, by uevent.
 *
 * An event is told by a work of its own, on a queue that is not bound to the CPU
 * that stalls. It compares what is with what was last told, so of what changes
 * faster than it may tell, it tells where that has come to.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>

#include "compat.h"
#include "ticker.h"
#include "trace.h"

/* A ticker tells what changed at most once in this time: uevents wake udev. */
#define TICK_EVENT_PAUSE_JIFFIES	HZ

#define TICK_EVENT_LEN			48

static struct workqueue_struct *tick_event_wq;

/* Not if memory was short for it; where it was for the path, that is -ENOENT. */
static bool tick_event_send(struct tick_ticker *ticker, char *event,
			    char *detail)
{
	char *envp[3] = { event, detail };
	int err = kobject_uevent_env(&ticker->kobj, KOBJ_CHANGE, envp);

	return err != -ENOMEM && err != -ENOENT;
}

/* Each event is told once it is sent; one that memory was short for is not. */
static void tick_event_catch_up(struct tick_ticker *ticker,
				const struct tick_told *now, int cpu,
				u64 late_ns)
{
	struct tick_told *told = &ticker->event->told;
	char detail[TICK_EVENT_LEN];

	if (now->stalls != told->stalls) {
		snprintf(detail, sizeof(detail), "SCHED_TICK_CPU=%d", cpu);
		if (!tick_event_send(ticker, "SCHED_TICK_EVENT=stall", detail))
			return;
		told->stalls = now->stalls;
		told->stalled = true;
	}
	if (told->stalled && !now->stalled) {
		snprintf(detail, sizeof(detail), "SCHED_TICK_LATENESS_NS=%llu",
			 late_ns);
		if (!tick_event_send(ticker, "SCHED_TICK_EVENT=recovered",
				     detail))
			return;
		told->stalled = false;
	}
	if (now->enabled != told->enabled) {
		if (!tick_event_send(ticker, now->enabled ?
				     "SCHED_TICK_EVENT=enabled" :
				     "SCHED_TICK_EVENT=disabled", NULL))
			return;
		told->enabled = now->enabled;
	}
}

static void tick_event_work(struct work_struct *work)
{
	struct tick_event *event = container_of(to_delayed_work(work),
						struct tick_event, work);
	struct tick_ticker *ticker = event->ticker;
	struct tick_told *told = &event->told;
	struct tick_told now;
	u64 late_ns;
	bool dying;
	int cpu;

	raw_spin_lock_irq(&ticker->lock);
	dying = ticker->dying;
	now.enabled = ticker->config.enabled;
	now.stalls = ticker->counts.stalls;
	now.stalled = ticker->stalled;
	cpu = ticker->stall_cpu;
	late_ns = ticker->stall_late_ns;
	raw_spin_unlock_irq(&ticker->lock);

	/* Of one that is about to go, the removal says it all. */
	if (dying)
		return;
	if (now.enabled == told->enabled && now.stalls == told->stalls &&
	    now.stalled == told->stalled)
		return;

	tick_event_catch_up(ticker, &now, cpu, late_ns);
	/*
	 * Whoever has something to tell meanwhile finds the work pending. What
	 * was not told for want of memory is told then, too.
	 */
	mod_delayed_work(tick_event_wq, &event->work,
			 TICK_EVENT_PAUSE_JIFFIES);
}

/**
 * tick_event_tell() - have userspace told what changed of a ticker
 * @ticker: the ticker
 *
 * At once, or if it was told something within the last second, at the end of
 * that.
 *
 * Context: any.
 */
void tick_event_tell(struct tick_ticker *ticker)
{
	queue_delayed_work(tick_event_wq, &ticker->event->work, 0);
}

/**
 * tick_event_stall() - report a stall that was just counted
 * @ticker: the ticker
 * @info: the tick that is late
 * @cpu: the CPU that it waits for
 *
 * The log line is written here and not in a work: where this happens, works may
 * not run.
 *
 * Context: any.
 */
void tick_event_stall(struct tick_ticker *ticker,
		      const struct sched_tick_info *info, int cpu)
{
	trace_sched_tick_stall(info);
	pr_warn_ratelimited("%s: stalled on CPU %d, tick overdue by %llu ms\n",
			    ticker->name, cpu,
			    div_u64(info->now_ns - info->deadline_ns,
				    NSEC_PER_MSEC));
	tick_event_tell(ticker);
}

/**
 * tick_event_setup() - make a new ticker's events ready
 * @ticker: the ticker
 * @enabled: how it is born, of which there is nothing to tell
 *
 * Return: 0, with @event of the ticker to be freed by kfree(), or -ENOMEM.
 */
int tick_event_setup(struct tick_ticker *ticker, bool enabled)
{
	struct tick_event *event = kzalloc(sizeof(*event), GFP_KERNEL);

	if (!event)
		return -ENOMEM;
	INIT_DELAYED_WORK(&event->work, tick_event_work);
	event->ticker = ticker;
	event->told.enabled = enabled;
	ticker->event = event;
	return 0;
}

/**
 * tick_event_cancel() - what is not told yet is not to be told
 * @ticker: the ticker
 *
 * Context: may sleep; waits for an event that is being told.
 */
void tick_event_cancel(struct tick_ticker *ticker)
{
	cancel_delayed_work_sync(&ticker->event->work);
}

/**
 * tick_event_init() - make ready for the first ticker
 *
 * Return: 0 or a negative error code.
 */
int tick_event_init(void)
{
	tick_event_wq = alloc_workqueue("sched_tick_event", WQ_UNBOUND, 0);
	return tick_event_wq ? 0 : -ENOMEM;
}

/**
 * tick_event_exit() - undo tick_event_init(), when the last ticker is released
 */
void tick_event_exit(void)
{
	destroy_workqueue(tick_event_wq);
}
