// SPDX-License-Identifier: GPL-2.0-only
/*
 * Occupies a CPU for ms when ms is set: no other task is scheduled on it, and with
 * irqs_off it takes no interrupt. begin_ns, end_ns and free_ns are on
 * CLOCK_MONOTONIC. As a parameter at load, ms must come last.
 *
 * When many is set, a thread on each CPU occupies it that many times, for a few ms.
 * With init_ms the module's init function occupies the CPU that it runs on.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/workqueue.h>

static unsigned int cpu;
module_param(cpu, uint, 0644);

static unsigned int ms;

/* What holds the CPU. */
enum {
	HOG_TASK,	/* a kernel thread that cannot be preempted */
	HOG_WORK,	/* a work item that yields */
	HOG_SOFTIRQ,	/* a tasklet */
	HOG_HARDIRQ,	/* the handler of an interrupt that the CPU raises itself */
	HOG_FIFO,	/* a kernel thread of the policy SCHED_FIFO */
};

static unsigned int context;
module_param(context, uint, 0644);

/* Name of the kernel thread; any bytes, so in hexadecimal. */
static char comm[TASK_COMM_LEN] = "tick_hog";

static int comm_set(const char *text, const struct kernel_param *param)
{
	char bytes[TASK_COMM_LEN] = "";
	unsigned int i, byte;

	/* hex2bin() is in a header that 5.10 does not have. */
	for (i = 0; sscanf(text + 2 * i, "%2x", &byte) == 1; i++) {
		if (i == sizeof(bytes) - 1)
			return -EINVAL;
		bytes[i] = byte;
	}
	memcpy(comm, bytes, sizeof(comm));
	return 0;
}

static const struct kernel_param_ops comm_ops = { .set = comm_set };
module_param_cb(comm, &comm_ops, NULL, 0200);

/* The task that held the CPU, or that the softirq or the interrupt interrupted. */
static int pid;
module_param(pid, int, 0444);

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

static unsigned int init_ms;
module_param(init_ms, uint, 0444);

/* Inline, so that an interrupt finds the function that holds the CPU. */
static __always_inline void hog_spin(bool interruptible, unsigned int length_ms)
{
	unsigned long end_jiffies;

	pid = current->pid;
	begin_ns = ktime_get_ns();
	/*
	 * Reading the clock is an indirect call. The stack of an interrupt in its
	 * retpoline ends there and does not contain the function. So the clock is read
	 * only at the end.
	 */
	end_jiffies = jiffies + msecs_to_jiffies(length_ms);
	/*
	 * No cpu_relax(): at each such instruction QEMU leaves the emulated code, which
	 * makes a busy loop slow in virtual time.
	 */
	while (interruptible && time_before(jiffies, end_jiffies - 1))
		barrier();
	while (ktime_get_ns() - begin_ns < length_ms * (u64)NSEC_PER_MSEC)
		barrier();
	/* Before end_ns, because printing takes time, too. */
	pr_info("end\n");
	end_ns = ktime_get_ns();
}

static noinline int hog_run(void *unused)
{
	unsigned long flags = 0;
	int i;

	pr_info("begin\n");
	preempt_disable();
	if (irqs_off)
		local_irq_save(flags);
	hog_spin(!irqs_off, ms);
	if (irqs_off)
		local_irq_restore(flags);
	/* The delayed interrupts come here, not at the start of the next function. */
	for (i = 0; i < 10; i++)
		cpu_relax();
	free_ns = ktime_get_ns();
	preempt_enable();
	complete(&hog_done);
	return 0;
}

static noinline int hog_fifo_fn(void *unused)
{
	sched_set_fifo(current);
	pr_info("begin\n");
	hog_spin(true, ms);
	complete(&hog_done);
	return 0;
}

static noinline void hog_work_fn(struct work_struct *work)
{
	unsigned long end_jiffies = jiffies + msecs_to_jiffies(ms);

	while (time_before(jiffies, end_jiffies))
		cond_resched();
	complete(&hog_done);
}

static DECLARE_WORK(hog_work, hog_work_fn);

static noinline void hog_tasklet_fn(struct tasklet_struct *tasklet)
{
	pr_info("begin\n");
	hog_spin(true, ms);
	complete(&hog_done);
}

static DECLARE_TASKLET(hog_tasklet, hog_tasklet_fn);

static void hog_schedule_tasklet(void *unused)
{
	tasklet_schedule(&hog_tasklet);
}

static noinline void hog_irq_fn(struct irq_work *work)
{
	pr_info("begin\n");
	hog_spin(false, ms);
	complete(&hog_done);
}

/* With PREEMPT_RT only a hard irq_work runs in the interrupt. 5.10 has no initializer for one. */
#ifdef IRQ_WORK_INIT_HARD
static struct irq_work hog_irq = IRQ_WORK_INIT_HARD(hog_irq_fn);
#else
static DEFINE_IRQ_WORK(hog_irq, hog_irq_fn);
#endif

/* On the CPU itself: the idle task may run what another CPU requests, without an interrupt. */
static void hog_irq_work_fn(struct work_struct *work)
{
	irq_work_queue(&hog_irq);
}

