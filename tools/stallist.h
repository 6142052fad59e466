/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stalls known to this machine: those of the kernel log, of last_stall of each ticker, and of recordings.
 */
#ifndef STALLIST_H
#define STALLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stalltext.h"

struct stalls {
	struct stall *list;	/* newest first */
	size_t count;
	uint64_t suppressed;	/* lines that the kernel did not log */
	bool log_is_read;
	bool records_are_read;	/* last_stall of all tickers */
};

/*
 * Gather the stalls since @since_us of the tickers with these names, or of all. @tickers are those that exist. The caller
 * calls stalls_free(). Returns an exit status.
 */
int stalls_gather(struct stalls *stalls, uint64_t since_us, char *const *names, const struct ticker *tickers,
		  size_t count);
void stalls_free(struct stalls *stalls);

#endif
