/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sample of a ticker that the previous check of this user took, in a file for
 * each ticker.
 */
#ifndef PREVIOUS_H
#define PREVIOUS_H

#include <stdbool.h>

#include "percpu.h"
#include "sysfs.h"

/* The directory of the files, unless the user names one. Returns NULL, with a message on stderr, if there is none. */
const char *previous_directory(void);

/*
 * Read the sample of a ticker. Returns false if there is none that @now continues:
 * no file, another content, another boot, a ticker created since, or the module
 * reloaded since. @previous gets a name only if there is one. The caller frees @percpu.
 */
bool previous_load(const char *directory, const struct ticker *now, struct ticker *previous, struct percpu *percpu);

/* Keep a sample for the next check. Prints a warning if that fails. */
void previous_store(const char *directory, const struct ticker *ticker, const struct percpu *percpu);

#endif
