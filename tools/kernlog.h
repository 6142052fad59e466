/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel log: the journal of systemd, or else /dev/kmsg.
 */
#ifndef KERNLOG_H
#define KERNLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct log_entry {
	const char *message;
	uint64_t time_us;	/* since the epoch */
	bool this_boot;
};

/* Called for each message of the kernel, the oldest first. Other messages may be among them. */
typedef void log_entry_fn(void *data, const struct log_entry *entry);

/*
 * Read the warnings of the kernel, those of earlier boots too if there is a journal. Entries from before @since_us may be
 * left out. Returns false if no log can be read.
 */
bool kernel_log_read(uint64_t since_us, log_entry_fn *entry, void *data);

/* Read the export format of the journal. @boot_id is without dashes. Returns the number of entries of this boot. */
uint64_t journal_read(FILE *file, const char *boot_id, log_entry_fn *entry, void *data);

/* Read one or more records of /dev/kmsg, which are changed. @boot_us is the time at which its clock was 0. */
void kmsg_read(char *records, uint64_t boot_us, log_entry_fn *entry, void *data);

#endif
