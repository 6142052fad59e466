/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keep notify set while a process waits. The last process that waits restores the
 * old value.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>

struct notify {
	const char *name;	/* of the ticker */
	int lock;		/* shared by all waiting processes; -1: notify may be cleared meanwhile */
	int alive;		/* the end of a pipe; it is closed when this process exits */
};

/* Set notify of a ticker and hold it. Returns an exit status. */
int notify_hold(struct notify *notify, const char *name);

/* Release it, also after notify_hold() failed. The exit of the process has the same effect. */
void notify_release(struct notify *notify);

#endif
