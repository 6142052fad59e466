// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cost and lateness of a tick, beside other ways to run something periodically.
 * In virtual time, where an instruction is a nanosecond. Prints lines of
 *	# figure NAME VALUE
 * from which tests/bench/bench.py makes tables.
 *
 * Cost is the number of instructions taken from a SCHED_IDLE background task, so
 * it includes wake-ups and task switches.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/ktest.h"

#define BENCH_SAMPLES	5000

static void figure(double value, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void figure(double value, const char *format, ...)
{
	char name[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	note("figure %s %.1f", name, value);
}

/* A busy loop that counts its iterations: as SCHED_IDLE the background task, as SCHED_OTHER a competitor. */

static volatile uint64_t *iterations;

static void count_iterations(void *policy)
{
	struct sched_param none = { };

	sched_setscheduler(0, *(int *)policy, &none);
	for (;;)
		(*iterations)++;
}

static pid_t start_loop(int policy)
{
	if (!iterations)
		iterations = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(iterations != MAP_FAILED, "memory is shared");
	return spawn(count_iterations, &policy);
}

/* Sleep until a fixed offset from jiffies and from multiples of the periods used here. */
static void sleep_to_grid(void)
{
	int64_t grid_ns = 200 * NSEC_PER_MSEC, now = now_ns(CLOCK_MONOTONIC);

	sleep_ns(grid_ns - now % grid_ns + 2 * NSEC_PER_MSEC + NSEC_PER_MSEC / 2);
}

static double iterations_in(int64_t duration_ns)
{
	uint64_t before;

	sleep_to_grid();
	before = *iterations;
	sleep_ns(duration_ns);
	return *iterations - before;
}

/* Wait for deferred work of a single change, such as its uevent: it comes up to a second later. */
static void settle(void)
{
	sleep_ns(NSEC_PER_SEC * 5 / 4);
}

static double undisturbed;

/* Instructions per second taken from the background task. */
static double taken_in(int64_t seconds)
{
	return (1 - iterations_in(seconds * NSEC_PER_SEC) / (seconds * undisturbed)) * NSEC_PER_SEC;
}

/* Number of runs so far, and number of runs due so far. */
struct runs {
	uint64_t done, due;
};

/* Measure in the same second the cost of a run at 1 ms and the share of due runs that were done. */
static void cost_of_runs(const char *method, struct runs (*read_runs)(void))
{
	struct runs from, to;
	uint64_t left;

	sleep_to_grid();
	from = read_runs();
	left = *iterations;
	sleep_ns(NSEC_PER_SEC);
	left = *iterations - left;
	to = read_runs();
	figure((1 - left / undisturbed) * NSEC_PER_SEC / (to.done - from.done), "cost/%s", method);
	figure(100.0 * (to.done - from.done) / (to.due - from.due), "delivered/%s", method);
}

static pid_t begin_costs(void)
{
	pid_t pid = start_loop(SCHED_IDLE);

	iterations_in(NSEC_PER_SEC);
	undisturbed = iterations_in(NSEC_PER_SEC);
	return pid;
}

/* Lateness from samples. */

static int ascending(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

static const unsigned int percentiles[] = { 1, 10, 25, 50, 75, 90, 99 };

static void lateness(const char *method, uint32_t *samples, size_t count)
{
	double sum = 0;

	require(count > 10, "%s: %zu samples", method, count);
	/* The first ones fill caches of the kernel: leave them out. */
	samples += 5;
	count -= 5;
	for (size_t i = 0; i < count; i++)
		sum += samples[i];
	qsort(samples, count, sizeof(*samples), ascending);
	figure(sum / count, "lateness_ns/mean/%s", method);
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		figure(samples[count * percentiles[i] / 100], "lateness_ns/p%02u/%s", percentiles[i], method);
	figure(samples[count - 1], "lateness_ns/max/%s", method);
}

/* Lateness of sched_tick, from its tracepoint. */
static void our_lateness(const char *method, unsigned int count, int64_t period_ns)
{
	static uint32_t samples[BENCH_SAMPLES];
	unsigned long long late_ns;
	char line[512], *at;
	size_t number = 0;
	FILE *trace;

	trace_begin("sched_tick_tick/");
	/* A tick is later when its deadline coincides with a jiffy: fix the phase. */
	sleep_to_grid();
	ticker_set("enabled", "1");
	sleep_ns(count * period_ns + period_ns / 2);
	ticker_set("enabled", "0");
	trace = trace_end("sched_tick_tick/");
	while (number < BENCH_SAMPLES && fgets(line, sizeof(line), trace)) {
		at = strstr(line, " lateness_ns=");
		if (at && sscanf(at, " lateness_ns=%llu", &late_ns) == 1)
			samples[number++] = late_ns;
	}
	fclose(trace);
	lateness(method, samples, number);
}

/* Other methods that are modules. */

static void peer_load(const char *parameters)
{
	int err = helper_load("peers", parameters);

	require(!err, "peers.ko %s: %s", parameters, err ? strerror(err) : "loaded");
}

static void peer_lateness(const char *method, const char *parameters, int64_t seconds)
{
	static uint32_t samples[BENCH_SAMPLES];
	size_t number = 0;
	FILE *file;

	peer_load(parameters);
	sleep_ns(seconds * NSEC_PER_SEC);
	file = fopen("/sys/kernel/debug/peers/samples", "r");
	require(file, "samples can be read");
	while (number < BENCH_SAMPLES && fscanf(file, "%u", &samples[number]) == 1)
		number++;
	fclose(file);
	require(!module_remove("peers"), "peers unload");
	lateness(method, samples, number);
}

/* Other methods that are programs. */

static struct {
	unsigned int count;
	uint32_t samples[BENCH_SAMPLES];
} *looped;

static void timerfd_loop(void *unused)
{
	struct itimerspec every = { .it_interval.tv_nsec = NSEC_PER_MSEC };
	int64_t due = now_ns(CLOCK_MONOTONIC) + NSEC_PER_MSEC;
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t expired;

	every.it_value.tv_sec = due / NSEC_PER_SEC;
	every.it_value.tv_nsec = due % NSEC_PER_SEC;
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &every, NULL);
	while (read(fd, &expired, sizeof(expired)) == sizeof(expired)) {
		due += (expired - 1) * NSEC_PER_MSEC;
		if (looped->count < BENCH_SAMPLES)
			looped->samples[looped->count++] = now_ns(CLOCK_MONOTONIC) - due;
		due += NSEC_PER_MSEC;
	}
}

static pid_t timerfd_begin(void)
{
	looped = mmap(NULL, sizeof(*looped), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(looped != MAP_FAILED, "memory is shared");
	return spawn(timerfd_loop, NULL);
}

static void execute(void *words)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 2);
	dup2(null, 1);
	execvp(((char **)words)[0], words);
	_exit(127);
}

#define RUN(...)	((char *[]){ __VA_ARGS__, NULL })

#define CYCLICTEST(policy)	"cyclictest", "-q", "-m", "-t1", "-i1000", policy
#define FIFO		"-p80"
#define OTHER		"--policy=other"

/* From its output: mean and maximum; and its histogram, in whole us. */
static void cyclictest_lateness(const char *method, const char *policy)
{
	long mean = -1, worst = -1, us, count, below = 0;
	size_t next = 0;
	char command[256], line[512], *at;
	FILE *output;

	snprintf(command, sizeof(command), "cyclictest -q -N -m -t1 -i1000 -l %d %s", BENCH_SAMPLES, policy);
	output = popen(command, "r");
	while (output && fgets(line, sizeof(line), output)) {
		at = strstr(line, "Avg:");
		if (at)
			sscanf(at, "Avg:%ld Max:%ld", &mean, &worst);
	}
	require(output && !pclose(output) && worst >= 0, "%s", command);
	figure(mean, "lateness_ns/mean/%s", method);
	figure(worst, "lateness_ns/max/%s", method);

	snprintf(command, sizeof(command), "cyclictest -q -m -t1 -i1000 -h 2000 -l %d %s", BENCH_SAMPLES, policy);
	output = popen(command, "r");
	while (output && fgets(line, sizeof(line), output))
		if (next < ARRAY_SIZE(percentiles) && sscanf(line, "%ld %ld", &us, &count) == 2)
			for (below += count; next < ARRAY_SIZE(percentiles) &&
			     below >= BENCH_SAMPLES * (long)percentiles[next] / 100; next++)
				figure((us + 1) * 1000, "lateness_ns/p%02u/%s", percentiles[next], method);
	/* In real time a percentile may be above the histogram. */
	require(output && !pclose(output) && (next == ARRAY_SIZE(percentiles) || !in_virtual_time()), "%s", command);
}

/* Each method at 1 ms, one after the other. */

static void cost(const char *method, double per_s)
{
	figure(taken_in(1) / per_s, "cost/%s", method);
}

static struct runs our_runs(void)
{
	struct ticker_stat stat = ticker_stat();

	return (struct runs){ stat.counter, stat.counter + stat.missed };
}

static void our_cost(const char *method)
{
	ticker_set("enabled", "1");
	settle();
	cost_of_runs(method, our_runs);
	ticker_set("enabled", "0");
}

/* Count the timers and work items of the module that run in a while: 0 means no instruction is executed. */
static unsigned int count_runs(int64_t duration_ns)
{
	static const char *const events[] = { "timer", "workqueue" };
	unsigned int runs = 0;
	char path[128], line[512];
	FILE *trace;

	for (int on = 1; on >= 0; on--) {
		for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
			snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/enable", events[i]);
			if (file_write(path, on ? "1" : "0"))
				require(false, "%s can be written", path);
		}
		if (on)
			sleep_ns(duration_ns);
	}
	trace = fopen("/sys/kernel/tracing/trace", "r");
	require(trace, "the trace can be read");
	while (fgets(line, sizeof(line), trace))
		runs += strstr(line, "[sched_tick]") != NULL;
	fclose(trace);
	fclose(fopen("/sys/kernel/tracing/trace", "w"));
	return runs;
}

