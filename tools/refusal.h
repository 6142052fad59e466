/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why the kernel refused a value of a setting.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdbool.h>

/*
 * Report the reason of the error @error (0: none) of a write of @text to @file, with
 * the name of the ticker and @what in front. Returns false, without a report, if the
 * reason does not depend on the file.
 */
bool refusal_report(const char *name, const char *what, const char *file, const char *text, int error);

#endif
