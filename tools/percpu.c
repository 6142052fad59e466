// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ticks of each CPU of a ticker. See percpu.h.
 */
#include "percpu.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"

#define LAST_LINE	"end\n"

static void append(struct percpu *percpu, struct percpu_count count)
{
	percpu->list = reallocarray(percpu->list, percpu->count + 1, sizeof(*percpu->list));
	if (!percpu->list)
		err(STATUS_FAILED, "memory");
	percpu->list[percpu->count++] = count;
}

int percpu_read(const char *ticker, struct percpu *percpu)
{
	struct ticker *cpus;
	size_t count;
	int status = ticker_list_cpus(ticker, &cpus, &count);

	for (size_t i = 0; i < count && !status; i++)
		append(percpu, (struct percpu_count){ strtoul(cpus[i].name, NULL, 10), cpus[i].stat.cpus,
						      cpus[i].stat.counter, cpus[i].stat.missed });
	free(cpus);
	return status;
}

void percpu_free(struct percpu *percpu)
{
	free(percpu->list);
	*percpu = (struct percpu){ };
}

void percpu_print(FILE *out, const struct percpu *percpu)
{
	for (size_t i = 0; i < percpu->count; i++)
		fprintf(out, "cpu %u %" PRIu64 " %" PRIu64 "\n", percpu->list[i].cpu, percpu->list[i].counter,
			percpu->list[i].missed);
	fputs(LAST_LINE, out);
}

bool percpu_parse(const char *text, struct percpu *percpu)
{
	while (strcmp(text, LAST_LINE)) {
		struct percpu_count count = { };
		int length = 0;

		if (sscanf(text, "cpu %u %" SCNu64 " %" SCNu64 "%n", &count.cpu, &count.counter, &count.missed,
			   &length) != 3 || text[length] != '\n')
			return false;
		append(percpu, count);
		text += length + 1;
	}
	return true;
}

static const struct percpu_count *find(const struct percpu *percpu, unsigned int cpu)
{
	static const struct percpu_count none;

	for (size_t i = 0; i < percpu->count; i++)
		if (percpu->list[i].cpu == cpu)
			return &percpu->list[i];
	return &none;
}

uint64_t percpu_find_stalled(const struct percpu *before, const struct percpu *now, struct percpu *stalled)
{
	uint64_t most = 0;

	for (size_t i = 0; i < now->count; i++) {
		const struct percpu_count *count = &now->list[i], *earlier = find(before, count->cpu);
		uint64_t periods = count->missed - earlier->missed;

		if (!count->ticking || count->counter != earlier->counter || !periods)
			continue;
		append(stalled, *count);
		if (periods > most)
			most = periods;
	}
	return most;
}

void percpu_format(const struct percpu *percpu, char *text, size_t size)
{
	size_t length = 0;

	*text = '\0';
	for (size_t i = 0, last; i < percpu->count; i = last + 1) {
		unsigned int cpu = percpu->list[i].cpu;
		char range[32];
		int wanted;

		for (last = i; last + 1 < percpu->count && percpu->list[last + 1].cpu == cpu + last + 1 - i; last++)
			;
		wanted = snprintf(range, sizeof(range), last > i ? "%s%u-%u" : "%s%u", i ? "," : "", cpu,
				  percpu->list[last].cpu);
		if (length + wanted + sizeof(",...") > size) {
			strcpy(text + length, i ? ",..." : "...");
			return;
		}
		strcpy(text + length, range);
		length += wanted;
	}
}
