# SPDX-License-Identifier: GPL-2.0-only
"""The messages of sched-tick(8) about invalid arguments, and its help texts."""

import re

import pytest

from conftest import TOP
from faketree import _run, _tool, _tree, contents  # noqa: F401  pylint: disable=unused-import

COMMANDS = ["list", "show", "create", "set", "delete", "wait", "watch", "check", "stalls", "record", "export", "apply"]
LIST_OPTIONS = "-J, --json, -n, --noheadings, -r, --raw, -o, --output, -h, --help, -V, --version"
COLUMNS = "NAME, ENABLED, PERIOD, CPUS, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER-MEAN, TIMER-P99, TIMER-MAX"
CPU_COLUMNS = "CPU, TICKS, MISSED, STALLS, MEAN, P99, MAX, TIMER-MEAN, TIMER-P99, TIMER-MAX"
STALL_COLUMNS = "TIME, TICKER, CPU, OVERDUE, HOW, CULPRIT, FUNCTION, CONTEXT, COMM, PID"
RECORD = "usage: sched-tick record [options] start|save TICKER [CPU]|list|show [NAME]|stop"
KEYS = "period, phase, timer, clock, cpus, queue, notify, stall, enabled"
NAME = "1 to 32 of A-Z a-z 0-9 _ . -, without a dot in front"
DURATION = "a number and ns, us, ms, s, min, h or d, such as 250ms or 1.5s"
PERIOD = "1ms to 2147483647ms, such as 250ms, 10s or 1h"
BOUNDS = "1, 2 or 5 times a power of ten, from 1us to 100s"

