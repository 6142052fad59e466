// SPDX-License-Identifier: GPL-2.0-only
/*
 * One ticker: its object, its delayed work, its alarm, its life and death.
 *
 * The delayed work is the tick. What wakes it is either the alarm, an hrtimer
 * at the very deadline, or the work's own timer on the timer wheel; the two
 * differ in tick_ticker_arm() and nowhere else. A run ahead of the deadline
 * counts nothing and arms again, so a wake-up too many is never wrong.
 *
 * Knows the timeline and the lateness, and not who changes a ticker: control.c.
 */
#include <linux/completion.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "ticker.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The wheel keeps shorter delays to the jiffy, and rounds longer ones up. */
#define TICK_WHEEL_EXACT	63

/* Of a clock that was set or was asleep, the wheel learns by looking. */
#define TICK_LOOK_JIFFIES	HZ

static const clockid_t tick_clock_ids[TICK_CLOCKS] = {
	[TICK_CLOCK_MONOTONIC]	= CLOCK_MONOTONIC,
	[TICK_CLOCK_BOOTTIME]	= CLOCK_BOOTTIME,
	[TICK_CLOCK_REALTIME]	= CLOCK_REALTIME,
};

static struct workqueue_struct *tick_wq;
static const struct kobj_type *tick_ktype;
static int tick_cpuhp_state;

/* One for every ticker that is not released, and one for the module. */
static struct kref tick_live;
static DECLARE_COMPLETION(tick_all_released);

static void tick_live_end(struct kref *kref)
{
	complete(&tick_all_released);
}

/*
 * While a tracepoint is in use the module stays: unloading it would clear all
 * of the trace. The last put is here, in code that may then be unloaded under
 * our feet; tick_ticker_exit() waits for whoever is on the way out.
 */
int tick_trace_hold(void)
{
	return try_module_get(THIS_MODULE) ? 0 : -ENODEV;
}

void tick_trace_release(void)
{
	module_put(THIS_MODULE);
}

/**
 * tick_ticker_now() - what time it is
 * @ticker: the ticker whose clock is asked
 *
 * Context: any; the clock must not change meanwhile: under @lock or @control,
 * or in the alarm.
 * Return: nanoseconds on that clock.
 */
u64 tick_ticker_now(const struct tick_ticker *ticker)
{
	switch (ticker->config.clock) {
	case TICK_CLOCK_BOOTTIME:
		return ktime_get_boottime_ns();
	case TICK_CLOCK_REALTIME:
		return ktime_get_real_ns();
	default:
		return ktime_get_ns();
	}
}

static int tick_ticker_cpu(const struct tick_ticker *ticker)
{
	int cpu = READ_ONCE(ticker->config.cpu);

	return cpu < 0 ? WORK_CPU_UNBOUND : cpu;
}

/*
 * A delay of n jiffies ends at the (n + 1)th edge from here, and longer ones
 * late by up to 1/8. A tick re-arms right after an edge, so rounding down meets
 * the first edge past the deadline; and 7/8 of a long way never oversleeps.
 */
static unsigned long tick_wheel_delay(u64 left_ns)
{
	u64 delay = min_t(u64, nsecs_to_jiffies64(left_ns), MAX_JIFFY_OFFSET);

	if (delay >= TICK_WHEEL_EXACT)
		delay -= delay / 8;
	return max_t(unsigned long, delay, 1);
}

static void tick_ticker_arm(struct tick_ticker *ticker, u64 now_ns)
{
	const struct tick_config *config = &ticker->config;
	u64 due_ns = ticker->timeline.due_ns;
	unsigned long delay;

	lockdep_assert_held(&ticker->lock);

	if (config->precise) {
		/* Pinned, so that the alarm suffers what its CPU suffers. */
		hrtimer_start(&ticker->alarm, ns_to_ktime(due_ns),
			      config->cpu < 0 ? HRTIMER_MODE_ABS_HARD :
						HRTIMER_MODE_ABS_PINNED_HARD);
		/* Only a clock that can be set back takes the alarm with it. */
		if (config->clock != TICK_CLOCK_REALTIME)
			return;
		delay = TICK_LOOK_JIFFIES;
	} else {
		delay = tick_wheel_delay(due_ns > now_ns ? due_ns - now_ns : 0);
		if (config->clock != TICK_CLOCK_MONOTONIC)
			delay = min_t(unsigned long, delay, TICK_LOOK_JIFFIES);
	}
	mod_delayed_work_on(tick_ticker_cpu(ticker), tick_wq, &ticker->work,
			    delay);
}

