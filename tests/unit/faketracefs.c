// SPDX-License-Identifier: GPL-2.0-only
/*
 * A libtracefs.so.1 whose tracefs is a directory of SCHED_TICK_ROOT. A new instance gets
 * its files. With FAKE_TRACEFS_REFUSES=PATH:ERRNO a write to that file, or the creation of
 * the instance (PATH "instance"), fails. Each write is appended to the file `writes`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tracefs_instance {
	char path[4096];
};

static int refused(const char *file)
{
	const char *refusal = getenv("FAKE_TRACEFS_REFUSES");
	size_t length = strlen(file);

	if (!refusal || strncmp(refusal, file, length) || refusal[length] != ':')
		return 0;
	errno = atoi(refusal + length + 1);
	return 1;
}

char *tracefs_get_tracing_file(const char *name)
{
	char *path;

	return asprintf(&path, "%s/sys/kernel/tracing/%s", getenv("SCHED_TICK_ROOT"), name) < 0 ? NULL : path;
}

void tracefs_put_tracing_file(char *name)
{
	free(name);
}

static void put(const char *directory, const char *name, const char *text)
{
	char path[8192];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	/* It may be a pipe. */
	unlink(path);
	file = fopen(path, "w");
	if (file) {
		fputs(text, file);
		fclose(file);
	}
}

struct tracefs_instance *tracefs_instance_create(const char *name)
{
	struct tracefs_instance *instance;

	if (refused("instance"))
		return NULL;
	instance = calloc(1, sizeof(*instance));
	snprintf(instance->path, sizeof(instance->path), "%s/sys/kernel/tracing/instances/%s",
		 getenv("SCHED_TICK_ROOT"), name);
	if (!mkdir(instance->path, 0700)) {
		put(instance->path, "trace", "# tracer: nop\n");
		put(instance->path, "tracing_on", "1\n");
	}
	return instance;
}

int tracefs_instance_destroy(struct tracefs_instance *instance)
{
	char path[8192];
	static const char *const files[] = { "trace", "tracing_on", "buffer_size_kb", "trace_clock", "writes" };

	if (refused("destroy"))
		return -1;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", instance->path, files[i]);
		unlink(path);
	}
	return rmdir(instance->path);
}

void tracefs_instance_free(struct tracefs_instance *instance)
{
	free(instance);
}

int tracefs_instance_file_write(struct tracefs_instance *instance, const char *file, const char *str)
{
	char path[8192];
	FILE *writes;

	if (refused(file))
		return -1;
	snprintf(path, sizeof(path), "%s/writes", instance->path);
	writes = fopen(path, "a");
	if (writes) {
		fprintf(writes, "%s %s\n", file, strcmp(str, "\n") ? str : "");
		fclose(writes);
	}
	if (!strchr(file, '/'))
		put(instance->path, file, str);
	return strlen(str);
}
