// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write random text to the files of a ticker and compare the results with a
 * model of docs/ABI.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

enum { NUMBER, BOOL, CHOICE, ONE };
enum { ENABLED, PERIOD, TIMER, CLOCK, PHASE, CPUS, NOTIFY, STALL, RESET, FILES };

static struct {
	const char *name;
	int kind;
	long long min, max, value;
} files[FILES] = {
	[ENABLED] = { "enabled", BOOL, 0, 1, 1 },
	[PERIOD] = { "period_ms", NUMBER, 1, INT_MAX, 1000 },
	[TIMER] = { "timer", CHOICE, 0, 1, 0 },
	[CLOCK] = { "clock", CHOICE, 0, 2, 0 },
	[PHASE] = { "phase_ms", NUMBER, -1, INT_MAX - 1, -1 },
	[CPUS] = { "cpus", CHOICE, 0, 3, 0 },
	[NOTIFY] = { "notify", BOOL, 0, 1, 0 },
	[STALL] = { "stall_ms", NUMBER, 0, INT_MAX, 0 },
	[RESET] = { "reset", ONE, 1, 1, 1 },
};

static const char *const words[] = {
	"0", "1", "n", "y", "N", "Y", "off", "on", "no", "yes",
};

/* The words that a file accepts, and what it reads after each. */
static const struct {
	int file;
	int count;
	const char *words[4], *shown[4];
} choices[] = {
	{ TIMER, 2, { "hrtimer", "wheel" }, { "[hrtimer] wheel", "hrtimer [wheel]" } },
	{ CLOCK, 3, { "monotonic", "boottime", "realtime" },
	  { "[monotonic] boottime realtime", "monotonic [boottime] realtime", "monotonic boottime [realtime]" } },
	{ CPUS, 4, { "any", "all", "housekeeping", "0" }, { "any", "all", "housekeeping", "0" } },
};

/* Parse one of the known words; a newline at the end is ignored. Return 0 or an errno. */
static int model_word(const char *text, const char *const *known, int count, long long *value)
{
	size_t length = strlen(text);

	if (length && text[length - 1] == '\n')
		length--;
	for (int i = 0; i < count; i++)
		if (strlen(known[i]) == length && !strncmp(text, known[i], length)) {
			*value = i;
			return 0;
		}
	return EINVAL;
}

static int model_number(const char *text, long long *value)
{
	bool negative = *text == '-', overflow = false;
	const char *digits;
	uint64_t number = 0;

	text += *text == '-' || *text == '+';
	for (digits = text; *text >= '0' && *text <= '9'; text++)
		overflow |= __builtin_mul_overflow(number, 10, &number) ||
			    __builtin_add_overflow(number, *text - '0', &number);
	if (overflow)
		return ERANGE;
	if (text == digits || text[*text == '\n'])
		return EINVAL;
	if (number > INT64_MAX)
		return ERANGE;
	*value = negative ? -(long long)number : (long long)number;
	return 0;
}

/* Return the expected result of a write, 0 or an errno, and the value. */
static int model_write(int file, const char *text, long long *value)
{
	int err, choice = file == CPUS ? 2 : file == CLOCK;	/* index into choices */

	switch (files[file].kind) {
	case NUMBER:
		err = model_number(text, value);
		break;
	case BOOL:
		err = model_word(text, words, ARRAY_SIZE(words), value);
		*value &= 1;
		break;
	case CHOICE:
		err = model_word(text, choices[choice].words, choices[choice].count, value);
		break;
	default:
		err = model_word(text, (const char *const[]){ "1" }, 1, value);
		*value = 1;
	}
	if (err)
		return err;
	if (*value < files[file].min || *value > files[file].max ||
	    (file == PERIOD && *value <= files[PHASE].value) ||
	    (file == PHASE && *value >= files[PERIOD].value))
		return ERANGE;
	return 0;
}

static const char *any_text(void)
{
	static const char *const numbers[] = {
		"0", "1", "2", "999", "1000", "60000", "2147483646", "2147483647", "2147483648", "4294967295", "4294967296",
		"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
		"340282366920938463463374607431768211456",
	};
	static const char *const ends[] = { "", "", "", "", "\n", "\n\n", " ", "x", "\t", "\n0", ".0", "e3", "\xff" };
	static const char *const starts[] = { "", "", "", "", "", "-", "+", "--", "+-", " ", "0", "00000", "0x", "\n" };
	static char text[160];

	switch (rand() % 8) {
	case 0:
		snprintf(text, sizeof(text), "%s%s", words[rand() % ARRAY_SIZE(words)], ends[rand() % ARRAY_SIZE(ends)]);
		break;
	case 1: {
		int choice = rand() % ARRAY_SIZE(choices);

		snprintf(text, sizeof(text), "%s%s", choices[choice].words[rand() % choices[choice].count],
			 ends[rand() % ARRAY_SIZE(ends)]);
		break;
	}
	case 2:
		snprintf(text, sizeof(text), "%d", rand() % 5000);
		break;
	case 3: {
		size_t length = 1 + rand() % 20;

		for (size_t i = 0; i < length; i++)
			text[i] = 1 + rand() % 255;
		text[length] = '\0';
		break;
	}
	default:
		snprintf(text, sizeof(text), "%s%s%s", starts[rand() % ARRAY_SIZE(starts)],
			 numbers[rand() % ARRAY_SIZE(numbers)], ends[rand() % ARRAY_SIZE(ends)]);
	}
	return text;
}

static bool reads_as_modelled(int file)
{
	char text[128], expected[128];

	if (file == RESET)
		return true;
	ticker_text(files[file].name, text, sizeof(text));
	snprintf(expected, sizeof(expected), "%lld", files[file].value);
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (file == choices[i].file)
			snprintf(expected, sizeof(expected), "%s", choices[i].shown[files[file].value]);
	return !strcmp(text, expected);
}

static void print_difference(const char *what, int file, const char *text, int err, int expected)
{
	char shown[1024], *at = shown;

	for (; *text; text++)
		at += sprintf(at, *text > ' ' && *text < 127 ? "%c" : "\\x%02x", (unsigned char)*text);
	*at = '\0';
	note("%s: %s < \"%s\" returned %s, expected %s", what, files[file].name, shown, strerror(err), strerror(expected));
}

static void run_fuzz(void)
{
	unsigned int writes = effort(20000), accepted = 0, wrong = 0, seed = random_seed();

	srand(seed);
	note("seed %u", seed);
	setup("enabled=1 period_ms=1000");
	for (unsigned int i = 0; i < writes; i++) {
		int file = rand() % FILES, other = rand() % FILES, err, expected;
		const char *text = any_text();
		long long value = 0;

		expected = model_write(file, text, &value);
		/* Which other lists are valid depends on the machine. */
		if (file == CPUS && expected && strspn(text, "0123456789,-"))
			continue;
		err = ticker_write(files[file].name, text);
		if (!err && !expected) {
			files[file].value = value;
			accepted++;
		}
		if (err != expected) {
			print_difference("errno", file, text, err, expected);
			wrong++;
		} else if (!reads_as_modelled(file) || !reads_as_modelled(other)) {
			print_difference("value read afterwards", file, text, err, expected);
			wrong++;
		}
		if (wrong > 10)
			break;
	}
	check(!wrong && accepted > writes / 40,
	      "every write has the result of the model: %u of %u accepted, %u wrong", accepted, writes, wrong);
}

const struct ktest test_fuzz = { "fuzz", run_fuzz, .timeout_s = 900 };
