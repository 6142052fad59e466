/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stalls as the kernel prints them: the lines of the kernel log, and last_stall.
 * docs/ABI/sysfs-kernel-sched_tick documents both.
 */
#ifndef STALLTEXT_H
#define STALLTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "sysfs.h"

#define STALL_COMM_SIZE		64
#define STALL_FUNCTION_SIZE	128

enum stall_how {
	STALL_HOW_UNKNOWN,
	STALL_TAKES_NO_IRQS,
	STALL_TOOK_NO_IRQS,
	STALL_HELD,
	STALL_BLOCKED,
	STALL_NO_WORKER,
	STALL_HOWS
};

/*
 * A stall. All texts are printable ASCII; an unknown one is "". A comm is escaped: \xHH is one byte.
 */
struct stall {
	uint64_t time_us;	/* since the epoch: when it was reported */
	size_t order;		/* in the log */
	bool this_boot;
	char ticker[TICKER_NAME_MAX + 1];
	int cpu;		/* -1: unknown */
	uint64_t overdue_ns;
	enum stall_how how;
	char context[8];
	char comm[STALL_COMM_SIZE];
	int pid;		/* -1: unknown */
	char function[STALL_FUNCTION_SIZE];
	char *stack;		/* one symbol in each line, or NULL */
};

enum stall_line {
	STALL_LINE_OTHER,	/* not about a stall */
	STALL_LINE_STALL,
	STALL_LINE_AGAIN,	/* the CPU of the stall takes interrupts again */
	STALL_LINE_SUPPRESSED,	/* lines were not logged */
};

/*
 * Parse a line of the kernel log. Sets @stall, but for time, boot and stack, or @suppressed to the number of lines that
 * were not logged.
 */
enum stall_line stall_parse_line(const char *line, struct stall *stall, uint64_t *suppressed);

/*
 * Parse last_stall. Sets @stall, but for time, boot and how, and @deadline_ns on the ticker's clock. The stack points into
 * @text. Returns false if the format is unknown.
 */
bool stall_parse_record(char *text, struct stall *stall, uint64_t *deadline_ns);

/*
 * Whether a line of the log and a record of this ticker are of one stall, as far as their fields show. The kernel finds the
 * function of a record when the record is read: once its module is unloaded there is none, or another one has its address.
 * stall_is_similar() does not compare the function.
 */
bool stall_is_similar(const struct stall *logged, const struct stall *record);
bool stall_is_same(const struct stall *logged, const struct stall *record);

/* A verb phrase in the words of the kernel; "" if it is not known. */
const char *stall_how_name(enum stall_how how);

#endif
