// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recorder in tracefs, by libtracefs. See recorder.h.
 *
 * libtracefs is loaded when `record` needs it, so that no other command depends on
 * it. The functions used here exist since its version 1.0. tests/unit compares these
 * declarations with its header.
 */
#include "recorder.h"

#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

#define LIBRARY		"libtracefs.so.1"
#define INSTANCE	"sched_tick"
#define STALL_TRIGGER	"events/sched_tick/sched_tick_stall/trigger"

/*
 * Without a filter, the trigger would run before the event is written to the buffer,
 * and the event of the stall would be missing. The filter is true for every stall.
 */
#define STOP_AT_STALL	"traceoff if lateness_ns > 0"

struct tracefs_instance;
char *tracefs_get_tracing_file(const char *name);
void tracefs_put_tracing_file(char *name);
struct tracefs_instance *tracefs_instance_create(const char *name);
int tracefs_instance_destroy(struct tracefs_instance *instance);
void tracefs_instance_free(struct tracefs_instance *instance);
int tracefs_instance_file_write(struct tracefs_instance *instance, const char *file, const char *str);

static struct {
	typeof(tracefs_get_tracing_file) *get_tracing_file;
	typeof(tracefs_put_tracing_file) *put_tracing_file;
	typeof(tracefs_instance_create) *instance_create;
	typeof(tracefs_instance_destroy) *instance_destroy;
	typeof(tracefs_instance_free) *instance_free;
	typeof(tracefs_instance_file_write) *instance_file_write;
} library;

static const struct {
	const char *name;
	void *function;
} symbols[] = {
	{ "tracefs_get_tracing_file", &library.get_tracing_file },
	{ "tracefs_put_tracing_file", &library.put_tracing_file },
	{ "tracefs_instance_create", &library.instance_create },
	{ "tracefs_instance_destroy", &library.instance_destroy },
	{ "tracefs_instance_free", &library.instance_free },
	{ "tracefs_instance_file_write", &library.instance_file_write },
};

static bool load_library(void)
{
	void *handle;

	if (library.instance_file_write)
		return true;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; handle && i < sizeof(symbols) / sizeof(*symbols); i++) {
		void *function = dlsym(handle, symbols[i].name);

		if (!function)
			handle = NULL;
		memcpy(symbols[i].function, &function, sizeof(function));
	}
	if (!handle)
		warnx("%s; install libtracefs1 (Debian, Ubuntu) or libtracefs (Fedora, RHEL)", dlerror());
	return handle;
}

int recorder_report(const char *what, int error)
{
	char line[64];

	/* Files of tracefs fail with EPERM then, a new instance with others. */
	if (read_first_line("/sys/kernel/security/lockdown", line, sizeof(line)) && strstr(line, "[confidentiality]"))
		warnx("%s: the kernel is locked down (confidentiality) and refuses access to tracefs", what);
	else
		warnx("%s: %s", what, strerror(error));
	return STATUS_FAILED;
}

/* Returns whether tracefs is there and its directory of instances can be read. */
static bool find_tracefs(void)
{
	char *path;
	int error;

	if (!load_library())
		return false;
	path = library.get_tracing_file("instances");
	error = path && !access(path, X_OK) ? 0 : path ? errno : ENOENT;
	if (error == ENOENT)
		warnx("there is no tracefs: mount it with `mount -t tracefs tracefs /sys/kernel/tracing`, if the kernel"
		      " has tracing (CONFIG_FTRACE)");
	else if (error)
		recorder_report(path, error);
	if (path)
		library.put_tracing_file(path);
	return !error;
}

/* The path of a file of the instance. NULL: no memory. */
static char *instance_path(const char *file)
{
	char *path = library.get_tracing_file("instances/" INSTANCE), *full = NULL;

	if (path && asprintf(&full, "%s%s", path, file) < 0)
		full = NULL;
	if (path)
		library.put_tracing_file(path);
	return full;
}

