// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's target for the parser of sched-tick.conf(5): whatever the file, no
 * harm; and what is taken could be asked of the kernel.
 */
#include <assert.h>
#include <stdint.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* It is not written to. */
	FILE *file = fmemopen((void *)data, size, "r");
	struct config config;

	assert(file);
	if (config_read(file, "fuzz", &config) == STATUS_DONE) {
		for (size_t i = 0; i < config.count; i++) {
			assert(ticker_name_valid(config.tickers[i].name));
			assert(!settings_check(&config.tickers[i].settings));
		}
		config_free(&config);
	} else {
		assert(!config.count && !config.tickers);
	}
	fclose(file);
	return 0;
}
