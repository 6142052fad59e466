// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers: the module, the ticker under test, and its files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktest.h"

int module_insert(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, parameters, 0))
		err = errno;
	close(fd);
#ifdef __riscv
	/* Soon after a load a worker of the kernel walks its page tables, and keeps the CPU for over 1 ms. */
	if (in_virtual_time())
		sleep_ns(100 * NSEC_PER_MSEC);
#endif
	return err;
}

int module_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

bool module_built_in(void)
{
	return !access("/sys/module/sched_tick", F_OK) && access("/sys/module/sched_tick/initstate", F_OK);
}

/* Write the settings that the default ticker has after a load. */
static int load_built_in(const char *parameters)
{
	static const char *const settings[][2] = {
		{ "enabled", "0" }, { "timer", "hrtimer" }, { "clock", "monotonic" }, { "phase_ms", "-1" },
		{ "cpus", "any" }, { "queue", "highpri" }, { "notify", "0" }, { "stall_ms", "0" }, { "reset", "1" },
	};
	char path[PATH_MAX], period[32] = "1000";
	const char *given = strstr(parameters, "period_ms=");
	int err;

	if (strstr(parameters, "max_tickers=") || strstr(parameters, "gid=") || strstr(parameters, "max_rate="))
		return ENOTSUP;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), KTEST_ROOT "/%s", settings[i][0]);
		err = file_write(path, settings[i][1]);
		if (err)
			return err;
	}
	if (given)
		sscanf(given, "period_ms=%31[0-9]", period);
	return file_write(KTEST_ROOT "/period_ms", period) ?:
		file_write(KTEST_ROOT "/enabled", strstr(parameters, "enabled=0") ? "0" : "1");
}

int module_load(const char *parameters)
{
	if (module_built_in())
		return load_built_in(parameters);
	return module_insert(getenv("SCHED_TICK_KO") ?: "sched_tick.ko", parameters);
}

int module_unload(void)
{
	if (module_built_in())
		return file_write(KTEST_ROOT "/enabled", "0");
	return module_remove("sched_tick");
}

int helper_load(const char *name, const char *parameters)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.ko", getenv("SCHED_TICK_HELPERS") ?: "", name);
	return module_insert(path, parameters);
}

static const char *helper_path(const char *name, const char *parameter)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", name, parameter);
	return path;
}

uint64_t helper_u64(const char *name, const char *parameter)
{
	char text[64];
	int err = file_read(helper_path(name, parameter), text, sizeof(text));

	if (err)
		require(false, "%s has the parameter %s: %s", name, parameter, strerror(err));
	return strtoull(text, NULL, 10);
}

int helper_set(const char *name, const char *parameter, int value)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", value);
	return file_write(helper_path(name, parameter), text);
}

const char *ticker_name(void)
{
	return getenv("SCHED_TICK_TICKER") ?: "default";
}

bool ticker_is_named(void)
{
	return getenv("SCHED_TICK_TICKER") != NULL;
}

static const char *dir_of(const char *name)
{
	static char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), strcmp(name, "default") ? KTEST_TICKERS "/%s" : KTEST_ROOT, name);
	return dir;
}

static const char *chosen;

void ticker_choose(const char *name)
{
	chosen = name;
}

const char *ticker_dir(void)
{
	return dir_of(chosen ?: ticker_name());
}

static int configfs_path(char *path, size_t size, const char *name)
{
	return snprintf(path, size, "%s/%s", KTEST_CONFIGFS, name);
}

int ticker_make(const char *name)
{
	char path[PATH_MAX];

	configfs_path(path, sizeof(path), name);
	return mkdir(path, 0755) ? errno : 0;
}

int ticker_remove(const char *name)
{
	char path[PATH_MAX];

	configfs_path(path, sizeof(path), name);
	return rmdir(path) ? errno : 0;
}

/* A named ticker gets by writes the settings that module parameters give the default one. */
int ticker_begin(const char *parameters)
{
	const char *period = strstr(parameters, "period_ms=");
	char text[32] = "";
	int err;

	if (!ticker_is_named())
		return module_load(parameters);
	err = module_load("enabled=0") ?: ticker_make(ticker_name());
	if (!err && period && sscanf(period, "period_ms=%31[0-9]", text) == 1)
		err = ticker_write("period_ms", text);
	if (!err && !strstr(parameters, "enabled=0"))
		err = ticker_write("enabled", "1");
	return err;
}

int ticker_end(void)
{
	int err = ticker_is_named() ? ticker_remove(ticker_name()) : 0;

	return err ?: module_unload();
}

int machine_clean(void)
{
	static const char *const helpers[] = { "tick_cache", "tick_subscriber", "tick_hog", "tick_crowd", "peers" };
	struct dirent *entry;
	DIR *dir;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		module_remove(helpers[i]);
	dir = opendir(KTEST_CONFIGFS);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ticker_remove(entry->d_name);
	if (dir)
		closedir(dir);
	err = module_unload();
	return err == ENOENT ? 0 : err;
}