# Arguments, and the one line that names what is wrong and what is valid.
ERRORS = [
    # Commands
    ("no-such-command", f"unknown command 'no-such-command' (valid: {', '.join(COMMANDS)}, help)"),
    ("help no-such-command", f"unknown command 'no-such-command' (valid: {', '.join(COMMANDS)}, help)"),
    # Options
    ("list --no-such-option", f"list: unknown option '--no-such-option' (valid: {LIST_OPTIONS})"),
    ("--no-such-option", f"list: unknown option '--no-such-option' (valid: {LIST_OPTIONS})"),
    ("list -nx", f"list: unknown option '-x' (valid: {LIST_OPTIONS})"),
    ("set default -x", "set: unknown option '-x' (valid: -h, --help, -V, --version)"),
    ("apply --max", "apply: unknown option '--max' (valid: -q, --quiet, -h, --help, -V, --version)"),
    ("show --delay 1s default", "show: unknown option '--delay' (valid: -J, --json, -n, --noheadings, -r, --raw, -o, --output,"
                                " -p, --percpu, --settings, -h, --help, -V, --version)"),
    ("show --output cpu default", "show: option '--output' requires '--percpu'"),
    ("show -n default", "show: option '--noheadings' requires '--percpu'"),
    ("show -p --settings default", "show: options '--percpu' and '--settings' are mutually exclusive"),
    ("list -o", "list: option '--output' requires an argument"),
    ("watch --delay", "watch: option '--delay' requires an argument"),
    ("list --json=yes", "list: option '--json' takes no argument"),
    # Columns
    ("list -o nothing", f"unknown column 'nothing' (valid: {COLUMNS})"),
    ("list -o name,,max", f"unknown column '' (valid: {COLUMNS})"),
    ("watch --output +mean,worst", f"unknown column 'worst' (valid: {COLUMNS})"),
    ("list -o cpu", f"unknown column 'cpu' (valid: {COLUMNS})"),
    ("show -po cpu,cpus default", f"unknown column 'cpus' (valid: {CPU_COLUMNS})"),
    ("list -o " + ",".join(["name"] * 29), "more than 28 columns"),
    ("stalls -o time,stack", f"unknown column 'stack' (valid: {STALL_COLUMNS})"),
    # Numbers
    ("wait -c 0 default", "invalid count '0' (valid: a whole number from 1)"),
    ("wait -c x default", "invalid count 'x' (valid: a whole number from 1)"),
    ("wait -c 18446744073709551616 default", "invalid count '18446744073709551616' (valid: a whole number from 1)"),
    ("watch --count 2x", "invalid count '2x' (valid: a whole number from 1)"),
    # Durations
    ("watch -d 0s", f"invalid duration '0s' for --delay (valid: {DURATION})"),
    ("watch -d 5", f"invalid duration '5' for --delay (valid: {DURATION})"),
    ("check --wait soon", f"invalid duration 'soon' for --wait (valid: {DURATION})"),
    ("check --threshold 3", f"invalid duration '3' for --threshold (valid: {DURATION})"),
    ("check --threshold 3ms", f"invalid threshold '3ms' (valid: {BOUNDS})"),
    *((f"stalls --since {value}", f"invalid time '{value}' for --since (valid: a duration such as 2h, or a date such as '2026-11-28 17:30')")
      for value in ("5", "", "yesterday", "-1h", "2026-11-28x", "2026-13-01", "1900-01-01")),
    # Shares
    ("check --max-missed 5", "invalid share '5' for --max-missed (valid: 0% to 100%)"),
    ("check -l 101%", "invalid share '101%' for --max-late (valid: 0% to 100%)"),
    # Names
    ("show two/words", f"invalid name 'two/words' (valid: {NAME})"),
    ("create .hidden", f"invalid name '.hidden' (valid: {NAME})"),
    ("delete " + "x" * 33, f"invalid name '{'x' * 33}' (valid: {NAME})"),
    ("wait a/b", f"invalid name 'a/b' (valid: {NAME})"),
    ("list default a/b", f"invalid name 'a/b' (valid: {NAME})"),
    ("stalls a/b", f"invalid name 'a/b' (valid: {NAME})"),
    ("check a/b", f"invalid name 'a/b' (valid: {NAME})"),
    # Operands
    ("show", "show: missing NAME (usage: sched-tick show [options] NAME)"),
    ("create", "create: missing NAME (usage: sched-tick create NAME [KEY=VALUE...])"),
    ("set", "set: missing NAME (usage: sched-tick set NAME KEY=VALUE...)"),
    ("set default", "set: missing KEY=VALUE (usage: sched-tick set NAME KEY=VALUE...)"),
    ("delete", "delete: missing NAME (usage: sched-tick delete NAME)"),
    ("wait", "wait: missing NAME (usage: sched-tick wait [options] NAME [-- COMMAND [ARGUMENT...]])"),
    ("show a b", "show: unexpected operand 'b' (usage: sched-tick show [options] NAME)"),
    ("delete a b", "delete: unexpected operand 'b' (usage: sched-tick delete NAME)"),
    ("export more", "export: unexpected operand 'more' (usage: sched-tick export [options])"),
    ("export --file=", "invalid file name '' (valid: 1 to 4095 bytes)"),
    ("record", f"record: missing ACTION ({RECORD})"),
    ("record save", f"record: missing NAME ({RECORD})"),
    ("record start now", f"record: unexpected operand 'now' ({RECORD})"),
    ("record save default 1 2", f"record: unexpected operand '2' ({RECORD})"),
    ("record save a/b", f"invalid name 'a/b' (valid: {NAME})"),
    ("record save default x", "invalid CPU 'x' (valid: a whole number)"),
    ("record save default 123456", "invalid CPU '123456' (valid: a whole number)"),
    ("record resume", "unknown action 'resume' (valid: start, save, list, show, stop)"),
    ("record start --buffer-kb 0", "invalid count '0' (valid: a whole number from 1)"),
    ("record stop --buffer-kb 64", "record: option '--buffer-kb' requires 'start'"),
    ("record show --json", "record: option '--json' requires 'list'"),
    ("record show -n", "record: option '--noheadings' requires 'list'"),
    ("record list -o size,ticks", "unknown column 'ticks' (valid: NAME, OVERDUE, CONTEXT, COMM, PID, FUNCTION, TICKER, CPU, SIZE)"),
    ("record list -o " + ",".join(["name"] * 29), "more than 28 columns"),
    # Settings
    ("set default perod=1s", f"unknown setting 'perod' (valid: {KEYS})"),
    ("create x period_ms=5", f"unknown setting 'period_ms' (valid: {KEYS})"),
    ("set default period", f"invalid setting 'period' (valid: KEY=VALUE; keys: {KEYS})"),
    ("set default =1", f"invalid setting '=1' (valid: KEY=VALUE; keys: {KEYS})"),
    *((f"set default period={value}", f"invalid period '{value}' (valid: {PERIOD})")
      for value in ("0", "1", "1us", "", "30d", "1e3s", "-1", "1.0005s")),
    ("set default stall=-1ms", "invalid stall '-1ms' (valid: off, or 1ms to 2147483647ms, such as 500ms or 10s)"),
    ("set default phase=-2", "invalid phase '-2' (valid: none, or 0 to 2147483647ms, such as 250ms or 3h)"),
    ("set default enabled=maybe", "invalid enabled 'maybe' (valid: yes, no)"),
    ("set default clock=tai", "invalid clock 'tai' (valid: monotonic, boottime, realtime)"),
    ("set default clock=mono", "invalid clock 'mono' (valid: monotonic, boottime, realtime)"),
    ("set default timer=", "invalid timer '' (valid: hrtimer, wheel)"),
    *((f"set default {key}=0", f"unknown setting '{key}' (valid: {KEYS})") for key in ("cpu", "cpus_effective", "queues")),
    *((f"set default cpus={value}", f"invalid cpus '{value}' (valid: any, all, housekeeping, or a list such as 0,2-5)")
      for value in ("", "-1", "x", "ALL", "none", ",", "0,", ",0", "0,,1", "0-", "-", "0--1", "0-1-2", "0:1", "0x1", "0-8:2/4", "N", "1.5",
                    "any,0", "0,all", "[any]", "+1", "0\t", "0\n")),
    ("set default cpus=" + "1," * 2048 + "1", f"invalid cpus '{'1,' * 16}' (valid: any, all, housekeeping, or a list such as 0,2-5)"),
    *((f"set default queue={value}", f"invalid queue '{value}' (valid: highpri, normal, unbound, bh)")
      for value in ("", "high", "highpri,normal", "BH", "[normal]")),
    ("set default phase=2d period=1d", "invalid phase '2d' (valid: less than the period, 1d)"),
]