static DECLARE_WORK(hog_irq_work, hog_irq_work_fn);

static int hog_thread(int (*run)(void *))
{
	/* A comm may contain a percent sign. */
	struct task_struct *task = kthread_create(run, NULL, "%s", comm);

	if (IS_ERR(task))
		return PTR_ERR(task);
	/* The module must not be unloaded before the function has returned. */
	get_task_struct(task);
	kthread_bind(task, cpu);
	wake_up_process(task);
	wait_for_completion(&hog_done);
	kthread_stop(task);
	put_task_struct(task);
	return 0;
}

static void hog_tasklet_work_fn(struct work_struct *work)
{
	tasklet_schedule(&hog_tasklet);
}

static DECLARE_WORK(hog_tasklet_work, hog_tasklet_work_fn);

static int hog_set(const char *text, const struct kernel_param *param)
{
	int err;

	err = param_set_uint(text, param);
	if (err)
		return err;
	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -ENXIO;
	reinit_completion(&hog_done);
	switch (context) {
	case HOG_TASK:
		return hog_thread(hog_run);
	case HOG_FIFO:
		return hog_thread(hog_fifo_fn);
	case HOG_WORK:
		schedule_work_on(cpu, &hog_work);
		wait_for_completion(&hog_done);
		flush_work(&hog_work);
		return 0;
	case HOG_SOFTIRQ:
		/* With PREEMPT_RT an interrupt of another CPU may raise no softirq. */
		if (IS_ENABLED(CONFIG_PREEMPT_RT))
			schedule_work_on(cpu, &hog_tasklet_work);
		else
			err = smp_call_function_single(cpu, hog_schedule_tasklet, NULL, 1);
		if (err)
			return err;
		wait_for_completion(&hog_done);
		flush_work(&hog_tasklet_work);
		tasklet_unlock_wait(&hog_tasklet);
		return 0;
	case HOG_HARDIRQ:
		schedule_work_on(cpu, &hog_irq_work);
		wait_for_completion(&hog_done);
		flush_work(&hog_irq_work);
		irq_work_sync(&hog_irq);
		return 0;
	}
	return -EINVAL;
}

static const struct kernel_param_ops hog_ops = { .set = hog_set, .get = param_get_uint };
module_param_cb(ms, &hog_ops, &ms, 0644);

#define MANY_CPUS 64

static unsigned int many;

/* By CPU: the thread of many. */
static int pids[MANY_CPUS];
module_param_array(pids, int, NULL, 0444);

static atomic_t many_running;

static noinline int hog_many_fn(void *unused)
{
	unsigned long end_jiffies;
	unsigned int i;

	for (i = 0; i < many; i++) {
		preempt_disable();
		/* At least 3 ms. */
		end_jiffies = jiffies + msecs_to_jiffies(3) + 1;
		while (time_before(jiffies, end_jiffies))
			cpu_relax();
		preempt_enable();
		/* At least one jiffy, in which the tick runs. */
		schedule_timeout_uninterruptible(2);
	}
	if (atomic_dec_and_test(&many_running))
		complete(&hog_done);
	return 0;
}

static int many_set(const char *text, const struct kernel_param *param)
{
	static struct task_struct *tasks[MANY_CPUS];
	unsigned int i;
	int err;

	err = param_set_uint(text, param);
	if (err)
		return err;
	reinit_completion(&hog_done);
	/* This function completes it if no thread could be created. */
	atomic_set(&many_running, 1);
	for (i = 0; i < MANY_CPUS; i++) {
		tasks[i] = NULL;
		if (i >= nr_cpu_ids || !cpu_online(i))
			continue;
		tasks[i] = kthread_create(hog_many_fn, NULL, "hog%u", i);
		if (IS_ERR(tasks[i])) {
			err = PTR_ERR(tasks[i]);
			tasks[i] = NULL;
			continue;
		}
		get_task_struct(tasks[i]);
		pids[i] = tasks[i]->pid;
		kthread_bind(tasks[i], i);
		atomic_inc(&many_running);
	}
	for (i = 0; i < MANY_CPUS; i++)
		if (tasks[i])
			wake_up_process(tasks[i]);
	if (!atomic_dec_and_test(&many_running))
		wait_for_completion(&hog_done);
	for (i = 0; i < MANY_CPUS; i++) {
		if (!tasks[i])
			continue;
		kthread_stop(tasks[i]);
		put_task_struct(tasks[i]);
	}
	return err;
}

static const struct kernel_param_ops many_ops = { .set = many_set, .get = param_get_uint };
module_param_cb(many, &many_ops, &many, 0644);

/* Code that is freed when the module has been loaded. */
static int __init hog_init(void)
{
	if (!init_ms)
		return 0;
	pr_info("begin\n");
	preempt_disable();
	hog_spin(true, init_ms);
	preempt_enable();
	return 0;
}

static void __exit hog_exit(void)
{
}

module_init(hog_init);
module_exit(hog_exit);

MODULE_DESCRIPTION("Occupies a CPU for a while, to test how sched_tick reports it");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
