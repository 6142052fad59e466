/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels.
 *
 * Kbuild searches the kernel's headers for each symbol and defines a macro for what
 * it finds. No version is compared, because distributions backport single changes.
 */
#ifndef SCHED_TICK_COMPAT_H
#define SCHED_TICK_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/sched/isolation.h>
#include <linux/workqueue.h>

/* Work queues without WQ_UNBOUND were per-CPU before this flag existed. */
#ifndef TICKER_HAVE_WQ_PERCPU
#define WQ_PERCPU 0
#endif

/* Work queues that run in softirq are newer: without them the queue bh is left out. */
#ifdef TICKER_HAVE_WQ_BH
#define TICKER_QUEUES TICKER_QUEUES_MAX
/* Kernels with both flags may refuse one beside the other. */
#define TICKER_WQ_BH (WQ_BH | (WQ_PERCPU & __WQ_BH_ALLOWS))
#else
#define TICKER_QUEUES TICKER_QUEUE_BH
#define TICKER_WQ_BH 0
#endif

#ifndef TICKER_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock_id, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock_id, mode);
	timer->function = function;
}
#endif

/* The types of housekeeping were flags before. */
#ifndef TICKER_HAVE_HK_TYPE
#define HK_TYPE_TIMER	HK_FLAG_TIMER
#define HK_TYPE_DOMAIN	HK_FLAG_DOMAIN
#define HK_TYPE_WQ	HK_FLAG_WQ
#endif

/* Parameter type of get_ownership() of a ktype. */
#ifdef TICKER_HAVE_CONST_OWNED
#define TICKER_OWNED_KOBJECT const struct kobject
#else
#define TICKER_OWNED_KOBJECT struct kobject
#endif

/* The parameter became const; the ktype was never written to. */
static inline void ticker_kobject_init(struct kobject *kobj,
				       const struct kobj_type *ktype)
{
	kobject_init(kobj, (void *)ktype);
}

#endif /* SCHED_TICK_COMPAT_H */
