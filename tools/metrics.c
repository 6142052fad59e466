// SPDX-License-Identifier: GPL-2.0-only
/*
 * The metrics of all tickers. See metrics.h.
 *
 * stat is read once for each ticker, and once for each of its CPUs, so that all
 * series of a ticker or a CPU are of the same instant. The CPUs are read after the
 * ticker: a stall of a CPU is never in the ticker's series before it is in that of the
 * CPU. The alerting rules depend on that.
 */
#include "metrics.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

/*
 * The bounds of the exported histograms, in ns and as text. Each is a bound of the kernel's histograms, so the counts
 * are exact. The alerting rules use 0.1.
 */
static const struct {
	uint64_t ns;
	const char *text;
} bounds[] = {
	{ 10000, "1e-05" }, { 50000, "5e-05" }, { 200000, "0.0002" }, { 1000000, "0.001" },
	{ 5000000, "0.005" }, { 20000000, "0.02" }, { 50000000, "0.05" }, { 100000000, "0.1" },
	{ 500000000, "0.5" }, { 2000000000, "2.0" }, { 10000000000, "10.0" }, { 50000000000, "50.0" },
};

#define BOUNDS (sizeof(bounds) / sizeof(*bounds))

static void print_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static void print_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP sched_tick_%s %s\n# TYPE sched_tick_%s %s\n", name, help, name, type);
}

static uint64_t get_enabled(const struct stat_line *stat)
{
	return stat->enabled;
}

static uint64_t get_cpus(const struct stat_line *stat)
{
	return stat->cpus;
}

static uint64_t get_ticks(const struct stat_line *stat)
{
	return stat->counter;
}

static uint64_t get_missed(const struct stat_line *stat)
{
	return stat->missed;
}

static uint64_t get_stalls(const struct stat_line *stat)
{
	return stat->stalls;
}

static uint64_t get_period_ns(const struct stat_line *stat)
{
	return stat->period_ms * UINT64_C(1000000);
}

static uint64_t get_max_ns(const struct stat_line *stat)
{
	return stat->lateness.max_ns;
}

/* The highest lateness that is not late, of the series of each CPU. It is a bound of the kernel's histograms. */
#define CPU_LATE_NS	10000000

static uint64_t get_late(const struct stat_line *stat)
{
	return lateness_count(&stat->lateness) - lateness_count_within(&stat->lateness, CPU_LATE_NS);
}

struct family {
	const char *name, *type, *help;
	uint64_t (*get)(const struct stat_line *stat);
	bool is_time;
};

static const struct family families[] = {
	{ "enabled", "gauge", "Whether the ticker is enabled.", get_enabled },
	{ "cpus", "gauge", "CPUs that the ticker ticks on now.", get_cpus },
	{ "period_seconds", "gauge", "Time from one deadline to the next.", get_period_ns, true },
	{ "ticks_total", "counter", "Ticks run since the ticker was created.", get_ticks },
	{ "missed_ticks_total", "counter", "Periods that passed without a tick.", get_missed },
	{ "stalls_total", "counter", "Ticks overdue by more than stall_ms.", get_stalls },
	{ "max_lateness_seconds", "gauge", "Highest lateness since the ticker was created or reset.", get_max_ns,
	  true },
};

/* Of each CPU of the tickers that run on certain CPUs. */
static const struct family cpu_families[] = {
	{ "cpu_ticks_total", "counter", "Ticks run on the CPU since the ticker was created.", get_ticks },
	{ "cpu_missed_ticks_total", "counter", "Periods that passed on the CPU without a tick.", get_missed },
	{ "cpu_stalls_total", "counter", "Ticks on the CPU overdue by more than stall_ms.", get_stalls },
	{ "cpu_max_lateness_seconds", "gauge",
	  "Highest lateness on the CPU since the ticker was created or reset.", get_max_ns, true },
	{ "cpu_late_ticks_total", "counter", "Ticks on the CPU that were more than 10 ms late.", get_late },
};

#define FAMILIES(table)	(sizeof(table) / sizeof(*(table)))

