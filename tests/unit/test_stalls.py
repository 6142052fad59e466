# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick stalls: the lines of the kernel log, last_stall, and what an ordinary user sees."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

import stalllines
from conftest import TOP
from faketree import LONG_NAME, _run, _tool, _tree, put, sysfs  # noqa: F401  pylint: disable=unused-import

GOLD = TOP / "tests" / "unit" / "tool"
START = 1795194000      # 2026-11-20 17:00:00 UTC
BOOT = "firstboot"      # boot_id of the tree, without the dash

FAKE_JOURNALCTL = """#!/bin/sh
cd "${0%%/*}" || exit 1
printf '%%s\\n' "$@" > arguments
cat export
exit %d
"""


def entry(message, seconds, boot=BOOT, before=b"", **fields):
    """An entry of the journal in the export format, that many seconds after START."""
    fields = {"__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": int((START + seconds) * 1000000), "_BOOT_ID": boot} | fields
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode() + before + f"MESSAGE={message}\n\n".encode()


def put_journal(tree, *entries, status=0, mode=0o640):
    """Write a journalctl that prints these entries, and the file of a journal."""
    (tree / "bin").mkdir(exist_ok=True)
    (tree / "bin" / "export").write_bytes(b"".join(entries))
    (tree / "bin" / "journalctl").write_text(FAKE_JOURNALCTL % status, encoding="ascii")
    (tree / "bin" / "journalctl").chmod(0o755)
    journal = tree / "var" / "log" / "journal" / "0123" / "system.journal"
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.touch()
    journal.chmod(mode)


def put_record(tree, line, stack=(), deadline=0, name="default", **fields):
    """Write last_stall of a ticker with the fields of a line."""
    line = line._replace(ticker=name)._replace(**fields)
    text = f"ticker {line.ticker}\ncpu {line.cpu}\ndeadline {deadline}\noverdue_ns {line.overdue_ms * 1000000 + 234567}\n" \
           f"context {line.context}\ncomm {line.comm}\npid {line.pid}\nfunction {line.function}\n"
    path = sysfs(tree) / ("" if name == "default" else f"tickers/{name}") / "last_stall"
    path.write_text(text + "".join(f"{symbol}\n" for symbol in stack), encoding="ascii")
    path.chmod(0o400)


def put_recording(tree, name, record):
    """Write a recording with that last_stall."""
    directory = tree / "var" / "lib" / "sched-tick" / "stalls" / name
    directory.mkdir(parents=True)
    (directory / "last_stall").write_bytes(record)


LINES = list(stalllines.LINES)
STACK = ["hog_run+0x4c/0x90 [tick_hog]", "hog_init+0x83/0xff0 [tick_hog]", "do_one_initcall+0x59/0x220", "?",
         "__x64_sys_finit_module+0xa/0x20"]


@pytest.fixture(name="stalls")
def _stalls(run, tree):
    """Run stalls with the tree's journalctl, in UTC."""
    def stalls(*arguments, **options):
        more = {"PATH": f"{tree}/bin:{os.environ['PATH']}", "TZ": "UTC"} | options.pop("more", {})
        return run("stalls", *arguments, more=more, **options)
    put(sysfs(tree), stall_ms=500)
    return stalls


def found(done):
    """The stalls of the JSON output."""
    assert done.status == 0, done
    return json.loads(done.out)["stalls"]


GOLDEN = {
    "stalls": [],
    "stalls-json": ["--json", "--output", "+comm,pid"],
    "stalls-raw": ["-r", "-o", "time,ticker,cpu,overdue,how,comm,pid,function"],
    "stalls-columns": ["-n", "-o", "culprit,function", "default"],
    "stalls-stack": ["--stack", "default"],
    "stalls-stack-json": ["--stack", "-J", "-o", "culprit", "default"],
}


@pytest.mark.skipif(os.geteuid() != 0, reason="last_stall is root's")
@pytest.mark.parametrize("name", GOLDEN)
def test_output(stalls, tree, name):
    """The output is the one that was reviewed last: SCHED_TICK_REGOLD=1 writes it anew."""
    put_journal(tree, *(entry(line, 60 * number) for number, line in enumerate(LINES)))
    put_record(tree, stalllines.LINES[LINES[0]], STACK)
    done = stalls(*GOLDEN[name])
    gold = GOLD / f"{name}.txt"
    if os.environ.get("SCHED_TICK_REGOLD") == "1":
        gold.write_text(done.out, encoding="utf-8")
    assert done == (0, gold.read_text("utf-8"), "")


