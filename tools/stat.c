// SPDX-License-Identifier: GPL-2.0-only
/*
 * The line of a ticker's file stat. See stat.h.
 */
#include "stat.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

const uint64_t lateness_bounds_ns[LATENESS_BOUNDS] = {
	1000, 2000, 5000,
	10000, 20000, 50000,
	100000, 200000, 500000,
	1000000, 2000000, 5000000,
	10000000, 20000000, 50000000,
	100000000, 200000000, 500000000,
	1000000000, 2000000000, 5000000000,
	10000000000, 20000000000, 50000000000,
	100000000000,
};

/* One number and the space behind it. strtoull() alone would take signs and more space. */
static bool take(const char **at, uint64_t *value)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*value = strtoull(*at, &end, 10);
	if (errno)
		return false;
	if (*end == ' ')
		end++;
	else if (*end != '\n' && *end != '\0')
		return false;
	*at = end;
	return true;
}

#define FIELD(member) { offsetof(struct stat_line, member), sizeof(((struct stat_line *)0)->member) / sizeof(uint64_t) }

/* The fields in their order. tests/test_static.py holds this against docs/ABI and src/attrs.c. */
static const struct {
	size_t offset;
	size_t count;
} fields[] = {
	FIELD(enabled),
	FIELD(period_ms),
	FIELD(counter),
	FIELD(missed),
	FIELD(lateness.last_ns),
	FIELD(lateness.max_ns),
	FIELD(lateness.sum_ns),
	FIELD(lateness.histogram),
	FIELD(timer_lateness.last_ns),
	FIELD(timer_lateness.max_ns),
	FIELD(timer_lateness.sum_ns),
	FIELD(timer_lateness.histogram),
	FIELD(stalls),
};

bool stat_parse(const char *text, struct stat_line *stat)
{
	uint64_t later;

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		uint64_t *values = (uint64_t *)((char *)stat + fields[i].offset);

		for (size_t j = 0; j < fields[i].count; j++)
			if (!take(&text, &values[j]))
				return false;
	}
	while (take(&text, &later))
		;
	return stat->enabled <= 1 && stat->period_ms >= 1 && stat->period_ms <= INT32_MAX &&
	       ((text[0] == '\n' && text[1] == '\0') || text[0] == '\0');
}

uint64_t lateness_count(const struct lateness *lateness)
{
	uint64_t count = 0;

	for (size_t i = 0; i < LATENESS_BUCKETS; i++)
		count += lateness->histogram[i];
	return count;
}

uint64_t lateness_count_within(const struct lateness *lateness, uint64_t ns)
{
	uint64_t count = 0;

	for (size_t i = 0; i < LATENESS_BOUNDS && lateness_bounds_ns[i] <= ns; i++)
		count += lateness->histogram[i];
	return count;
}

bool lateness_is_bound(uint64_t ns)
{
	for (size_t i = 0; i < LATENESS_BOUNDS; i++)
		if (lateness_bounds_ns[i] == ns)
			return true;
	return false;
}

uint64_t lateness_quantile_ns(const struct lateness *lateness, double share)
{
	double wanted = share * lateness_count(lateness);
	uint64_t count = 0;

	for (size_t i = 0; i < LATENESS_BOUNDS; i++) {
		count += lateness->histogram[i];
		if (count >= wanted)
			return lateness_bounds_ns[i];
	}
	return UINT64_MAX;
}
