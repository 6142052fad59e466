// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a CPU away whenever ms is set, for so long: nothing else is scheduled on it,
 * and with irqs_off no interrupt is taken either. Says when, on CLOCK_MONOTONIC. To
 * be set as it is loaded, ms comes last.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched/task.h>

static unsigned int cpu;
module_param(cpu, uint, 0644);

static unsigned int ms;

static bool irqs_off;
module_param(irqs_off, bool, 0644);

static unsigned long long begin_ns;
module_param(begin_ns, ullong, 0444);

/* Interrupts may come again. */
static unsigned long long end_ns;
module_param(end_ns, ullong, 0444);

/* Those that were held off have come; from here on others may be scheduled. */
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
	 * To read the clock is an indirect call. An interrupt that comes in its retpoline
	 * has a stack that ends there: nothing says that it was the hog. So most of the
	 * time nothing is called.
	 */
	end_jiffies = jiffies + msecs_to_jiffies(ms);
	while (!irqs_off && time_before(jiffies, end_jiffies - 1))
		cpu_relax();
	while (ktime_get_ns() - begin_ns < ms * (u64)NSEC_PER_MSEC)
		cpu_relax();
	/* To say so takes a while, too. */
	pr_info("end\n");
	end_ns = ktime_get_ns();
	if (irqs_off)
		local_irq_restore(flags);
	free_ns = ktime_get_ns();
	preempt_enable();
	complete(&hog_done);
	return 0;
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
	task = kthread_create(hog_run, NULL, "tick_hog");
	if (IS_ERR(task))
		return PTR_ERR(task);
	/* Until it is known to have returned, its text must stay. */
	get_task_struct(task);
	kthread_bind(task, cpu);
	reinit_completion(&hog_done);
	wake_up_process(task);
	wait_for_completion(&hog_done);
	kthread_stop(task);
	put_task_struct(task);
	return 0;
}

static const struct kernel_param_ops hog_ops = { .set = hog_set, .get = param_get_uint };
module_param_cb(ms, &hog_ops, &ms, 0644);

MODULE_DESCRIPTION("Takes a CPU away for a while, to see what sched_tick says of it");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
