// SPDX-License-Identifier: GPL-2.0-only
/*
 * record save: copy the trace and the state of the system to a recording.
 *
 * The recorder records again after every attempt. If a file could not be written, for
 * example because the disk is full, the new recording is discarded and the older ones stay.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "recorder.h"

/* What is kept of a file, from its end: of a trace the newest events. Three of this size are below RECORDINGS_BYTES_MAX. */
#define FILE_BYTES_MAX	((size_t)16 << 20)

static const struct {
	const char *name, *source;
} files[] = {
	{ "version", "/proc/version" },
	{ "interrupts", "/proc/interrupts" },
	{ "softirqs", "/proc/softirqs" },
	{ "schedstat", "/proc/schedstat" },
	{ "pressure-cpu", "/proc/pressure/cpu" },
	{ "pressure-io", "/proc/pressure/io" },
	{ "pressure-irq", "/proc/pressure/irq" },
	{ "pressure-memory", "/proc/pressure/memory" },
};

/* Read up to the end of a file, and keep the last @size bytes in a ring. Returns the number of bytes read, or -1. */
static ssize_t read_ring(int in, char *ring, size_t size)
{
	size_t total = 0;
	ssize_t length;

	while ((length = read(in, ring + total % size, size - total % size))) {
		if (length < 0 && errno != EINTR)
			return -1;
		if (length > 0)
			total += length;
	}
	return total;
}

/* Write the whole lines of a ring in which @total bytes were put. */
static void print_ring(FILE *out, const char *ring, size_t size, size_t total)
{
	size_t start = total % size, length = size;

	if (total <= size) {
		fwrite(ring, 1, total, out);
		return;
	}
	while (length && ring[start] != '\n') {
		start = (start + 1) % size;
		length--;
	}
	fprintf(out, "# The first %zu bytes are left out.", total - length);
	while (length) {
		size_t part = start + length > size ? size - start : length;

		fwrite(ring + start, 1, part, out);
		start = 0;
		length -= part;
	}
}

/* Copy the end of a file, and wait until they are on the disk. */
static bool copy(int in, const char *source, int directory, const char *name)
{
	char *ring = malloc(FILE_BYTES_MAX);
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), error = 0;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	ssize_t total = -1;

	if (!ring || !out) {
		warn("%s", name);
	} else {
		total = read_ring(in, ring, FILE_BYTES_MAX);
		if (total < 0)
			recorder_report(source, errno);
		else
			print_ring(out, ring, FILE_BYTES_MAX, total);
	}
	if (out) {
		if (fflush(out) || ferror(out) || fsync(fd))
			error = errno;
		if (fclose(out) && !error)
			error = errno;
	}
	free(ring);
	if (error)
		warnx("%s: %s", name, strerror(error));
	return total >= 0 && !error;
}

/* Copy a file. One that this kernel does not have is left out. */
static bool copy_file(const char *source, int directory, const char *name)
{
	int in = open(source, O_RDONLY | O_CLOEXEC);
	bool copied;

	if (in < 0 && (errno == ENOENT || errno == EOPNOTSUPP || errno == ENODEV))
		return true;
	if (in < 0) {
		recorder_report(source, errno);
		return false;
	}
	copied = copy(in, source, directory, name);
	close(in);
	return copied;
}

static bool copy_all(int directory, const char *ticker)
{
	const char *root = getenv("SCHED_TICK_ROOT") ?: "";
	char path[PATH_MAX], *trace = recorder_trace_path();
	bool copied = trace && copy_file(trace, directory, "trace");

	if (!trace)
		warnx("memory: %s", strerror(ENOMEM));
	free(trace);
	copied = copied && copy_file(ticker_path(ticker, "last_stall"), directory, "last_stall");
	for (size_t i = 0; copied && i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s%s", root, files[i].source);
		copied = copy_file(path, directory, files[i].name);
	}
	return copied && !fsync(directory);
}

/* The CPU of the ticker's last stall. */
static void read_cpu(const char *ticker, char *cpu, size_t size)
{
	FILE *file = fopen(ticker_path(ticker, "last_stall"), "re");
	char line[64];

	snprintf(cpu, size, "unknown");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "cpu ", 4) && isdigit((unsigned char)line[4]))
			snprintf(cpu, size, "%.*s", (int)strspn(line + 4, "0123456789"), line + 4);
	if (file)
		fclose(file);
}

static int save(int recordings, const char *ticker, const char *cpu)
{
	char temporary[32], name[RECORDING_NAME_MAX + 1];
	int directory = recording_begin(recordings, temporary, sizeof(temporary));
	bool copied;

	if (directory < 0)
		return STATUS_FAILED;
	copied = copy_all(directory, ticker);
	close(directory);
	if (!copied)
		recording_discard(recordings, temporary);
	if (!copied || !recording_finish(recordings, temporary, ticker, cpu, name)) {
		warnx("%s: the recording of this stall is lost", ticker);
		return STATUS_FAILED;
	}
	printf("saved %s\n", name);
	return STATUS_DONE;
}

int record_save(const char *ticker, const char *cpu)
{
	char number[12];
	bool exists, stopped;
	int recordings, status;

	recordings = recordings_open(true);
	if (recordings < 0)
		return STATUS_FAILED;
	status = recorder_state(&exists, &stopped);
	if (!status && !exists) {
		warnx("nothing is recorded: start with `sched-tick record start`");
		status = STATUS_FAILED;
	} else if (!status && !stopped) {
		/* Another process saved the recording, of which this stall may be a part. */
		puts("nothing to save: no stall since the last recording");
	} else if (!status) {
		if (!cpu)
			read_cpu(ticker, number, sizeof(number));
		status = save(recordings, ticker, cpu ?: number);
		if (recorder_arm())
			status = STATUS_FAILED;
	}
	close(recordings);
	return status;
}
