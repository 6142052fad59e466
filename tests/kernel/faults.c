// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fail every allocation of a call once: the first, the second, and so on. A call
 * that fails must return ENOMEM or EFAULT and change nothing, and the next call
 * must succeed. Needs a kernel with fault injection: docs/testing.md.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

/* Longer than the name that fits into a configfs item, so it is allocated. */
#define NAME		"a_name_of_thirty_two_letters____"
#define TOOL		"/bin/sched-tick"
#define EXPORTED	"/tmp/exported.prom"
/* More than the number of allocations in the reports of a stall and its end. */
#define STALLS		16

/* A call to try. begin() is undone if it succeeds. Afterwards as_before() must hold in any case. */
struct attempt {
	const char *name;
	int (*begin)(void);	/* 0 or an errno */
	void (*undo)(void);
	bool (*as_before)(void);
};

static int fail_nth_fd;

static void fail_nth(unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	/* An earlier failure that is still pending may hit this write. */
	for (int i = 0; i < 2; i++)
		if (pwrite(fail_nth_fd, text, length, 0) == length)
			return;
	require(false, "failure %u is requested", nth);
}

/* Return whether the requested failure happened. The read itself may be the call that fails. */
static bool has_failed(void)
{
	char text[16] = "";
	bool came = pread(fail_nth_fd, text, sizeof(text) - 1, 0) > 0 && !strtoul(text, NULL, 10);

	fail_nth(0);
	return came;
}

static void try_every(const struct attempt *attempt, unsigned int step, unsigned int at_least)
{
	unsigned int refused = 0, survived = 0, wrong = 0, changed = 0;
	bool came = true;

	for (unsigned int nth = step; came; nth += step) {
		int err;

		fail_nth(nth);
		err = attempt->begin();
		came = has_failed();
		if (!err)
			attempt->undo();
		refused += err != 0;
		survived += !err && came;
		if (err && (!came || (err != ENOMEM && err != EFAULT))) {
			note("%s: failure %u returned %s", attempt->name, nth, strerror(err));
			wrong++;
		}
		if (!attempt->as_before()) {
			note("%s: failure %u (%s) changed something", attempt->name, nth, strerror(err));
			changed++;
		}
	}
	check(refused + survived >= at_least / step, "%s: %u failures injected, one in %u, %u refused, %u survived",
	      attempt->name, refused + survived, step, refused, survived);
	check(!wrong && !changed,
	      "%s: every failure has the right errno and changes nothing: %u and %u did not",
	      attempt->name, wrong, changed);
}

static void try_each(const struct attempt *attempt, unsigned int at_least)
{
	try_every(attempt, 1, at_least);
}

static int load(void)
{
	return module_load("period_ms=10");
}

static void unload(void)
{
	int err = module_unload();

	if (err)
		require(false, "the module unloads: %s", strerror(err));
}

static bool is_unloaded(void)
{
	return access("/sys/module/sched_tick", F_OK) && access(KTEST_ROOT, F_OK) && access(KTEST_CONFIGFS, F_OK);
}

static int make(void)
{
	return ticker_make(NAME);
}

static void unmake(void)
{
	if (ticker_remove(NAME))
		require(false, "rmdir removes the ticker");
}

static bool is_unmade(void)
{
	return access(KTEST_CONFIGFS "/" NAME, F_OK) && access(KTEST_TICKERS "/" NAME, F_OK);
}

/* Enable a new ticker for all CPUs. What it needs for each CPU is allocated when it is enabled. */
static int enable_new(void)
{
	return file_write(KTEST_TICKERS "/" NAME "/enabled", "1");
}

static void renew(void)
{
	unmake();
	if (make() || file_write(KTEST_TICKERS "/" NAME "/cpus", "all"))
		require(false, "mkdir creates a ticker for all CPUs");
}

static bool is_disabled(void)
{
	char text[8] = "";

	return !file_read(KTEST_TICKERS "/" NAME "/enabled", text, sizeof(text)) && text[0] == '0';
}

static bool ticks_on_cpus(const char *cpus)
{
	char text[64] = "";

	ticker_text("cpus_effective", text, sizeof(text));
	return !strcmp(text, cpus);
}

