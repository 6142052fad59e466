// SPDX-License-Identifier: GPL-2.0-only
/*
 * The culprit of a stall: what the kernel log, last_stall, the uevent and the
 * tracepoint say of who held the CPU.
 */
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define PERIOD_MS	10
#define STALL_MS	100
#define HOLD_MS		500
#define STACK_MAX	17
/*
 * On riscv64 a stack that is saved in an interrupt ends before what was interrupted. On
 * powerpc it lacks the function that was interrupted, where the record's stack begins.
 */
#if defined(__riscv) || defined(__powerpc__)
#define STACK_MIN	0
#else
#define STACK_MIN	2
#endif
/* On riscv64 a report takes more instructions. */
#ifdef __riscv
#define REPORT_US	60
#else
#define REPORT_US	50
#endif
/*
 * Context and function that an interrupt finds which was delayed while interrupts were off.
 * On powerpc the kernel runs it from a function of its own, which it counts as an interrupt.
 */
#ifdef __powerpc__
#define LATE_CONTEXT	"hardirq"
#define LATE_FUNCTION	"__replay_soft_interrupts+0x"
#else
#define LATE_CONTEXT	"task"
#define LATE_FUNCTION	"hog_run+0x"
#endif
#define CPUS_MAX	64
#define HOG		"/sys/module/tick_hog/parameters/"
#define KPTR_RESTRICT	"/proc/sys/kernel/kptr_restrict"

/* What last_stall or a line of the kernel log says. */
struct record {
	char ticker[64], how[64], context[16], comm[128], function[256];
	int cpu, pid;
	uint64_t deadline_ns, overdue_ns;
	unsigned int depth;
	char stack[STACK_MAX][256];
};

/* The CPU that is held: CPU 1, if there are several. */
static int held_cpu(void)
{
	return cpu_count() > 1;
}

