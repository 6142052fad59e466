// SPDX-License-Identifier: GPL-2.0-only
/*
 * The line of a ticker's file stat. See stat.h.
 */
#include "stat.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

/* Parse one number and the space after it. strtoull() alone would accept signs and more space. */
static bool parse_number(const char **at, uint64_t *value)
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

/* The fields in their order. tests/test_static.py compares this table with docs/ABI and src/attrs.c. */
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
	FIELD(cpus),
	FIELD(late_ns.steal),
	FIELD(late_ns.irq),
	FIELD(late_ns.softirq),
	FIELD(late_ns.other),
};

#define FIELDS	(sizeof(fields) / sizeof(*fields))

/* Parse the fields. The last ones are missing in the lines of earlier versions. */
static bool parse_fields(const char **text, struct stat_line *stat)
{
	for (size_t i = 0; i < FIELDS; i++) {
		uint64_t *values = (uint64_t *)((char *)stat + fields[i].offset);

		for (size_t j = 0; j < fields[i].count; j++) {
			if (parse_number(text, &values[j]))
				continue;
			if (values == &stat->cpus)
				stat->cpus = stat->enabled;
			return values == &stat->cpus || values == &stat->late_ns.steal;
		}
	}
	stat->has_late = true;
	return true;
}

bool stat_parse(const char *text, struct stat_line *stat)
{
	uint64_t later;

	/* The fuzzer compares two of them byte by byte. */
	memset(stat, 0, sizeof(*stat));
	if (!parse_fields(&text, stat))
		return false;
	while (parse_number(&text, &later))
		;
	return stat->enabled <= 1 && stat->period_ms >= 1 && stat->period_ms <= INT32_MAX &&
	       ((text[0] == '\n' && text[1] == '\0') || text[0] == '\0');
}

void stat_print(FILE *out, const struct stat_line *stat)
{
	for (size_t i = 0; i < FIELDS; i++) {
		const uint64_t *values = (const uint64_t *)((const char *)stat + fields[i].offset);

		if (values == &stat->late_ns.steal && !stat->has_late)
			break;
		for (size_t j = 0; j < fields[i].count; j++)
			fprintf(out, "%s%" PRIu64, i || j ? " " : "", values[j]);
	}
	fputc('\n', out);
}

static bool lateness_follows(const struct lateness *now, const struct lateness *before)
{
	for (size_t i = 0; i < LATENESS_BUCKETS; i++)
		if (now->histogram[i] < before->histogram[i])
			return false;
	return now->sum_ns >= before->sum_ns;
}

static bool late_follows(const struct stat_line *now, const struct stat_line *before)
{
	const struct late *late = &now->late_ns, *earlier = &before->late_ns;

	return !now->has_late || (late->steal >= earlier->steal && late->irq >= earlier->irq &&
				  late->softirq >= earlier->softirq && late->other >= earlier->other);
}

bool stat_follows(const struct stat_line *now, const struct stat_line *before)
{
	return now->counter >= before->counter && now->missed >= before->missed && now->stalls >= before->stalls &&
	       lateness_follows(&now->lateness, &before->lateness) &&
	       lateness_follows(&now->timer_lateness, &before->timer_lateness) && late_follows(now, before);
}

static void lateness_subtract(struct lateness *now, const struct lateness *before)
{
	for (size_t i = 0; i < LATENESS_BUCKETS; i++)
		now->histogram[i] -= before->histogram[i];
	now->sum_ns -= before->sum_ns;
}

void stat_subtract(struct stat_line *now, const struct stat_line *before)
{
	now->counter -= before->counter;
	now->missed -= before->missed;
	now->stalls -= before->stalls;
	lateness_subtract(&now->lateness, &before->lateness);
	lateness_subtract(&now->timer_lateness, &before->timer_lateness);
	now->late_ns.steal -= before->late_ns.steal;
	now->late_ns.irq -= before->late_ns.irq;
	now->late_ns.softirq -= before->late_ns.softirq;
	now->late_ns.other -= before->late_ns.other;
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

uint64_t lateness_highest_ns(const struct lateness *lateness)
{
	size_t i = LATENESS_BUCKETS;
	uint64_t below;

	while (i && !lateness->histogram[i - 1])
		i--;
	if (!i)
		return 0;
	below = i > 1 ? lateness_bounds_ns[i - 2] : 0;
	/* After a reset max_ns may be lower than all values of this bucket. */
	if (lateness->max_ns <= below)
		return i == LATENESS_BUCKETS ? UINT64_MAX : lateness_bounds_ns[i - 1];
	if (i == LATENESS_BUCKETS || lateness->max_ns < lateness_bounds_ns[i - 1])
		return lateness->max_ns;
	return lateness_bounds_ns[i - 1];
}
