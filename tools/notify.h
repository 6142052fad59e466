/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wake-ups of pollers for as long as somebody waits: notify is set while it is
 * held and gets its old value back from the last holder.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>

struct notify {
	const char *name;	/* of the ticker */
	int lock;		/* shared by all holders; -1: notify may be cleared meanwhile */
	int alive;		/* a pipe's end that is closed when this process ends */
};

/* Set notify of a ticker and hold it; returns an exit status. */
int notify_hold(struct notify *notify, const char *name);

/* Let go of it, after notify_hold() whatever that returned. The end of the process does so, too. */
void notify_release(struct notify *notify);

#endif