@pytest.mark.parametrize("arguments,message", ERRORS, ids=[arguments for arguments, _ in ERRORS])
def test_usage_error(run, tree, arguments, message):
    """A usage error prints one line, exits with status 2 and writes nothing."""
    before = contents(tree)
    assert run(*arguments.split(" ")) == (2, "", f"sched-tick: {message}\n")
    assert before == contents(tree)


@pytest.mark.parametrize("arguments", [("show", "two words"), ("create", "two words"), ("",)], ids=str)
def test_words_with_blanks(run, arguments):
    """A word with blanks is named as a whole."""
    done = run(*arguments)
    assert done.status == 2 and f"'{arguments[-1]}'" in done.err


def test_an_error_comes_before_a_change(run, tree):
    """A valid setting in front of an invalid one is not written."""
    before = contents(tree)
    assert run("set", "default", "notify=yes", "clock=tai").status == 2
    assert before == contents(tree)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(run, command):
    """--help, -h and help print the same to stdout, in the form of util-linux."""
    done = run(command, "--help")
    assert done.status == 0 and not done.err
    assert done.out.startswith(f"\nUsage:\n sched-tick {command} ")
    assert done.out.endswith("\nFor more details see sched-tick(8).\n")
    assert done == run(command, "-h") == run("help", command)
    assert run(command, "operand", "-h") == done


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], *([command, "--version"] for command in COMMANDS)], ids=" ".join)
def test_version(run, arguments):
    """--version works alone and after each command."""
    version = re.search(r'PACKAGE_VERSION="(.*)"', (TOP / "dkms.conf").read_text("ascii"))[1]
    assert run(*arguments) == (0, f"sched-tick {version}\n", "")