static bool is_preempt_rt(void)
{
	char text[16];

	return !file_read("/sys/kernel/realtime", text, sizeof(text)) && text[0] == '1';
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Whether the text has a run of 8 or more hexadecimal digits. */
static bool has_address(const char *text)
{
	for (; *text; text += strspn(text, "0123456789abcdefABCDEF") ?: 1)
		if (strspn(text, "0123456789abcdefABCDEF") >= 8)
			return true;
	return false;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/*
 * Parse last_stall, which ends with a line feed: all keys, in order, each once. Return
 * whether it is well-formed. The text is changed.
 */
static bool parse_record(char *text, struct record *record)
{
	static const char *const keys[] = {
		"ticker ", "cpu ", "deadline ", "overdue_ns ", "context ", "comm ", "pid ", "function "
	};
	char *values[ARRAY_SIZE(keys)], *end;

	*record = (struct record){ };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		end = strchr(text, '\n');
		if (!end || strncmp(text, keys[i], strlen(keys[i])))
			return false;
		*end = '\0';
		values[i] = text + strlen(keys[i]);
		if (!*values[i] || !is_plain(values[i]))
			return false;
		text = end + 1;
	}
	snprintf(record->ticker, sizeof(record->ticker), "%s", values[0]);
	record->cpu = strtol(values[1], &end, 10);
	if (*end)
		return false;
	record->deadline_ns = strtoull(values[2], &end, 10);
	if (*end)
		return false;
	record->overdue_ns = strtoull(values[3], &end, 10);
	if (*end)
		return false;
	snprintf(record->context, sizeof(record->context), "%s", values[4]);
	snprintf(record->comm, sizeof(record->comm), "%s", values[5]);
	record->pid = strtol(values[6], &end, 10);
	if (*end)
		return false;
	snprintf(record->function, sizeof(record->function), "%s", values[7]);
	for (; *text; text = end + 1) {
		end = strchr(text, '\n');
		if (!end || end == text || record->depth == STACK_MAX)
			return false;
		*end = '\0';
		if (!is_plain(text))
			return false;
		snprintf(record->stack[record->depth++], sizeof(record->stack[0]), "%s", text);
	}
	return true;
}

static void copy_match(char *to, size_t size, const char *line, const regmatch_t *match)
{
	snprintf(to, size, "%.*s", (int)(match->rm_eo - match->rm_so), line + match->rm_so);
}

#define CULPRIT "(.+)\\[([0-9]+)\\] in (user space|\\?|[^ ]+( \\[[^ ]+\\])?) \\((task|softirq|hardirq|idle|\\?)\\)$"

/* Parse the line of a stall; again: the line that says that its CPU takes interrupts again. */
static bool parse_line(const char *line, bool again, struct record *record)
{
	static const char *const patterns[] = {
		"^sched_tick: ([^ ]+): stall on CPU ([0-9]+), tick overdue by ([0-9]+) ms, "
		"(held by|takes no interrupts, held by|took no interrupts, held by|waits for|no worker, CPU runs) " CULPRIT,
		"^sched_tick: ([^ ]+): CPU ([0-9]+) takes interrupts again, tick overdue by ([0-9]+) ms, "
		"(held by) " CULPRIT,
	};
	static regex_t compiled[ARRAY_SIZE(patterns)];
	static bool is_compiled[ARRAY_SIZE(patterns)];
	regmatch_t match[10];
	char number[32];

	if (!is_compiled[again])
		require(!regcomp(&compiled[again], patterns[again], REG_EXTENDED), "the pattern compiles");
	is_compiled[again] = true;
	if (regexec(&compiled[again], line, ARRAY_SIZE(match), match, 0))
		return false;
	*record = (struct record){ };
	copy_match(record->ticker, sizeof(record->ticker), line, &match[1]);
	copy_match(number, sizeof(number), line, &match[2]);
	record->cpu = atoi(number);
	copy_match(number, sizeof(number), line, &match[3]);
	record->overdue_ns = strtoull(number, NULL, 10) * NSEC_PER_MSEC;
	copy_match(record->how, sizeof(record->how), line, &match[4]);
	copy_match(record->comm, sizeof(record->comm), line, &match[5]);
	copy_match(number, sizeof(number), line, &match[6]);
	record->pid = atoi(number);
	copy_match(record->function, sizeof(record->function), line, &match[7]);
	copy_match(record->context, sizeof(record->context), line, &match[9]);
	return true;
}

static void read_record(struct record *record)
{
	char path[256], text[8192];
	unsigned int addresses = 0;
	int err;

	snprintf(path, sizeof(path), "%s/last_stall", ticker_dir());
	err = file_read(path, text, sizeof(text));
	require(!err, "root reads last_stall: %s", strerror(err));
	require(parse_record(text, record), "last_stall has every key once, in order, and only printable ASCII");
	addresses = has_address(record->comm) + has_address(record->function);
	for (unsigned int i = 0; i < record->depth; i++)
		addresses += has_address(record->stack[i]);
	check(!addresses, "last_stall has no raw address");
	note("last_stall: CPU %d, %" PRIu64 " ns, %s[%d] in %s (%s), %u lines of stack", record->cpu, record->overdue_ns,
	     record->comm, record->pid, record->function, record->context, record->depth);
	for (unsigned int i = 0; i < record->depth; i++)
		note("    %s", record->stack[i]);
}

/* The kernel log of one case: b: the hog begins, s: a stall, a: interrupts again, e: the hog ends. */
struct seen {
	char order[16];
	struct record stall, again;
};

static void read_log(int fd, struct seen *seen)
{
	char line[1024];
	size_t length = 0;

	*seen = (struct seen){ };
	while (log_next(fd, line, sizeof(line))) {
		char mark = 0;

		if (begins(line, "tick_hog: begin"))
			mark = 'b';
		else if (begins(line, "tick_hog: end"))
			mark = 'e';
		if ((!mark && !begins(line, "sched_tick: ")) || strstr(line, " stall messages suppressed"))
			continue;
		note("log: %s", line);
		if (parse_line(line, false, &seen->stall))
			mark = 's';
		else if (parse_line(line, true, &seen->again))
			mark = 'a';
		if (begins(line, "sched_tick: ")) {
			check(mark == 's' || mark == 'a', "one pattern matches the line, with all its fields");
			check(!has_address(line) && is_plain(line), "the line has no raw address, and only printable ASCII");
		}
		if (mark && length < sizeof(seen->order) - 1)
			seen->order[length++] = mark;
	}
}

static volatile sig_atomic_t user_done;

static void user_end(int signal)
{
	user_done = 1;
}

/* A user program that holds a CPU. */
static void user_hog(void *cpu)
{
	struct sched_param parameter = { .sched_priority = 1 };
	struct itimerval length = { .it_value.tv_usec = HOLD_MS * 1000 };

	signal(SIGALRM, user_end);
	prctl(PR_SET_NAME, "tick_user");
	if (!run_on((int)(intptr_t)cpu) || sched_setscheduler(0, SCHED_FIFO, &parameter))
		_exit(1);
	file_write("/dev/kmsg", "tick_hog: begin\n");
	/* With PREEMPT_RT the timer would expire in a thread that this program holds up. */
	if (cpu_count() == 1)
		setitimer(ITIMER_REAL, &length, NULL);
	/* No system call and no vDSO. */
	while (!user_done)
		;
	file_write("/dev/kmsg", "tick_hog: end\n");
}

struct hold {
	const char *what;
	int context;		/* of tick_hog; -1: a user program */
	bool irqs_off;
	const char *name;	/* context in the reports */
	const char *comm;	/* NULL: of the task that was interrupted */
	const char *function;	/* what it begins with */
};

static const struct hold holds[] = {
	{ "a kernel thread of SCHED_FIFO", HOG_FIFO, false, "task", "tick_hog", "hog_fifo_fn+0x" },
	{ "preemption off", HOG_TASK, false, "task", "tick_hog", "hog_run+0x" },
	{ "a user program of SCHED_FIFO", -1, false, "task", "tick_user", "user space" },
	{ "a softirq", HOG_SOFTIRQ, false, "softirq", NULL, "hog_tasklet_fn+0x" },
	{ "a hard interrupt handler", HOG_HARDIRQ, true, "hardirq", NULL, "?" },
	{ "interrupts off", HOG_TASK, true, LATE_CONTEXT, "tick_hog", LATE_FUNCTION },
};

/* Hold the CPU; return the pid that the reports must have. */
static int hold(const struct hold *what, int cpu)
{
	pid_t child;
	int status;

	if (what->context < 0) {
		child = spawn(user_hog, (void *)(intptr_t)cpu);
		if (cpu_count() > 1) {
			sleep_ns(HOLD_MS * NSEC_PER_MSEC);
			kill(child, SIGALRM);
		}
		waitpid(child, &status, 0);
		require(WIFEXITED(status) && !WEXITSTATUS(status), "%s: it runs with SCHED_FIFO on CPU %d", what->what, cpu);
		return child;
	}
	require(!helper_set("tick_hog", "cpu", cpu) && !helper_set("tick_hog", "context", what->context) &&
		!helper_set("tick_hog", "irqs_off", what->irqs_off) && !helper_set("tick_hog", "ms", HOLD_MS),
		"%s: tick_hog holds CPU %d", what->what, cpu);
	return helper_u64("tick_hog", "pid");
}

static bool is_culprit(const struct hold *what, int pid, const struct record *record)
{
	if (what->comm ? strcmp(record->comm, what->comm) : !pid && !begins(record->comm, "swapper"))
		return false;
	return record->pid == pid && !strcmp(record->context, what->name);
}

static bool is_function(const struct hold *what, const char *function)
{
	if (!begins(what->function, "hog_"))
		return begins(function, what->function);
	return begins(function, what->function) && strstr(function, " [tick_hog]");
}

static bool is_in_stack(const struct record *record, const char *function)
{
	for (unsigned int i = 0; i < record->depth; i++)
		if (begins(record->stack[i], function))
			return true;
	return false;
}

/* When interrupts are on again, the first one may come at the start of the next function. */
static bool is_function_of(const struct hold *what, const struct record *record)
{
	return is_function(what, record->function) || (what->irqs_off && is_in_stack(record, what->function));
}

static void check_trace(const struct hold *what, int pid, FILE *trace)
{
	char line[512], context[16] = "", comm[64] = "", *at;
	unsigned int count = 0;
	int traced = -1;

	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, "sched_tick_stall: ");
		if (!at)
			continue;
		count++;
		at = strstr(at, " context=");
		if (!at || sscanf(at, " context=%15s comm=%63s pid=%d", context, comm, &traced) != 3)
			note("trace: %s", line);
	}
	fclose(trace);
	check(count == 1 && !strcmp(context, what->name) && traced == pid && (!what->comm || !strcmp(comm, what->comm)),
	      "%s: the tracepoint has context, comm and pid: %u events, %s, %s, %d", what->what, count, context, comm, traced);
}

