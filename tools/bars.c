// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print a histogram of lateness as bars.
 */
#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "table.h"

#define BAR_BEGINS	23	/* width of the text in front of a bar */
#define BAR_SHORTEST	10
#define BAR_LONGEST	60

static int bar_length(void)
{
	struct winsize size;
	int left = (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80) - BAR_BEGINS;

	if (left < BAR_SHORTEST)
		return BAR_SHORTEST;
	return left < BAR_LONGEST ? left : BAR_LONGEST;
}

void bars_print(FILE *out, const struct lateness *lateness)
{
	int width = bar_length();
	size_t first = LATENESS_BUCKETS, last = 0;
	uint64_t most = 0;

	for (size_t i = 0; i < LATENESS_BUCKETS; i++) {
		if (!lateness->histogram[i])
			continue;
		if (first == LATENESS_BUCKETS)
			first = i;
		last = i;
		if (lateness->histogram[i] > most)
			most = lateness->histogram[i];
	}
	for (size_t i = first; most && i <= last; i++) {
		uint64_t count = lateness->histogram[i];
		int length = (double)count / most * width;
		char bound[HUMAN_SIZE];

		if (i < LATENESS_BOUNDS)
			fprintf(out, "  <= %-6s", human_ns(lateness_bounds_ns[i], bound, sizeof(bound)));
		else
			fprintf(out, "  >  %-6s", human_ns(lateness_bounds_ns[i - 1], bound, sizeof(bound)));
		/* A bucket that is not empty has a bar. */
		if (count && !length)
			length = 1;
		fprintf(out, " %10" PRIu64 "%s", count, length ? " " : "");
		for (int j = 0; j < length; j++)
			fputc('#', out);
		fputc('\n', out);
	}
}