static void our_costs(void)
{
	our_cost("ours");
	ticker_set("notify", "1");
	our_cost("ours_notify");
	ticker_set("notify", "0");
	ticker_set("stall_ms", "1000");
	our_cost("ours_stall");
	ticker_set("stall_ms", "0");
	ticker_set("timer", "wheel");
	our_cost("ours_wheel");
	ticker_set("timer", "hrtimer");
}

static void our_latenesses(unsigned int samples)
{
	pid_t pid;

	our_lateness("ours", samples, NSEC_PER_MSEC);
	pid = start_loop(SCHED_OTHER);
	our_lateness("ours_hogged", samples, NSEC_PER_MSEC);
	reap(&pid, 1);
}

static void run_bench_tick(void)
{
	pid_t pid;

	setup("enabled=0 period_ms=1");
	settle();
	figure(count_runs(60 * NSEC_PER_SEC), "runs/disabled");
	ticker_set("enabled", "1");
	require(count_runs(NSEC_PER_SEC) >= 2000, "timers and work items of an enabled ticker are seen");
	ticker_set("enabled", "0");

	pid = begin_costs();
	our_costs();
	ticker_set("cpus", "all");
	our_cost("ours_all");
	ticker_set("cpus", "any");
	reap(&pid, 1);

	our_latenesses(BENCH_SAMPLES);
	ticker_set("period_ms", "100");
	ticker_set("timer", "wheel");
	our_lateness("ours_wheel", 300, 100 * NSEC_PER_MSEC);
}

