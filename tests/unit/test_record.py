# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick record on the host: what is saved, kept and removed, with a fake libtracefs."""

import json
import os
import re
import signal
import stat
import subprocess
import time

import pytest

from conftest import TOP
from faketree import _run, _tool, _tree, sysfs  # noqa: F401  pylint: disable=unused-import

UNIT = TOP / "tests" / "unit"
LAST_STALL = "ticker default\ncpu 3\ndeadline 500\noverdue_ns 512000000\ncontext task\ncomm hog\npid 71\nfunction spin+0x4/0x8 [hog]\n"
TRACE = "# tracer: nop\n" + "".join(f" idle-0 [003] {number}: sched_switch\n" for number in range(100)) + "hog-71 [003]: sched_tick_stall\n"
PROC = {"version": "Linux 6.1\n", "interrupts": "0: 5\n", "softirqs": "TIMER: 5\n", "schedstat": "version 15\n", "pressure/cpu": "some 0\n",
        "pressure/io": "some 0\n", "pressure/memory": "some 0\n"}
NAME = r"\d{8}T\d{6}\.\d{3}Z-default-3"
MIB = 1 << 20


@pytest.fixture(scope="session", name="library")
def _library(tmp_path_factory):
    """The environment of a tool that finds the fake libtracefs."""
    directory = tmp_path_factory.mktemp("tracefs")
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", directory / "libtracefs.so.1",
                    UNIT / "faketracefs.c"], check=True)
    return {"LD_LIBRARY_PATH": str(directory), "ASAN_OPTIONS": "detect_leaks=0"}


class Machine:
    """A tree with tracefs, /proc and a stall."""

    def __init__(self, run, tree, environment):
        self._run, self.tree, self.environment = run, tree, environment
        self.tracefs = tree / "sys" / "kernel" / "tracing"
        self.instance = self.tracefs / "instances" / "sched_tick"
        self.saved = tree / "var" / "lib" / "sched-tick" / "stalls"
        (self.tracefs / "instances").mkdir(parents=True)
        (tree / "var" / "lib").mkdir(parents=True)
        for name, text in PROC.items():
            (tree / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / "proc" / name).write_text(text, encoding="ascii")
        (sysfs(tree) / "stall_ms").write_text("500\n", encoding="ascii")
        (sysfs(tree) / "last_stall").write_text(LAST_STALL, encoding="ascii")

    def run(self, *arguments, more=None, **options):
        """Run `sched-tick record`."""
        return self._run("record", *arguments, more=self.environment | (more or {}), **options)

    def start(self):
        """Run `record start`."""
        assert self.run("start") == (0, "", "")

    def stall(self, trace=TRACE):
        """Do what the kernel does at a stall."""
        (self.instance / "trace").write_text(trace, encoding="latin1")
        (self.instance / "tracing_on").write_text("0\n", encoding="ascii")

    def save(self, *operands, **options):
        """A stall, and `record save`."""
        self.stall(**options)
        return self.run("save", *(operands or ["default"]))

    def is_armed(self):
        """Whether the recorder records, with an empty buffer."""
        return (self.instance / "tracing_on").read_text("ascii").strip() == "1" and not (self.instance / "trace").read_text("ascii").strip()

    def older(self, name, size=0):
        """Put a recording there."""
        (self.saved / name).mkdir(parents=True)
        with open(self.saved / name / "trace", "wb") as file:
            file.truncate(size)

    def names(self):
        """The names of everything in the directory of recordings."""
        return sorted(path.name for path in self.saved.iterdir())


@pytest.fixture(name="machine")
def _machine(run, tree, library):
    return Machine(run, tree, library)


def test_declarations_are_those_of_libtracefs():
    """The declarations of tools/recorder.c agree with the header of libtracefs."""
    subprocess.run(["gcc", "-fsyntax-only", "-std=gnu11", "-D_GNU_SOURCE", "-I/usr/include/tracefs", "-I/usr/include/traceevent",
                    "-include", "tracefs.h", TOP / "tools" / "recorder.c"], check=True)