static int subscribe(void)
{
	return helper_load("tick_subscriber", "ticker=" NAME);
}

static void unsubscribe(void)
{
	if (module_remove("tick_subscriber"))
		require(false, "the subscriber unloads");
}

/* A ticker with a subscriber cannot be removed. */
static bool is_unsubscribed(void)
{
	return access("/sys/module/tick_subscriber", F_OK) && !ticker_remove(NAME) && !ticker_make(NAME);
}

static struct {
	const char *name, *text, *old_text;
	char before[4096];
} file;

static int read_file(void)
{
	char text[4096];
	int fd = ticker_open(file.name, O_RDONLY);
	int err;

	if (fd < 0)
		return errno;
	err = read(fd, text, sizeof(text)) > 0 ? 0 : errno;
	close(fd);
	return err;
}

static void nothing(void)
{
}

static bool ticks_on(void)
{
	return wait_for_counter(ticker_u64("counter"), 10 * NSEC_PER_SEC);
}

static bool reads_as_before(void)
{
	char text[4096];

	ticker_text(file.name, text, sizeof(text));
	return !strcmp(text, file.before);
}

static int write_file(void)
{
	return ticker_write(file.name, file.text);
}

static void write_back(void)
{
	if (reads_as_before())
		require(false, "a write to %s of %s changes it", file.name, file.text);
	ticker_set(file.name, file.old_text);
}

static void try_files(void)
{
	static const char *const readable[] = {
		"counter", "stat", "clock", "period_ms", "cpus_effective", "lateness/histogram", "lateness/bounds_ns",
	};
	static const char *const changes[][3] = {
		{ "period_ms", "20", "10" }, { "enabled", "0", "1" }, { "timer", "wheel", "hrtimer" },
		{ "clock", "realtime", "monotonic" }, { "phase_ms", "0", "-1" }, { "cpus", "0", "any" },
		{ "cpus", "all", "any" }, { "queue", "normal", "highpri" }, { "notify", "1", "0" }, { "stall_ms", "5000", "0" },
	};
	struct attempt attempt = { NULL, read_file, nothing, ticks_on };
	char name[64];

	attempt.name = name;
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		file.name = readable[i];
		snprintf(name, sizeof(name), "read %s", file.name);
		try_each(&attempt, 2);
	}
	attempt = (struct attempt){ name, write_file, write_back, reads_as_before };
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		file.name = changes[i][0];
		file.text = changes[i][1];
		file.old_text = changes[i][2];
		ticker_text(file.name, file.before, sizeof(file.before));
		snprintf(name, sizeof(name), "write %s", file.name);
		try_each(&attempt, 2);
	}
	check(ticks_on(), "the ticker still ticks");
}

static unsigned int lines_of(const char *path)
{
	unsigned int lines = 0;
	FILE *stream = fopen(path, "r");

	for (int c; stream && (c = getc(stream)) != EOF;)
		lines += c == '\n';
	if (stream)
		fclose(stream);
	return lines;
}

static int export_failing(unsigned int nth, bool *came)
{
	char path[64], text[16] = "";
	siginfo_t info;
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fail_nth_fd = open("/proc/thread-self/fail-nth", O_WRONLY | O_CLOEXEC);
		freopen("/dev/null", "w", stderr);
		fail_nth(nth);
		execl(TOOL, TOOL, "export", "--file", EXPORTED, NULL);
		_exit(1);
	}
	/* The file of a zombie can still be read. */
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/fail-nth", pid, pid);
	*came = !file_read(path, text, sizeof(text)) && !strtoul(text, NULL, 10);
	waitpid(pid, &status, 0);
	return status;
}

