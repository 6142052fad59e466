/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels, and nothing else.
 *
 * Kbuild looks for each symbol in the headers of the kernel that is built for
 * and says here what it found. No version is compared: distributions take
 * single changes into older kernels.
 */
#ifndef SCHED_TICK_COMPAT_H
#define SCHED_TICK_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/sched/isolation.h>
#include <linux/workqueue.h>

/* Queues were per CPU unless WQ_UNBOUND before one had to say which. */
#ifndef TICKER_HAVE_WQ_PERCPU
#define WQ_PERCPU 0
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

/* The types of housekeeping were flags once. */
#ifndef TICKER_HAVE_HK_TYPE
#define HK_TYPE_TIMER	HK_FLAG_TIMER
#define HK_TYPE_DOMAIN	HK_FLAG_DOMAIN
#define HK_TYPE_WQ	HK_FLAG_WQ
#endif

/* What get_ownership() of a ktype is asked about. */
#ifdef TICKER_HAVE_CONST_OWNED
#define TICKER_OWNED_KOBJECT const struct kobject
#else
#define TICKER_OWNED_KOBJECT struct kobject
#endif

/* The ktype's pointer became const; what it points to was never written to. */
static inline void ticker_kobject_init(struct kobject *kobj,
				       const struct kobj_type *ktype)
{
	kobject_init(kobj, (void *)ktype);
}

#endif /* SCHED_TICK_COMPAT_H */
