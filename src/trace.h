/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. Times are nanoseconds on the ticker's own clock, lateness_ns is
 * elapsed time.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM sched_tick

#if !defined(SCHED_TICK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SCHED_TICK_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>

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
	),

	TP_fast_assign(
		strscpy(__entry->ticker, info->ticker, TICKER_NAME_LEN + 1);
		__entry->counter = info->counter;
		__entry->deadline_ns = info->deadline_ns;
		__entry->now_ns = info->now_ns;
		__entry->lateness_ns = info->lateness_ns;
		__entry->missed = info->missed;
	),

	TP_printk("ticker=%s counter=%llu deadline_ns=%llu now_ns=%llu lateness_ns=%llu missed=%llu",
		  __entry->ticker, __entry->counter, __entry->deadline_ns,
		  __entry->now_ns, __entry->lateness_ns, __entry->missed)
);

/* A tick ran; counter says which one, missed how many periods had none before. */
DEFINE_EVENT_FN(sched_tick_class, sched_tick_tick,

	TP_PROTO(const struct sched_tick_info *info),

	TP_ARGS(info),

	ticker_trace_get, ticker_trace_put
);

/* The same, of ticks only before which periods were missed. */
DEFINE_EVENT_FN(sched_tick_class, sched_tick_missed,

	TP_PROTO(const struct sched_tick_info *info),

	TP_ARGS(info),

	ticker_trace_get, ticker_trace_put
);

/*
 * A tick is later than stall_ms: while it is overdue, on the CPU that it waits
 * for, in the interrupt that looks. counter and missed are as of then.
 */
DEFINE_EVENT_FN(sched_tick_class, sched_tick_stall,

	TP_PROTO(const struct sched_tick_info *info),

	TP_ARGS(info),

	ticker_trace_get, ticker_trace_put
);

#endif /* SCHED_TICK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
