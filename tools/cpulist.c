// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of CPUs. See cpulist.h.
 */
#include "cpulist.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS		"0123456789"
#define CPULIST_MAX	65536	/* eight times as many as the largest CONFIG_NR_CPUS */

bool cpulist_is_valid(const char *text)
{
	for (;;) {
		size_t length = strspn(text, DIGITS);

		if (length && text[length] == '-') {
			text += length + 1;
			length = strspn(text, DIGITS);
		}
		if (!length)
			return false;
		text += length;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

/* Mark the CPUs of a valid list. Returns false if it has a CPU above CPULIST_MAX, or a range backwards. */
static bool mark(const char *text, bool *marks)
{
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (first > last || last >= CPULIST_MAX)
			return false;
		memset(marks + first, true, last - first + 1);
		text = end + (*end == ',');
	}
	return true;
}

bool cpulist_is_equal(const char *a, const char *b)
{
	bool marks[2][CPULIST_MAX] = { };

	return mark(a, marks[0]) && mark(b, marks[1]) && !memcmp(marks[0], marks[1], sizeof(marks[0]));
}