static enum hrtimer_restart tick_ticker_alarm(struct hrtimer *timer)
{
	struct tick_ticker *ticker = container_of(timer, struct tick_ticker,
						  alarm);
	int cpu = tick_ticker_cpu(ticker);

	atomic64_set(&ticker->alarm_ns, tick_ticker_now(ticker));
	/* It is pending if it is to look at the clock: then now, not later. */
	if (ticker->config.clock == TICK_CLOCK_REALTIME)
		mod_delayed_work_on(cpu, tick_wq, &ticker->work, 0);
	else
		queue_delayed_work_on(cpu, tick_wq, &ticker->work, 0);
	return HRTIMER_NORESTART;
}

static void tick_ticker_work(struct work_struct *work)
{
	struct tick_ticker *ticker = container_of(to_delayed_work(work),
						  struct tick_ticker, work);
	struct tick_counts *counts = &ticker->counts;
	u64 now_ns, deadline_ns, alarm_ns, counter, missed;
	bool notify;

	spin_lock(&ticker->lock);
	if (!ticker->armed) {
		spin_unlock(&ticker->lock);
		return;
	}

	now_ns = tick_ticker_now(ticker);
	if (now_ns < ticker->timeline.due_ns) {
		tick_timeline_rewind(&ticker->timeline, now_ns);
		tick_ticker_arm(ticker, now_ns);
		spin_unlock(&ticker->lock);
		return;
	}

	deadline_ns = ticker->timeline.late_from_ns;
	counts->missed += tick_timeline_tick(&ticker->timeline, now_ns);
	missed = counts->missed - ticker->missed_reported;
	ticker->missed_reported = counts->missed;
	counter = ++counts->counter;

	tick_lateness_add(&counts->lateness, now_ns - deadline_ns);
	alarm_ns = atomic64_xchg(&ticker->alarm_ns, 0);
	if (alarm_ns >= deadline_ns && alarm_ns <= now_ns)
		tick_lateness_add(&counts->alarm_lateness,
				  alarm_ns - deadline_ns);

	tick_ticker_arm(ticker, now_ns);
	notify = ticker->config.notify;
	spin_unlock(&ticker->lock);

	if (missed)
		trace_sched_tick_missed(ticker->name, counter, deadline_ns,
					now_ns, missed);
	trace_sched_tick_tick(ticker->name, counter, deadline_ns, now_ns,
			      missed);
	if (notify)
		sysfs_notify_dirent(ticker->counter_node);
}

/**
 * tick_ticker_halt() - keep a ticker from ticking
 * @ticker: the ticker
 *
 * When it returns, no tick runs, none will, and nothing is armed, whatever the
 * work and the alarm were at: the work arms nothing once it sees !armed, so
 * after the alarm is cancelled only the work is left that it may have queued.
 * The timeline goes on; what passes meanwhile is accounted for later.
 *
 * Context: may sleep; waits for a tick that is running. Under @control, or
 * when nobody else can reach the ticker. Not from the tick.
 */
void tick_ticker_halt(struct tick_ticker *ticker)
{
	spin_lock(&ticker->lock);
	ticker->armed = false;
	spin_unlock(&ticker->lock);

	hrtimer_cancel(&ticker->alarm);
	cancel_delayed_work_sync(&ticker->work);
}

/**
 * tick_ticker_resume() - let a halted ticker tick on, on the same timeline
 * @ticker: the ticker, enabled
 *
 * Context: under @control and @lock.
 */