void setup(const char *parameters)
{
	int err = ticker_begin(parameters);

	require(!err, "the ticker is created with \"%s\": %s", parameters, err ? strerror(err) : "success");
}

int file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	int err = 0;

	if (fd < 0)
		return errno;
	length = read(fd, text, size - 1);
	if (length < 0)
		err = errno;
	text[length < 0 ? 0 : length] = '\0';
	close(fd);
	return err;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

long long meminfo_kb(const char *line)
{
	char text[8192], *at;
	int err = file_read("/proc/meminfo", text, sizeof(text));

	at = err ? NULL : strstr(text, line);
	if (!at)
		require(false, "/proc/meminfo has %s", line);
	return strtoll(at + strlen(line), NULL, 10);
}

static const char *ticker_path(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", ticker_dir(), name);
	return path;
}

int ticker_open(const char *name, int flags)
{
	return open(ticker_path(name), flags | O_CLOEXEC);
}

int ticker_write(const char *name, const char *text)
{
	return file_write(ticker_path(name), text);
}

void ticker_text(const char *name, char *text, size_t size)
{
	int err = file_read(ticker_path(name), text, size);

	if (err)
		require(false, "%s can be read: %s", name, strerror(err));
	text[strcspn(text, "\n")] = '\0';
}

uint64_t ticker_u64(const char *name)
{
	char text[64];

	ticker_text(name, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

void ticker_set(const char *name, const char *text)
{
	int err = ticker_write(name, text);

	if (err)
		require(false, "%s accepts \"%s\": %s", name, text, strerror(err));
}

void ticker_set_number(const char *name, long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	ticker_set(name, text);
}

void ticker_set_timer(bool hrtimer)
{
	ticker_set("timer", hrtimer ? "hrtimer" : "wheel");
}

static void parse_lateness(char **at, struct lateness *lateness)
{
	lateness->last_ns = strtoull(*at, at, 10);
	lateness->max_ns = strtoull(*at, at, 10);
	lateness->sum_ns = strtoull(*at, at, 10);
	for (size_t i = 0; i < KTEST_BUCKETS; i++)
		lateness->histogram[i] = strtoull(*at, at, 10);
}

static struct ticker_stat ticker_stat_of(const char *file)
{
	struct ticker_stat stat;
	char text[4096], *at = text;

	/* Two of them are compared byte by byte. */
	memset(&stat, 0, sizeof(stat));

	ticker_text(file, text, sizeof(text));
	stat.enabled = strtol(at, &at, 10);
	stat.period_ms = strtol(at, &at, 10);
	stat.counter = strtoull(at, &at, 10);
	stat.missed = strtoull(at, &at, 10);
	parse_lateness(&at, &stat.lateness);
	parse_lateness(&at, &stat.timer_lateness);
	stat.stalls = strtoull(at, &at, 10);
	stat.cpus = strtoul(at, &at, 10);
	stat.late.steal_ns = strtoull(at, &at, 10);
	stat.late.irq_ns = strtoull(at, &at, 10);
	stat.late.softirq_ns = strtoull(at, &at, 10);
	stat.late.other_ns = strtoull(at, &at, 10);
	if (*at)
		require(false, "stat ends after its last field, not with \"%s\"", at);
	return stat;
}

struct ticker_stat ticker_stat(void)
{
	return ticker_stat_of("stat");
}

struct ticker_stat stat_of_cpu(int cpu)
{
	char file[32];

	snprintf(file, sizeof(file), "percpu/%d", cpu);
	return ticker_stat_of(file);
}

int cpu_count(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

bool wait_for_counter(uint64_t above, int64_t timeout_ns)
{
	int64_t end = now_ns(CLOCK_MONOTONIC) + timeout_ns;

	while (ticker_u64("counter") <= above) {
		if (now_ns(CLOCK_MONOTONIC) > end)
			return false;
		sleep_ns(NSEC_PER_MSEC / 4);
	}
	return true;
}

/* Poll until the ticker is removed; exit with 0 if the removal wakes it and the read fails with ENODEV. */
static void poll_until_gone(void *fd)
{
	struct pollfd poller = { .fd = *(int *)fd, .events = POLLPRI };
	char text[64];

	while (pread(poller.fd, text, sizeof(text), 0) > 0)
		if (poll(&poller, 1, -1) != 1 || poller.revents != (POLLERR | POLLPRI))
			_exit(1);
	_exit(errno == ENODEV ? 0 : 2);
}

pid_t ticker_poller(const char *name)
{
	int fd = ticker_open(name, O_RDONLY);
	char path[64], text[512] = "";
	pid_t pid;

	if (fd < 0)
		require(false, "%s can be opened: %s", name, strerror(errno));
	pid = spawn(poll_until_gone, &fd);
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	/* Wait until it sleeps, or has exited; its exit status then shows why. */
	while (!strstr(text, ") S ") && !strstr(text, ") Z ")) {
		sleep_ns(NSEC_PER_MSEC);
		if (file_read(path, text, sizeof(text)))
			require(false, "the poller exists");
	}
	return pid;
}
