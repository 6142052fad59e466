// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target for the parser of stat. What it accepts has consistent counts,
 * and is the same after it was printed and parsed again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct lateness *lateness)
{
	assert(lateness_quantile_ns(lateness, 0.5) <= lateness_quantile_ns(lateness, 0.99));
	assert(lateness_count_within(lateness, UINT64_MAX) +
	       lateness->histogram[LATENESS_BUCKETS - 1] == lateness_count(lateness));
}

static void check_print(const struct stat_line *stat)
{
	static char text[4096];
	FILE *file = fmemopen(text, sizeof(text), "w");
	struct stat_line again;

	assert(file);
	stat_print(file, stat);
	fclose(file);
	assert(stat_parse(text, &again) && !memcmp(&again, stat, sizeof(again)));
	assert(stat_follows(&again, stat));
	stat_subtract(&again, stat);
	assert(!lateness_count(&again.lateness) && !lateness_highest_ns(&again.lateness));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct stat_line stat;

	assert(text);
	if (stat_parse(text, &stat)) {
		assert(stat.period_ms >= 1 && stat.period_ms <= INT32_MAX);
		check(&stat.lateness);
		check(&stat.timer_lateness);
		check_print(&stat);
	}
	free(text);
	return 0;
}