/* Return the first stall event; false: none is received. */
static bool next_stall(int fd, struct event *event)
{
	while (events_next(fd, event, 20000))
		if (!strcmp(event->event, "stall"))
			return true;
	return false;
}

static void check_hold(const struct hold *what, bool traced)
{
	int cpu = held_cpu(), cpus = cpu_count(), log, fd, pid, try = 0;
	/* Another CPU of the ticker reports the stall while interrupts are off. */
	bool next = what->irqs_off && cpus > 1;
	uint64_t before[CPUS_MAX], others;
	const char *order = next ? "bsea" : what->irqs_off ? "bes" : "bse";
	struct event event = { };
	struct record record;
	struct seen seen;
	bool received, excused;

again:
	sleep_ns(NSEC_PER_SEC);
	fd = events_open();
	if (traced)
		trace_begin("sched_tick_stall/");
	for (int i = 0; i < cpus; i++)
		before[i] = stat_of_cpu(i).stalls;
	log = log_open();
	pid = hold(what, cpu);
	sleep_ns(200 * NSEC_PER_MSEC);
	read_log(log, &seen);
	close(log);
	others = 0;
	for (int i = 0; i < cpus; i++)
		others += i == cpu ? 0 : stat_of_cpu(i).stalls - before[i];
	/*
	 * The host may have stopped the guest for that long, or the CPU that is held; or the stall was recorded in a softirq
	 * that had interrupted the culprit.
	 */
	excused = others || stat_of_cpu(cpu).stalls != before[cpu] + 1 ||
		  (!what->irqs_off && begins(seen.stall.how, "takes no interrupts")) ||
		  (!what->irqs_off && !strcmp(what->name, "task") && !strcmp(seen.stall.context, "softirq"));
	if (excused && ++try < 10 && !in_virtual_time()) {
		note("%s: other CPUs have %" PRIu64 " stalls, this one %" PRIu64 ", %s, in %s; once more", what->what, others,
		     stat_of_cpu(cpu).stalls - before[cpu], seen.stall.how, seen.stall.context);
		close(fd);
		sleep_ns(NSEC_PER_SEC);
		goto again;
	}
	if (traced)
		check_trace(what, pid, trace_end("sched_tick_stall/"));
	check(stat_of_cpu(cpu).stalls == before[cpu] + 1, "%s: stalls of CPU %d grows by one: %" PRIu64, what->what, cpu,
	      stat_of_cpu(cpu).stalls - before[cpu]);
	check(!others, "%s: no other CPU has a stall: %" PRIu64, what->what, others);

	/* The log. */
	check(!strcmp(seen.order, order), "%s: the log has begin, stall, end%s in the right order: %s", what->what,
	      next ? ", interrupts again" : "", seen.order);
	check(!strcmp(seen.stall.ticker, ticker_name()) && seen.stall.cpu == cpu, "%s: the log names the ticker and CPU %d: %s, %d",
	      what->what, cpu, seen.stall.ticker, seen.stall.cpu);
	check(seen.stall.overdue_ns >= (uint64_t)STALL_MS * NSEC_PER_MSEC, "%s: the tick is overdue by stall_ms or more: %" PRIu64 " ns",
	      what->what, seen.stall.overdue_ns);
	if (next)
		check(!strcmp(seen.stall.how, "takes no interrupts, held by") && !strcmp(seen.stall.function, "?"),
		      "%s: the next CPU reports it: %s, %s", what->what, seen.stall.how, seen.stall.function);
	else
		check(strstr(seen.stall.how, "held by") && (what->irqs_off || is_function(what, seen.stall.function)),
		      "%s: the log names the function: %s, %s", what->what, seen.stall.how, seen.stall.function);
	check(is_culprit(what, pid, &seen.stall), "%s: the log names the culprit, pid %d: %s[%d] (%s)", what->what, pid,
	      seen.stall.comm, seen.stall.pid, seen.stall.context);
	if (next)
		check(seen.again.cpu == cpu && is_culprit(what, pid, &seen.again),
		      "%s: so does the line at its end: CPU %d, %s[%d] in %s (%s)", what->what, seen.again.cpu, seen.again.comm,
		      seen.again.pid, seen.again.function, seen.again.context);

	/* last_stall. */
	read_record(&record);
	check(!strcmp(record.ticker, ticker_name()) && record.cpu == cpu, "%s: last_stall names the ticker and CPU %d", what->what, cpu);
	check(is_culprit(what, pid, &record) && is_function_of(what, &record),
	      "%s: last_stall names culprit and function: %s[%d] in %s (%s)", what->what, record.comm, record.pid, record.function,
	      record.context);
	check(!strcmp(record.comm, seen.stall.comm) && record.pid == seen.stall.pid && !strcmp(record.context, seen.stall.context) &&
	      !strcmp(record.function, next ? seen.again.function : seen.stall.function) &&
	      record.overdue_ns >= seen.stall.overdue_ns, "%s: last_stall and the log agree", what->what);
	check(record.deadline_ns % (PERIOD_MS * NSEC_PER_MSEC) == 0, "%s: the deadline is one of the ticker: %" PRIu64, what->what,
	      record.deadline_ns);
	if (begins(what->function, "hog_"))
		check((int)record.depth >= STACK_MIN && (!record.depth || !strcmp(record.stack[0], record.function)),
		      "%s: the stack has %d entries or more and begins with the function: %u", what->what, STACK_MIN, record.depth);

	/* The uevent. */
	received = next_stall(fd, &event);
	check(received && event.cpu == cpu && !strcmp(event.context, what->name),
	      "%s: the uevent has CPU %d and %s: %d, %s", what->what, cpu, what->name, event.cpu, event.context);
	check(event.fields == 3, "%s: the uevent has an event, a CPU and a context alone: %u fields", what->what, event.fields);
	close(fd);
}

