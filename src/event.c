// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports to userspace: stalls by tracepoint, log and uevent; enabling and disabling
 * by uevent.
 *
 * One work item sends the uevents of all tickers, on a queue that is not bound to the
 * CPU of a stall. A ticker with changes is queued for it. It compares the state with
 * the last reported one, so changes that are faster than the limit are coalesced and
 * the last state is always reported.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "culprit.h"
#include "event.h"
#include "shares.h"
#include "ticker.h"
#include "ticker_cpu.h"
#include "trace.h"

/* Window of the limits of uevents, each of which may start a program. */
#define TICKER_EVENT_PAUSE_JIFFIES	HZ

/*
 * uevents in a window, of which each ticker has one report. The last report may
 * exceed it by two, and two windows may be adjacent.
 */
#define TICKER_EVENT_BUDGET		8

/* Log lines in a window, twice: see ticker_event_may_log(). */
#define TICKER_LOG_JIFFIES		(5 * HZ)
#define TICKER_LOG_BUDGET		10

#define TICKER_EVENT_LEN		48

struct workqueue_struct *ticker_event_wq;

static void ticker_event_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(ticker_event_work, ticker_event_work_fn);

/* Held while a ticker is reported, and to take a ticker off the queue. */
static DEFINE_MUTEX(ticker_event_reporting);

/* Under ticker_event_reporting. */
static unsigned long ticker_event_window_end;	/* in jiffies */
static unsigned int ticker_event_sent;		/* uevents in this window */

/* Protects @node, @again and @log_window of tickers. Raw, for hard interrupts. */
static DEFINE_RAW_SPINLOCK(ticker_event_lock);
static LIST_HEAD(ticker_event_ready);	/* oldest first */
static LIST_HEAD(ticker_event_paused);	/* first to end first */

/* Under ticker_event_lock. */
static struct {
	unsigned long window;
	unsigned int first;	/* lines of tickers without one in the window before */
	unsigned int more;	/* all other lines */
	unsigned int suppressed;
} ticker_log;

/*
 * Returns false if an allocation failed, so that the caller retries.
 * kobject_uevent_env() returns -ENOENT if the path could not be allocated.
 */
static bool ticker_event_send(struct ticker *ticker, char *event,
			      char *detail, char *more)
{
	char *envp[4] = { event, detail, more };
	int err = kobject_uevent_env(&ticker->kobj, KOBJ_CHANGE, envp);

	return err != -ENOMEM && err != -ENOENT;
}

/*
 * Send what has changed. Each event is recorded once it was sent, so one that failed
 * is retried. Returns the number of events that were tried.
 */
static unsigned int ticker_event_send_changes(struct ticker *ticker,
					      const struct ticker_reported *now,
					      const struct ticker_stall *stall)
{
	struct ticker_reported *last_reported = &ticker->event->last_reported;
	char detail[TICKER_EVENT_LEN], context[TICKER_EVENT_LEN];
	unsigned int tried = 0;

	if (now->stalls != last_reported->stalls) {
		snprintf(detail, sizeof(detail), "SCHED_TICK_CPU=%u",
			 stall->culprit.cpu);
		snprintf(context, sizeof(context), "SCHED_TICK_CONTEXT=%s",
			 ticker_context_names[stall->culprit.context]);
		tried++;
		if (!ticker_event_send(ticker, "SCHED_TICK_EVENT=stall", detail,
				       context))
			return tried;
		last_reported->stalls = now->stalls;
		last_reported->stalled = true;
	}
	if (last_reported->stalled && !now->stalled) {
		snprintf(detail, sizeof(detail), "SCHED_TICK_LATENESS_NS=%llu",
			 stall->overdue_ns);
		tried++;
		if (!ticker_event_send(ticker, "SCHED_TICK_EVENT=recovered",
				       detail, NULL))
			return tried;
		last_reported->stalled = false;
	}
	if (now->enabled != last_reported->enabled) {
		tried++;
		if (ticker_event_send(ticker, now->enabled ?
				      "SCHED_TICK_EVENT=enabled" :
				      "SCHED_TICK_EVENT=disabled", NULL, NULL))
			last_reported->enabled = now->enabled;
	}
	return tried;
}

