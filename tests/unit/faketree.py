# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures for sched-tick(8) on the host: the tool, built with sanitizers, and a tree of files that looks like sysfs."""

import collections
import functools
import os
import re
import subprocess

import pytest

from conftest import TOP

BUCKETS = 26
LATE = {2: 85990, 3: 398, 8: 10, 15: 2}
TIMER_LATE = {0: 86399, 4: 1}
LATE_NS = (5000000, 300000000, 0, 1750000)
LONG_NAME = "a.name-of_32.characters.is.long1"


@functools.cache
def build(top):
    """Build the tool below a directory. Each module of tests has a fixture of its own; this runs once for all of them."""
    directory = top / "tool"
    subprocess.run(["make", "--silent", "-C", str(TOP / "tools"), f"BUILD={directory}",
                    "CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"], check=True)
    return directory / "sched-tick"


@pytest.fixture(scope="session", name="tool")
def _tool(tmp_path_factory):
    return build(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session", name="shim")
def _shim(tmp_path_factory):
    """The environment of a tool whose poll() returns at once and whose write() can be refused."""
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, TOP / "tests" / "unit" / "shim.c"], check=True)
    return {"PATH": os.environ["PATH"], "LD_PRELOAD": str(library), "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}


def row(counts):
    """A histogram."""
    return [counts.get(bucket, 0) for bucket in range(BUCKETS)]


def put(directory, late=None, timer_late=None, ticking=None, percpu=None, **settings):
    """Write the files of a ticker that ticks on a number of CPUs, and of CPUs ({number: settings})."""
    values = {"enabled": 1, "period_ms": 1000, "counter": 86400, "missed": 2, "stalls": 1, "timer": "[hrtimer] wheel",
              "clock": "[monotonic] boottime realtime", "phase_ms": -1, "cpus": "any", "cpus_effective": "",
              "queue": "[highpri] normal unbound bh", "notify": 0, "stall_ms": 0} | settings
    line = stat_line(values, late, timer_late, values["enabled"] if ticking is None else ticking)
    directory.mkdir(parents=True, exist_ok=True)
    for name, value in (values | {"stat": line}).items():
        (directory / name).write_text(f"{value}\n", encoding="ascii")
    for cpu, counts in (percpu or {}).items():
        (directory / "percpu").mkdir(exist_ok=True)
        (directory / "percpu" / str(cpu)).write_text(stat_line(values | counts, counts.get("late"), None, counts.get("ticking", 1)) + "\n", encoding="ascii")


def stat_line(values, late, timer_late, ticking):
    """The line of stat, without its newline."""
    ran = values["counter"] > 0
    late = row((LATE if late is None else late) if ran else {})
    timer_late = row((TIMER_LATE if timer_late is None else timer_late) if ran else {})
    stat = [values[name] for name in ("enabled", "period_ms", "counter", "missed")]
    stat += [4210 * ran, values.get("max_ns", 61234567) * ran, sum(late) * 4500, *late]
    stat += [700 * ran, 19000 * ran, sum(timer_late) * 600, *timer_late, values["stalls"], ticking]
    stat += values.get("late_ns", (0, 0, 0, 0))
    return " ".join(map(str, stat))


def timeless(text):
    """Metrics without the time that an export took, which is the only figure that differs between two exports."""
    return re.sub(r"(?m)^(sched_tick_export_duration_seconds) \d+[.]\d{9}$", r"\1 TIME", text)


def sysfs(tree):
    """The directory of the default ticker."""
    return tree / "sys" / "kernel" / "sched_tick"


def contents(tree):
    """Every file of every ticker, to find what a command changed."""
    return {path: path.read_bytes() for path in sysfs(tree).rglob("*") if path.is_file()}


@pytest.fixture(name="tree")
def _tree(tmp_path):
    put(sysfs(tmp_path))
    put(sysfs(tmp_path) / "tickers" / "backup", period_ms=86400000, counter=0, missed=0, stalls=0, phase_ms=10800000,
        clock="monotonic boottime [realtime]")
    put(sysfs(tmp_path) / "tickers" / LONG_NAME, enabled=0, period_ms=250, missed=0, cpus="0,10", late_ns=LATE_NS, percpu={
        10: {"counter": 400, "stalls": 1, "late": {2: 380, 8: 10, 3: 8, 15: 2}},
        0: {"counter": 86000, "stalls": 0, "late": {2: 85610, 3: 390}, "max_ns": 9876}})
    (tmp_path / "sys" / "kernel" / "config" / "sched_tick").mkdir(parents=True)
    for path, text in (("sys/module/sched_tick/version", "0.1.0"), ("proc/sys/kernel/random/boot_id", "first-boot"),
                       ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(f"{text}\n", encoding="ascii")
    (tmp_path / "run").mkdir()
    return tmp_path


Done = collections.namedtuple("Done", "status out err")


@pytest.fixture(name="run")
def _run(tool, tree):
    def run(*arguments, root=tree, more=None, prefix=(), **options):
        done = subprocess.run([*prefix, tool, *map(str, arguments)], text=True, capture_output=True, check=False, timeout=60,
                              env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(root), "HOME": str(tree / "home")}
                              | (more or {}), **options)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)
    return run