/* Symbols must hide addresses even if the kernel does not. */
static void begin_culprit(const char *cpus)
{
	setup("enabled=0");
	require(run_on(0), "this process runs on CPU 0");
	require(!file_write(KPTR_RESTRICT, "0"), "kptr_restrict is 0");
	require(!helper_load("tick_hog", ""), "tick_hog loads");
	ticker_set_number("period_ms", PERIOD_MS);
	ticker_set("phase_ms", "0");
	ticker_set("cpus", cpus);
	ticker_set_number("stall_ms", STALL_MS);
	ticker_set("enabled", "1");
}

static void check_holds(bool traced)
{
	for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
		/* With one CPU no other one interrupts it. */
		if (holds[i].context == HOG_HARDIRQ && cpu_count() == 1)
			continue;
		if (holds[i].context == HOG_SOFTIRQ && is_preempt_rt()) {
			note("%s: a task with PREEMPT_RT, which can be preempted", holds[i].what);
			continue;
		}
		check_hold(&holds[i], traced);
	}
	ticker_set("enabled", "0");
}

static void run_culprit(void)
{
	if (cpu_count() < 2) {
		skip("culprit", "this machine has one CPU");
		return;
	}
	begin_culprit("all");
	check_holds(false);
}

const struct ktest test_culprit = { "culprit", run_culprit, .timeout_s = 300, .needs_vm = true };

