/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ticks of each CPU of a ticker, to find a CPU that does not tick.
 */
#ifndef PERCPU_H
#define PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct percpu {
	struct percpu_count {
		unsigned int cpu;
		bool ticking;	/* the ticker ticks on the CPU now */
		uint64_t counter, missed;
	} *list;
	size_t count;
};

/* Read the CPUs of a ticker. Returns an exit status. The caller frees @percpu, also after an error. */
int percpu_read(const char *ticker, struct percpu *percpu);

void percpu_free(struct percpu *percpu);

/* Print a line for each CPU, and a last line. */
void percpu_print(FILE *out, const struct percpu *percpu);

/* Parse what percpu_print() printed. Returns false if @text is anything else. The caller frees @percpu in any case. */
bool percpu_parse(const char *text, struct percpu *percpu);

/*
 * Find the CPUs that had periods and no tick between two samples, and append them to a list. A CPU that is not in
 * @before had no counts then. Returns the largest number of such periods of a CPU.
 */
uint64_t percpu_find_stalled(const struct percpu *before, const struct percpu *now, struct percpu *stalled);

/* Format the CPUs of a list as the kernel does: 0,2-5. If they do not fit, "..." follows the last one. */
void percpu_format(const struct percpu *percpu, char *text, size_t size);

#endif
