# SPDX-License-Identifier: GPL-2.0-only
"""The module on real kernels: it builds without a warning, in-machine tests pass, and the kernel log has no warning."""

import re
import typing

import pytest

import vm
from conftest import REFERENCE, TOP, effort


class Run(typing.NamedTuple):
    """In-machine tests (tests/kernel) that share a boot."""
    mode: str
    tests: tuple
    ticker: str = None      # ticker under test; None: the default one
    share: int = 5          # share of the long tests in `make test`, in per cent
    reference_share: int = None     # on the reference kernel, if different
    options: str = ""       # added to the kernel's command line


# Tests of one ticker, and tests of the whole module.
TICKER = ("files", "input", "modes", "users", "ticks", "settings", "stop", "instants", "poll", "clock", "hotplug", "unload",
          "cycles", "fuzz")
MODULE = ("params", "gid", "names", "limits", "rmdir", "wakeups", "events", "stalls_seen", "stall_ended", "placed", "wheel_placed",
          "subscribe", "cache")
TICKER_IN_TIME = ("ticks", "mean_lateness", "settings", "poll", "trace", "clock")
MODULE_IN_TIME = ("wakeups", "stalls", "subscribe", "killed", "unsubscribed", "clock_steps", "log_shared", "queues")

# No "trace" on two CPUs: enabling a tracepoint patches the kernel's text under the other one, and QEMU 7.2's
# threads may run the old instruction for ever (seen: CPU 1 looping in int3 of a call patched long before).
# The named ticker has the name of a file of a ticker, which must not clash.
RUNS = {
    "races": Run("races", TICKER + MODULE, reference_share=10),
    "sleep": Run("sleep", ("suspend",)),
    "virtual": Run("virtual", TICKER_IN_TIME + MODULE_IN_TIME, reference_share=20),
    "named-races": Run("races", TICKER, "counter"),
    "named-sleep": Run("sleep", ("suspend",), "counter"),
    "named-virtual": Run("virtual", TICKER_IN_TIME, "counter"),
    "torture": Run("races", ("torture",)),
    "cpus": Run("races-4", ("cpus", "cpus_throughput", "cpus_input", "cpus_hotplug", "cpus_suspend", "cpus_subscribed",
                             "unbound", "late_start", "culprit", "culprit_blocked", "culprit_freed", "culprit_comm", "culprit_many"),
                options="cpu0_hotplug"),
}
# CPU 3 isolated by every option; and limits on what one user can take from others.
ISOLATED = Run("races-4", ("isolated", "isolated_cpus"), options="isolcpus=nohz,domain,managed_irq,3 nohz_full=3")
GUARDS = Run("virtual", ("storm", "pollers", "rates", "max_rate", "culprit_traced", "culprit_cost", "late_ns"))
SOAK = Run("virtual", ("ten_minutes", "soak"))
LONG = Run("virtual", ("day", "thousand", "ten_thousand", "quiet_hour"))

WORRYING = re.compile(r"warning|error|Section mismatch|missing MODULE_|modpost:", re.IGNORECASE)
# BTF for modules needs a vmlinux that no distribution's headers have; clang prints the number of its warnings.
HARMLESS = re.compile(r"Skipping BTF generation|^\d+ warnings? generated\.$")


def warnings_of(log):
    """Return the warnings in the output of a build."""
    return [line for line in log.splitlines() if WORRYING.search(line) and not HARMLESS.search(line)]


def warnings_of_ours(log):
    """Return the warnings that are not about the kernel's own headers."""
    return [line for line in warnings_of(log) if "linux-headers" not in line and not line.startswith(" ")]


def test_builds_without_a_warning(kernel):
    """The module builds with W=1 without a warning of the compiler or modpost."""
    log = vm.build_log(kernel)
    assert "ticker.o" in log and "kunit" not in log
    assert not warnings_of(log)


def test_sparse_is_silent(kernel):
    """sparse (C=2) has no warning."""
    log = vm.build_log(kernel, vm.SPARSE)
    assert "CHECK" in log
    assert not warnings_of(log)


def check_case(result, name):
    """Assert that an in-machine test of a boot ran and passed."""
    cases, planned = vm.parse_ktap(result.report)
    assert planned, result.explain()
    assert name in cases, result.explain()
    case = cases[name]
    assert case.passed, "\n".join(line for line in case.lines if not line.lstrip().startswith("ok"))
    if case.skipped:
        pytest.skip(case.lines[-1])


def in_scope(run, *values):
    """Return a parameter; runs with a named ticker are not in `make check`."""
    return pytest.param(run, *values, marks=[pytest.mark.scope("test")] if RUNS[run].ticker else [])


@pytest.mark.parametrize("run,name", [in_scope(run, name) for run, what in RUNS.items() for name in what.tests])
def test_in_machine(kernel, run, name, boots):
    """One in-machine test passes."""
    check_case(boots(kernel, RUNS[run]), name)


@pytest.mark.parametrize("run", [in_scope(run) for run in RUNS])
def test_run_passes_without_a_warning(kernel, run, boots):
    """The guest prints the verdict "pass", and the kernel log has no warning."""
    result = boots(kernel, RUNS[run])
    assert result.green, result.explain()
    assert "sched_tick-test: begin" in result.console, "the kernel log does not contain the names of the tests"