static void run_culprit_traced(void)
{
	if (cpu_count() > 1 || access("/sys/kernel/tracing/trace", F_OK)) {
		skip("culprit_traced", "several CPUs, or tracefs is not mounted");
		return;
	}
	begin_culprit("0");
	check_holds(true);
}

const struct ktest test_culprit_traced = {
	"culprit_traced", run_culprit_traced, .timeout_s = 300, .needs_vm = true, .needs_virtual = true
};

/* The worker sleeps in a subscriber. */
static void run_culprit_blocked(void)
{
	char path[64], comm[64] = "";
	struct record record;
	struct seen seen;
	int log;

	begin_culprit("any");
	require(!helper_load("tick_subscriber", ""), "tick_subscriber subscribes to the default ticker");
	/* The host may have stopped the guest for long. */
	for (int try = 0; try < 10; try++) {
		log = log_open();
		require(!helper_set("tick_subscriber", "sleep_ms", HOLD_MS), "the subscriber sleeps");
		sleep_ns((HOLD_MS / 2 + STALL_MS) * NSEC_PER_MSEC);
		require(!helper_set("tick_subscriber", "sleep_ms", 0), "the subscriber does not sleep any more");
		sleep_ns(2 * HOLD_MS * NSEC_PER_MSEC);
		read_log(log, &seen);
		close(log);
		if ((!strcmp(seen.order, "s") && !begins(seen.stall.how, "took no interrupts")) || in_virtual_time())
			break;
	}
	check(!strcmp(seen.order, "s"), "the stall is logged once: %s", seen.order);
	check(!strcmp(seen.stall.how, "waits for"), "the ticker waits for the worker: %s", seen.stall.how);
	check(begins(seen.stall.function, "subscriber_tick+0x") && strstr(seen.stall.function, " [tick_subscriber]"),
	      "the log names the subscriber: %s", seen.stall.function);
	snprintf(path, sizeof(path), "/proc/%d/comm", seen.stall.pid);
	check(begins(seen.stall.comm, "kworker/") && !file_read(path, comm, sizeof(comm)) && begins(comm, "kworker/"),
	      "pid %d is a worker: %s, %s", seen.stall.pid, seen.stall.comm, comm);
	read_record(&record);
	check(!strcmp(record.comm, seen.stall.comm) && record.pid == seen.stall.pid && record.cpu == seen.stall.cpu &&
	      !strcmp(record.function, seen.stall.function) && !strcmp(record.context, seen.stall.context),
	      "last_stall and the log agree");
	check(!helper_u64("tick_subscriber", "wrong"), "the subscriber has seen no wrong call");
	ticker_set("enabled", "0");
	require(!module_remove("tick_subscriber"), "tick_subscriber unloads");
	read_record(&record);
	check(!strcmp(record.function, "?"), "the function of a module that is not loaded any more is ?: %s", record.function);
}

const struct ktest test_culprit_blocked = {
	"culprit_blocked", run_culprit_blocked, .timeout_s = 120, .needs_vm = true
};