def test_help_of_the_program(run):
    """help, --help and -h print the same, and name every command."""
    done = run("help")
    assert done == run("--help") == run("-h") and done.status == 0
    assert re.findall(r"^ ([a-z]+) ", done.out.split("Commands:")[1].split("Options:")[0], re.MULTILINE) == [*COMMANDS, "help"]


@pytest.fixture(name="options")
def _options(run):
    """The options of each command: letter (or nothing) and long name, from the help texts."""
    return {command: re.findall(r"^ (?:-(\w), |    )--([\w-]+)", run(command, "--help").out, re.MULTILINE) for command in COMMANDS}


def test_a_letter_means_the_same_everywhere(options):
    """One letter is one long option, in every command; and sched-tick(8) has a table of them."""
    meanings = {letter + name: (letter, name) for found in options.values() for letter, name in found if letter}
    letters = sorted(letter for letter, _ in meanings.values())
    assert letters == sorted(set(letters)) and len(letters) > 10
    page = (TOP / "tools" / "sched-tick.8").read_text("utf-8")
    table = page[page.index(".SS Letters"):]
    table = table[table.index(".TS"):table.index(".TE")].replace("\\", "")
    rows = re.findall(r"^-(\w)\|--([\w-]+)\|(.*)$", table, re.MULTILINE)
    found = {(letter, name): [command for command in COMMANDS if (letter, name) in options[command]]
             for letter, name in meanings.values()}
    assert {(letter, name): commands.split(", ") for letter, name, commands in rows} == \
        {key: ["all"] if len(commands) == len(COMMANDS) else commands for key, commands in found.items()}


def test_the_man_page_has_every_option(options):
    """sched-tick(8) describes the options that the help texts describe, and no other."""
    page = (TOP / "tools" / "sched-tick.8").read_text("utf-8").replace("\\-", "-")
    for command, found in options.items():
        section = re.split(r"^\.S[HS] ", page.split(f"\n.SS {command}\n")[1], flags=re.MULTILINE)[0]
        described = set(re.findall(r"--([a-z-]+)", "\n".join(line for line in section.splitlines() if line.startswith((".BR -", ".B -")))))
        assert described == {name for _, name in found} - {"help", "version"}, command


def test_the_man_page_has_every_column(run):
    """sched-tick(8) describes the columns as the help texts do."""
    page = (TOP / "tools" / "sched-tick.8").read_text("utf-8").replace("\\-", "-")
    table = page[page.index(".SH OUTPUT COLUMNS"):]
    described = re.findall(r"^([A-Z0-9-]+)\|[a-z0-9_]+\|(.*)$", table[:table.index(".TE")], re.MULTILINE)
    for command, names in (("list", COLUMNS), ("watch", COLUMNS), ("show", CPU_COLUMNS), ("stalls", STALL_COLUMNS)):
        columns = re.findall(r"^ +([A-Z0-9-]+)  (.*)$", run(command, "--help").out.split("Available output columns")[1], re.MULTILINE)
        assert [name for name, _ in columns] == names.split(", ")
        assert [column for column in described if column in columns] == columns
    assert {name for name, _ in described} == set(f"{COLUMNS}, {CPU_COLUMNS}, {STALL_COLUMNS}".split(", "))
    table = page[page.index(".SH COLUMNS OF RECORD"):]
    described = re.findall(r"^([A-Z0-9-]+)\|[a-z0-9_]+\|(.*)$", table[:table.index(".TE")], re.MULTILINE)
    assert described == re.findall(r"^ +([A-Z0-9-]+)  (.*)$", run("record", "--help").out.split("Available output columns")[1], re.MULTILINE)
