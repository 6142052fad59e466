// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target for the parser of sched-tick.conf(5). What it accepts has valid
 * names and settings.
 */
#include <assert.h>
#include <stdint.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The stream is read only, so the cast is safe. */
	FILE *file = fmemopen((void *)data, size, "r");
	char error[SETTINGS_ERROR];
	struct config config;

	assert(file);
	if (config_read(file, "fuzz", &config) == STATUS_DONE) {
		for (size_t i = 0; i < config.count; i++) {
			assert(ticker_name_valid(config.tickers[i].name));
			assert(settings_check(&config.tickers[i].settings, error, sizeof(error)));
		}
		config_free(&config);
	} else {
		assert(!config.count && !config.tickers);
	}
	fclose(file);
	return 0;
}
