/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU time of a CPU, as the kernel accounts it. Most kernels sample it once a jiffy.
 */
#ifndef SCHED_TICK_CPUTIME_H
#define SCHED_TICK_CPUTIME_H

#include <linux/kernel_stat.h>

#include "lateness.h"

/**
 * ticker_cputime_update_irqs() - read the CPU time of interrupts and softirqs
 * @cputime: set to it, but for @steal_ns
 * @cpu: the CPU
 *
 * Context: any. Without a lock: a value may be that of a moment ago.
 */
static inline void ticker_cputime_update_irqs(struct ticker_cputime *cputime, int cpu)
{
	const u64 *stat = kcpustat_cpu(cpu).cpustat;

	WRITE_ONCE(cputime->irq_ns, READ_ONCE(stat[CPUTIME_IRQ]));
	WRITE_ONCE(cputime->softirq_ns, READ_ONCE(stat[CPUTIME_SOFTIRQ]));
}

/**
 * ticker_cputime_update() - read the CPU time of a CPU
 * @cputime: set to it
 * @cpu: the CPU
 *
 * Context: any. Without a lock: a value may be that of a moment ago.
 */
static inline void ticker_cputime_update(struct ticker_cputime *cputime, int cpu)
{
	cputime->steal_ns = READ_ONCE(kcpustat_cpu(cpu).cpustat[CPUTIME_STEAL]);
	ticker_cputime_update_irqs(cputime, cpu);
}

#endif /* SCHED_TICK_CPUTIME_H */
