// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target for the readers of the kernel log and of last_stall. What they
 * accept is printable, and a line is parsed the same in the form of the journal and
 * of /dev/kmsg.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kernlog.h"
#include "stalltext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, bool lines)
{
	for (; *text; text++)
		assert((*text >= ' ' && *text <= '~') || (lines && *text == '\n'));
}

static void check(const struct stall *stall)
{
	assert(ticker_name_valid(stall->ticker) && stall->cpu >= -1 && stall->pid >= -1);
	check_text(stall->context, false);
	check_text(stall->comm, false);
	check_text(stall->function, false);
	check_text(stall->stack ?: "", true);
	check_text(stall_how_name(stall->how), false);
}

/* Print a stall as the kernel does, and parse it again. */
static void check_again(const struct stall *stall, bool again)
{
	struct stall parsed;
	uint64_t suppressed;
	char line[512];

	if (stall->how != STALL_HELD)
		return;
	snprintf(line, sizeof(line), "sched_tick: %s: %sCPU %d%s, tick overdue by %llu ms, held by %s[%d] in %s (%s)",
		 stall->ticker, again ? "" : "stall on ", stall->cpu, again ? " takes interrupts again" : "",
		 (unsigned long long)stall->overdue_ns / 1000000, *stall->comm ? stall->comm : "?",
		 stall->pid < 0 ? 0 : stall->pid, *stall->function ? stall->function : "?",
		 *stall->context ? stall->context : "?");
	assert(stall_parse_line(line, &parsed, &suppressed) == (again ? STALL_LINE_AGAIN : STALL_LINE_STALL));
	assert(parsed.overdue_ns == stall->overdue_ns && stall_is_same(&parsed, stall));
}

static void check_entry(void *data, const struct log_entry *entry)
{
	struct stall stall;
	uint64_t suppressed = 0;
	enum stall_line line = stall_parse_line(entry->message, &stall, &suppressed);

	(void)data;
	if (line != STALL_LINE_STALL && line != STALL_LINE_AGAIN)
		return;
	check(&stall);
	check_again(&stall, line == STALL_LINE_AGAIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t deadline_ns;
	struct stall stall;
	FILE *file;
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data, size);
	/* The stream is read only, so the cast is safe. */
	file = fmemopen((void *)data, size, "r");
	assert(text && file);
	journal_read(file, "first", check_entry, NULL);
	fclose(file);
	check_entry(NULL, &(struct log_entry){ .message = text });
	kmsg_read(text, 0, check_entry, NULL);
	free(text);

	text = strndup((const char *)data, size);
	assert(text);
	if (stall_parse_record(text, &stall, &deadline_ns))
		check(&stall);
	free(text);
	return 0;
}