static unsigned int ticker_event_report(struct ticker *ticker)
{
	struct ticker_reported now = {
		.enabled = READ_ONCE(ticker->config.enabled),
	};
	struct ticker_stall stall = { };
	struct ticker_cpu *share = NULL;

	/* The remove event follows at once and replaces all others. */
	if (READ_ONCE(ticker->dying))
		return 0;

	while ((share = ticker_next_share(ticker, share))) {
		raw_spin_lock_irq(&share->lock);
		now.stalls += (u32)share->counts.stalls;
		now.stalled |= share->stalled;
		raw_spin_unlock_irq(&share->lock);
	}
	/* After the sum: a stall that is in it has set the share before. */
	share = READ_ONCE(ticker->event->stalled);
	if (share) {
		raw_spin_lock_irq(&share->lock);
		stall = share->stall;
		raw_spin_unlock_irq(&share->lock);
	}
	return ticker_event_send_changes(ticker, &now, &stall);
}

/* Take the next ticker off the queue; it may be queued again at once. */
static struct ticker_event *ticker_event_next(void)
{
	struct ticker_event *event;

	raw_spin_lock_irq(&ticker_event_lock);
	/* Tickers whose pause has ended are ready, also without changes. */
	while ((event = list_first_entry_or_null(&ticker_event_paused,
						 struct ticker_event, node)) &&
	       time_after_eq(jiffies, event->again))
		list_move_tail(&event->node, &ticker_event_ready);
	event = list_first_entry_or_null(&ticker_event_ready, struct ticker_event,
					 node);
	if (event)
		list_del_init(&event->node);
	raw_spin_unlock_irq(&ticker_event_lock);
	return event;
}

static void ticker_event_pause(struct ticker_event *event)
{
	raw_spin_lock_irq(&ticker_event_lock);
	event->again = jiffies + TICKER_EVENT_PAUSE_JIFFIES;
	list_move_tail(&event->node, &ticker_event_paused);
	raw_spin_unlock_irq(&ticker_event_lock);
}

static void ticker_event_work_fn(struct work_struct *work)
{
	struct ticker_event *event;
	unsigned long wake_up;
	unsigned int tried;
	bool more = true;

	mutex_lock(&ticker_event_reporting);
	if (time_after_eq(jiffies, ticker_event_window_end)) {
		ticker_event_window_end = jiffies + TICKER_EVENT_PAUSE_JIFFIES;
		ticker_event_sent = 0;
	}
	while (ticker_event_sent < TICKER_EVENT_BUDGET &&
	       (event = ticker_event_next())) {
		tried = ticker_event_report(event->ticker);
		if (tried)
			ticker_event_pause(event);
		ticker_event_sent += tried;
	}

	wake_up = ticker_event_window_end;
	raw_spin_lock_irq(&ticker_event_lock);
	if (list_empty(&ticker_event_ready)) {
		event = list_first_entry_or_null(&ticker_event_paused,
						 struct ticker_event, node);
		if (event)
			wake_up = event->again;
		else
			more = false;
	}
	raw_spin_unlock_irq(&ticker_event_lock);
	mutex_unlock(&ticker_event_reporting);

	/* A ticker that is queued meanwhile makes it run at once. */
	if (more)
		queue_delayed_work(ticker_event_wq, &ticker_event_work,
				   time_after(wake_up, jiffies) ?
				   wake_up - jiffies : 0);
}

/**
 * ticker_event_queue() - queue a ticker to be reported by uevent
 * @ticker: the ticker
 *
 * The report follows at once, or a second after the last one, or later if many
 * tickers wait.
 *
 * Context: any; not under the lock of a ticker.
 */
void ticker_event_queue(struct ticker *ticker)
{
	struct ticker_event *event = ticker->event;
	unsigned long flags;
	bool queued = false;

	raw_spin_lock_irqsave(&ticker_event_lock, flags);
	if (list_empty(&event->node)) {
		list_add_tail(&event->node, &ticker_event_ready);
		queued = true;
	}
	raw_spin_unlock_irqrestore(&ticker_event_lock, flags);
	if (queued)
		mod_delayed_work(ticker_event_wq, &ticker_event_work, 0);
}

/*
 * Whether a line may be logged. Tickers without a line in this window and the one
 * before have a budget of their own, so that a ticker that stalls all the time does
 * not suppress the first line of another. Sets @suppressed, once for each window, to
 * the number of lines that were not logged.
 */
static bool ticker_event_may_log(struct ticker_event *event,
				 unsigned int *suppressed)
{
	unsigned long window = jiffies / TICKER_LOG_JIFFIES;
	unsigned long flags;
	bool allowed = true;

	raw_spin_lock_irqsave(&ticker_event_lock, flags);
	*suppressed = 0;
	if (window != ticker_log.window) {
		*suppressed = ticker_log.suppressed;
		memset(&ticker_log, 0, sizeof(ticker_log));
		ticker_log.window = window;
	}
	if (window - event->log_window > 1 &&
	    ticker_log.first < TICKER_LOG_BUDGET)
		ticker_log.first++;
	else if (ticker_log.more < TICKER_LOG_BUDGET)
		ticker_log.more++;
	else
		allowed = false;
	if (allowed)
		event->log_window = window;
	else
		ticker_log.suppressed++;
	raw_spin_unlock_irqrestore(&ticker_event_lock, flags);
	return allowed;
}

