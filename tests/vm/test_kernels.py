# SPDX-License-Identifier: GPL-2.0-only
"""The module on real kernels: it builds without a word, does what it says, and the log stays silent."""

import re
import typing

import pytest

import vm
from conftest import REFERENCE, TOP, effort


class Run(typing.NamedTuple):
    """Tests of tests/kernel that share a boot."""
    mode: str
    tests: tuple
    ticker: str = None      # whom tests of a ticker are about; None: the default one
    share: int = 5          # so much of the long tests is done in `make test`, in per cent,
    reference_share: int = None     # and on the reference kernel, if not the same
    options: str = ""       # more of the kernel's command line


# What is true of any ticker, and what the module does as a whole.
TICKER = ("files", "input", "modes", "users", "ticks", "settings", "stop", "instants", "poll", "clock", "hotplug", "unload",
          "cycles", "fuzz")
MODULE = ("params", "group", "names", "limits", "rmdir", "wakeups", "events", "stalls_seen", "stall_ended", "placed", "wheel_placed",
          "subscribe", "cache")
TICKER_IN_TIME = ("ticks", "punctual", "settings", "poll", "trace", "clock")
MODULE_IN_TIME = ("wakeups", "stalls", "subscribe", "killed", "unsubscribed", "clock_steps", "log_shared")

# No "trace" on two CPUs: enabling a tracepoint patches the kernel's text under the other one, and QEMU 7.2's
# threads may run the old instruction for ever (seen: CPU 1 looping in int3 of a call patched long before).
# The named ticker is called as one of our own files is.
RUNS = {
    "races": Run("races", TICKER + MODULE, reference_share=10),
    "sleep": Run("sleep", ("suspend",)),
    "virtual": Run("virtual", TICKER_IN_TIME + MODULE_IN_TIME, reference_share=20),
    "named-races": Run("races", TICKER, "counter"),
    "named-sleep": Run("sleep", ("suspend",), "counter"),
    "named-virtual": Run("virtual", TICKER_IN_TIME, "counter"),
    "torture": Run("races", ("torture",)),
}
# CPU 1 is isolated in each way there is; and what one user may take from others.
ISOLATED = Run("races", ("isolated",), options="isolcpus=nohz,domain,managed_irq,1 nohz_full=1")
GUARDS = Run("virtual", ("storm", "pollers", "rates"))
SOAK = Run("virtual", ("ten_minutes", "soak"))
LONG = Run("virtual", ("day", "thousand", "ten_thousand", "quiet_hour"))

WORRYING = re.compile(r"warning|error|Section mismatch|missing MODULE_|modpost:", re.IGNORECASE)
# BTF for modules needs a vmlinux that no distribution's headers have; clang counts what it said.
HARMLESS = re.compile(r"Skipping BTF generation|^\d+ warnings? generated\.$")


def warnings_of(log):
    """The lines of a build that should not be there."""
    return [line for line in log.splitlines() if WORRYING.search(line) and not HARMLESS.search(line)]


def warnings_of_ours(log):
    """Those that are not about the kernel's own headers."""
    return [line for line in warnings_of(log) if "linux-headers" not in line and not line.startswith(" ")]


def test_builds_without_a_warning(kernel):
    """W=1, modpost, section mismatch."""
    log = vm.build_log(kernel)
    assert "ticker.o" in log and "kunit" not in log
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


def in_scope(run, *values):
    """What the fast loop leaves out: the same once more for a named ticker."""
    return pytest.param(run, *values, marks=[pytest.mark.scope("test")] if RUNS[run].ticker else [])


@pytest.mark.parametrize("run,name", [in_scope(run, name) for run, what in RUNS.items() for name in what.tests])
def test_in_machine(kernel, run, name, boots):
    """One test of tests/kernel."""
    check_case(boots(kernel, RUNS[run]), name)


@pytest.mark.parametrize("run", [in_scope(run) for run in RUNS])
def test_ends_well_and_log_is_silent(kernel, run, boots):
    """The guest gave its word at the end, and the kernel had nothing to complain about."""
    result = boots(kernel, RUNS[run])
    assert result.green, result.explain()
    assert "sched_tick-test: begin" in result.console, "the log does not know what was run"