const struct ktest test_bench_tick = {
	"bench_tick", run_bench_tick, .timeout_s = 900, .needs_virtual = true, .on_request = true
};

static struct runs peer_runs(void)
{
	return (struct runs){ helper_u64("peers", "runs"), now_ns(CLOCK_MONOTONIC) / NSEC_PER_MSEC };
}

static void peer_cost(const char *method, const char *parameters)
{
	peer_load(parameters);
	sleep_ns(NSEC_PER_SEC / 10);
	cost_of_runs(method, peer_runs);
	require(!module_remove("peers"), "peers unload");
}

static void program_cost(const char *method, char **words)
{
	pid_t pid = spawn(execute, words);

	sleep_ns(NSEC_PER_SEC / 2);
	require(!kill(pid, 0), "%s runs", method);
	cost(method, 1000);
	reap(&pid, 1);
}

static void peer_costs(bool cyclictest)
{
	pid_t timerfd;

	peer_cost("requeue", "what=requeue");
	peer_cost("hrtimer", "what=hrtimer");
	peer_cost("work", "what=work");
	timerfd = timerfd_begin();
	sleep_ns(NSEC_PER_SEC / 10);
	cost("timerfd", 1000);
	reap(&timerfd, 1);
	if (!cyclictest)
		return;
	program_cost("cyclictest_fifo", RUN(CYCLICTEST(FIFO)));
	program_cost("cyclictest_other", RUN(CYCLICTEST(OTHER)));
}