/* One line, in the order in which it is read: where, how long, who. */
static void ticker_event_log(struct ticker *ticker,
			     const struct sched_tick_info *info,
			     const struct ticker_culprit *culprit)
{
	static const char * const hows[] = {
		[TICKER_CAUSE_HELD]		= "held by",
		[TICKER_CAUSE_NO_IRQS]		= "takes no interrupts, held by",
		[TICKER_CAUSE_LATE_IRQS]	= "took no interrupts, held by",
		[TICKER_CAUSE_IRQS_AGAIN]	= "held by",
		[TICKER_CAUSE_BLOCKED]		= "waits for",
		[TICKER_CAUSE_NO_WORKER]	= "no worker, CPU runs",
	};
	bool again = culprit->cause == TICKER_CAUSE_IRQS_AGAIN;
	char comm[TICKER_COMM_LEN], symbol[TICKER_SYMBOL_LEN];

	pr_warn("%s: %sCPU %d%s, tick overdue by %llu ms, %s %s[%d] in %s (%s)\n",
		ticker->name, again ? "" : "stall on ", info->cpu,
		again ? " takes interrupts again" : "",
		div_u64(info->lateness_ns, NSEC_PER_MSEC), hows[culprit->cause],
		ticker_culprit_format_comm(comm, culprit->comm), culprit->pid,
		ticker_culprit_format_symbol(symbol, culprit->function, false),
		ticker_context_names[culprit->context]);
}

/**
 * ticker_event_stall() - report a stall, or that its CPU takes interrupts again
 * @ticker: the ticker
 * @info: the overdue tick
 * @culprit: who holds the CPU
 *
 * The log line is not left to a work item, because work items may not run during a
 * stall.
 *
 * Context: any.
 */
void ticker_event_stall(struct ticker *ticker,
			const struct sched_tick_info *info,
			const struct ticker_culprit *culprit)
{
	unsigned int suppressed;
	bool allowed = ticker_event_may_log(ticker->event, &suppressed);
	bool again = culprit->cause == TICKER_CAUSE_IRQS_AGAIN;

	if (!again)
		trace_sched_tick_stall(info, culprit);
	if (suppressed)
		pr_warn("%u stall messages suppressed\n", suppressed);
	if (allowed)
		ticker_event_log(ticker, info, culprit);
	if (!again)
		ticker_event_queue(ticker);
}

/**
 * ticker_event_setup() - prepare the reports of a new ticker
 * @ticker: the ticker
 * @enabled: whether it is created enabled, which is not reported
 *
 * Return: 0, with @event of the ticker to be freed by kfree(), or -ENOMEM.
 */
int ticker_event_setup(struct ticker *ticker, bool enabled)
{
	struct ticker_event *event = kzalloc(sizeof(*event), GFP_KERNEL);

	if (!event)
		return -ENOMEM;
	INIT_LIST_HEAD(&event->node);
	event->log_window = jiffies / TICKER_LOG_JIFFIES - 2;
	ticker_waker_setup(&event->counter);
	ticker_waker_setup(&event->enabled);
	event->ticker = ticker;
	event->last_reported.enabled = enabled;
	ticker->event = event;
	return 0;
}

/**
 * ticker_event_cancel() - take a ticker off the queue for uevents
 * @ticker: the ticker
 *
 * Context: may sleep; waits for an event that is being sent.
 */
void ticker_event_cancel(struct ticker *ticker)
{
	mutex_lock(&ticker_event_reporting);
	raw_spin_lock_irq(&ticker_event_lock);
	list_del_init(&ticker->event->node);
	raw_spin_unlock_irq(&ticker_event_lock);
	mutex_unlock(&ticker_event_reporting);
}

/**
 * ticker_event_init() - prepare for the first ticker
 *
 * Return: 0 or a negative error code.
 */
int ticker_event_init(void)
{
	ticker_event_window_end = jiffies;
	ticker_event_wq = alloc_workqueue("sched_tick_event", WQ_UNBOUND, 0);
	return ticker_event_wq ? 0 : -ENOMEM;
}

/**
 * ticker_event_exit() - undo ticker_event_init() after the last ticker is released
 */
void ticker_event_exit(void)
{
	cancel_delayed_work_sync(&ticker_event_work);
	destroy_workqueue(ticker_event_wq);
}
