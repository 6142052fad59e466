// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tickers of the kernel and their files. See sysfs.h.
 */
#include "sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "refusal.h"

#define SYSFS		"/sys/kernel/sched_tick"
#define CONFIGFS	"/sys/kernel/config/sched_tick"
#define GID		"/sys/module/sched_tick/parameters/gid"

/* Tests put a tree of files in place of the kernel. */
static const char *root(void)
{
	return getenv("SCHED_TICK_ROOT") ?: "";
}

bool ticker_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > TICKER_NAME_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] > 127 ||
		    (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i])))
			return false;
	return true;
}

const char *ticker_path(const char *name, const char *file)
{
	static char path[PATH_MAX];

	if (strcmp(name, TICKER_DEFAULT))
		snprintf(path, sizeof(path), "%s" SYSFS "/tickers/%s/%s", root(), name, file);
	else
		snprintf(path, sizeof(path), "%s" SYSFS "/%s", root(), file);
	return path;
}

/* Any other error, such as ENOMEM, does not say that the file is missing. */
static bool is_missing(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

static bool file_exists(const char *path)
{
	return !access(path, F_OK) || !is_missing(errno);
}

static bool path_exists(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", root(), path);
	return file_exists(full);
}

bool read_first_line(const char *path, char *line, size_t size)
{
	char full[PATH_MAX];
	FILE *file;
	bool read;

	snprintf(full, sizeof(full), "%s%s", root(), path);
	file = fopen(full, "re");
	if (!file)
		return false;
	read = fgets(line, size, file) != NULL;
	fclose(file);
	return read;
}

static bool module_is_built(void)
{
	struct utsname kernel;
	char path[PATH_MAX];
	static const char *const places[] = { "updates/dkms", "extra", "updates", "extra/sched-tick" };
	static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };

	uname(&kernel);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		for (size_t j = 0; j < sizeof(suffixes) / sizeof(*suffixes); j++) {
			snprintf(path, sizeof(path), "%s/lib/modules/%s/%s/sched_tick.ko%s", root(),
				 kernel.release, places[i], suffixes[j]);
			if (!access(path, F_OK))
				return true;
		}
	}
	return false;
}

/* Whether the kernel loads only modules that are signed with a key it knows. */
static bool signature_is_enforced(void)
{
	char line[64];

	if (read_first_line("/sys/module/module/parameters/sig_enforce", line, sizeof(line)) && line[0] == 'Y')
		return true;
	return read_first_line("/sys/kernel/security/lockdown", line, sizeof(line)) && !strstr(line, "[none]");
}

static int report_not_loaded(void)
{
	struct utsname kernel;
	char refused[PATH_MAX], failed[PATH_MAX], headers[PATH_MAX];

	uname(&kernel);
	/* packaging/dkms writes these logs. */
	snprintf(refused, sizeof(refused), "/var/lib/sched-tick-dkms/%s.log", kernel.release);
	snprintf(failed, sizeof(failed), "/var/lib/sched-tick-dkms/%s.failed", kernel.release);
	snprintf(headers, sizeof(headers), "/lib/modules/%s/build/include", kernel.release);
	if (!module_is_built() && path_exists(refused))
		warnx("the module sched_tick is not loaded: it can't be built for this kernel (%s); see %s",
		      kernel.release, refused);
	else if (!module_is_built() && path_exists(failed))
		warnx("the module sched_tick is not loaded: the last build for this kernel (%s) failed; see %s",
		      kernel.release, failed);
	else if (!module_is_built() && !path_exists("/usr/libexec/sched-tick-dkms"))
		warnx("the module sched_tick is not loaded: it is not installed for this kernel (%s), and DKMS does not build it:"
		      " install the package kmod-sched-tick-%s or sched-tick-dkms", kernel.release, kernel.release);
	else if (!module_is_built() && !path_exists(headers))
		warnx("the module sched_tick is not loaded: it is not built for this kernel (%s), whose headers are"
		      " not installed: install linux-headers-%s, or kernel-devel-%s on an RPM-based system",
		      kernel.release, kernel.release, kernel.release);
	else if (!module_is_built())
		warnx("the module sched_tick is not loaded: it is not built for this kernel (%s);"
		      " see `dkms status sched_tick`", kernel.release);
	else if (signature_is_enforced())
		warnx("the module sched_tick is not loaded: this kernel (Secure Boot, or module.sig_enforce) loads only"
		      " modules that are signed with a key it knows; see SECURE BOOT in sched-tick(8)");
	else
		warnx("the module sched_tick is not loaded: load it with `modprobe sched_tick`");
	return STATUS_MISSING;
}