static void peer_latenesses(int64_t requeue_s, bool cyclictest)
{
	pid_t pid;

	peer_lateness("requeue", "what=requeue", requeue_s);
	peer_lateness("work", "what=timed", 5);
	pid = timerfd_begin();
	sleep_ns((BENCH_SAMPLES + 10) * NSEC_PER_MSEC);
	reap(&pid, 1);
	lateness("timerfd", looped->samples, looped->count);
	if (!cyclictest)
		return;
	cyclictest_lateness("cyclictest_fifo", FIFO);
	cyclictest_lateness("cyclictest_other", OTHER);
	pid = start_loop(SCHED_OTHER);
	cyclictest_lateness("cyclictest_fifo_hogged", FIFO);
	cyclictest_lateness("cyclictest_other_hogged", OTHER);
	reap(&pid, 1);
}

static void run_bench_peers(void)
{
	pid_t pid, other;

	pid = begin_costs();
	peer_costs(true);
	/* Ten iterations per second. */
	other = spawn(execute, RUN("sh", "-c", "while sleep 0.1; do cat /proc/uptime; done"));
	sleep_ns(NSEC_PER_SEC);
	cost("shell", 10);
	reap(&other, 1);
	reap(&pid, 1);

	peer_latenesses(40, true);
}

const struct ktest test_bench_peers = {
	"bench_peers", run_bench_peers, .timeout_s = 900, .needs_virtual = true, .on_request = true
};

/*
 * The same on this machine, in real time, several times: all on one CPU, the last one. Cost is the CPU time taken from
 * the background task, in ns. The first figures of each name warm up.
 */
static void run_bench_here(void)
{
	bool cyclictest = !system("command -v cyclictest >/dev/null");
	int cpu = cpu_count() - 1;
	pid_t pid;

	require(run_on(cpu), "this process runs on CPU %d", cpu);
	note("on CPU %d", cpu);
	setup("enabled=0 period_ms=1");
	ticker_set_number("cpus", cpu);
	for (unsigned int i = 0; i <= effort(5); i++) {
		pid = begin_costs();
		our_costs();
		peer_costs(cyclictest);
		reap(&pid, 1);
		our_latenesses(BENCH_SAMPLES);
		peer_latenesses(5, cyclictest);
	}
}

const struct ktest test_bench_here = {
	"bench_here", run_bench_here, .timeout_s = 3600, .on_request = true
};

/* Many tickers at once. */