@pytest.mark.parametrize("line", LINES)
def test_each_line(stalls, tree, line):
    """Each line is taken apart; what is not known is null."""
    expected = stalllines.LINES[line]
    put_journal(tree, entry(line, 1))
    (stall,) = found(stalls("-J", "-o", "+comm,pid"))
    unknown = expected.comm == "?" and not expected.pid
    how = "took no interrupts" if expected.again else expected.how.removesuffix(", held by")
    assert stall == {
        "time": "2026-11-20T17:00:01.000000+00:00", "ticker": expected.ticker, "cpu": expected.cpu,
        "overdue_ns": expected.overdue_ms * 1000000,
        "how": how, "culprit": None if unknown else f"{expected.comm}[{expected.pid}]",
        "function": None if expected.function == "?" else expected.function,
        "context": None if expected.context == "?" else expected.context,
        "comm": None if expected.comm == "?" else expected.comm, "pid": None if unknown else expected.pid,
    }


@pytest.mark.parametrize("line", stalllines.OTHERS)
def test_other_lines(stalls, tree, line):
    """A line that is not one of a stall is ignored."""
    put_journal(tree, entry(line, 1))
    assert not found(stalls("-J"))


def test_no_stalls(stalls, tree):
    """Without a stall, the output is empty, and JSON has an empty list."""
    put_journal(tree)
    (tree / "dev").mkdir()
    (tree / "dev" / "kmsg").touch()
    assert stalls() == (0, "", "")
    assert json.loads(stalls("--json").out) == {"stalls": []}
    put(sysfs(tree), stall_ms=0)
    done = stalls()
    assert (done.status, done.out) == (0, "") and "set a threshold, such as `sched-tick set default stall=500ms`" in done.err


def test_newest_first(stalls, tree):
    """Stalls are sorted by time, of the same time the one that was logged last first; those of other boots are among them."""
    put_journal(tree, *(entry(LINES[0].replace("[123]", f"[{pid}]"), seconds, boot) for pid, seconds, boot in (
        (1, 100, "another"), (2, 900, "another"), (3, 500, BOOT), (4, 700, BOOT), (5, 700, BOOT), (6, 600, BOOT))))
    assert [stall["pid"] for stall in found(stalls("-J", "-o", "pid"))] == [2, 5, 4, 6, 3, 1]


def test_interrupts_again(stalls, tree):
    """The line that its CPU takes interrupts again completes the last such stall of the CPU, and no other one."""
    (begin,) = [line for line in LINES if "CPU 2, tick" in line]
    (again,) = [line for line in LINES if "CPU 2 takes" in line]
    put_journal(tree, entry(begin, 1), entry(begin.replace("CPU 2", "CPU 1"), 2), entry(again, 3))
    other, complete = found(stalls("-J", "-o", "+pid"))
    assert (complete["time"][17:19], complete["how"], complete["function"]) == ("01", "took no interrupts", stalllines.HOG)
    assert complete["overdue_ns"] == 3012000000
    assert (other["cpu"], other["how"], other["function"]) == (1, "takes no interrupts", None)
    # Of another boot, of another ticker, and of a CPU that has stalled once more.
    for more in ([entry(begin, 1, "another")], [entry(begin.replace("every", "other"), 1)],
                 [entry(begin, 1), entry(begin.replace("takes no interrupts, ", ""), 2)]):
        put_journal(tree, *more, entry(again, 3))
        assert [stall["overdue_ns"] for stall in found(stalls("-J"))] == [3012000000, *[750000000] * len(more)]


def test_suppressed_lines(stalls, tree):
    """The numbers of suppressed lines are added up and reported."""
    put_journal(tree, entry(LINES[0], 1), entry(stalllines.SUPPRESSED, 2), entry(stalllines.SUPPRESSED.replace("17", "4"), 3))
    done = stalls("-J")
    assert len(found(done)) == 1 and "up to 21 stalls are not in the kernel log" in done.err


@pytest.mark.parametrize("fields", [b"_CMDLINE\n\x05\0\0\0\0\0\0\0a\nb\n\n\n", b"MESSAGE\n\x03\0\0\0\0\0\0\0\xff\n=\n",
                                    b"EMPTY=\n", b"X" * 100000 + b"=1\n"],
                         ids=["newlines", "binary message", "empty", "long"])