static void print_value(FILE *out, const struct family *family, const struct stat_line *stat)
{
	uint64_t value = family->get(stat);

	if (family->is_time)
		print_seconds(out, value);
	else
		fprintf(out, "%" PRIu64 "\n", value);
}

static void print_histogram(FILE *out, const char *name, const char *ticker, const struct lateness *lateness)
{
	uint64_t count = lateness_count(lateness);

	for (size_t i = 0; i < BOUNDS; i++)
		fprintf(out, "sched_tick_%s_bucket{ticker=\"%s\",le=\"%s\"} %" PRIu64 "\n", name, ticker,
			bounds[i].text, lateness_count_within(lateness, bounds[i].ns));
	fprintf(out, "sched_tick_%s_bucket{ticker=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, ticker, count);
	fprintf(out, "sched_tick_%s_sum{ticker=\"%s\"} ", name, ticker);
	print_seconds(out, lateness->sum_ns);
	fprintf(out, "sched_tick_%s_count{ticker=\"%s\"} %" PRIu64 "\n", name, ticker, count);
}

struct ticker_detail {
	struct ticker *cpus;
	size_t cpus_count;
	bool has_cpus;				/* also if @cpus has been skipped */
	bool has_stall_ms;			/* false for an old module, or a ticker that was removed */
	uint64_t stall_ms;
};

static void print_info(FILE *out)
{
	static const char *const paths[] = {
		"/sys/module/sched_tick/version", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	};
	char texts[2][64] = { "", "" };

	for (size_t i = 0; i < 2; i++)
		if (read_first_line(paths[i], texts[i], sizeof(texts[i])))
			texts[i][strcspn(texts[i], "\"\\\n")] = '\0';
	print_family(out, "info", "gauge", "Version of the module, and clock source of the kernel.");
	fprintf(out, "sched_tick_info{version=\"%s\",clocksource=\"%s\"} 1\n", texts[0], texts[1]);
}

/* No name that the kernel accepts needs escaping. */
static void print_stall_threshold(FILE *out, const struct metrics *metrics)
{
	bool printed = false;

	for (size_t i = 0; i < metrics->count; i++) {
		if (!metrics->details[i].has_stall_ms)
			continue;
		if (!printed)
			print_family(out, "stall_threshold_seconds", "gauge",
				     "A tick that is overdue by more than this is a stall. 0: stalls are not detected.");
		printed = true;
		fprintf(out, "sched_tick_stall_threshold_seconds{ticker=\"%s\"} ", metrics->tickers[i].name);
		print_seconds(out, metrics->details[i].stall_ms * 1000000);
	}
}

static void print_tickers(FILE *out, const struct family *family, const struct metrics *metrics)
{
	print_family(out, family->name, family->type, family->help);
	for (size_t i = 0; i < metrics->count; i++) {
		fprintf(out, "sched_tick_%s{ticker=\"%s\"} ", family->name, metrics->tickers[i].name);
		print_value(out, family, &metrics->tickers[i].stat);
	}
}

static void print_cpus(FILE *out, const struct family *family, const struct metrics *metrics)
{
	bool printed = false;

	for (size_t i = 0; i < metrics->count; i++) {
		const struct ticker_detail *detail = &metrics->details[i];

		for (size_t j = 0; j < detail->cpus_count; j++) {
			if (!printed)
				print_family(out, family->name, family->type, family->help);
			printed = true;
			fprintf(out, "sched_tick_%s{ticker=\"%s\",cpu=\"%s\"} ", family->name,
				metrics->tickers[i].name, detail->cpus[j].name);
			print_value(out, family, &detail->cpus[j].stat);
		}
	}
}

/* Where lateness went. The kernel counts that for tickers with CPUs; an old module does not. */
static void print_causes(FILE *out, const struct metrics *metrics)
{
	bool printed = false;

	for (size_t i = 0; i < metrics->count; i++) {
		const struct late *late = &metrics->tickers[i].stat.late_ns;
		const struct {
			const char *name;
			uint64_t ns;
		} causes[] = {
			{ "steal", late->steal }, { "irq", late->irq }, { "softirq", late->softirq },
			{ "other", late->other },
		};

		if (!metrics->tickers[i].stat.has_late || !metrics->details[i].has_cpus)
			continue;
		if (!printed)
			print_family(out, "late_seconds_total", "counter",
				     "Lateness of ticks that were more than 1 ms late, by its cause.");
		printed = true;
		for (size_t j = 0; j < sizeof(causes) / sizeof(*causes); j++) {
			fprintf(out, "sched_tick_late_seconds_total{ticker=\"%s\",cause=\"%s\"} ",
				metrics->tickers[i].name, causes[j].name);
			print_seconds(out, causes[j].ns);
		}
	}
}

static uint64_t elapsed_ns(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begin->tv_sec) * INT64_C(1000000000) + now.tv_nsec - begin->tv_nsec;
}