static void many_cost(unsigned int count, bool aligned, pid_t loop)
{
	const char *how = aligned ? "aligned" : "scattered";
	/* A thousand ticks a second in total, whatever the number of tickers. */
	const unsigned int period_ms = count;
	uint64_t ticks = 0, missed = 0;

	make_all(count);
	for (unsigned int i = 0; i < count; i++) {
		ticker_choose(numbered(i));
		ticker_set("phase_ms", "0");
		ticker_set("period_ms", "2147483647");
		ticker_set("enabled", "1");
	}
	/* Wait for the uevents of enabling, 8 per second. An idle guest skips the time. */
	kill(loop, SIGSTOP);
	sleep_ns(NSEC_PER_SEC + count * NSEC_PER_SEC / 8);
	kill(loop, SIGCONT);
	for (unsigned int i = 0; i < count; i++) {
		ticker_choose(numbered(i));
		ticker_set_number("period_ms", period_ms);
		ticker_set_number("phase_ms", aligned ? 0 : i);
	}
	ticker_choose(numbered(0));
	sleep_ns(3 * NSEC_PER_SEC);
	figure(taken_in(count > 1000 ? 10 : 1) / 1000, "cost_many/%s/%u", how, count);
	for (unsigned int i = 0; i < count; i++) {
		struct ticker_stat stat;

		ticker_choose(numbered(i));
		stat = ticker_stat();
		ticks += stat.counter;
		missed += stat.missed;
	}
	figure(100.0 * ticks / (ticks + missed), "delivered_many/%s/%u", how, count);
	set_all(count, "enabled", "0");
	remove_all(count);
}

/* The same for hrtimers, each with an empty work item. */
static void baseline_of_many(unsigned int count, unsigned int apart_ms)
{
	char parameters[96];

	snprintf(parameters, sizeof(parameters), "what=work count=%u period_ms=%u apart_ms=%u", count, count,
		 apart_ms);
	peer_load(parameters);
	sleep_ns(NSEC_PER_SEC + count * NSEC_PER_MSEC);
	figure(taken_in(count > 1000 ? 10 : 1) / 1000, "baseline_many/%s/%u", apart_ms ? "scattered" : "aligned", count);
	require(!module_remove("peers"), "peers unload");
}

struct slab {
	char name[64];
	long long active, size;
};

/* Read /proc/slabinfo: number and size in bytes of each kind of object. */
static size_t slabs(struct slab *all, size_t size)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	char line[512];
	size_t count = 0;

	require(file, "/proc/slabinfo can be read");
	while (count < size && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %lld %*d %lld", all[count].name, &all[count].active,
			   &all[count].size) == 3)
			count++;
	fclose(file);
	return count;
}

static void settle_memory(void)
{
	file_write("/proc/sys/vm/drop_caches", "2");
	sleep_ns(2 * NSEC_PER_SEC);
}

static void memory_of(unsigned int count)
{
	static struct slab before[512], after[512];
	long long slab_kb, vmalloc_kb;
	size_t kinds;
	double bytes;

	settle_memory();
	slab_kb = meminfo_kb("Slab:");
	vmalloc_kb = meminfo_kb("VmallocUsed:") + meminfo_kb("Percpu:");
	kinds = slabs(before, ARRAY_SIZE(before));
	make_all(count);
	settle_memory();
	figure((meminfo_kb("Slab:") - slab_kb) * 1024.0 / count, "memory/slab");
	figure((meminfo_kb("VmallocUsed:") + meminfo_kb("Percpu:") - vmalloc_kb) * 1024.0 / count, "memory/vmalloc");
	require(slabs(after, ARRAY_SIZE(after)) == kinds, "the kinds of slab objects are the same as before");
	for (size_t i = 0; i < kinds; i++) {
		bytes = (double)(after[i].active - before[i].active) * after[i].size / count;
		if (bytes >= 16)
			figure(bytes, "memory_of/%s", after[i].name);
	}
}

/* Measure ns per mkdir and per rmdir of items below a directory. */
static void mkdir_and_rmdir(const char *method, const char *directory, unsigned int count)
{
	int64_t start[3];
	char path[PATH_MAX];

	start[0] = now_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, numbered(i));
		if (mkdir(path, 0755))
			require(false, "mkdir %s: %s", path, strerror(errno));
	}
	start[1] = now_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, numbered(i));
		if (rmdir(path))
			require(false, "rmdir %s: %s", path, strerror(errno));
	}
	start[2] = now_ns(CLOCK_MONOTONIC);
	figure((double)(start[1] - start[0]) / count, "mkdir/%s/%u", method, count);
	figure((double)(start[2] - start[1]) / count, "rmdir/%s/%u", method, count);
}