/* Whether the record has a symbol of tick_hog. */
static bool names_hog(const struct record *record)
{
	for (unsigned int i = 0; i < record->depth; i++)
		if (strstr(record->stack[i], "[tick_hog]"))
			return true;
	return strstr(record->function, "[tick_hog]");
}

static void reload_hog(void)
{
	char address[32] = "?";

	require(!module_remove("tick_hog") && !helper_load("tick_hog", ""), "tick_hog is unloaded and loaded");
	file_read("/sys/module/tick_hog/sections/.text", address, sizeof(address));
	note("tick_hog is at %s", address);
}

/*
 * Unload tick_hog and load it in a way that causes a stall in a function that is freed. Set the log's record of the stall. The
 * ticker is disabled afterwards, so that no stall of a busy host replaces last_stall.
 */
static bool stall_in_init(struct record *record)
{
	char parameter[32];
	struct seen seen;
	int log;

	snprintf(parameter, sizeof(parameter), "init_ms=%d", HOLD_MS);
	for (int try = 0; try < 10; try++) {
		require(!module_remove("tick_hog"), "tick_hog unloads");
		ticker_set("enabled", "1");
		sleep_ns(NSEC_PER_SEC);
		log = log_open();
		require(!helper_load("tick_hog", parameter), "tick_hog loads with %s", parameter);
		sleep_ns(200 * NSEC_PER_MSEC);
		ticker_set("enabled", "0");
		read_log(log, &seen);
		close(log);
		*record = seen.stall;
		if (!strcmp(seen.order, "bse") && begins(seen.stall.function, "hog_init+0x"))
			return true;
		if (in_virtual_time())
			return false;
	}
	return false;
}

/* Code of a module is freed, and other code comes to its addresses. */
static void run_culprit_freed(void)
{
	static const struct hold what = { "code of a module", HOG_TASK, false, "task", "tick_hog", "hog_run+0x" };
	struct record logged, record;

	begin_culprit("all");
	/* From its second load on it has the same addresses each time. */
	reload_hog();
	check_hold(&what, false);
	ticker_set("enabled", "0");
	read_record(&record);
	require(begins(record.function, "hog_run+0x"), "the function is that of the loaded module: %s", record.function);
	reload_hog();
	read_record(&record);
	check(!strcmp(record.function, "?") && record.pid && !strcmp(record.comm, "tick_hog"),
	      "the function of a module that was unloaded is ?, and its task is known: %s[%d] in %s", record.comm, record.pid,
	      record.function);
	check(!names_hog(&record), "no symbol of the module that was unloaded is in the stack");
	if (STACK_MIN > 1)
		check(is_in_stack(&record, "kthread+0x"), "the other symbols of the stack are known");

	check(stall_in_init(&logged), "the log names the init function: %s", logged.function);
	read_record(&record);
	check(!strcmp(record.function, "?") && record.pid == logged.pid && !names_hog(&record),
	      "an init function, which has been freed, is ?: %s", record.function);
}

const struct ktest test_culprit_freed = { "culprit_freed", run_culprit_freed, .timeout_s = 120, .needs_vm = true };

static void set_comm(const char *comm)
{
	char text[64] = "";
	int err;

	for (size_t i = 0; comm[i]; i++)
		sprintf(text + 2 * i, "%02x", (unsigned char)comm[i]);
	err = file_write(HOG "comm", text);
	require(!err, "the name of the thread is %s: %s", text, strerror(err));
}

