// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a libFuzzer target on files, without clang.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	/* The copy on the heap has the exact size, so that the sanitizer finds a read behind its end. */
	static uint8_t all[1 << 16];

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		uint8_t *data;
		size_t size;

		if (!file)
			err(1, "%s", argv[i]);
		size = fread(all, 1, sizeof(all), file);
		fclose(file);
		data = malloc(size ? size : 1);
		if (!data)
			err(1, "memory");
		memcpy(data, all, size);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	return 0;
}