def test_cpu_0_goes_offline(kernel, boots):
    """CPU 0 goes offline and comes online on the kernels that can do it."""
    report = boots(kernel, RUNS["cpus"]).report
    assert bool(re.search(r"^ +ok \d+ CPU 0 went and came", report, re.MULTILINE)) == (kernel.split("-")[0] in ("5.10", "6.1"))


def test_a_bad_parameter_is_one_line_in_the_log(kernel, boots):
    """Each invalid parameter in the table of tests/kernel/files.c is one line in the kernel log."""
    table = (TOP / "tests" / "kernel" / "files.c").read_text("ascii")
    lines = re.findall(r"sched_tick: `.*' invalid for parameter `(?:period_ms|enabled|max_tickers|max_rate|gid)'",
                       boots(kernel, RUNS["races"]).console)
    assert len(lines) == len(re.findall(r'^\t\{ ".*", EINVAL \},$', table, re.MULTILINE)) > 0


ACCESS = {"RO": "444", "RW": "644", "WO": "200"}


def test_abi_text_and_files_agree(kernel, boots):
    """docs/ABI documents every file, no other file, and its mode."""
    text = (TOP / "docs" / "ABI" / "sysfs-kernel-sched_tick").read_text("utf-8")
    documented = {}
    for entry in re.split(r"^What:", text, flags=re.MULTILINE)[1:]:
        access = re.search(r"Description:\t\((\w\w)\)", entry)
        if access:
            for name in re.findall(r"/sys/kernel/sched_tick/(\S+)$", entry, re.MULTILINE):
                documented[name] = "400" if "for root alone" in entry else ACCESS[access.group(1)]
    cases, _ = vm.parse_ktap(boots(kernel, RUNS["races"]).report)
    lines = "\n".join(cases["files"].lines)
    assert "ok" in lines and documented == dict(re.findall(r" ok \d+ (\S+) has mode \d+, is (\d+)$", lines, re.MULTILINE))


def test_builds_with_w12_without_a_warning():
    """W=12 has no warning except in the kernel's own headers."""
    log = vm.build_log(REFERENCE, vm.WARNINGS.replace("W=1", "W=12"))
    assert "ticker.o" in log and "-Wtype-limits" in log
    assert not warnings_of_ours(log)


def test_subscribing_modules_build_without_a_warning(kernel, once):
    """Modules that use the exported symbols build as docs/subscribe.md says."""
    files, log = once(vm.build_others, kernel)
    assert set(files) == {"tick_cache.ko", "tick_subscriber.ko", "tick_hog.ko", "tick_crowd.ko"}
    assert not warnings_of(log)


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", LONG.tests)
def test_long_timelines(name, boots):
    """A simulated day at 1 s, a thousand tickers, ten thousand tickers, and an hour without an event."""
    check_case(boots(REFERENCE, LONG), name)


@pytest.mark.scope("test")
def test_long_timelines_pass_without_a_warning(boots):
    """The guest of the long tests prints the verdict "pass", and the kernel log has no warning."""
    result = boots(REFERENCE, LONG)
    assert result.green, result.explain()


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", GUARDS.tests + ISOLATED.tests)
def test_limits_on_users(name, boots):
    """Many stalls, many pollers and high rates of the group do not disturb others; tickers avoid isolated CPUs;
    a stall's trace event names the culprit, and its report takes at most 50 us; each kind of hog is in its counter of late_ns."""
    run = ISOLATED if name in ISOLATED.tests else GUARDS
    result = boots(REFERENCE, run)
    check_case(result, name)
    assert result.green, result.explain()


@pytest.mark.scope("long")
def test_soak(boots):
    """Ten minutes at 1 ms, a million ticks at 1 ms, and thirty days at 1 s: no tick is missed."""
    result = boots(REFERENCE, SOAK)
    for name in SOAK.tests:
        check_case(result, name)
    assert result.green, result.explain()


@pytest.mark.scope("long")
@pytest.mark.parametrize("model", ["none", "voluntary", "full"])
def test_preemption_models(model, boots):
    """The races run passes with each preemption model, which Debian's kernel takes on its command line."""
    result = boots(REFERENCE, RUNS["races"]._replace(options=f"preempt={model}"))
    assert result.green, result.explain()


@pytest.mark.scope("long")
@pytest.mark.parametrize("series", [REFERENCE, "7.3"])
@pytest.mark.parametrize("run", ["races", "virtual"])
def test_built_by_clang(series, run, pytestconfig):
    """A module built by clang works in a kernel built by gcc."""
    files, log = vm.build_clang(f"{series}-clang")
    assert "ticker.o" in log and [line for line in warnings_of_ours(log) if "objtool" not in line] == []
    run = RUNS[run]
    job = f"export SCHED_TICK_EFFORT={effort(pytestconfig, 10)}\n/ktest {' '.join(run.tests)}\n"
    result = vm.Machine(f"{series}-clang", run.mode, files["sched_tick.ko"], files).boot(job, timeout=3600)
    assert result.green, result.explain()