def test_fields_of_the_journal(stalls, tree, fields):
    """Other fields, also binary ones, are skipped."""
    put_journal(tree, entry(LINES[0], 1, before=fields), entry(LINES[0], 2))
    assert [stall["time"][11:19] for stall in found(stalls("-J"))] == ["17:00:02", "17:00:01"]


def test_arguments_of_journalctl(stalls, tree):
    """journalctl prints the warnings of the kernel, from all boots, since the time that is asked for."""
    put_journal(tree, entry(LINES[0], 1))
    found(stalls("-J", "--since", "2026-11-20 17:00"))
    assert (tree / "bin" / "arguments").read_text("ascii").split() == [
        "--quiet", "--no-pager", "--output=export", "--output-fields=MESSAGE", f"--since=@{START}", "_TRANSPORT=kernel",
        "SYSLOG_IDENTIFIER=kernel", "PRIORITY=4"]


@pytest.mark.parametrize("since,count", [("2026-11-20 17:00:02", 1), ("2026-11-20T17:00:01", 2), ("2026-11-20 17:00", 2), ("2026-11-20", 2),
                                         ("2026-11-21", 0), ("1h", 0), ("1000000h", 2)])
def test_since(stalls, tree, since, count):
    """--since takes a date in local time, or how long ago."""
    put_journal(tree, entry(LINES[0], 1), entry(LINES[0], 2))
    assert len(found(stalls("-J", "--since", since))) == count


def test_named_tickers(stalls, tree):
    """Stalls of named tickers are listed, also of removed ones; a name that is not known is an error."""
    put_journal(tree, *(entry(line, 1) for line in LINES))
    assert {stall["ticker"] for stall in found(stalls("-J", "every", LONG_NAME))} == {"every", LONG_NAME}
    assert found(stalls("-J", "backup")) == []
    done = stalls("every", "nobody")
    assert done.status == 3 and done.err == "sched-tick: nobody: no such ticker, and no stall of it is known\n"


def put_kmsg(tree, *records):
    """Write the records of /dev/kmsg."""
    (tree / "dev").mkdir(exist_ok=True)
    (tree / "dev" / "kmsg").write_text("".join(records), encoding="ascii")


def test_kmsg(stalls, tree):
    """Without a journal, /dev/kmsg is read: the kernel's records alone, whose escapes are undone, and its times."""
    escaped = [line.replace("\\", "\\x5c") for line in LINES]
    # Facility 0 is the kernel, 1 a program that wrote to /dev/kmsg.
    put_kmsg(tree, *(f"{4 if number else 12},{number},{1000000 * number},-,caller=T1;{line}\n SUBSYSTEM=x\n DEVICE=+y:z\n"
                     for number, line in enumerate(escaped)), "4,x;y\n", "\n", "6,1,2,-;sched_tick: other\n")
    stalls_found = found(stalls("-J", "-o", "time,comm"))
    put_journal(tree, *(entry(line, number) for number, line in enumerate(LINES[1:])))
    assert [stall["comm"] for stall in stalls_found] == [stall["comm"] for stall in found(stalls("-J", "-o", "comm"))]
    # The first line but one is 1 s after the boot.
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    expected = time.strftime("%Y-%m-%dT%H:%M:", time.gmtime(boot + 1))
    assert stalls_found[-1]["time"].startswith(expected) or round(boot) % 60 > 57


def test_a_journal_without_this_boot(stalls, tree):
    """If the journal has no entry of this boot, /dev/kmsg is read as well."""
    put_journal(tree, entry(LINES[0], 1, "another"))
    put_kmsg(tree, f"4,1,1000000,-;{LINES[1]}\n")
    assert {stall["ticker"] for stall in found(stalls("-J"))} == {"default", "every"}
    put_journal(tree, entry(LINES[0], 1))
    assert [stall["ticker"] for stall in found(stalls("-J"))] == ["default"]


def test_journalctl_fails(stalls, tree):
    """A journalctl that fails, or is not installed, is reported or replaced by /dev/kmsg."""
    put_kmsg(tree, f"4,1,1000000,-;{LINES[1]}\n")
    put_journal(tree, status=1)
    done = stalls("-J")
    assert len(found(done)) == 1 and "journalctl failed; not all stalls may be listed" in done.err
    (tree / "empty").mkdir()
    done = stalls("-J", more={"PATH": str(tree / "empty")})
    assert len(found(done)) == 1 and not done.err


ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="last_stall is root's")