def test_a_bad_parameter_is_one_line_in_the_log(kernel, boots):
    """And every bad one in the table of tests/kernel/files.c has it."""
    table = (TOP / "tests" / "kernel" / "files.c").read_text("ascii")
    said = re.findall(r"sched_tick: `.*' invalid for parameter `(?:period_ms|enabled|max_tickers|max_rate|gid)'",
                      boots(kernel, RUNS["races"]).console)
    assert len(said) == len(re.findall(r'^\t\{ ".*", EINVAL \},$', table, re.MULTILINE)) > 0


ACCESS = {"RO": "444", "RW": "644", "WO": "200"}


def test_abi_text_and_files_agree(kernel, boots):
    """No file without a text, no text without a file, and the modes as the text says."""
    text = (TOP / "docs" / "ABI" / "sysfs-kernel-sched_tick").read_text("utf-8")
    documented = {}
    for entry in re.split(r"^What:", text, flags=re.MULTILINE)[1:]:
        access = re.search(r"Description:\t\((\w\w)\)", entry)
        if access:
            for name in re.findall(r"/sys/kernel/sched_tick/(\S+)$", entry, re.MULTILINE):
                documented[name] = ACCESS[access.group(1)]
    cases, _ = vm.parse_ktap(boots(kernel, RUNS["races"]).report)
    lines = "\n".join(cases["files"].lines)
    assert "ok" in lines and documented == dict(re.findall(r" ok \d+ (\S+) has mode \d+, is (\d+)$", lines, re.MULTILINE))


def test_builds_without_a_doubt():
    """W=2, of which the kernel's own headers draw a lot."""
    log = vm.build_log(REFERENCE, vm.WARNINGS.replace("W=1", "W=12"))
    assert "ticker.o" in log and "-Wtype-limits" in log
    assert not warnings_of_ours(log)


def test_modules_that_use_ours_build_without_a_warning(kernel, once):
    """Against our exported symbols, as docs/subscribe.md says."""
    files, log = once(vm.build_others, kernel)
    assert set(files) == {"tick_cache.ko", "tick_subscriber.ko", "tick_hog.ko", "tick_crowd.ko"}
    assert not warnings_of(log)


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", LONG.tests)
def test_long_timelines(name, boots):
    """A simulated day at 1 s, a thousand tickers, ten thousand, an hour without an event."""
    check_case(boots(REFERENCE, LONG), name)


@pytest.mark.scope("test")
def test_long_timelines_end_well(boots):
    """The same word for the long ones."""
    result = boots(REFERENCE, LONG)
    assert result.green, result.explain()


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", GUARDS.tests + ISOLATED.tests)
def test_what_is_kept_from_others(name, boots):
    """Many stalls, many pollers, the group's worst, and isolated CPUs."""
    run = ISOLATED if name in ISOLATED.tests else GUARDS
    result = boots(REFERENCE, run)
    check_case(result, name)
    assert result.green, result.explain()


@pytest.mark.scope("long")
def test_soak(boots):
    """Ten minutes at 1 ms to the tick; a million ticks, thirty days."""
    result = boots(REFERENCE, SOAK)
    for name in SOAK.tests:
        check_case(result, name)
    assert result.green, result.explain()


@pytest.mark.scope("long")
@pytest.mark.parametrize("model", ["none", "voluntary", "full"])
def test_models_of_preemption(model, boots):
    """Debian's kernel can be told which."""
    result = boots(REFERENCE, RUNS["races"]._replace(options=f"preempt={model}"))
    assert result.green, result.explain()


@pytest.mark.scope("long")
@pytest.mark.parametrize("series", [REFERENCE, "7.3"])
@pytest.mark.parametrize("run", ["races", "virtual"])
def test_built_by_clang(series, run, pytestconfig):
    """Debian's kernel by gcc, the module by clang."""
    files, log = vm.build_clang(f"{series}-clang")
    assert "ticker.o" in log and [line for line in warnings_of_ours(log) if "objtool" not in line] == []
    run = RUNS[run]
    job = f"export SCHED_TICK_EFFORT={effort(pytestconfig, 10)}\n/ktest {' '.join(run.tests)}\n"
    result = vm.Machine(f"{series}-clang", run.mode, files["sched_tick.ko"], files).boot(job, timeout=3600)
    assert result.green, result.explain()