void tick_ticker_resume(struct tick_ticker *ticker)
{
	lockdep_assert_held(&ticker->lock);

	ticker->armed = true;
	tick_ticker_arm(ticker, tick_ticker_now(ticker));
}

/**
 * tick_ticker_start() - let a halted ticker tick on a new timeline from now
 * @ticker: the ticker, enabled
 *
 * Context: under @control and @lock.
 */
void tick_ticker_start(struct tick_ticker *ticker)
{
	const struct tick_config *config = &ticker->config;
	u64 phase_ns = TICK_PHASE_NONE;

	lockdep_assert_held(&ticker->lock);

	if (config->phase_ms >= 0)
		phase_ns = (u64)config->phase_ms * NSEC_PER_MSEC;
	tick_timeline_start(&ticker->timeline,
			    (u64)config->period_ms * NSEC_PER_MSEC, phase_ns,
			    tick_ticker_now(ticker));
	atomic64_set(&ticker->alarm_ns, 0);
	hrtimer_setup(&ticker->alarm, tick_ticker_alarm,
		      tick_clock_ids[config->clock], HRTIMER_MODE_ABS_HARD);
	tick_ticker_resume(ticker);
}

/**
 * tick_ticker_snapshot() - read everything at one instant
 * @ticker: the ticker
 * @snapshot: where to
 *
 * Periods that passed while a tick is overdue are in the snapshot as missed:
 * counter + missed is the number of periods elapsed, less the one in flight.
 *
 * Context: process context; does not sleep but on PREEMPT_RT.
 */
void tick_ticker_snapshot(struct tick_ticker *ticker,
			  struct tick_snapshot *snapshot)
{
	spin_lock(&ticker->lock);
	if (ticker->config.enabled)
		ticker->counts.missed +=
			tick_timeline_settle(&ticker->timeline,
					     tick_ticker_now(ticker));
	snapshot->config = ticker->config;
	snapshot->counts = ticker->counts;
	spin_unlock(&ticker->lock);
}

/*
 * The CPU still runs; what is queued or armed there moves by itself, so only
 * where later ticks go is to be changed. Under @lock alone: to wait for
 * @control here would make hotplug wait for a tick.
 */
static int tick_ticker_cpu_down(unsigned int cpu, struct hlist_node *node)
{
	struct tick_ticker *ticker = hlist_entry(node, struct tick_ticker,
						 cpuhp_node);

	spin_lock(&ticker->lock);
	if (ticker->config.cpu == cpu)
		WRITE_ONCE(ticker->config.cpu, -1);
	spin_unlock(&ticker->lock);
	return 0;
}

/**
 * tick_ticker_release() - free a ticker; for the ktype alone
 * @kobj: its kobject
 *
 * tick_ticker_destroy() has stopped the work long before; flushing it again
 * finds nothing, unless someone broke that, and then it saves the day.
 *
 * Context: may sleep. Never from the tick, which holds no reference.
 */
void tick_ticker_release(struct kobject *kobj)
{
	struct tick_ticker *ticker = to_tick_ticker(kobj);

	tick_ticker_halt(ticker);
	mutex_destroy(&ticker->control);
	kfree(ticker);
	kref_put(&tick_live, tick_live_end);
}

/**
 * tick_ticker_create() - make a ticker, and start it if its config says so
 * @name: what tracepoints call it, at most TICK_NAME_LEN bytes
 * @dirname: what its folder is called
 * @parent: where its folder goes
 * @config: its settings, each in range
 *
 * Context: may sleep.
 * Return: the ticker, to be given to tick_ticker_destroy(), or an ERR_PTR().
 */
