// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stalls as the kernel prints them. See stalltext.h.
 *
 * A comm may contain any words of the line, so a line is parsed from both ends.
 */
#include "stalltext.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NSEC_PER_MSEC UINT64_C(1000000)

/* The words of src/event.c. A longer one comes before those that are its end. */
static const struct {
	const char *logged, *name;
} hows[STALL_HOWS] = {
	[STALL_HOW_UNKNOWN]	= { NULL, "" },
	[STALL_TAKES_NO_IRQS]	= { "takes no interrupts, held by ", "takes no interrupts" },
	[STALL_TOOK_NO_IRQS]	= { "took no interrupts, held by ", "took no interrupts" },
	[STALL_HELD]		= { "held by ", "held by" },
	[STALL_BLOCKED]		= { "waits for ", "waits for" },
	[STALL_NO_WORKER]	= { "no worker, CPU runs ", "no worker, CPU runs" },
};

const char *stall_how_name(enum stall_how how)
{
	return hows[how].name;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool skip(const char **at, const char *words)
{
	size_t length = strlen(words);

	if (strncmp(*at, words, length))
		return false;
	*at += length;
	return true;
}

static bool parse_number(const char **at, uint64_t max, uint64_t *number)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*number = strtoull(*at, &end, 10);
	*at = end;
	return !errno && *number <= max;
}

