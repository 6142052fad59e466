/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. Times are in ns on the ticker's clock; lateness_ns is elapsed time.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM sched_tick

#if !defined(SCHED_TICK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SCHED_TICK_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>

#include "culprit.h"
#include "ticker.h"

int ticker_trace_get(void);
void ticker_trace_put(void);

DECLARE_EVENT_CLASS(sched_tick_class,

	TP_PROTO(const struct sched_tick_info *info),

	TP_ARGS(info),

	TP_STRUCT__entry(
		__array(char, ticker, TICKER_NAME_LEN + 1)
		__field(u64, counter)
		__field(u64, deadline_ns)
		__field(u64, now_ns)
		__field(u64, lateness_ns)
		__field(u64, missed)
		__field(int, cpu)
	),

	TP_fast_assign(
		strscpy(__entry->ticker, info->ticker, TICKER_NAME_LEN + 1);
		__entry->counter = info->counter;
		__entry->deadline_ns = info->deadline_ns;
		__entry->now_ns = info->now_ns;
		__entry->lateness_ns = info->lateness_ns;
		__entry->missed = info->missed;
		__entry->cpu = info->cpu;
	),

	TP_printk("ticker=%s counter=%llu deadline_ns=%llu now_ns=%llu lateness_ns=%llu missed=%llu cpu=%d",
		  __entry->ticker, __entry->counter, __entry->deadline_ns,
		  __entry->now_ns, __entry->lateness_ns, __entry->missed, __entry->cpu)
);

/* A tick ran. missed: periods without a tick since the previous one. */
DEFINE_EVENT_FN(sched_tick_class, sched_tick_tick,

	TP_PROTO(const struct sched_tick_info *info),

	TP_ARGS(info),

	ticker_trace_get, ticker_trace_put
);

/* A tick ran before which periods were missed. */
DEFINE_EVENT_FN(sched_tick_class, sched_tick_missed,

	TP_PROTO(const struct sched_tick_info *info),

	TP_ARGS(info),

	ticker_trace_get, ticker_trace_put
);

/* Programs that parse the format need the values. */
TRACE_DEFINE_ENUM(TICKER_CONTEXT_UNKNOWN);
TRACE_DEFINE_ENUM(TICKER_CONTEXT_TASK);
TRACE_DEFINE_ENUM(TICKER_CONTEXT_SOFTIRQ);
TRACE_DEFINE_ENUM(TICKER_CONTEXT_HARDIRQ);
TRACE_DEFINE_ENUM(TICKER_CONTEXT_IDLE);

/*
 * A tick is overdue by more than stall_ms. Runs while it is overdue, in the interrupt
 * of the watchdog on the CPU that the tick waits for; if that CPU takes no interrupts,
 * on another. counter and missed are those of that instant, comm and pid of the
 * culprit.
 */
TRACE_EVENT_FN(sched_tick_stall,

	TP_PROTO(const struct sched_tick_info *info,
		 const struct ticker_culprit *culprit),

	TP_ARGS(info, culprit),

	TP_STRUCT__entry(
		__array(char, ticker, TICKER_NAME_LEN + 1)
		__field(u64, counter)
		__field(u64, deadline_ns)
		__field(u64, now_ns)
		__field(u64, lateness_ns)
		__field(u64, missed)
		__field(int, cpu)
		__field(int, context)
		__field(pid_t, pid)
		__array(char, comm, TASK_COMM_LEN)
	),

	TP_fast_assign(
		strscpy(__entry->ticker, info->ticker, TICKER_NAME_LEN + 1);
		__entry->counter = info->counter;
		__entry->deadline_ns = info->deadline_ns;
		__entry->now_ns = info->now_ns;
		__entry->lateness_ns = info->lateness_ns;
		__entry->missed = info->missed;
		__entry->cpu = info->cpu;
		__entry->context = culprit->context;
		__entry->pid = culprit->pid;
		memcpy(__entry->comm, culprit->comm, TASK_COMM_LEN);
	),

	TP_printk("ticker=%s counter=%llu deadline_ns=%llu now_ns=%llu lateness_ns=%llu missed=%llu cpu=%d context=%s comm=%s pid=%d",
		  __entry->ticker, __entry->counter, __entry->deadline_ns,
		  __entry->now_ns, __entry->lateness_ns, __entry->missed,
		  __entry->cpu,
		  __print_symbolic(__entry->context,
				   { TICKER_CONTEXT_UNKNOWN, "?" },
				   { TICKER_CONTEXT_TASK, "task" },
				   { TICKER_CONTEXT_SOFTIRQ, "softirq" },
				   { TICKER_CONTEXT_HARDIRQ, "hardirq" },
				   { TICKER_CONTEXT_IDLE, "idle" }),
		  __entry->comm, __entry->pid),

	ticker_trace_get, ticker_trace_put
);

#endif /* SCHED_TICK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