static void run_bench_many(void)
{
	static const unsigned int counts[] = { 1, 10, 100, 1000, 10000 };
	const unsigned int most = effort(10000);
	pid_t pid;

	require(!module_load("enabled=0 max_tickers=10000"), "module loads");
	pid = begin_costs();
	memory_of(most);
	remove_all(most);
	for (size_t i = 0; i < ARRAY_SIZE(counts) && counts[i] <= most; i++) {
		many_cost(counts[i], true, pid);
		many_cost(counts[i], false, pid);
	}
	mkdir_and_rmdir("ours", KTEST_CONFIGFS, most);
	require(!module_unload(), "module unloads");

	for (size_t i = 0; i < ARRAY_SIZE(counts) && counts[i] <= most; i++) {
		baseline_of_many(counts[i], 0);
		baseline_of_many(counts[i], 1);
	}
	reap(&pid, 1);
	peer_load("what=bare");
	mkdir_and_rmdir("bare", "/sys/kernel/config/bare", most);
	require(!module_remove("peers"), "peers unload");
}

const struct ktest test_bench_many = {
	"bench_many", run_bench_many, .timeout_s = 3000, .needs_virtual = true, .on_request = true
};

/* Reads. */

static double read_ns(const char *path)
{
	const int times = 1000;
	char text[4096];
	int64_t start;
	int fd = open(path, O_RDONLY);

	require(fd >= 0, "%s opens", path);
	start = now_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < times; i++)
		if (pread(fd, text, sizeof(text), 0) <= 0)
			require(false, "%s reads", path);
	start = now_ns(CLOCK_MONOTONIC) - start;
	close(fd);
	return (double)start / times;
}

static double command_ns(char **words)
{
	int64_t start = now_ns(CLOCK_MONOTONIC);
	pid_t pid = spawn(execute, words);
	int status;

	waitpid(pid, &status, 0);
	require(WIFEXITED(status) && !WEXITSTATUS(status), "%s ends well: %d", words[0], status);
	return now_ns(CLOCK_MONOTONIC) - start;
}

/* The files that an exporter without stat reads. */
#define FILES	"enabled", "period_ms", "counter", "missed", "stalls", "lateness/sum_ns", "lateness/max_ns", \
		"lateness/histogram", "timer_lateness/sum_ns", "timer_lateness/histogram"

static void separate_files(void *directory)
{
	static const char *const files[] = { FILES };
	char path[PATH_MAX], text[4096];
	FILE *out = fopen("/tmp/loop.prom", "w");
	struct dirent *entry;
	DIR *dir = opendir(directory);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), "%s/%s/%s", (char *)directory, entry->d_name, files[i]);
			if (!file_read(path, text, sizeof(text)))
				fprintf(out, "sched_tick_%zu{ticker=\"%s\"} %s", i, entry->d_name, text);
		}
	}
	fclose(out);
}

static double loop_ns(void)
{
	int64_t start = now_ns(CLOCK_MONOTONIC);
	pid_t pid = spawn(separate_files, KTEST_TICKERS);

	waitpid(pid, NULL, 0);
	return now_ns(CLOCK_MONOTONIC) - start;
}

static void run_bench_read(void)
{
	static const unsigned int counts[] = { 1, 100, 1000 };
	char *shell[] = { "sh", "-c", "cd " KTEST_TICKERS "; for t in *; do for f in "
		"enabled period_ms counter missed stalls lateness/sum_ns lateness/max_ns lateness/histogram "
		"timer_lateness/sum_ns timer_lateness/histogram; do "
		"echo \"sched_tick{ticker=\\\"$t\\\"} $(cat $t/$f)\"; done; done > /tmp/shell.prom", NULL };

	setup("enabled=0 period_ms=1");
	ticker_set("enabled", "1");
	sleep_ns(NSEC_PER_SEC);
	ticker_set("enabled", "0");
	figure(read_ns(KTEST_ROOT "/stat"), "read/stat");
	figure(read_ns(KTEST_ROOT "/counter"), "read/counter");
	peer_load("what=bare");
	mkdir("/sys/kernel/config/bare/b", 0755);
	figure(read_ns("/sys/kernel/bare/b/a"), "read/bare");
	rmdir("/sys/kernel/config/bare/b");
	require(!module_remove("peers"), "peers unload");

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		make_all(counts[i]);
		/* The first run fills caches of the kernel. */
		for (int warm = 0; warm < 2; warm++) {
			double ours = command_ns(RUN("sched-tick", "export", "-f", "/tmp/sched_tick.prom"));
			double loop = loop_ns();

			if (!warm)
				continue;
			figure(ours, "export/ours/%u", counts[i]);
			figure(loop, "export/loop/%u", counts[i]);
		}
		figure(command_ns(shell), "export/shell/%u", counts[i]);
		remove_all(counts[i]);
	}
}

