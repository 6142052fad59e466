// SPDX-License-Identifier: GPL-2.0-only
/*
 * Valid and invalid writes: the errno, and that a refused write changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktest.h"

static const struct {
	const char *file;
	const char *text;
	int err;
	const char *after;	/* what the file reads after a valid write; NULL: as written */
} cases[] = {
	{ "period_ms", "0", ERANGE },
	{ "period_ms", "-1", ERANGE },
	{ "period_ms", "2147483648", ERANGE },
	{ "period_ms", "4294967297", ERANGE },
	{ "period_ms", "9223372036854775807", ERANGE },
	{ "period_ms", "9223372036854775808", ERANGE },
	{ "period_ms", "18446744073709551617", ERANGE },
	{ "period_ms", "-9223372036854775809", ERANGE },
	{ "period_ms", "\n", EINVAL },
	{ "period_ms", " ", EINVAL },
	{ "period_ms", "ten", EINVAL },
	{ "period_ms", "10ms", EINVAL },
	{ "period_ms", "10 20", EINVAL },
	{ "period_ms", "10\n\n", EINVAL },
	{ "period_ms", "0x10", EINVAL },
	{ "period_ms", "1e3", EINVAL },
	{ "period_ms", "1.5", EINVAL },
	{ "period_ms", "--5", EINVAL },
	{ "period_ms", "2147483647", 0 },
	{ "period_ms", "1000\n", 0, "1000" },
	{ "period_ms", "+1000", 0, "1000" },
	{ "enabled", "2", EINVAL },
	{ "enabled", "-1", EINVAL },
	{ "enabled", "10", EINVAL },
	{ "enabled", "01", EINVAL },
	{ "enabled", "maybe", EINVAL },
	{ "enabled", "nonsense", EINVAL },
	{ "enabled", "yesterday", EINVAL },
	{ "enabled", "\n", EINVAL },
	{ "enabled", "0", 0 },
	{ "enabled", "y", 0, "1" },
	{ "enabled", "off\n", 0, "0" },
	{ "enabled", "on", 0, "1" },
	{ "enabled", "n\n", 0, "0" },
	{ "enabled", "1\n", 0, "1" },
	{ "timer", "1", EINVAL },
	{ "timer", "hrtimer wheel", EINVAL },
	{ "timer", "[wheel]", EINVAL },
	{ "timer", "Wheel", EINVAL },
	{ "timer", "\n", EINVAL },
	{ "timer", "wheel", 0, "hrtimer [wheel]" },
	{ "timer", "hrtimer\n", 0, "[hrtimer] wheel" },
	{ "clock", "tai", EINVAL },
	{ "clock", "0", EINVAL },
	{ "clock", "[monotonic]", EINVAL },
	{ "clock", "MONOTONIC", EINVAL },
	{ "clock", "monotonic boottime", EINVAL },
	{ "clock", "\n", EINVAL },
	{ "clock", "boottime\n", 0, "monotonic [boottime] realtime" },
	{ "clock", "realtime", 0, "monotonic boottime [realtime]" },
	{ "clock", "monotonic", 0, "[monotonic] boottime realtime" },
	{ "phase_ms", "-2", ERANGE },
	{ "phase_ms", "1000", ERANGE },
	{ "phase_ms", "2147483647", ERANGE },
	{ "phase_ms", "99999999999", ERANGE },
	{ "phase_ms", "half", EINVAL },
	{ "phase_ms", "\n", EINVAL },
	{ "phase_ms", "999", 0 },
	{ "period_ms", "999", ERANGE },
	{ "phase_ms", "0", 0 },
	{ "phase_ms", "-1", 0 },
	{ "cpus", "first", EINVAL },
	{ "cpus", "0\n", 0, "0" },
	{ "cpus", "any", 0 },
	{ "notify", "2", EINVAL },
	{ "notify", "loud", EINVAL },
	{ "notify", "1", 0 },
	{ "notify", "0", 0 },
	{ "stall_ms", "-1", ERANGE },
	{ "stall_ms", "2147483648", ERANGE },
	{ "stall_ms", "soon", EINVAL },
	{ "stall_ms", "\n", EINVAL },
	{ "stall_ms", "2147483647", 0 },
	{ "stall_ms", "0", 0 },
	{ "reset", "0", EINVAL },
	{ "reset", "2", EINVAL },
	{ "reset", "y", EINVAL },
	{ "reset", "\n", EINVAL },
	{ "reset", "11", EINVAL },
	{ "reset", "1", 0, "" },
	{ "reset", "1\n", 0, "" },
	{ "counter", "5", EACCES },
	{ "missed", "0", EACCES },
	{ "stalls", "0", EACCES },
	{ "stat", "0", EACCES },
	{ "lateness/max_ns", "0", EACCES },
	{ "lateness/histogram", "0", EACCES },
};

static const char *const settings[] = {
	"enabled", "period_ms", "timer", "clock", "phase_ms", "cpus", "queue", "notify",
	"stall_ms",
};

/* Print all settings in one line. */
static void print_settings(char *text, size_t size)
{
	size_t length = 0;
	char value[64];

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		ticker_text(settings[i], value, sizeof(value));
		length += snprintf(text + length, size - length, "%s=%s;", settings[i], value);
	}
}

static void run_input(void)
{
	char before[512], after[512], value[64], shown[64], huge[8192];

	setup("enabled=1");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *file = cases[i].file, *text = cases[i].text;
		uint64_t counted = ticker_u64("counter");
		int err;

		snprintf(shown, sizeof(shown), "%s", text);
		for (char *c = shown; *c; c++)
			if (*c == '\n')
				*c = '$';
		print_settings(before, sizeof(before));
		err = ticker_write(file, text);
		print_settings(after, sizeof(after));
		check(err == cases[i].err, "%s < \"%s\" returns: %s", file, shown,
		      err ? strerror(err) : "success");
		if (cases[i].err) {
			check(!strcmp(before, after), "%s < \"%s\" changes no setting", file, shown);
		} else if (!cases[i].after || *cases[i].after) {
			ticker_text(file, value, sizeof(value));
			check(!strcmp(value, cases[i].after ?: text), "%s < \"%s\" reads \"%s\"",
			      file, shown, value);
		}
		if (ticker_u64("counter") < counted)
			check(false, "%s < \"%s\" does not decrease the counter", file, shown);
	}

	memset(huge, '1', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	print_settings(before, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		int err = ticker_write(settings[i], huge);

		check(err == EINVAL || err == ERANGE, "%s < 8191 digits returns: %s", settings[i],
		      strerror(err));
	}
	print_settings(after, sizeof(after));
	check(!strcmp(before, after), "writes of 8191 digits change no setting");
}

/* Root may change the modes of files; writes and reads must still be refused. */
static void run_modes(void)
{
	char text[4096];

	setup("enabled=0");
	require(!chdir(ticker_dir()), "the directory can be entered");
	check(!chmod("counter", 0666) && ticker_write("counter", "5") == EIO,
	      "writing counter fails with EIO whatever its mode");
	check(!chmod("lateness/bounds_ns", 0666) &&
	      ticker_write("lateness/bounds_ns", "5") == EIO,
	      "writing lateness/bounds_ns fails with EIO whatever its mode");
	check(!chmod("reset", 0666) &&
	      file_read("reset", text, sizeof(text)) == EIO,
	      "reading reset fails with EIO whatever its mode");
	check(!ticker_write("reset", "1"), "reset accepts 1");
}

const struct ktest test_modes = { "modes", run_modes, .timeout_s = 30 };

const struct ktest test_input = { "input", run_input, .timeout_s = 120 };