/* The previous output must stay, or be replaced as a whole. Allocations are failed in the tool, from exec to exit. */
static void try_export(void)
{
	unsigned int step = 100 / effort(100), refused = 0, survived = 0, torn = 0, lines;
	struct stat before, after;
	bool came;

	require(!export_failing(0, &came), "sched-tick export succeeds");
	lines = lines_of(EXPORTED);
	for (unsigned int nth = step;; nth += step) {
		int status;

		stat(EXPORTED, &before);
		status = export_failing(nth, &came);
		if (!came)
			break;
		refused += status != 0;
		survived += !status;
		if (stat(EXPORTED, &after) || lines_of(EXPORTED) != lines ||
		    (status && before.st_ino != after.st_ino) || (!status && before.st_ino == after.st_ino)) {
			note("export: failure %u, status 0x%x, %u lines", nth, status, lines_of(EXPORTED));
			torn++;
		}
	}
	check(refused && lines > 50, "export: %u failures injected, one in %u, %u refused, %u survived",
	      refused + survived, step, refused, survived);
	check(!torn, "export keeps its file or replaces it as a whole: %u did not, of %u lines", torn, lines);
}

static void set_fault(const char *name, const char *text)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", name);
	err = file_write(path, text);
	if (err)
		require(false, "%s is set to %s: %s", name, text, strerror(err));
}

/* Kernel threads with a name. Which worker will send an event is not known: a failure is requested of each. */
static struct {
	char fail_nth[128][64];		/* paths */
	size_t count;
} threads;

static void find_threads(const char *name)
{
	char path[300], text[64];
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	threads.count = 0;
	while (threads.count < ARRAY_SIZE(threads.fail_nth) && (entry = readdir(dir))) {
		int pid = atoi(entry->d_name);

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (!pid || file_read(path, text, sizeof(text)) || strncmp(text, name, strlen(name)))
			continue;
		snprintf(threads.fail_nth[threads.count++], sizeof(threads.fail_nth[0]),
			 "/proc/%d/task/%d/fail-nth", pid, pid);
	}
	closedir(dir);
}

static void threads_fail(const char *name, unsigned int nth)
{
	char text[16];

	find_threads(name);
	snprintf(text, sizeof(text), "%u", nth);
	for (size_t i = 0; i < threads.count; i++)
		file_write(threads.fail_nth[i], text);
}

/* Return whether one of them failed; cancel the failures of the others. */
static bool thread_has_failed(void)
{
	char text[16];
	bool came = false;

	for (size_t i = 0; i < threads.count; i++) {
		came |= !file_read(threads.fail_nth[i], text, sizeof(text)) && !strtoul(text, NULL, 10);
		file_write(threads.fail_nth[i], "0");
	}
	return came;
}

static uint64_t uevents_sent(void)
{
	char text[32];
	int err = file_read("/sys/kernel/uevent_seqnum", text, sizeof(text));

	if (err)
		require(false, "uevent_seqnum can be read: %s", strerror(err));
	return strtoull(text, NULL, 10);
}

/*
 * Count the expected events that do not come, in this order. A socket that had no
 * memory for an event returns ENOBUFS once, and receives no other event until
 * that is read: then the events need only have been sent.
 */
static unsigned int count_lost(int fd, const char *const *expected, unsigned int count, uint64_t sent_before,
			       unsigned int *overrun)
{
	unsigned int received = 0, next = 0;
	bool overran = false;
	struct event event;

	for (unsigned int i = 0; i < count && events_next(fd, &event, 10000); i++) {
		if (event.overrun) {
			overran = true;
			continue;
		}
		while (next < count && strcmp(event.event, expected[next]))
			next++;
		received += next++ < count;
	}
	*overrun += overran;
	return overran && uevents_sent() - sent_before >= count ? 0 : count - received;
}

