/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-machine tests: one binary, in which each test is a KTAP subtest.
 *
 * A test runs in a process of its own and loads the module itself, so tests are
 * independent. The environment describes the machine:
 *	SCHED_TICK_KO		the module's file
 *	SCHED_TICK_HELPERS	directory of the modules of tests (/)
 *	SCHED_TICK_VM=1		the machine is disposable: tests may set its clock,
 *				take its CPUs offline and suspend it
 *	SCHED_TICK_VIRTUAL=1	time is virtual: tests may assert times
 *	SCHED_TICK_LATENESS_NS=N limit of the mean lateness with the hrtimer
 *	SCHED_TICK_TICKER=NAME	the ticker under test: a named one instead of the
 *				default one
 *	SCHED_TICK_EFFORT=N	share of a long test to run, in per cent (100)
 *	SCHED_TICK_PATIENCE=N	factor for the timeouts of tests (1)
 *	SCHED_TICK_SEED=N	random seed of torture and fuzz (the time)
 */
#ifndef KTEST_H
#define KTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#define KTEST_ROOT	"/sys/kernel/sched_tick"
#define KTEST_TICKERS	KTEST_ROOT "/tickers"
#define KTEST_CONFIGFS	"/sys/kernel/config/sched_tick"
#define KTEST_BUCKETS	26
#define NSEC_PER_MSEC	INT64_C(1000000)
#define NSEC_PER_SEC	INT64_C(1000000000)

struct ktest {
	const char *name;
	void (*run)(void);
	unsigned int timeout_s;
	bool needs_vm;
	bool needs_virtual;
	bool on_request;	/* runs only if named, because it is long */
};

struct lateness {
	uint64_t last_ns, max_ns, sum_ns, histogram[KTEST_BUCKETS];
};

/* The fields of the file stat. */
struct ticker_stat {
	int enabled, period_ms;
	unsigned int cpus;
	uint64_t counter, missed, stalls;
	struct lateness lateness, timer_lateness;
	struct {
		uint64_t steal_ns, irq_ns, softirq_ns, other_ns;
	} late;
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Print one KTAP result; a false one fails the test. */
bool check(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void skip(const char *what, const char *why);
/* Like check(), but a false condition ends the test. */
void require(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool in_vm(void);
bool in_virtual_time(void);
unsigned int effort(unsigned int count);
unsigned int random_seed(void);

/* Load and unload modules; create and remove tickers. Return 0 or an errno. */
int module_load(const char *parameters);
int module_unload(void);
bool module_built_in(void);	/* then a load sets up the default ticker, and an unload disables it */
int helper_load(const char *name, const char *parameters);	/* of tests/kernel/modules */
uint64_t helper_u64(const char *name, const char *parameter);
int helper_set(const char *name, const char *parameter, int value);	/* 0 or errno */
int module_remove(const char *name);
bool run_on(int cpu);	/* bind this process */
bool cpu_set_online(int cpu, bool online);
/* How tick_hog, which is loaded, holds a CPU. */
enum { HOG_TASK, HOG_WORK, HOG_SOFTIRQ, HOG_HARDIRQ, HOG_FIFO, HOG_CONTEXTS };
void hog_in(int cpu, int ms, int context);
void hog(int cpu, int ms, bool irqs_off);	/* occupy the CPU with tick_hog, which must be loaded */
int ticker_make(const char *name);
int ticker_remove(const char *name);
int machine_clean(void);	/* remove what a test left */

/* The ticker under test; parameters are those of the module. */
const char *ticker_name(void);
bool ticker_is_named(void);
int ticker_begin(const char *parameters);
int ticker_end(void);
void setup(const char *parameters);	/* ticker_begin(); end the test if it fails */
void ticker_choose(const char *name);	/* change the ticker under test; NULL: back to the first */

/* Files, by path or by name in the ticker's directory. */
int file_read(const char *path, char *text, size_t size);	/* 0 or errno */
int file_write(const char *path, const char *text);		/* 0 or errno */
long long meminfo_kb(const char *line);				/* of /proc/meminfo */
const char *ticker_dir(void);
int ticker_open(const char *name, int flags);
int ticker_write(const char *name, const char *text);
void ticker_text(const char *name, char *text, size_t size);
uint64_t ticker_u64(const char *name);
void ticker_set(const char *name, const char *text);
void ticker_set_number(const char *name, long long value);
void ticker_set_timer(bool hrtimer);	/* false: the timer wheel */
struct ticker_stat ticker_stat(void);
struct ticker_stat stat_of_cpu(int cpu);	/* percpu/N */
int cpu_count(void);

/* Start a process that sleeps in poll(2) on a file of the ticker; it exits with 0 if removal wakes it and it reads ENODEV. */
pid_t ticker_poller(const char *name);

/* Many tickers, named t0, t1 and so on. */
const char *numbered(unsigned int i);
void make_all(unsigned int count);
void set_all(unsigned int count, const char *name, const char *text);
void remove_all(unsigned int count);

/* Read, write and poll the ticker under test at random, without end. */
void ticker_disturb(void *seed);

/* uevents of the kernel with SUBSYSTEM=sched_tick. */
struct event {
	char action[16], path[128], event[16];
	uint64_t lateness_ns;
	int cpu;	/* -1: the event has none */
	char context[16];
	unsigned int fields;	/* whose names begin with SCHED_TICK_ */
	bool overrun;	/* not an event: the socket returned ENOBUFS */
};

int events_open(void);
bool events_next(int fd, struct event *event, int timeout_ms);

/* Our tracepoints: "" for all, or one, as "sched_tick_stall/". Only with one CPU, see docs/testing.md. */
void trace_begin(const char *event);
FILE *trace_end(const char *event);	/* the caller closes the trace */

/* The kernel log from log_open() on; log_count() counts the lines that contain the text. */
int log_open(void);
unsigned int log_count(int fd, const char *text);
bool log_next(int fd, char *line, size_t size);	/* the next line, as it was printed */

int64_t now_ns(clockid_t clock);
void sleep_ns(int64_t ns);
bool wait_for_counter(uint64_t above, int64_t timeout_ns);
int64_t jiffy_ns(void);
pid_t spawn(void (*run)(void *), void *argument);
void reap(pid_t *pids, size_t count);	/* kill and wait */

#endif /* KTEST_H */
