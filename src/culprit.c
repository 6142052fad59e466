// SPDX-License-Identifier: GPL-2.0-only
/*
 * The culprit of a stall: capture it in an interrupt, and print it.
 *
 * A comm may hold any bytes, so it is escaped. No address is printed, only symbols.
 */
#include <linux/compiler.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <asm/irq_regs.h>

#include "compat.h"
#include "culprit.h"
#include "ticker.h"

/* Frames of the interrupt itself, which precede those of the culprit. */
#define TICKER_STACK_IRQ_DEPTH	16

const char * const ticker_context_names[TICKER_CONTEXTS] = {
	[TICKER_CONTEXT_UNKNOWN]	= "?",
	[TICKER_CONTEXT_TASK]		= "task",
	[TICKER_CONTEXT_SOFTIRQ]	= "softirq",
	[TICKER_CONTEXT_HARDIRQ]	= "hardirq",
	[TICKER_CONTEXT_IDLE]		= "idle",
};

static void ticker_culprit_set_task(struct ticker_culprit *culprit,
				    struct task_struct *task)
{
	int i;

	culprit->pid = task_pid_nr(task);
	/* Not under a lock: it may be renamed meanwhile. */
	for (i = 0; i < TASK_COMM_LEN - 1; i++)
		culprit->comm[i] = READ_ONCE(task->comm[i]);
	culprit->comm[i] = '\0';
}

static u8 ticker_culprit_context(bool hardirq, bool softirq,
				 struct task_struct *task)
{
	if (hardirq)
		return TICKER_CONTEXT_HARDIRQ;
	if (softirq)
		return TICKER_CONTEXT_SOFTIRQ;
	return is_idle_task(task) ? TICKER_CONTEXT_IDLE : TICKER_CONTEXT_TASK;
}

#ifdef CONFIG_STACKTRACE
static noinline_for_stack void ticker_culprit_save_stack(struct ticker_stall *stall)
{
	unsigned long entries[TICKER_STACK_IRQ_DEPTH + TICKER_STACK_DEPTH];
	unsigned int count, first;

	count = stack_trace_save(entries, ARRAY_SIZE(entries), 0);
	for (first = 1; first < count; first++) {
		if (entries[first - 1] != stall->culprit.function)
			continue;
		count = min_t(unsigned int, count - first,
			      ARRAY_SIZE(stall->stack));
		memcpy(stall->stack, entries + first, count * sizeof(*entries));
		break;
	}
}
#else
static void ticker_culprit_save_stack(struct ticker_stall *stall)
{
}
#endif

/* If the worker of the ticker sleeps in a subscriber, this is the culprit. */
static bool ticker_culprit_find_blocked(struct ticker *ticker,
					struct ticker_stall *stall)
{
	struct ticker_culprit *culprit = &stall->culprit;
	struct task_struct *caller;

	/* The caller is a kernel thread; RCU delays the end of its task_struct. */
	rcu_read_lock();
	caller = READ_ONCE(ticker->caller);
	if (caller && caller != current) {
		ticker_culprit_set_task(culprit, caller);
		culprit->function = (unsigned long)READ_ONCE(ticker->callback);
		culprit->cause = TICKER_CAUSE_BLOCKED;
	}
	rcu_read_unlock();
	return culprit->cause == TICKER_CAUSE_BLOCKED;
}

/**
 * ticker_culprit_capture_here() - record what an interrupt has interrupted
 * @ticker: the ticker
 * @stall: the record, zeroed but for the deadline and the time
 * @late_irqs: the interrupt came too late
 *
 * Context: hard interrupt, on the CPU of the stall, under the lock of the share.
 */
void ticker_culprit_capture_here(struct ticker *ticker,
				 struct ticker_stall *stall, bool late_irqs)
{
	struct ticker_culprit *culprit = &stall->culprit;
	struct pt_regs *regs = get_irq_regs();

	culprit->context = ticker_culprit_context(hardirq_count() > HARDIRQ_OFFSET,
						  in_serving_softirq(), current);
	if (late_irqs)
		culprit->cause = TICKER_CAUSE_LATE_IRQS;
	else if (ticker_culprit_find_blocked(ticker, stall))
		return;
	else if (culprit->context == TICKER_CONTEXT_IDLE)
		culprit->cause = TICKER_CAUSE_NO_WORKER;

	ticker_culprit_set_task(culprit, current);
	if (!regs)
		return;
	if (user_mode(regs)) {
		culprit->function = TICKER_IN_USER;
		return;
	}
	culprit->function = instruction_pointer(regs);
	ticker_culprit_save_stack(stall);
}

/**
 * ticker_culprit_capture_of() - record what a CPU runs that takes no interrupts
 * @cpu: the CPU
 * @stall: the record, zeroed but for the deadline and the time
 *
 * The function is unknown. So is the rest on architectures whose state of a CPU
 * cannot be read by others.
 *
 * Context: any, on another CPU, under the lock of the share.
 */
void ticker_culprit_capture_of(int cpu, struct ticker_stall *stall)
{
	struct ticker_culprit *culprit = &stall->culprit;
	struct task_struct *task;
	unsigned int count;

	culprit->cause = TICKER_CAUSE_NO_IRQS;
	rcu_read_lock();
	task = ticker_current_of(cpu);
	if (task) {
		count = ticker_preempt_count_of(cpu, task);
		culprit->context =
			ticker_culprit_context(count & HARDIRQ_MASK,
					       count & SOFTIRQ_OFFSET, task);
		ticker_culprit_set_task(culprit, task);
	}
	rcu_read_unlock();
}

/**
 * ticker_culprit_format_comm() - print a comm with its special bytes escaped
 * @text: set to printable ASCII; TICKER_COMM_LEN bytes
 * @comm: the comm, terminated
 *
 * Return: @text, "?" for an empty comm.
 */
const char *ticker_culprit_format_comm(char *text, const char *comm)
{
	char *at = text;

	for (; *comm; comm++) {
		if (isascii(*comm) && isprint(*comm) && *comm != '"' &&
		    *comm != '\\')
			*at++ = *comm;
		else
			at += sprintf(at, "\\x%02x", (u8)*comm);
	}
	*at = '\0';
	return *text ? text : strcpy(text, "?");
}

/**
 * ticker_culprit_format_symbol() - print the symbol of an address
 * @text: TICKER_SYMBOL_LEN bytes
 * @address: the address; 0 if it is unknown
 * @is_return: it is a return address, which may be beyond the end of the function
 *
 * The kernel prints an address that has no symbol as a number; that is not shown.
 *
 * Return: the symbol, or "?" if there is none.
 */
const char *ticker_culprit_format_symbol(char *text, unsigned long address,
					 bool is_return)
{
	if (address == TICKER_IN_USER)
		return "user space";
	if (is_return)
		scnprintf(text, TICKER_SYMBOL_LEN, "%pB", (void *)address);
	else
		scnprintf(text, TICKER_SYMBOL_LEN, "%pS", (void *)address);
	return address && !isdigit(*text) ? text : "?";
}
