# SPDX-License-Identifier: GPL-2.0-only
"""The module on real kernels: it builds without a word, does what it says, and the log stays silent."""

import re

import pytest

import vm
from conftest import REFERENCE, TOP

# No "trace" on two CPUs: enabling a tracepoint patches the kernel's text under the other one, and QEMU 7.2's
# threads may run the old instruction for ever (seen: CPU 1 looping in int3 of a call patched long before).
RACES = ["files", "params", "input", "modes", "users", "ticks", "settings", "stop", "poll", "clock", "hotplug",
         "unload", "cycles"]
SLEEP = ["suspend"]
VIRTUAL = ["ticks", "punctual", "settings", "poll", "trace", "clock"]
LONG = ["ten_minutes", "day"]

RUNS = [("races", RACES), ("sleep", SLEEP), ("virtual", VIRTUAL)]

WORRYING = re.compile(r"warning|error|Section mismatch|missing MODULE_|modpost:", re.IGNORECASE)
# BTF for modules needs a vmlinux that no distribution's headers have.
HARMLESS = re.compile(r"Skipping BTF generation")


def warnings_of(log):
    """The lines of a build that should not be there."""
    return [line for line in log.splitlines() if WORRYING.search(line) and not HARMLESS.search(line)]


def test_builds_without_a_warning(kernel):
    """W=1, modpost, section mismatch."""
    log = vm.build_log(kernel)
    assert "ticker.o" in log
    assert not warnings_of(log)


def test_sparse_is_silent(kernel):
    """C=2, with every sparse warning an error."""
    log = vm.build_log(kernel, vm.SPARSE)
    assert "CHECK" in log
    assert not warnings_of(log)


def check_case(result, name):
    """One in-machine test of a boot: it ran, it passed, nothing died."""
    cases, planned = vm.parse_ktap(result.report)
    assert planned, result.explain()
    assert name in cases, result.explain()
    case = cases[name]
    assert case.passed, "\n".join(line for line in case.lines if not line.lstrip().startswith("ok"))
    if case.skipped:
        pytest.skip(case.lines[-1])


@pytest.mark.parametrize("mode,name", [(mode, name) for mode, names in RUNS for name in names])
def test_in_machine(kernel, mode, name, boots):
    """One test of tests/kernel."""
    check_case(boots(kernel, mode, dict(RUNS)[mode]), name)


@pytest.mark.parametrize("mode", [mode for mode, _ in RUNS])
def test_ends_well_and_log_is_silent(kernel, mode, boots):
    """The guest gave its word at the end, and the kernel had nothing to complain about."""
    result = boots(kernel, mode, dict(RUNS)[mode])
    assert "sched_tick-test: begin" in result.console, "the log does not know what was run"
    assert result.green, result.explain()


def test_a_bad_parameter_is_one_line_in_the_log(kernel, boots):
    """And every bad one in the table of tests/kernel/files.c has it."""
    table = (TOP / "tests" / "kernel" / "files.c").read_text("ascii")
    said = re.findall(r"sched_tick: `.*' invalid for parameter `(?:period_ms|enabled)'",
                      boots(kernel, "races", RACES).console)
    assert len(said) == len(re.findall(r'^\t\{ ".*", EINVAL \},$', table, re.MULTILINE)) > 0


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", LONG)
def test_long_timelines(name, boots):
    """A simulated day at 1 s, ten minutes at 1 ms."""
    check_case(boots(REFERENCE, "virtual", LONG), name)


@pytest.mark.scope("test")
def test_long_timelines_end_well(boots):
    """The same word for the long ones."""
    result = boots(REFERENCE, "virtual", LONG)
    assert result.green, result.explain()
