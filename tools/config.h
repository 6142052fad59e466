/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file of sched-tick.conf(5): sections that name tickers, with their settings.
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

/* Read a whole file, or say what is wrong in which line and leave nothing. Returns an exit status. */
int config_read(FILE *file, const char *path, struct config *config);
void config_free(struct config *config);

#endif