/* An event whose allocation failed is sent later. */
static void try_events(void)
{
	static const char *const switched[] = { "disabled", "enabled" };
	static const char *const stalled[] = { "stall", "recovered" };
	unsigned int lost = 0, held_up = 0, failed = 0, overrun = 0;
	int fd = events_open();
	struct event event;

	for (int i = 0; i < 10; i++) {
		uint64_t sent;
		int64_t from;

		sleep_ns(3 * NSEC_PER_SEC / 2);
		while (events_next(fd, &event, 0))
			;
		sent = uevents_sent();
		threads_fail("kworker/", 1 + i / 2);
		from = now_ns(CLOCK_MONOTONIC);
		ticker_set("enabled", i & 1 ? "1" : "0");
		lost += count_lost(fd, &switched[i & 1], 1, sent, &overrun);
		held_up += now_ns(CLOCK_MONOTONIC) - from > 3 * NSEC_PER_SEC / 4;
		thread_has_failed();
	}
	check(!lost && held_up,
	      "events whose allocation failed come later: %u of 10 delayed, %u lost", held_up, lost);

	/* Fail each allocation in the reports of a stall and of its end. */
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	ticker_set("enabled", "1");
	/* More than the delays of an emulator that shares its CPUs, which would be reported, too. */
	ticker_set("stall_ms", "1000");
	sleep_ns(NSEC_PER_SEC);
	for (int i = 1; i <= STALLS; i++) {
		uint64_t sent;

		while (events_next(fd, &event, 0))
			;
		sent = uevents_sent();
		threads_fail("kworker/", i);
		helper_set("tick_hog", "ms", 1200);
		lost += count_lost(fd, stalled, ARRAY_SIZE(stalled), sent, &overrun);
		failed += thread_has_failed();
	}
	check(!lost && failed > STALLS / 2, "%d stalls and their ends: %u failures injected, %u lost", STALLS, failed, lost);
	check(overrun <= STALLS / 4, "the socket lost few events for want of memory: %u", overrun);
	ticker_set("stall_ms", "0");
	module_remove("tick_hog");
	close(fd);
}