/* Return whether another user fails to open last_stall with EACCES. */
static bool is_private(void)
{
	char path[128], text[64];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/last_stall", ticker_dir());
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(setgid(65534) || setuid(65534) || file_read(path, text, sizeof(text)) != EACCES);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* A name with bytes that could break a line, a quoted string, a format or a terminal. */
static void run_culprit_comm(void)
{
	static const char comm[] = "h\n\"%s\x1b\\\xff\xc3 [1]\x7fz";
	static const char escaped[] = "h\\x0a\\x22%s\\x1b\\x5c\\xff\\xc3 [1]\\x7fz";
	static const struct hold what = { "a comm of any bytes", HOG_TASK, false, "task", escaped, "hog_run+0x" };

	if (cpu_count() < 2) {
		skip("culprit_comm", "this machine has one CPU");
		return;
	}
	begin_culprit("all");
	check(is_private(), "another user cannot read last_stall before a stall");
	set_comm(comm);
	check_hold(&what, false);
	check(is_private(), "another user cannot read last_stall after a stall");
	set_comm("tick_hog");
	ticker_set("enabled", "0");
}

const struct ktest test_culprit_comm = { "culprit_comm", run_culprit_comm, .timeout_s = 120, .needs_vm = true };

/* What the readers of last_stall found, in shared memory. */
struct readers {
	uint64_t reads, hogs, elsewhere, broken, mixed;
	int pids[CPUS_MAX];	/* of hogN, by CPU */
};

/* Read last_stall without end. A thread hogN runs its function on CPU N only, and its pid never changes. */
static void read_records(void *shared)
{
	struct readers *readers = shared;
	char path[256], text[8192];
	struct record record;
	bool in_function;
	int cpu, end;

	snprintf(path, sizeof(path), "%s/last_stall", ticker_dir());
	for (;;) {
		if (file_read(path, text, sizeof(text)) || !*text)
			continue;
		readers->reads++;
		if (!parse_record(text, &record)) {
			readers->broken++;
			continue;
		}
		if (sscanf(record.comm, "hog%d%n", &cpu, &end) != 1 || record.comm[end]) {
			for (cpu = 0; cpu < CPUS_MAX; cpu++)
				readers->mixed += readers->pids[cpu] && readers->pids[cpu] == record.pid;
			continue;
		}
		readers->hogs++;
		/* It is created on any CPU. */
		in_function = is_in_stack(&record, "hog_many_fn+0x");
		if (cpu < 0 || cpu >= CPUS_MAX || (in_function && cpu != record.cpu)) {
			readers->mixed++;
			continue;
		}
		if (!readers->pids[cpu])
			readers->pids[cpu] = record.pid;
		readers->mixed += readers->pids[cpu] != record.pid;
		readers->mixed += record.depth && strcmp(record.stack[0], record.function);
		/* Unknown if another CPU reported it; at its start and its end the thread is in kthread(). */
		readers->elsewhere += strcmp(record.function, "?") && !in_function;
	}
}

/* Ticks that were more than 1 ms late: each of them was a stall. */
static uint64_t late_ticks(const struct ticker_stat *stat)
{
	uint64_t count = 0;

	/* Buckets 0 to 9 end at 1, 2, 5 us to 1 ms, inclusive. */
	for (size_t i = 10; i < KTEST_BUCKETS; i++)
		count += stat->lateness.histogram[i];
	return count;
}

/* Lines of stalls since log_open(), and how many were suppressed. */
static unsigned int count_lines(int fd, unsigned int *suppressed)
{
	unsigned int lines = 0, more, wrong = 0;
	struct record record;
	char line[1024];

	*suppressed = 0;
	while (log_next(fd, line, sizeof(line))) {
		if (!begins(line, "sched_tick: "))
			continue;
		if (sscanf(line, "sched_tick: %u stall messages suppressed", &more) == 1) {
			*suppressed += more;
			continue;
		}
		wrong += has_address(line) || !is_plain(line) || !(parse_line(line, false, &record) || parse_line(line, true, &record));
		lines++;
	}
	check(!wrong, "each line in the log is well-formed and has no raw address: %u are not", wrong);
	return lines;
}

/* The rate limit of the log: 10 lines of a ticker in 5 s, and 10 for those that logged none before. */
#define LOG_WINDOW_NS	(5 * NSEC_PER_SEC)
#define LOG_LINES	20

static void run_culprit_many(void)
{
	unsigned int rounds, lines, most, suppressed;
	int cpus = cpu_count(), log;
	struct readers *readers;
	struct ticker_stat all, before[CPUS_MAX];
	uint64_t stalls = 0;
	int64_t begin;
	char text[1024], *at = text;
	pid_t pids[2];

	if (cpus < 2 || cpus > CPUS_MAX) {
		skip("culprit_many", "this machine has one CPU");
		return;
	}
	rounds = effort(10000) / cpus + 1;
	readers = mmap(NULL, 2 * sizeof(*readers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(readers != MAP_FAILED, "memory is shared with the readers");
	begin_culprit("all");
	ticker_set("enabled", "0");
	ticker_set("period_ms", "1");
	ticker_set("stall_ms", "1");
	for (int cpu = 0; cpu < cpus; cpu++)
		before[cpu] = stat_of_cpu(cpu);
	log = log_open();
	begin = now_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = spawn(read_records, &readers[i]);
	ticker_set("enabled", "1");
	require(!helper_set("tick_hog", "many", rounds), "a thread on each CPU holds it %u times", rounds);
	ticker_set("enabled", "0");
	reap(pids, ARRAY_SIZE(pids));
	most = LOG_LINES * ((now_ns(CLOCK_MONOTONIC) - begin) / LOG_WINDOW_NS + 2);

	for (int cpu = 0; cpu < cpus; cpu++) {
		struct ticker_stat stat = stat_of_cpu(cpu);
		uint64_t late = late_ticks(&stat) - late_ticks(&before[cpu]), found = stat.stalls - before[cpu].stalls;

		stalls += stat.stalls;
		/* The write to enabled may have ended one before its tick ran. */
		check(found == late || found == late + 1,
		      "CPU %d: each tick later than stall_ms is one stall: %" PRIu64 " ticks, %" PRIu64 " stalls", cpu, late,
		      found);
		/* If the host stops the guest, two holds may be one stall. */
		check(found >= rounds / 2, "CPU %d: the holds are stalls: %" PRIu64 " in %u", cpu, found, rounds);
	}
	all = ticker_stat();
	check(all.stalls == stalls, "stalls is the sum of all CPUs: %" PRIu64 ", %" PRIu64, all.stalls, stalls);

	lines = count_lines(log, &suppressed);
	close(log);
	check(lines && lines <= most, "the log has at most %u lines: %u, %u suppressed", most, lines, suppressed);
	if (stalls > most)
		check(lines < stalls, "fewer than there are stalls");

	require(!file_read(HOG "pids", text, sizeof(text)), "tick_hog has the pids of its threads");
	for (int cpu = 0; cpu < cpus; cpu++) {
		int pid = strtol(at, &at, 10);

		at += *at == ',';
		for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
			if (readers[i].pids[cpu])
				check(readers[i].pids[cpu] == pid, "reader %zu: hog%d is pid %d: %d", i, cpu, pid,
				      readers[i].pids[cpu]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		check(readers[i].reads && !readers[i].broken && !readers[i].mixed,
		      "reader %zu: each of %" PRIu64 " records is whole: %" PRIu64 " broken, %" PRIu64 " mixed", i,
		      readers[i].reads, readers[i].broken, readers[i].mixed);
		check(readers[i].hogs && readers[i].elsewhere <= readers[i].hogs / 10,
		      "reader %zu: %" PRIu64 " of them name a thread of tick_hog, %" PRIu64 " without its function in the stack", i,
		      readers[i].hogs, readers[i].elsewhere);
	}
}

const struct ktest test_culprit_many = { "culprit_many", run_culprit_many, .timeout_s = 600, .needs_vm = true };

#define TIMER_EVENTS	"/sys/kernel/tracing/events/timer/"

/* Duration of the longest run of a timer of sched_tick in the trace, in us; -1: there is none. */
static double longest_run_us(void)
{
	FILE *trace = fopen("/sys/kernel/tracing/trace", "re");
	char line[512], timer[64] = "", *at;
	double begin = 0, time, took = -1;

	require(trace, "the trace can be read");
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, ": hrtimer_expire_");
		if (!at)
			continue;
		/* "TASK-PID [CPU] FLAGS TIME: EVENT: hrtimer=ADDRESS ..." */
		*at = '\0';
		time = strtod(strrchr(line, ' '), NULL);
		if (strstr(at + 1, "function=ticker_") && sscanf(strstr(at + 1, "hrtimer="), "%63s", timer) == 1)
			begin = time;
		else if (*timer && strstr(at + 1, "expire_exit") && strstr(at + 1, timer) && (time - begin) * 1e6 > took)
			took = (time - begin) * 1e6;
	}
	fclose(trace);
	return took;
}

/* How long the report of a stall takes in the interrupt. The console, which may be slow, prints nothing meanwhile. */
static void run_culprit_cost(void)
{
	static const struct hold *const with_and_without_stack[] = { &holds[0], &holds[2] };

	begin_culprit("0");
	require(!file_write("/proc/sys/kernel/printk", "1"), "the console prints nothing");
	for (size_t i = 0; i < ARRAY_SIZE(with_and_without_stack); i++) {
		double us;

		sleep_ns(6 * NSEC_PER_SEC);
		fclose(fopen("/sys/kernel/tracing/trace", "we"));
		require(!file_write(TIMER_EVENTS "hrtimer_expire_entry/enable", "1") &&
			!file_write(TIMER_EVENTS "hrtimer_expire_exit/enable", "1"), "runs of hrtimers are traced");
		hold(with_and_without_stack[i], 0);
		require(!file_write(TIMER_EVENTS "hrtimer_expire_entry/enable", "0") &&
			!file_write(TIMER_EVENTS "hrtimer_expire_exit/enable", "0"), "they are no longer traced");
		us = longest_run_us();
		check(us > 0 && us <= REPORT_US, "%s: the timer that reports the stall runs for at most %d us: %.0f us",
		      with_and_without_stack[i]->what, REPORT_US, us);
	}
	file_write("/proc/sys/kernel/printk", "7");
}

const struct ktest test_culprit_cost = {
	"culprit_cost", run_culprit_cost, .timeout_s = 300, .needs_vm = true, .needs_virtual = true
};
