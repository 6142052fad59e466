// SPDX-License-Identifier: GPL-2.0-only
/*
 * Occupies a CPU for ms when ms is set: no other task is scheduled on it, and with
 * irqs_off it takes no interrupt. begin_ns, end_ns and free_ns are on
 * CLOCK_MONOTONIC. As a parameter at load, ms must come last.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

static unsigned int cpu;
module_param(cpu, uint, 0644);

static unsigned int ms;

/* What holds the CPU: 0: a kernel thread; 1: a work item, which yields; 2: a tasklet. */
static unsigned int context;
module_param(context, uint, 0644);

static bool irqs_off;
module_param(irqs_off, bool, 0644);

static unsigned long long begin_ns;
module_param(begin_ns, ullong, 0444);

/* When interrupts were enabled again. */
static unsigned long long end_ns;
module_param(end_ns, ullong, 0444);

/* When delayed interrupts had run; from here on other tasks may be scheduled. */
static unsigned long long free_ns;
module_param(free_ns, ullong, 0444);

static DECLARE_COMPLETION(hog_done);

static int hog_run(void *unused)
{
	unsigned long flags = 0, end_jiffies;

	pr_info("begin\n");
	preempt_disable();
	if (irqs_off)
		local_irq_save(flags);
	begin_ns = ktime_get_ns();
	/*
	 * Reading the clock is an indirect call. The stack of an interrupt in its
	 * retpoline ends there and does not contain this function. So the clock is read
	 * only at the end.
	 */
	end_jiffies = jiffies + msecs_to_jiffies(ms);
	while (!irqs_off && time_before(jiffies, end_jiffies - 1))
		cpu_relax();
	while (ktime_get_ns() - begin_ns < ms * (u64)NSEC_PER_MSEC)
		cpu_relax();
	/* Before end_ns, because printing takes time, too. */
	pr_info("end\n");
	end_ns = ktime_get_ns();
	if (irqs_off)
		local_irq_restore(flags);
	free_ns = ktime_get_ns();
	preempt_enable();
	complete(&hog_done);
	return 0;
}

static void hog_work_fn(struct work_struct *work)
{
	unsigned long end_jiffies = jiffies + msecs_to_jiffies(ms);

	while (time_before(jiffies, end_jiffies))
		cond_resched();
	complete(&hog_done);
}

static DECLARE_WORK(hog_work, hog_work_fn);

static void hog_tasklet_fn(struct tasklet_struct *tasklet)
{
	u64 from_ns = ktime_get_ns();

	while (ktime_get_ns() - from_ns < ms * (u64)NSEC_PER_MSEC)
		cpu_relax();
	complete(&hog_done);
}

static DECLARE_TASKLET(hog_tasklet, hog_tasklet_fn);

static void hog_schedule_tasklet(void *unused)
{
	tasklet_schedule(&hog_tasklet);
}

static int hog_set(const char *text, const struct kernel_param *param)
{
	struct task_struct *task;
	int err;

	err = param_set_uint(text, param);
	if (err)
		return err;
	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -ENXIO;
	reinit_completion(&hog_done);
	if (context) {
		if (context == 1)
			schedule_work_on(cpu, &hog_work);
		else
			smp_call_function_single(cpu, hog_schedule_tasklet, NULL, 1);
		wait_for_completion(&hog_done);
		flush_work(&hog_work);
		tasklet_unlock_wait(&hog_tasklet);
		return 0;
	}
	task = kthread_create(hog_run, NULL, "tick_hog");
	if (IS_ERR(task))
		return PTR_ERR(task);
	/* The module must not be unloaded before hog_run() has returned. */
	get_task_struct(task);
	kthread_bind(task, cpu);
	wake_up_process(task);
	wait_for_completion(&hog_done);
	kthread_stop(task);
	put_task_struct(task);
	return 0;
}

static const struct kernel_param_ops hog_ops = { .set = hog_set, .get = param_get_uint };
module_param_cb(ms, &hog_ops, &ms, 0644);

MODULE_DESCRIPTION("Occupies a CPU for a while, to test how sched_tick reports it");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
