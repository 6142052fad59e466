// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's target for the parser of stat: whatever the line, no harm; and
 * what is taken adds up.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct stat_line stat;

	assert(text);
	if (stat_parse(text, &stat)) {
		assert(stat.period_ms >= 1 && stat.period_ms <= INT32_MAX);
		check(&stat.lateness);
		check(&stat.timer_lateness);
	}
	free(text);
	return 0;
}