const struct ktest test_bench_read = {
	"bench_read", run_bench_read, .timeout_s = 3000, .needs_virtual = true, .on_request = true
};

/* A day at 1 s. Drift: time from the first to the last wake-up, less the periods in between. */

static struct {
	unsigned int count;
	int64_t first_ns, last_ns;
} *woken;

static void note_wakeup(int index)
{
	woken[index].last_ns = now_ns(CLOCK_MONOTONIC);
	if (!woken[index].count++)
		woken[index].first_ns = woken[index].last_ns;
}

static void woken_by_counter(void *unused)
{
	struct pollfd poller = { .fd = ticker_open("counter", O_RDONLY), .events = POLLPRI };
	char text[32];

	for (;;) {
		pread(poller.fd, text, sizeof(text), 0);
		if (poll(&poller, 1, -1) == 1)
			note_wakeup(0);
	}
}

static void woken_by_timerfd(void *unused)
{
	struct itimerspec every = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t expired;

	timerfd_settime(fd, 0, &every, NULL);
	while (read(fd, &expired, sizeof(expired)) == sizeof(expired))
		note_wakeup(1);
}

static void drift(const char *method, int index)
{
	int64_t passed_ns = woken[index].last_ns - woken[index].first_ns;

	require(woken[index].count > 1, "%s: %u wake-ups", method, woken[index].count);
	figure(passed_ns - (woken[index].count - 1) * NSEC_PER_SEC, "drift_ns/%s", method);
}

static void run_bench_day(void)
{
	const int64_t seconds = effort(86400);
	int64_t start;
	pid_t pids[2];
	uint64_t runs;

	woken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(woken != MAP_FAILED, "memory is shared");
	setup("enabled=0 period_ms=1000");
	ticker_set("notify", "1");
	pids[0] = spawn(woken_by_counter, NULL);
	pids[1] = spawn(woken_by_timerfd, NULL);
	peer_load("what=requeue period_ms=1000");
	start = now_ns(CLOCK_MONOTONIC);
	ticker_set("enabled", "1");
	sleep_ns(seconds * NSEC_PER_SEC + NSEC_PER_SEC / 2);
	runs = helper_u64("peers", "runs");
	ticker_set("enabled", "0");
	reap(pids, ARRAY_SIZE(pids));
	drift("ours", 0);
	drift("timerfd", 1);
	/* It reads no clock: its drift is the number of missing runs. */
	figure(((now_ns(CLOCK_MONOTONIC) - start) / NSEC_PER_SEC - (double)runs) * NSEC_PER_SEC, "drift_ns/requeue");
	figure(100.0 * ticker_u64("counter") / seconds, "delivered/day");
	require(!module_remove("peers"), "peers unload");
}

const struct ktest test_bench_day = {
	"bench_day", run_bench_day, .timeout_s = 90000, .needs_virtual = true, .on_request = true
};

/* A systemd timer, four times a second, in the system below /timers, which runs until the machine ends. */
static void run_bench_systemd(void)
{
	pid_t pid = begin_costs();

	spawn(execute, RUN("sh", "/systemd.sh"));
	sleep_ns(20 * NSEC_PER_SEC);
	cost("systemd", 4);
	require(!access("/timers/run/turned", F_OK), "the service was run");
	reap(&pid, 1);
}

const struct ktest test_bench_systemd = {
	"bench_systemd", run_bench_systemd, .timeout_s = 900, .needs_virtual = true, .on_request = true
};