@ROOT
def test_last_stall_of_a_logged_stall(stalls, tree):
    """last_stall of a stall in the log is not listed again: it adds the stack and the final lateness."""
    line = stalllines.LINES[LINES[0]]
    put_journal(tree, entry(LINES[0], 1, "another"), entry(LINES[0], 2), entry(LINES[0].replace("[123]", "[124]"), 3), entry(LINES[1], 4))
    put_record(tree, line, STACK, overdue_ms=1999)
    listed = found(stalls("-J", "--stack"))
    assert [(stall["culprit"], stall["overdue_ns"]) for stall in listed] == [
        ("ksoftirqd/127[784]", 1004000000), ("modprobe[124]", 500000000), ("modprobe[123]", 1999234567), ("modprobe[123]", 500000000)]
    assert [stall["stack"] for stall in listed] == [None, None, "\n".join(STACK), None]
    # The module of the function was unloaded since.
    put_record(tree, line, ["?", *STACK[1:]], function="?")
    assert [stall["function"] for stall in found(stalls("-J"))][2] == line.function and len(found(stalls("-J"))) == 4
    put_journal(tree, entry(LINES[0], 1, "another"), entry(LINES[1], 2))
    assert [bool(stall["how"]) for stall in found(stalls("-J"))].count(False) == 1


@ROOT
@pytest.mark.parametrize("deadline,listed", [(0.4, 1), (-1.5, 1), (1.1, 2), (-12, 2)])
def test_last_stall_with_another_function(stalls, tree, deadline, listed):
    """If its module is unloaded, and another function has the address, last_stall has that function. At the time of the line it is the
    same stall, and the line has the right function; at another time it is another stall."""
    put_journal(tree, entry(LINES[0], 1))
    put(sysfs(tree), clock="monotonic boottime [realtime]")
    put_record(tree, stalllines.LINES[LINES[0]], deadline=int((START + deadline) * 10**9), overdue_ms=1999, function="g+0x1/0x2 [other]")
    functions = [stall["function"] for stall in found(stalls("-J"))]
    assert len(functions) == listed and stalllines.HOG in functions and ("g+0x1/0x2 [other]" in functions) == (listed == 2)


@ROOT
@pytest.mark.parametrize("field", ["cpu", "context", "comm", "pid", "function", "overdue_ms"])
def test_last_stall_that_is_not_in_the_log(stalls, tree, field):
    """last_stall that differs from each line is listed, at its deadline, with an unknown how."""
    line = stalllines.LINES[LINES[0]]
    put_journal(tree, entry(LINES[0], 1))
    put(sysfs(tree) / "tickers" / "backup", clock="monotonic boottime [realtime]")
    other = {"cpu": 0, "context": "idle", "comm": "other", "pid": 7, "function": "g+0x1/0x2", "overdue_ms": 499}[field]
    put_record(tree, line, deadline=(START + 60) * 10**9, name="backup", ticker="backup", **{field: other})
    put_record(tree, line, deadline=0, **{field: other})
    logged = [stall for stall in found(stalls("-J", "-o", "+comm,pid")) if stall["how"]]
    extra = [stall for stall in found(stalls("-J", "-o", "+comm,pid")) if not stall["how"]]
    assert len(logged) == 1 and {stall["ticker"] for stall in extra} == {"default", "backup"}
    (backup,) = [stall for stall in extra if stall["ticker"] == "backup"]
    assert backup["time"] == "2026-11-20T17:01:00.000000+00:00"


@ROOT
@pytest.mark.parametrize("text", ["x\n", "ticker default\n", "ticker default\ncpu x\n"])
def test_last_stall_of_another_format(stalls, tree, text):
    """A last_stall in an unknown format is an error; an empty one is no stall."""
    put_journal(tree)
    put_kmsg(tree)
    (sysfs(tree) / "last_stall").touch()
    assert found(stalls("-J")) == []
    (sysfs(tree) / "last_stall").write_text(text, encoding="ascii")
    done = stalls()
    assert done.status == 1 and "default: unknown format of last_stall" in done.err


