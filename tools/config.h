/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file of sched-tick.conf(5): a section for each ticker, with its settings.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>
#include <stdio.h>

#include "settings.h"
#include "sysfs.h"

struct config_ticker {
	char name[TICKER_NAME_MAX + 1];
	struct settings settings;
};

struct config {
	struct config_ticker *tickers;
	size_t count;
};

/* Parse a file. If a line is invalid, print its number and the reason and store nothing. Returns an exit status. */
int config_read(FILE *file, const char *path, struct config *config);
void config_free(struct config *config);

#endif