void metrics_print(FILE *out, const void *data)
{
	const struct metrics *metrics = data;
	const struct ticker *tickers = metrics->tickers;

	print_info(out);
	for (size_t i = 0; i < FAMILIES(families); i++)
		print_tickers(out, &families[i], metrics);
	print_stall_threshold(out, metrics);
	print_family(out, "lateness_seconds", "histogram", "Delay from the deadline to the start of the tick.");
	for (size_t i = 0; i < metrics->count; i++)
		print_histogram(out, "lateness_seconds", tickers[i].name, &tickers[i].stat.lateness);
	print_family(out, "timer_lateness_seconds", "histogram",
		     "Delay from the deadline to the timer interrupt, a part of the lateness.");
	for (size_t i = 0; i < metrics->count; i++)
		print_histogram(out, "timer_lateness_seconds", tickers[i].name, &tickers[i].stat.timer_lateness);
	print_causes(out, metrics);
	for (size_t i = 0; i < FAMILIES(cpu_families); i++)
		print_cpus(out, &cpu_families[i], metrics);
	print_family(out, "export_skipped_cpus", "gauge",
		     "Pairs of a ticker and a CPU that have no series, because there are too many.");
	fprintf(out, "sched_tick_export_skipped_cpus %zu\n", metrics->skipped_cpus);
	/* The last one, because it is the time until then. */
	print_family(out, "export_duration_seconds", "gauge", "Time that reading and formatting these metrics took.");
	fprintf(out, "sched_tick_export_duration_seconds ");
	print_seconds(out, elapsed_ns(&metrics->begin));
}

static int read_stall_threshold(const char *name, struct ticker_detail *detail)
{
	char stall[16];

	detail->has_stall_ms = setting_try_read(name, SETTING_STALL, stall, sizeof(stall));
	if (detail->has_stall_ms)
		detail->stall_ms = strtoull(stall, NULL, 10);
	else if (errno != ENOENT && errno != ENODEV)
		return ticker_report(name, "stall_ms", errno);
	return STATUS_DONE;
}

static int read_cpus(const char *name, struct ticker_detail *detail, size_t *left, size_t *skipped)
{
	size_t count;
	int status = ticker_count_cpus(name, &count);

	detail->has_cpus = count;
	if (status)
		return status;
	if (count > *left) {
		*skipped += count;
		return STATUS_DONE;
	}
	status = ticker_list_cpus(name, &detail->cpus, &detail->cpus_count);
	*left -= detail->cpus_count < *left ? detail->cpus_count : *left;
	return status;
}

int metrics_read(struct metrics *metrics)
{
	char *const all[] = { NULL };
	size_t left = METRICS_CPUS_MAX;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &metrics->begin);
	status = ticker_list(all, &metrics->tickers, &metrics->count);
	metrics->details = calloc(metrics->count + 1, sizeof(*metrics->details));
	if (!metrics->details)
		err(STATUS_FAILED, "memory");
	for (size_t i = 0; i < metrics->count && !status; i++) {
		const char *name = metrics->tickers[i].name;

		status = read_cpus(name, &metrics->details[i], &left, &metrics->skipped_cpus);
		if (!status)
			status = read_stall_threshold(name, &metrics->details[i]);
		/* A ticker that was removed meanwhile. */
		if (status == STATUS_MISSING)
			status = STATUS_DONE;
	}
	return status;
}

void metrics_free(struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->count; i++)
		free(metrics->details[i].cpus);
	free(metrics->details);
	free(metrics->tickers);
}