/* "?" is the kernel's word for what is not known. */
static bool copy(char *to, size_t size, const char *from, size_t length)
{
	if (!length || length >= size)
		return false;
	if (length == 1 && *from == '?')
		length = 0;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

static bool parse_context(struct stall *stall, const char *text, size_t length)
{
	static const char *const contexts[] = { "task", "softirq", "hardirq", "idle", "?" };

	for (size_t i = 0; i < sizeof(contexts) / sizeof(*contexts); i++)
		if (strlen(contexts[i]) == length && !strncmp(contexts[i], text, length))
			return copy(stall->context, sizeof(stall->context), text, length);
	return false;
}

/* With an unknown task, its pid is 0. */
static void set_pid(struct stall *stall, uint64_t pid)
{
	stall->pid = pid || *stall->comm ? (int)pid : -1;
}

/* The last occurrence of @words that begins before @end. */
static const char *find_last(const char *text, const char *end, const char *words)
{
	size_t length = strlen(words);

	for (const char *at = end; at-- > text;)
		if (!strncmp(at, words, length))
			return at;
	return NULL;
}

/* COMM[PID] in FUNCTION (CONTEXT) */
static bool parse_culprit(const char *text, struct stall *stall)
{
	const char *end = text + strlen(text), *context = find_last(text, end, " ("), *function, *comm_end, *at;
	uint64_t pid;

	if (!context || end[-1] != ')' || !parse_context(stall, context + 2, end - context - 3))
		return false;
	function = find_last(text, context, "] in ");
	if (!function || function + 5 > context ||
	    !copy(stall->function, sizeof(stall->function), function + 5, context - function - 5))
		return false;
	comm_end = find_last(text, function, "[");
	if (!comm_end)
		return false;
	at = comm_end + 1;
	if (!parse_number(&at, INT_MAX, &pid) || at != function ||
	    !copy(stall->comm, sizeof(stall->comm), text, comm_end - text))
		return false;
	set_pid(stall, pid);
	return true;
}

static bool parse_how(const char **at, struct stall *stall)
{
	for (int how = STALL_TAKES_NO_IRQS; how < STALL_HOWS; how++) {
		if (!skip(at, hows[how].logged))
			continue;
		stall->how = how;
		return true;
	}
	return false;
}

static bool parse_ticker(const char **at, struct stall *stall)
{
	size_t length = strcspn(*at, ":");

	if (!copy(stall->ticker, sizeof(stall->ticker), *at, length) || !ticker_name_valid(stall->ticker))
		return false;
	*at += length;
	return skip(at, ": ");
}

/* -1 is the kernel's number of no CPU. */
static bool parse_cpu(const char **at, struct stall *stall)
{
	uint64_t cpu;

	if (skip(at, "-1")) {
		stall->cpu = -1;
		return true;
	}
	if (!parse_number(at, INT_MAX, &cpu))
		return false;
	stall->cpu = cpu;
	return true;
}

enum stall_line stall_parse_line(const char *line, struct stall *stall, uint64_t *suppressed)
{
	const char *at = line;
	uint64_t overdue_ms;
	bool again;

	*stall = (struct stall){ };
	if (!is_printable(line) || !skip(&at, "sched_tick: "))
		return STALL_LINE_OTHER;
	line = at;
	if (parse_number(&at, UINT_MAX, suppressed) && !strcmp(at, " stall messages suppressed"))
		return STALL_LINE_SUPPRESSED;
	at = line;
	if (!parse_ticker(&at, stall))
		return STALL_LINE_OTHER;
	again = !skip(&at, "stall on ");
	if (!skip(&at, "CPU ") || !parse_cpu(&at, stall) || (again && !skip(&at, " takes interrupts again")) ||
	    !skip(&at, ", tick overdue by ") || !parse_number(&at, UINT64_MAX / NSEC_PER_MSEC, &overdue_ms) ||
	    !skip(&at, " ms, ") || !parse_how(&at, stall) || !parse_culprit(at, stall))
		return STALL_LINE_OTHER;
	stall->overdue_ns = overdue_ms * NSEC_PER_MSEC;
	return again ? STALL_LINE_AGAIN : STALL_LINE_STALL;
}

/* Cut off the value of the next line, whose key this has to be. */
static const char *parse_key(char **text, const char *key)
{
	size_t length = strlen(key);
	char *value = *text + length + 1, *end;

	if (strncmp(*text, key, length) || (*text)[length] != ' ')
		return NULL;
	end = strchr(value, '\n');
	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return is_printable(value) ? value : NULL;
}

static bool is_number(const char *text, uint64_t max, uint64_t *number)
{
	return parse_number(&text, max, number) && !*text;
}

static bool is_stack(const char *text)
{
	for (; *text; text++)
		if ((*text < ' ' || *text > '~') && *text != '\n')
			return false;
	return true;
}

bool stall_parse_record(char *text, struct stall *stall, uint64_t *deadline_ns)
{
	static const char *const keys[] = {
		"ticker", "cpu", "deadline", "overdue_ns", "context", "comm", "pid", "function",
	};
	const char *values[sizeof(keys) / sizeof(*keys)], *cpu;
	uint64_t pid;

	*stall = (struct stall){ };
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		values[i] = parse_key(&text, keys[i]);
		if (!values[i])
			return false;
	}
	cpu = values[1];
	if (!ticker_name_valid(values[0]) || !copy(stall->ticker, sizeof(stall->ticker), values[0], strlen(values[0])) ||
	    !parse_cpu(&cpu, stall) || *cpu || !is_number(values[2], UINT64_MAX, deadline_ns) ||
	    !is_number(values[3], UINT64_MAX, &stall->overdue_ns) ||
	    !parse_context(stall, values[4], strlen(values[4])) ||
	    !copy(stall->comm, sizeof(stall->comm), values[5], strlen(values[5])) ||
	    !is_number(values[6], INT_MAX, &pid) ||
	    !copy(stall->function, sizeof(stall->function), values[7], strlen(values[7])) || !is_stack(text))
		return false;
	set_pid(stall, pid);
	stall->stack = *text ? text : NULL;
	return true;
}

/* The record has the final lateness, so that of the log may be lower. */
bool stall_is_similar(const struct stall *logged, const struct stall *record)
{
	return !strcmp(logged->ticker, record->ticker) && logged->cpu == record->cpu && logged->pid == record->pid &&
	       logged->overdue_ns <= record->overdue_ns && !strcmp(logged->context, record->context) &&
	       !strcmp(logged->comm, record->comm);
}

bool stall_is_same(const struct stall *logged, const struct stall *record)
{
	return stall_is_similar(logged, record) && (!*record->function || !strcmp(logged->function, record->function));
}