static void be_ready(void)
{
	static const char *const settings[][2] = {
		{ "failslab/ignore-gfp-wait", "N" }, { "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" }, { "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" }, { "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};

	fail_nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	require(fail_nth_fd >= 0, "this kernel can inject faults");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		set_fault(settings[i][0], settings[i][1]);
}

static void run_faults(void)
{
	be_ready();
	require(!load() && !make(), "the module loads and mkdir creates a ticker");
	unmake();
	/* A full slab allocates a page, so a number is not always the same allocation. */
	for (unsigned int round = 0; round < effort(4); round++)
		try_each(&(struct attempt){ "mkdir", make, unmake, is_unmade }, 20);
	require(!make(), "mkdir succeeds afterwards");
	renew();
	try_each(&(struct attempt){ "enable on CPUs", enable_new, renew, is_disabled }, 5);
	try_files();
	try_events();
}

static void run_faults_load(void)
{
	static const struct attempt load_attempt = { "load", load, unload, is_unloaded };
	static const struct attempt kmalloc_attempt = { "load, kmalloc()", load, unload, is_unloaded };
	unsigned int step = 100 / effort(100);
	int err;

	be_ready();
	/* A failure that is not one of memory. */
	require(!helper_load("tick_crowd", ""), "tick_crowd takes all hotplug states");
	err = load();
	check(err == ENOSPC && is_unloaded(),
	      "loading fails with ENOSPC if no hotplug state is free: %s", strerror(err));
	require(!module_remove("tick_crowd"), "tick_crowd unloads");

	/* Most allocations are the module loader's; undoing a successful load takes a second. */
	for (unsigned int round = 0; round < effort(2); round++)
		try_every(&load_attempt, step, 300);
	/*
	 * In a load a number is not always the same allocation, so some may never have
	 * been failed. Among those of kmalloc() alone it is.
	 */
	set_fault("failslab/cache-filter", "Y");
	set_fault("fail_page_alloc/min-order", "10");
	try_every(&kmalloc_attempt, step, 100);
	set_fault("failslab/cache-filter", "N");
	set_fault("fail_page_alloc/min-order", "0");
	require(!load() && !make(), "loading and mkdir succeed afterwards");
	try_every(&(struct attempt){ "subscribe", subscribe, unsubscribe, is_unsubscribed }, step, 100);
}

/*
 * Fail each kmalloc() of the thread that takes CPU 1 online. The CPU comes online, or the write fails; and a ticker that is left
 * without it logs that, and has it the next time.
 */
static void try_hotplug(void)
{
	unsigned int refused = 0, left_out = 0, survived = 0, wrong = 0;
	int log = log_open();
	bool came = true;

	/* The numbers of other allocations change from one attempt to the next. */
	set_fault("failslab/cache-filter", "Y");
	set_fault("fail_page_alloc/min-order", "10");
	for (unsigned int nth = 1; came; nth++) {
		bool online, ticks, warned;

		renew();
		if (!cpu_set_online(1, false) || enable_new())
			require(false, "the ticker is enabled while CPU 1 is offline");
		threads_fail("cpuhp/1", nth);
		online = cpu_set_online(1, true);
		came = thread_has_failed();
		ticks = ticks_on_cpus("0-1");
		warned = log_count(log, "no memory to tick on CPU 1") == 1;
		refused += !online;
		left_out += online && !ticks;
		survived += online && ticks && came;
		if (online ? ticks == warned : !came || warned || !ticks_on_cpus("0")) {
			note("failure %u: CPU 1 is %s, %s, %s", nth, online ? "online" : "offline",
			     ticks ? "ticks" : "does not tick", warned ? "logged" : "not logged");
			wrong++;
		}
		if ((online && !cpu_set_online(1, false)) || !cpu_set_online(1, true) || !ticks_on_cpus("0-1") ||
		    !wait_for_counter(ticker_u64("counter") + 2, 20 * NSEC_PER_SEC))
			require(false, "failure %u: the ticker ticks on both CPUs the next time", nth);
	}
	close(log);
	check(!wrong && left_out, "CPU 1 comes online: %u failures injected, %u refused, %u left it out, %u survived, %u wrong",
	      refused + left_out + survived, refused, left_out, survived, wrong);
}

/* Fail two allocations in a row: for the index of the CPUs the kernel tries again after the first. */
static void try_pairs(void)
{
	int make_it_fail = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	unsigned int refused = 0, failed = 0, wrong = 0;
	char left[16] = "";

	require(make_it_fail >= 0, "this process can be chosen");
	set_fault("failslab/task-filter", "Y");
	set_fault("failslab/probability", "100");
	/* Once this many bytes are allocated. */
	for (unsigned int bytes = 0; *left != '2'; bytes += 64) {
		char text[16];
		int err;

		snprintf(text, sizeof(text), "%u", bytes);
		set_fault("failslab/space", text);
		set_fault("failslab/times", "2");
		pwrite(make_it_fail, "1", 1, 0);
		err = enable_new();
		pwrite(make_it_fail, "0", 1, 0);
		file_read("/sys/kernel/debug/failslab/times", left, sizeof(left));
		failed += *left == '0';
		refused += err != 0;
		if ((err && err != ENOMEM && err != EFAULT) || is_disabled() != (err != 0)) {
			note("after %u bytes: %s", bytes, strerror(err));
			wrong++;
		}
		renew();
	}
	set_fault("failslab/probability", "0");
	set_fault("failslab/task-filter", "N");
	close(make_it_fail);
	check(failed && !wrong, "enable on two CPUs: two failures in a row, %u times, %u refused, %u wrong", failed, refused, wrong);
}

static void run_faults_cpus(void)
{
	if (cpu_count() < 2) {
		skip("faults_cpus", "this machine has one CPU");
		return;
	}
	be_ready();
	require(!load() && !make(), "the module loads and mkdir creates a ticker");
	ticker_choose(NAME);
	require(run_on(0), "this process runs on CPU 0");
	renew();
	try_each(&(struct attempt){ "enable on two CPUs", enable_new, renew, is_disabled }, 10);
	try_pairs();
	try_hotplug();
}

static void run_faults_export(void)
{
	be_ready();
	require(!load(), "the module loads");
	try_export();
}

const struct ktest test_faults = {
	"faults", run_faults, .timeout_s = 900, .needs_vm = true, .on_request = true
};

const struct ktest test_faults_load = {
	"faults_load", run_faults_load, .timeout_s = 3000, .needs_vm = true, .on_request = true
};

const struct ktest test_faults_export = {
	"faults_export", run_faults_export, .timeout_s = 6000, .needs_vm = true, .on_request = true
};

const struct ktest test_faults_cpus = {
	"faults_cpus", run_faults_cpus, .timeout_s = 3000, .needs_vm = true, .on_request = true
};
