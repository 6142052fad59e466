/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The culprit of a stall: what a CPU runs while a tick is overdue.
 */
#ifndef SCHED_TICK_CULPRIT_H
#define SCHED_TICK_CULPRIT_H

#include <linux/sched.h>
#include <linux/types.h>

struct ticker;

/* With the function itself. */
#define TICKER_STACK_DEPTH	16

/* Long enough for a comm in which each byte is escaped. */
#define TICKER_COMM_LEN		(4 * TASK_COMM_LEN)

/* A symbol with offset, size and module; a longer one is truncated. */
#define TICKER_SYMBOL_LEN	128

enum ticker_context {
	TICKER_CONTEXT_UNKNOWN,
	TICKER_CONTEXT_TASK,
	TICKER_CONTEXT_SOFTIRQ,
	TICKER_CONTEXT_HARDIRQ,
	TICKER_CONTEXT_IDLE,
	TICKER_CONTEXTS
};

enum ticker_cause {
	TICKER_CAUSE_HELD,	/* the CPU runs the culprit */
	TICKER_CAUSE_NO_IRQS,	/* seen by another CPU: it takes no interrupts */
	TICKER_CAUSE_LATE_IRQS,	/* seen by itself, too late: it took no interrupts */
	TICKER_CAUSE_IRQS_AGAIN,	/* after TICKER_CAUSE_NO_IRQS */
	TICKER_CAUSE_BLOCKED,	/* the worker sleeps in a subscriber */
	TICKER_CAUSE_NO_WORKER,	/* the CPU is idle, and no worker runs the tick */
};

/**
 * struct ticker_culprit - who holds a CPU
 * @function: address in the function; 0: unknown, TICKER_IN_USER: no kernel function,
 *	TICKER_FREED
 * @pid: its pid in the initial namespace; 0 if unknown
 * @comm: its name, any bytes; "" if unknown
 * @cpu: the CPU
 * @cause: an enum ticker_cause
 * @context: an enum ticker_context
 */
struct ticker_culprit {
	unsigned long function;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u16 cpu;
	u8 cause;
	u8 context;
};

#define TICKER_IN_USER	1UL

/* In place of an address whose code has been freed. It has no symbol. */
#define TICKER_FREED	2UL

/**
 * struct ticker_stall - record of a stall; under the lock of its share
 * @deadline_ns: deadline of the overdue tick, in ns on the ticker's clock
 * @overdue_ns: how long it was overdue when this was recorded, in ns; after the stall
 *	in total
 * @culprit: who held the CPU
 * @stack: return addresses, from the caller of @culprit.function; 0 after the last one
 */
struct ticker_stall {
	u64 deadline_ns;
	u64 overdue_ns;
	unsigned long stack[TICKER_STACK_DEPTH - 1];
	struct ticker_culprit culprit;
};

extern const char * const ticker_context_names[TICKER_CONTEXTS];

void ticker_culprit_capture_here(struct ticker *ticker,
				 struct ticker_stall *stall, bool late_irqs);
void ticker_culprit_capture_of(int cpu, struct ticker_stall *stall);
const char *ticker_culprit_format_comm(char *text, const char *comm);
const char *ticker_culprit_format_symbol(char *text, unsigned long address,
					 bool is_return);

#endif /* SCHED_TICK_CULPRIT_H */