int ticker_report(const char *name, const char *what, int error)
{
	if (!path_exists(SYSFS))
		return report_not_loaded();
	if ((error == ENOENT || error == ENODEV) && !ticker_exists(name)) {
		warnx("%s: no such ticker", name);
		return STATUS_MISSING;
	}
	switch (error) {
	case EACCES:
	case EPERM:
		warnx("%s: %s: not permitted: root can do that, and for period_ms and enabled the group " TICKER_GROUP,
		      name, what);
		break;
	case EBUSY:
		warnx("%s: %s: another module has subscribed to the ticker; `lsmod | grep sched_tick` lists modules"
		      " that can", name, what);
		break;
	case ENOSPC:
		warnx("%s: %s: there are as many tickers as the module parameter max_tickers allows", name, what);
		break;
	case EROFS:
		warnx("%s: %s: /sys is read-only, as in most containers", name, what);
		break;
	default:
		warnx("%s: %s: %s", name, what, strerror(error));
	}
	return STATUS_FAILED;
}

bool ticker_try_read(const char *name, const char *file, char *text, size_t size)
{
	int fd = open(ticker_path(name, file), O_RDONLY | O_CLOEXEC);
	ssize_t length;
	int error;

	if (fd < 0)
		return false;
	length = read(fd, text, size - 1);
	error = errno;
	close(fd);
	errno = error;
	if (length < 0)
		return false;
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

int ticker_read(const char *name, const char *file, char *text, size_t size)
{
	return ticker_try_read(name, file, text, size) ? STATUS_DONE : ticker_report(name, file, errno);
}

int ticker_write(const char *name, const char *file, const char *text)
{
	int fd = open(ticker_path(name, file), O_WRONLY | O_CLOEXEC);
	char what[128];
	int error = 0;

	snprintf(what, sizeof(what), "%s = %.64s%s", file, text, strlen(text) > 64 ? "..." : "");
	if (fd < 0)
		return ticker_report(name, what, errno);
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	if (refusal_report(name, what, file, text, error))
		return STATUS_FAILED;
	return error ? ticker_report(name, what, error) : STATUS_DONE;
}

bool ticker_exists(const char *name)
{
	return file_exists(ticker_path(name, "stat"));
}

static const char *configfs_path(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" CONFIGFS "/%s", root(), name);
	return path;
}

/* Report that configfs is not mounted, if that is why an operation failed. */
static bool configfs_is_missing(const char *name, int error)
{
	if (error != ENOENT || !path_exists(SYSFS) || path_exists(CONFIGFS))
		return false;
	warnx("%s: configfs is not mounted: mount it with `mount -t configfs configfs /sys/kernel/config`", name);
	return true;
}

int ticker_create(const char *name)
{
	if (!mkdir(configfs_path(name), 0755))
		return STATUS_DONE;
	if (configfs_is_missing(name, errno))
		return STATUS_FAILED;
	if (errno == EEXIST) {
		warnx("%s: the ticker exists already", name);
		return STATUS_FAILED;
	}
	return ticker_report(name, "create", errno);
}

int ticker_delete(const char *name)
{
	if (!rmdir(configfs_path(name)))
		return STATUS_DONE;
	return configfs_is_missing(name, errno) ? STATUS_FAILED : ticker_report(name, "delete", errno);
}

static int read_stat(const char *name, const char *file, struct stat_line *stat)
{
	char text[4096];
	int status = ticker_read(name, file, text, sizeof(text));

	if (status || stat_parse(text, stat))
		return status;
	warnx("%s: unknown format of %s: is the module older than sched-tick?", name, file);
	return STATUS_FAILED;
}

int ticker_stat(const char *name, struct ticker *ticker)
{
	snprintf(ticker->name, sizeof(ticker->name), "%.*s", TICKER_NAME_MAX, name);
	return read_stat(name, "stat", &ticker->stat);
}

static int is_ticker(const struct dirent *entry)
{
	return ticker_name_valid(entry->d_name);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_number(const struct dirent *entry)
{
	return !entry->d_name[strspn(entry->d_name, "0123456789")];
}

static int compare_numbers(const struct dirent **a, const struct dirent **b)
{
	int cpus[] = { atoi((*a)->d_name), atoi((*b)->d_name) };

	return (cpus[0] > cpus[1]) - (cpus[0] < cpus[1]);
}

static void free_entries(struct dirent **entries, int found)
{
	for (int i = 0; i < found; i++)
		free(entries[i]);
	free(entries);
}

/* Append a ticker to the list. That it was removed is an error only if the user named it. */
static int append(const char *name, bool named, struct ticker *list, size_t *count)
{
	int status;

	if (!named && !ticker_exists(name))
		return STATUS_DONE;
	status = ticker_stat(name, &list[*count]);
	if (!status)
		++*count;
	return status == STATUS_MISSING && !named ? STATUS_DONE : status;
}

int ticker_list(char *const *names, struct ticker **list, size_t *count)
{
	struct dirent **entries = NULL;
	char tickers[PATH_MAX];
	int status, found = 0;
	size_t wanted = 0;

	*list = NULL;
	*count = 0;
	while (names[wanted])
		if (!ticker_name_valid(names[wanted++]))
			errx(STATUS_USAGE, TICKER_NAME_INVALID, names[wanted - 1]);
	if (!path_exists(SYSFS))
		return report_not_loaded();
	if (!wanted) {
		snprintf(tickers, sizeof(tickers), "%s" SYSFS "/tickers", root());
		found = scandir(tickers, &entries, is_ticker, compare_names);
		if (found < 0 && !is_missing(errno))
			return ticker_report(TICKER_DEFAULT, "tickers", errno);
		if (found < 0)
			found = 0;
	}
	*list = calloc(wanted + found + 1, sizeof(**list));
	if (!*list)
		err(STATUS_FAILED, "memory");

	status = STATUS_DONE;
	for (size_t i = 0; i < wanted && !status; i++)
		status = append(names[i], true, *list, count);
	if (!wanted)
		status = append(TICKER_DEFAULT, true, *list, count);
	for (int i = 0; i < found; i++) {
		if (!status)
			status = append(entries[i]->d_name, false, *list, count);
	}
	free_entries(entries, found);
	if (status) {
		free(*list);
		*list = NULL;
		*count = 0;
	}
	return status;
}

/* Find the files of a ticker's CPUs. Without the directory, the ticker has always been on any CPU. */
static int scan_cpus(const char *name, struct dirent ***entries, int *found)
{
	*entries = NULL;
	*found = scandir(ticker_path(name, "percpu"), entries, is_number, compare_numbers);
	if (*found >= 0)
		return STATUS_DONE;
	*found = 0;
	return is_missing(errno) ? STATUS_DONE : ticker_report(name, "percpu", errno);
}

int ticker_count_cpus(const char *name, size_t *count)
{
	struct dirent **entries;
	int found, status = scan_cpus(name, &entries, &found);

	*count = found;
	free_entries(entries, found);
	return status;
}

int ticker_list_cpus(const char *name, struct ticker **list, size_t *count)
{
	struct dirent **entries;
	int found, status = scan_cpus(name, &entries, &found);

	*count = 0;
	*list = calloc(found + 1, sizeof(**list));
	if (!*list)
		err(STATUS_FAILED, "memory");
	for (int i = 0; i < found; i++) {
		char file[64];

		snprintf(file, sizeof(file), "percpu/%.32s", entries[i]->d_name);
		if (!status)
			status = read_stat(name, file, &(*list)[*count].stat);
		snprintf((*list)[*count].name, sizeof((*list)[*count].name), "%.32s", entries[i]->d_name);
		if (!status)
			++*count;
	}
	free_entries(entries, found);
	return status;
}

const struct ticker *ticker_find(const struct ticker *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

static int grant_existing(gid_t gid)
{
	static const char *const files[] = { "period_ms", "enabled" };
	char *const all[] = { NULL };
	struct ticker *list;
	size_t count;
	int status = ticker_list(all, &list, &count);

	for (size_t i = 0; i < 2 * count && !status; i++) {
		const char *name = list[i / 2].name, *file = files[i % 2];
		const char *path = ticker_path(name, file);

		/* The ticker may have been removed meanwhile. */
		if ((chown(path, -1, gid) || chmod(path, 0664)) && errno != ENOENT)
			status = ticker_report(name, file, errno);
	}
	free(list);
	return status;
}

int ticker_grant(void)
{
	const struct group *group = getgrnam(TICKER_GROUP);
	char path[PATH_MAX];
	FILE *file;
	bool written;

	if (!group || !path_exists(GID))
		return STATUS_DONE;
	/* Tickers created from now on first, so that none is missed in between. */
	snprintf(path, sizeof(path), "%s" GID, root());
	file = fopen(path, "we");
	written = file && fprintf(file, "%u", group->gr_gid) > 0;
	if (file)
		written &= !fclose(file);
	if (!written) {
		warn("%s", path);
		return STATUS_FAILED;
	}
	return grant_existing(group->gr_gid);
}
