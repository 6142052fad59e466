/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists of CPUs in the form of the kernel: 0,2-5.
 */
#ifndef CPULIST_H
#define CPULIST_H

#include <stdbool.h>

/* Whether @text is a list of numbers and ranges. The kernel refuses any other text. */
bool cpulist_is_valid(const char *text);

/* Whether two lists have the same CPUs. False if a list has a CPU that no kernel supports, or a range backwards. */
bool cpulist_is_equal(const char *a, const char *b);

#endif