def test_recordings(stalls, tree):
    """A stall that record has saved completes the one of the log, of an earlier boot too; otherwise it is a stall of its own."""
    logged, other = LINES[0], LINES[1]
    put_journal(tree, entry(logged, 1, "another"), entry(other, 1))
    put_record(tree, stalllines.LINES[logged], STACK, overdue_ms=2000)
    record = (sysfs(tree) / "last_stall").read_bytes()
    (sysfs(tree) / "last_stall").write_bytes(b"")
    put_recording(tree, "20261120T170002.500Z-default-3", record)
    first, second = found(stalls("-J", "--stack", "-o", "ticker,overdue,function,time"))
    assert (first["ticker"], second["ticker"]) == ("every", "default")
    assert second["overdue_ns"] == 2000234567 and second["time"][11:19] == "17:00:01" and second["stack"].splitlines() == STACK
    # Much later, before the line, of another task, and of another CPU.
    for name, changed in (("20261120T173002.500Z-default-3", record), ("20261120T170000.500Z-default-3", record),
                          ("20261120T170003.500Z-default-3", record.replace(b"pid 123", b"pid 124")),
                          ("20261120T170004.500Z-default-2", record.replace(b"cpu 3", b"cpu 2"))):
        put_recording(tree, name, changed)
    times = [stall["time"][11:19] for stall in found(stalls("-J", "default"))]
    assert times == ["17:30:02", "17:00:04", "17:00:03", "17:00:01", "17:00:00"]
    # What cannot be read is left out.
    put_recording(tree, "20261120T180000.500Z-default-0", b"cpu x\n")
    assert len(found(stalls("-J", "default"))) == 5


def test_no_module(stalls, tree):
    """Without the module, the stalls of the log are listed; without a log, too, the exit status is 3."""
    shutil.rmtree(sysfs(tree))
    put_journal(tree, entry(LINES[0], 1))
    assert len(found(stalls("-J"))) == 1
    shutil.rmtree(tree / "var")
    done = stalls("-J")
    assert done.status == 3 and not done.out and "the module sched_tick is not loaded" in done.err


def as_nobody(tool, tree, *arguments):
    """Run stalls as another user, in a copy of the tree that this user can reach."""
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        top.chmod(0o755)
        shutil.copy(tool, top / "sched-tick")
        shutil.copytree(tree, top / "tree")
        (top / "tree").chmod(0o755)
        return subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", top / "sched-tick", "stalls", *arguments],
                              text=True, capture_output=True, check=False, timeout=60,
                              env={"PATH": f"{top}/tree/bin:{os.environ['PATH']}", "TZ": "UTC", "SCHED_TICK_ROOT": f"{top}/tree",
                                   "ASAN_OPTIONS": "detect_leaks=0"})


@ROOT
def test_an_ordinary_user(tool, tree):
    """An ordinary user sees the counts, and a message that names what root sees; in JSON the list is empty."""
    put_journal(tree, entry(LINES[0], 1))
    put_record(tree, stalllines.LINES[LINES[0]], STACK)
    put_kmsg(tree, f"4,1,1000000,-;{LINES[1]}\n")
    (tree / "dev" / "kmsg").chmod(0o600)
    done = as_nobody(tool, tree)
    assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["TICKER", "CPU", "STALLS"], ["default", "-", "1"], [LONG_NAME, "0", "0"], [LONG_NAME, "10", "1"], ["backup", "-", "0"]]
    assert "the kernel log can't be read: root can, and so can a member of the group systemd-journal" in done.stderr
    assert "last_stall can be read only by root" in done.stderr and "modprobe" not in done.stdout + done.stderr
    done = as_nobody(tool, tree, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"stalls": []}) and "last_stall" in done.stderr


@ROOT
@pytest.mark.parametrize("opened", ["journal", "kmsg"])
def test_a_log_that_every_user_can_read(tool, tree, opened):
    """If the administrator has opened the journal or the kernel log, an ordinary user sees its stalls, without their stacks."""
    put_journal(tree, entry(LINES[0], 1), mode=0o644 if opened == "journal" else 0o600)
    put_record(tree, stalllines.LINES[LINES[0]], STACK)
    put_kmsg(tree, f"4,1,1000000,-;{LINES[0]}\n")
    (tree / "dev" / "kmsg").chmod(0o644 if opened == "kmsg" else 0o600)
    done = as_nobody(tool, tree, "--json", "--stack")
    (stall,) = json.loads(done.stdout)["stalls"]
    assert done.returncode == 0 and stall["culprit"] == "modprobe[123]" and stall["stack"] is None
    assert "last_stall can be read only by root" in done.stderr and "kernel log can't" not in done.stderr


def test_a_wide_table(stalls, tree):
    """With a function and a module of usual length, no line has more than 110 characters."""
    put_journal(tree, *(entry(line, 1) for line in LINES[:2]))
    assert max(map(len, stalls("default").out.splitlines())) <= 110
