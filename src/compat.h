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
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
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

/*
 * On x86 the task and the preemption count of another CPU can be read, as variables
 * of that CPU or members of one. The caller is in an RCU read-side critical section.
 */
#if defined(TICKER_HAVE_PCPU_HOT)
#define ticker_current_of(cpu)		READ_ONCE(per_cpu(pcpu_hot.current_task, cpu))
#define ticker_raw_count_of(cpu)	READ_ONCE(per_cpu(pcpu_hot.preempt_count, cpu))
#elif defined(TICKER_HAVE_PCPU_CURRENT)
#define ticker_current_of(cpu)		READ_ONCE(per_cpu(current_task, cpu))
#define ticker_raw_count_of(cpu)	READ_ONCE(per_cpu(__preempt_count, cpu))
#else
#define ticker_current_of(cpu)		((struct task_struct *)NULL)
#define ticker_raw_count_of(cpu)	0
#endif

/* With PREEMPT_RT the count of softirqs is the task's. */
static inline unsigned int ticker_preempt_count_of(int cpu,
						   struct task_struct *task)
{
#ifdef CONFIG_PREEMPT_RT
	return ticker_raw_count_of(cpu) | READ_ONCE(task->softirq_disable_cnt);
#else
	return ticker_raw_count_of(cpu);
#endif
}

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