def test_start_configures_an_instance(machine):
    """start sets buffer, clock and trigger and enables tracing last."""
    machine.start()
    writes = (machine.instance / "writes").read_text("ascii").splitlines()
    assert writes == [
        "tracing_on 0", "buffer_size_kb 1408", "trace_clock mono", "events/sched_tick/enable 1",
        "events/sched_tick/sched_tick_stall/trigger traceoff if lateness_ns > 0", "events/sched/sched_switch/enable 1",
        "events/irq/enable 1", "events/workqueue/enable 1", "tracing_on 1"]
    assert machine.run("start", "--buffer-kb", "64").status == 0
    assert "buffer_size_kb 64" in (machine.instance / "writes").read_text("ascii")
    assert machine.run("stop") == machine.run("stop") == (0, "", "") and not machine.instance.exists()


def test_no_threshold(machine):
    """start warns if no ticker detects stalls."""
    (sysfs(machine.tree) / "stall_ms").write_text("0\n", encoding="ascii")
    assert machine.run("start") == (
        0, "", "sched-tick: no ticker has a threshold of stalls: set one, such as `sched-tick set default stall=500ms`\n")


def test_save(machine):
    """save stores the trace and the state of the system for root alone, and records again. The trace is the last thing that show prints."""
    machine.start()
    done = machine.save()
    assert done.status == 0 and not done.err and re.fullmatch(rf"saved {NAME}\n", done.out), done
    (name,) = machine.names()
    assert {path.name.replace("pressure-", "pressure/"): path.read_text("ascii") for path in (machine.saved / name).iterdir()} == \
        PROC | {"trace": TRACE, "last_stall": LAST_STALL}
    paths = [machine.saved.parent, machine.saved, machine.saved / name, *(machine.saved / name).iterdir()]
    assert not [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert machine.is_armed()
    shown = machine.run("show").out
    assert shown == machine.run("show", name).out and shown.endswith(f"==> trace <==\n{TRACE}")
    assert re.findall(r"^==> (.*) <==$", shown, re.MULTILINE) == [
        "version", "last_stall", "interrupts", "pressure-cpu", "pressure-io", "pressure-memory", "schedstat", "softirqs", "trace"]


def test_list(machine):
    """list prints the recordings, newest first, for people, as JSON and raw."""
    assert machine.run("list").status == 0 and machine.run("show").err == "sched-tick: there is no recording\n"
    machine.older("20200101T000000.000Z-a-b-7", 5)
    machine.start()
    machine.save()
    old, new = machine.names()
    rows = json.loads(machine.run("list", "-J", "-o", "+ticker,cpu,size").out)["recordings"]
    size = sum(path.stat().st_size for path in (machine.saved / new).iterdir())
    assert rows == [
        {"name": new, "overdue_ns": 512000000, "context": "task", "comm": "hog", "pid": 71, "function": "spin+0x4/0x8 [hog]",
         "ticker": "default", "cpu": 3, "bytes": size},
        {"name": old, "overdue_ns": None, "context": None, "comm": None, "pid": None, "function": None,
         "ticker": "a-b", "cpu": 7, "bytes": 5}]
    assert machine.run("list", "-rno", "COMM,cpu").out == "hog 3\n- 7\n"
    assert re.search(r"^NAME +OVERDUE .*\n" + new + " +512ms task ", machine.run("list").out)


@pytest.mark.parametrize("operands,end", [(["default"], "default-3"), (["backup"], "backup-unknown"), (["backup", "11"], "backup-11"),
                                          (["--", "-n"], "-n-unknown")])
def test_names(machine, operands, end):
    """The name of a recording has ticker and CPU; without a CPU, it is that of last_stall."""
    machine.start()
    assert machine.save(*operands).out.endswith(f"Z-{end}\n")
    assert machine.run("list", "-rno", "ticker").out == end.rpartition("-")[0] + "\n"


def test_values_that_are_not_numbers(machine):
    """list prints null for a number of a damaged last_stall, and stays valid JSON."""
    machine.start()
    (sysfs(machine.tree) / "last_stall").write_text('overdue_ns 1, "x": 2\npid -\ncomm \\x22\n', encoding="ascii")
    machine.save("default", "0")
    (row,) = json.loads(machine.run("list", "-J").out)["recordings"]
    assert (row["overdue_ns"], row["pid"], row["comm"]) == (None, None, "\\x22")


def test_show_controls_no_terminal(machine):
    """show replaces control characters, which the name of a process may have."""
    machine.start()
    machine.save(trace="evil\x1b[2J\x9b-71 \x07\n")
    assert machine.run("show").out.endswith("evil?[2J?-71 ?\n")


def test_the_newest_ten_are_kept(machine):
    """The eleventh recording removes the oldest one; other directories stay."""
    for number in range(10):
        machine.older(f"20200101T00000{number}.000Z-default-0")
    machine.older("before-the-upgrade-1-default-0")
    machine.start()
    machine.save()
    names = machine.names()
    assert len(names) == 11 and "before-the-upgrade-1-default-0" in names and "20200101T000000.000Z-default-0" not in names
    assert re.fullmatch(NAME, names[9])


@pytest.mark.parametrize("sizes,kept", [((20, 20, 9), 3), ((20, 20, 11), 2), ((60, 1, 1), 0), ((1, 1, 60), 2)])
def test_fifty_mebibytes_are_kept(machine, sizes, kept):
    """The oldest recordings are removed until all together have at most 50 MiB. The sizes are those from the newest one on."""
    names = [f"20200101T00000{9 - number}.000Z-default-0" for number in range(len(sizes))]
    for name, size in zip(names, sizes):
        machine.older(name, size * MIB)
    machine.start()
    machine.save()
    assert machine.names()[:-1] == sorted(names[:kept])


def test_a_step_of_the_clock(machine):
    """A recording that is named earlier than ten others, because the clock was set back, is kept."""
    for number in range(10):
        machine.older(f"2999010{number}T000000.000Z-default-0")
    machine.start()
    machine.save()
    names = machine.names()
    assert len(names) == 10 and re.fullmatch(NAME, names[0]) and names[1].startswith("29990101")


def test_a_long_trace(machine):
    """Of a trace of more than 16 MiB the newest whole lines are kept."""
    machine.start()
    lines = [f"{number:061d}\n" for number in range(16 * MIB // 62 + 1000)]
    machine.save(trace="".join(lines))
    (name,) = machine.names()
    first, *rest = (machine.saved / name / "trace").read_text("ascii").splitlines(keepends=True)
    left_out = int(re.fullmatch(r"# The first (\d+) bytes are left out.\n", first)[1])
    assert rest == lines[-len(rest):] and 62 * len(rest) > 16 * MIB - 200
    assert left_out == 62 * (len(lines) - len(rest)) - 1


def test_a_full_disk(machine):
    """If a file cannot be written, the older recordings stay, nothing of the new one is left, and the recorder records again."""
    machine.older("20200101T000000.000Z-default-0", 5)
    machine.start()
    machine.stall()
    # A limit on the size of files takes the place of a full disk.
    done = machine.run("save", "default", prefix=["prlimit", "--fsize=100", "env", "--ignore-signal=XFSZ"])
    assert done.status == 1 and not done.out, done
    assert done.err == "sched-tick: trace: File too large\nsched-tick: default: the recording of this stall is lost\n"
    assert machine.names() == ["20200101T000000.000Z-default-0"] and machine.is_armed()


def test_only_a_stall_is_saved(machine):
    """Without a stall since the last recording, save does nothing; without a recorder, it fails."""
    assert machine.run("save", "default") == (1, "", "sched-tick: nothing is recorded: start with `sched-tick record start`\n")
    machine.start()
    machine.save()
    assert machine.run("save", "default") == (0, "nothing to save: no stall since the last recording\n", "")
    assert len(machine.names()) == 1


def start_saving(machine, tool):
    """Start a save that waits in the middle: the trace is a pipe. Returns the process."""
    machine.stall()
    (machine.instance / "trace").unlink()
    os.mkfifo(machine.instance / "trace")
    process = subprocess.Popen([tool, "record", "save", "default"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={
        "PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(machine.tree)} | machine.environment)
    end = time.monotonic() + 30
    while not any(machine.saved.glob(".new-*")):
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("action", ["start", "save"])
def test_a_save_that_was_interrupted(machine, tool, action):
    """What an interrupted save leaves is never shown, and the next start or save removes it."""
    machine.older("20200101T000000.000Z-default-0", 5)
    machine.start()
    process = start_saving(machine, tool)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # A recording that was being removed.
    machine.older(".old-20190101T000000.000Z-default-0", 5)
    assert len(machine.names()) == 3
    assert machine.run("list", "-rno", "name").out == "20200101T000000.000Z-default-0\n"
    for name in machine.names()[:2]:
        assert machine.run("show", name) == (1, "", f"sched-tick: recording '{name}': No such file or directory\n")
    (machine.instance / "trace").unlink()
    if action == "start":
        machine.start()
        assert machine.names() == ["20200101T000000.000Z-default-0"]
    else:
        assert machine.save().status == 0
        assert [name for name in machine.names() if name.startswith(".")] == [] and len(machine.names()) == 2


def test_one_save_at_a_time(machine, tool):
    """A second save waits for the first one, and finds nothing to save."""
    machine.start()
    first = start_saving(machine, tool)
    second = subprocess.Popen([tool, "record", "save", "backup"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={
        "PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(machine.tree)} | machine.environment)
    time.sleep(0.5)
    assert first.poll() is None and second.poll() is None and len(machine.names()) == 1
    (machine.instance / "trace").write_text(TRACE, encoding="ascii")
    assert re.fullmatch(rf"saved {NAME}\n", first.communicate(timeout=30)[0])
    assert second.communicate(timeout=30)[0] == "nothing to save: no stall since the last recording\n"
    assert len(machine.names()) == 1


CONFIDENTIALITY = "the kernel is locked down (confidentiality) and refuses access to tracefs"


@pytest.mark.parametrize("refusal,message", [
    ("instance:1", f"instances/sched_tick: {CONFIDENTIALITY}"),
    ("instance:22", f"instances/sched_tick: {CONFIDENTIALITY}"),
    ("buffer_size_kb:12", "buffer_size_kb: Cannot allocate memory"),
    ("tracing_on:1", f"tracing_on: {CONFIDENTIALITY}"),
])
def test_start_is_refused(machine, refusal, message):
    """If the kernel refuses a step, start fails with the reason and leaves no instance."""
    path = machine.tree / "sys" / "kernel" / "security" / "lockdown"
    path.parent.mkdir()
    path.write_text("none integrity [confidentiality]\n" if CONFIDENTIALITY in message else "none [integrity] confidentiality\n", encoding="ascii")
    assert machine.run("start", more={"FAKE_TRACEFS_REFUSES": refusal}) == (1, "", f"sched-tick: {message}\n")
    assert not machine.instance.exists()


def test_without_tracefs(machine):
    """Without tracefs, start, save and stop fail with what to do."""
    (machine.tracefs / "instances").rmdir()
    message = "sched-tick: there is no tracefs: mount it with `mount -t tracefs tracefs /sys/kernel/tracing`, if the kernel has tracing" \
              " (CONFIG_FTRACE)\n"
    for arguments in (["start"], ["save", "default"], ["stop"]):
        assert machine.run(*arguments) == (1, "", message)


def test_without_the_library(machine):
    """Without libtracefs, start fails and names the packages; list and show work."""
    (machine.tree / "libtracefs.so.1").write_text("not a library", encoding="ascii")
    broken = {"LD_LIBRARY_PATH": str(machine.tree)}
    done = machine.run("start", more=broken)
    assert done.status == 1 and "install libtracefs1 (Debian, Ubuntu) or libtracefs (Fedora, RHEL)\n" in done.err, done
    machine.older("20200101T000000.000Z-default-0", 5)
    assert machine.run("list", more=broken).status == machine.run("show", more=broken).status == 0


def test_without_the_module(machine):
    """Without the module, start exits with status 3."""
    sysfs(machine.tree).rename(machine.tree / "gone")
    done = machine.run("start")
    assert done.status == 3 and "the module sched_tick is not loaded" in done.err