struct tick_ticker *tick_ticker_create(const char *name, const char *dirname,
				       struct kobject *parent,
				       const struct tick_config *config)
{
	struct tick_ticker *ticker;
	int err;

	ticker = kzalloc(sizeof(*ticker), GFP_KERNEL);
	if (!ticker)
		return ERR_PTR(-ENOMEM);

	strscpy(ticker->name, name, sizeof(ticker->name));
	mutex_init(&ticker->control);
	spin_lock_init(&ticker->lock);
	ticker->config = *config;
	ticker->config.enabled = 0;
	INIT_DELAYED_WORK(&ticker->work, tick_ticker_work);
	hrtimer_setup(&ticker->alarm, tick_ticker_alarm, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);

	/* From here on the release frees it. */
	kref_get(&tick_live);
	tick_kobject_init(&ticker->kobj, tick_ktype);

	/* Before the files are there: a store may name a CPU at once. */
	err = cpuhp_state_add_instance_nocalls(tick_cpuhp_state,
					       &ticker->cpuhp_node);
	if (err)
		goto err_put;
	/* Who finds the files at once waits until the ticker is whole. */
	mutex_lock(&ticker->control);
	err = kobject_add(&ticker->kobj, parent, "%s", dirname);
	if (!err) {
		ticker->counter_node = sysfs_get_dirent(ticker->kobj.sd,
							"counter");
		tick_ticker_set_enabled(ticker, config->enabled);
	}
	mutex_unlock(&ticker->control);
	if (err)
		goto err_cpuhp;
	return ticker;

err_cpuhp:
	cpuhp_state_remove_instance_nocalls(tick_cpuhp_state,
					    &ticker->cpuhp_node);
err_put:
	kobject_put(&ticker->kobj);
	return ERR_PTR(err);
}

/**
 * tick_ticker_destroy() - stop a ticker and take its files away
 * @ticker: the ticker; gone, for the caller, when this returns
 *
 * Context: may sleep; waits for a tick that is running and for readers and
 * writers that are inside. Not from the tick, nor under a lock that it takes.
 */
void tick_ticker_destroy(struct tick_ticker *ticker)
{
	mutex_lock(&ticker->control);
	ticker->dying = true;
	tick_ticker_set_enabled(ticker, 0);
	mutex_unlock(&ticker->control);

	kobject_del(&ticker->kobj);
	cpuhp_state_remove_instance_nocalls(tick_cpuhp_state,
					    &ticker->cpuhp_node);
	/*
	 * sysfs wakes nobody when it takes a file away. After the file is gone,
	 * not before: who looks again now finds it gone and does not go back
	 * to sleep.
	 */
	sysfs_notify_dirent(ticker->counter_node);
	sysfs_put(ticker->counter_node);
	kobject_put(&ticker->kobj);
}

/**
 * tick_ticker_init() - make ready for tick_ticker_create()
 * @ktype: the type of every ticker's kobject, with tick_ticker_release()
 *
 * Return: 0 or a negative error code.
 */
int tick_ticker_init(const struct kobj_type *ktype)
{
	int err;

	tick_ktype = ktype;
	kref_init(&tick_live);

	/*
	 * Per CPU: a worker on the CPU that took the alarm's interrupt needs no
	 * wake-up across CPUs. Highpri: a busy user program is no reason to
	 * be late. Not freezable: the time it takes to freeze user programs
	 * is not suspended time.
	 */
	tick_wq = alloc_workqueue("sched_tick", WQ_PERCPU | WQ_HIGHPRI, 0);
	if (!tick_wq)
		return -ENOMEM;

	err = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "sched_tick:online",
				      NULL, tick_ticker_cpu_down);
	if (err < 0) {
		destroy_workqueue(tick_wq);
		return err;
	}
	tick_cpuhp_state = err;
	return 0;
}

/**
 * tick_ticker_exit() - undo tick_ticker_init(), when no ticker is left
 *
 * Waits until the last ticker is released, which may be later than the last
 * tick_ticker_destroy().
 */
void tick_ticker_exit(void)
{
	kref_put(&tick_live, tick_live_end);
	wait_for_completion(&tick_all_released);
	/*
	 * The release that completed it may have been preempted before it
	 * returned, and its code is about to be freed; so may the last
	 * tick_trace_release(). Neither sleeps after that point, so once every
	 * task has scheduled of its own accord or been in user mode, none is
	 * left inside.
	 */
	synchronize_rcu_tasks();

	cpuhp_remove_multi_state(tick_cpuhp_state);
	destroy_workqueue(tick_wq);
}