static bool instance_exists(void)
{
	char *path = instance_path("");
	bool exists = path && !access(path, F_OK);

	free(path);
	return exists;
}

char *recorder_trace_path(void)
{
	return instance_path("/trace");
}

/* Write one file of the instance. */
static int set(struct tracefs_instance *instance, const char *file, const char *text)
{
	int error;

	errno = 0;
	if (library.instance_file_write(instance, file, text) >= 0)
		return STATUS_DONE;
	error = errno;
	if (error == ENOENT && !strncmp(file, "events/sched_tick", strlen("events/sched_tick")))
		return ticker_report(TICKER_DEFAULT, "record", ENOENT);
	return recorder_report(file, error);
}

static struct tracefs_instance *get_instance(void)
{
	struct tracefs_instance *instance;

	errno = 0;
	instance = library.instance_create(INSTANCE);
	if (!instance)
		recorder_report("instances/" INSTANCE, errno ?: ENOMEM);
	return instance;
}

int recorder_arm(void)
{
	struct tracefs_instance *instance = get_instance();
	int status;

	if (!instance)
		return STATUS_FAILED;
	/* A write clears the buffer. */
	status = set(instance, "trace", "\n") ?: set(instance, "tracing_on", "1");
	library.instance_free(instance);
	return status;
}

static int remove_instance(void)
{
	struct tracefs_instance *instance = get_instance();
	int status = STATUS_DONE;

	if (!instance)
		return STATUS_FAILED;
	/* Removing the instance also removes its triggers and disables its events. */
	errno = 0;
	if (library.instance_destroy(instance))
		status = recorder_report("instances/" INSTANCE, errno ?: EBUSY);
	library.instance_free(instance);
	return status;
}

int recorder_stop(void)
{
	if (!find_tracefs())
		return STATUS_FAILED;
	return instance_exists() ? remove_instance() : STATUS_DONE;
}

static int configure(struct tracefs_instance *instance, uint64_t buffer_kb)
{
	char size[24];
	const struct {
		const char *file, *text;
	} settings[] = {
		{ "tracing_on", "0" },
		{ "buffer_size_kb", size },
		/* The clock of deadline_ns of a ticker with the default clock. It is the same on all CPUs. */
		{ "trace_clock", "mono" },
		{ "events/sched_tick/enable", "1" },
		{ STALL_TRIGGER, STOP_AT_STALL },
		{ "events/sched/sched_switch/enable", "1" },
		{ "events/irq/enable", "1" },
		{ "events/workqueue/enable", "1" },
		{ "tracing_on", "1" },
	};
	int status = STATUS_DONE;

	snprintf(size, sizeof(size), "%" PRIu64, buffer_kb);
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings) && !status; i++)
		status = set(instance, settings[i].file, settings[i].text);
	return status;
}

int recorder_start(uint64_t buffer_kb)
{
	struct tracefs_instance *instance;
	int status;

	if (!ticker_exists(TICKER_DEFAULT))
		return ticker_report(TICKER_DEFAULT, "record", ENOENT);
	if (!find_tracefs() || (instance_exists() && remove_instance()))
		return STATUS_FAILED;
	instance = get_instance();
	if (!instance)
		return STATUS_FAILED;
	status = configure(instance, buffer_kb);
	library.instance_free(instance);
	if (status)
		remove_instance();
	return status;
}

int recorder_state(bool *exists, bool *stopped)
{
	char *path, state;
	FILE *file;
	int error;

	*exists = *stopped = false;
	if (!find_tracefs())
		return STATUS_FAILED;
	*exists = instance_exists();
	if (!*exists)
		return STATUS_DONE;
	path = instance_path("/tracing_on");
	file = path ? fopen(path, "re") : NULL;
	error = errno;
	free(path);
	if (!file)
		return recorder_report("tracing_on", error);
	state = fgetc(file);
	*stopped = state == '0';
	fclose(file);
	return STATUS_DONE;
}
