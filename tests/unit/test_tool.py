# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick(8) on the host, on a tree of files that looks like the kernel's. Where its output is a contract, it is
held against a file in tests/unit/tool; SCHED_TICK_REGOLD=1 writes these anew, to be read before they are committed."""

import collections
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from conftest import TOP

GOLD = TOP / "tests" / "unit" / "tool"
BUCKETS = 26
LATE = {2: 85990, 3: 398, 8: 10, 15: 2}
ALARM = {0: 86399, 4: 1}


@pytest.fixture(scope="session", name="tool")
def _tool(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tool")
    subprocess.run(["make", "--silent", "-C", str(TOP / "tools"), f"BUILD={directory}",
                    "CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"], check=True)
    return directory / "sched-tick"


@pytest.fixture(scope="session", name="shim")
def _shim(tmp_path_factory):
    """The environment of a tool whose poll() wakes up and whose write() can be refused."""
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, TOP / "tests" / "unit" / "shim.c"], check=True)
    return {"PATH": os.environ["PATH"], "LD_PRELOAD": str(library), "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}


def row(counts):
    """A histogram."""
    return [counts.get(bucket, 0) for bucket in range(BUCKETS)]


def put(directory, **settings):
    """A ticker's files."""
    values = {"enabled": 1, "period_ms": 1000, "counter": 86400, "missed": 2, "stalls": 1, "timer": "[hrtimer] wheel",
              "clock": "[monotonic] boottime realtime", "phase_ms": -1, "cpu": -1, "notify": 0, "stall_ms": 0} | settings
    late = row(LATE if values["counter"] else {})
    alarm = row(ALARM if values["counter"] else {})
    stat = [values[name] for name in ("enabled", "period_ms", "counter", "missed")]
    stat += [4210, 61234567, sum(late) * 4500, *late, 700, 19000, sum(alarm) * 600, *alarm, values["stalls"]]
    directory.mkdir(parents=True)
    for name, value in (values | {"stat": " ".join(map(str, stat))}).items():
        (directory / name).write_text(f"{value}\n", encoding="ascii")


@pytest.fixture(name="tree")
def _tree(tmp_path):
    sysfs = tmp_path / "sys" / "kernel" / "sched_tick"
    put(sysfs)
    put(sysfs / "tickers" / "backup", period_ms=86400000, counter=0, missed=0, stalls=0, phase_ms=10800000,
        clock="monotonic boottime [realtime]")
    put(sysfs / "tickers" / "a.name-of_32.characters.is.long1", enabled=0, period_ms=250, missed=0)
    (tmp_path / "sys" / "kernel" / "config" / "sched_tick").mkdir(parents=True)
    for path, text in (("sys/module/sched_tick/version", "0.1.0"),
                       ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(f"{text}\n", encoding="ascii")
    return tmp_path


Done = collections.namedtuple("Done", "status out err")


@pytest.fixture(name="run")
def _run(tool, tree):
    def run(*arguments, root=tree, more=None, **options):
        done = subprocess.run([tool, *map(str, arguments)], text=True, capture_output=True, check=False, timeout=60,
                              env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(root)} | (more or {}), **options)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)
    return run


GOLDEN = {
    "list": ["list"],
    "list-json": ["list", "--json"],
    "list-raw": ["list", "--raw"],
    "list-columns": ["list", "--noheadings", "--output", "name,timer-mean,timer-p99,timer-max"],
    "list-more": ["list", "-o", "+timer-max", "default"],
    "show": ["show", "default"],
    "show-json": ["show", "--json", "backup"],
    "show-raw": ["show", "-r", "default"],
    "watch": ["watch", "-b", "-d", "1ms", "-n", "1"],
    "watch-json": ["watch", "-J", "-d", "1ms", "-n", "1"],
    "watch-raw": ["watch", "-r", "--noheadings", "-d", "1ms", "-n", "2", "default"],
    "check": ["check", "--wait", "1ms", "--lateness", "5us"],
    "check-json": ["check", "--wait", "1ms", "--json"],
    "check-raw": ["check", "--wait", "1ms", "--raw"],
    "check-nagios": ["check", "--nagios", "--wait", "1ms"],
    "export": ["export", "--output", "-"],
    "help": ["--help"],
}


@pytest.mark.parametrize("name", GOLDEN)
def test_output(run, name):
    """As it was when somebody looked at it."""
    done = run(*GOLDEN[name])
    gold = GOLD / f"{name}.txt"
    if os.environ.get("SCHED_TICK_REGOLD") == "1":
        gold.write_text(done.out, encoding="utf-8")
    assert done.status == (4 if name == "check" else 0), done.err
    assert done.out == gold.read_text("utf-8")
    assert done.err == ""
    if "json" in name:
        json.loads(done.out)
    if not name.endswith(("json", "raw", "nagios", "export", "help")):
        assert max(map(len, done.out.splitlines())) <= 100


@pytest.mark.parametrize("command,figures", [("list", ["86400", "61.2ms"]), ("show default", ["86400", "85990"]),
                                             ("watch -n 1 -d 1ms", ["61.2ms"]), ("check -w 1ms", ["0.00231%"])])
def test_a_narrow_terminal_is_enough(tool, tree, command, figures):
    """60 columns, the longest name: no line is longer, and no figure is cut."""
    done = subprocess.run(["script", "-qec", f"stty cols 60; {tool} {command}", "/dev/null"], text=True, capture_output=True,
                          check=True, env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(tree), "TERM": "dumb"})
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", done.stdout)
    assert max(map(len, text.splitlines())) <= 60, text
    assert all(figure in text for figure in figures), text


def test_json_of_nothing(run, tree):
    """There is no such thing: the default ticker is always there, and one by name that is not is an error. A ticker
    that never ran is all zeros."""
    (never,) = json.loads(run("list", "--json", "backup").out)["tickers"]
    assert never["ticks"] == never["mean_ns"] == never["p99_ns"] == 0
    assert sum(json.loads(run("show", "--json", "backup").out)["lateness"]["histogram"]) == 0
    (checked,) = json.loads(run("check", "--wait", "1ms", "--json", "backup").out)["tickers"]
    assert checked == {"name": "backup", "state": "ok", "late_ratio": 0, "missed_ratio": 0}
    shutil.rmtree(tree / "sys" / "kernel" / "sched_tick" / "tickers")
    assert [each["name"] for each in json.loads(run("list", "--json").out)["tickers"]] == ["default"]


def test_no_series_twice_and_no_timestamp(run):
    """What promtool lets pass."""
    names = []
    for line in run("export", "--output", "-").out.splitlines():
        if not line.startswith("#"):
            series, value, *more = line.rsplit(" ", 1)
            assert not more and re.fullmatch(r"[0-9.e+-]+", value), line
            assert re.fullmatch(r'[a-z_]+\{[^}]*\}', series), line
            names.append(series)
    assert len(names) == len(set(names)) > 90


def test_buckets_add_up(run):
    """Cumulative, up to the count."""
    buckets = collections.defaultdict(list)
    counts = {}
    for line in run("export", "--output", "-").out.splitlines():
        if found := re.fullmatch(r'(\w+)_bucket\{ticker="(.*)",le="(.*)"\} (\d+)', line):
            buckets[found[1], found[2]].append((float(found[3]), int(found[4])))
        elif found := re.fullmatch(r'(\w+)_count\{ticker="(.*)"\} (\d+)', line):
            counts[found[1], found[2]] = int(found[3])
    assert len(buckets) == 6
    for key, series in buckets.items():
        assert len(series) == 13 and series == sorted(series)
        assert [count for _, count in series] == sorted(count for _, count in series)
        assert series[-1] == (float("inf"), counts[key])
    assert dict(buckets["sched_tick_lateness_seconds", "default"])[0.05] == 86398


def test_export_is_whole_or_not_at_all(run, tmp_path):
    """A file that could not be written leaves the old one, and no other."""
    directory = tmp_path / "out"
    done = run("export", "--output", directory / "x.prom")
    assert done.status == 1 and str(directory) in done.err
    directory.mkdir()
    assert run("export", "--output", directory / "x.prom") == (0, "", "")
    assert (directory / "x.prom").stat().st_mode & 0o777 == 0o644
    old = (directory / "x.prom").read_text("ascii")
    assert old == run("export", "--output", "-").out
    # A file may be no longer than this: the disk is full.
    done = run("export", "--output", directory / "x.prom",
               preexec_fn=lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_FSIZE, (1000, 1000)))
    assert done.status != 0
    assert (directory / "x.prom").read_text("ascii") == old


def test_a_reader_never_sees_half_a_file(tool, tree, tmp_path):
    """10,000 reads, while it is written again and again."""
    path = tmp_path / "out" / "sched_tick.prom"
    path.parent.mkdir()
    environment = {"SCHED_TICK_ROOT": str(tree)}
    write = [tool, "export", "--output", path]
    subprocess.run(write, check=True, env=environment)
    whole = path.read_bytes()
    seen, reads = set(), 0
    with subprocess.Popen(["sh", "-c", 'while "$@"; do :; done', "sh", *write], env=environment,
                          start_new_session=True) as writer:
        while reads < 10000 or len(seen) < 100:
            with open(path, "rb") as file:
                seen.add(os.fstat(file.fileno()).st_ctime_ns)
                assert file.read() == whole
            reads += 1
        os.killpg(writer.pid, signal.SIGKILL)
    # What a writer that is killed leaves is nothing that the collector would read.
    assert [each.name for each in path.parent.glob("*.prom")] == [path.name]


def test_a_folder_that_can_not_be_written(tool, tree, tmp_path):
    """Not even by root, if it has not the power to go over that."""
    directory = tmp_path / "out"
    directory.mkdir()
    (directory / "x.prom").write_text("old\n", encoding="ascii")
    directory.chmod(0o555)
    powerless = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    done = subprocess.run([*powerless, tool, "export", "--output", directory / "x.prom"], check=False, text=True,
                          capture_output=True, env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(tree)})
    directory.chmod(0o755)
    assert done.returncode == 1 and str(directory) in done.stderr and "Permission denied" in done.stderr, done.stderr
    assert [each.name for each in directory.iterdir()] == ["x.prom"]
    assert (directory / "x.prom").read_text("ascii") == "old\n"


def test_check_sees_a_worker_that_is_stuck(tool, tree):
    """Periods pass between two looks, and no tick comes."""
    stat = tree / "sys" / "kernel" / "sched_tick" / "stat"
    fields = stat.read_text("ascii").split()
    with subprocess.Popen([tool, "check", "--wait", "2s", "--nagios", "--missed", "0%", "--lateness", "5us", "default"], text=True, stdout=subprocess.PIPE,
                          env={"SCHED_TICK_ROOT": str(tree)}) as checker:
        time.sleep(1)
        stat.write_text(" ".join([*fields[:3], str(int(fields[3]) + 7), *fields[4:]]) + "\n", encoding="ascii")
        said = checker.communicate(timeout=60)[0]
    assert checker.returncode == 2
    assert said.startswith("SCHED_TICK CRITICAL - default: stalled, no tick in 7 periods, 0.0104 % of all periods missed,"
                           " 0.475 % of all ticks later than 5us |"), said


SETTINGS = [
    ("period=250ms", "period_ms", "250"), ("period=1.5s", "period_ms", "1500"), ("period=2min", "period_ms", "120000"),
    ("period=1d", "period_ms", "86400000"), ("phase=none", "phase_ms", "-1"), ("phase=0", "phase_ms", "0"),
    ("enabled=no", "enabled", "0"), ("notify=on", "notify", "1"), ("timer=wheel", "timer", "wheel"),
    ("clock=boottime", "clock", "boottime"), ("cpu=3", "cpu", "3"), ("cpu=any", "cpu", "-1"),
    ("stall=500ms", "stall_ms", "500"), ("stall=off", "stall_ms", "0"),
]


@pytest.mark.parametrize("setting,file,text", SETTINGS)
def test_set(run, tree, setting, file, text):
    """What is written is what the kernel takes, and nothing if it is so already."""
    path = tree / "sys" / "kernel" / "sched_tick" / file
    before = path.read_text("ascii").strip()
    assert run("set", "default", setting) == (0, "", "")
    after = path.read_text("ascii")
    assert after.strip() == text if before == text else after.startswith(text)


@pytest.mark.parametrize("setting", ["period=0", "period=1", "period=1us", "period=", "period=30d", "period=1e3s", "period",
                                     "stall=-1ms", "enabled=maybe", "clock=tai", "cpu=-2", "cpu=x", "cpu=9999999", "=1",
                                     "colour=red", "period_ms=5", "phase=2d period=1d"])
def test_bad_setting(run, tree, setting):
    """Exit status 2, a reason, and nothing written."""
    sysfs = tree / "sys" / "kernel" / "sched_tick"
    before = {path: path.read_bytes() for path in sysfs.rglob("*") if path.is_file()}
    done = run("set", "default", "notify=yes", *setting.split())
    assert done.status == 2 and done.err.startswith("sched-tick: ") and not done.out
    assert before == {path: path.read_bytes() for path in sysfs.rglob("*") if path.is_file()}


USAGE = [[], ["no-such-command"], ["list", "--no-such-option"], ["list", "-o", "nothing"], ["show"],
         ["show", "a", "b"], ["create"], ["create", "two words"], ["create", ".hidden"], ["set", "default"], ["delete"],
         ["wait"], ["wait", "-n", "0", "default"], ["wait", "-n", "x", "default"], ["watch", "-d", "0s"], ["watch", "-n", "x"],
         ["check", "--missed", "5"], ["check", "--late", "101%"], ["check", "--lateness", "3ms"], ["export", "more"],
         ["apply", "--no-such-option"]]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage_error(run, arguments):
    """Exit status 2 and a word on stderr."""
    done = run(*arguments)
    assert done.status == 2 and done.err and not done.out


@pytest.mark.parametrize("command", ["list", "show", "create", "set", "delete", "wait", "watch", "check", "export", "apply"])
def test_help(run, command):
    """On stdout, and that is no error."""
    done = run(command, "--help")
    assert done.status == 0 and done.out.startswith(f"Usage: sched-tick {command} ") and not done.err


@pytest.mark.parametrize("arguments", [["list"], ["list", "x"], ["show", "default"], ["set", "default", "cpu=any"], ["check"],
                                       ["wait", "default"], ["watch"], ["export", "-o", "-"], ["delete", "x"]],
                         ids=" ".join)
def test_no_module(run, tmp_path, arguments):
    """Exit status 3, and what to do about it."""
    done = run(*arguments, root=tmp_path / "empty")
    assert done.status == 3 and "sched_tick is not loaded" in done.err and not done.out


REFUSED = {"sys/module/module/parameters/sig_enforce": "Y\n",
           "sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}


@pytest.mark.parametrize("path", REFUSED)
def test_a_refused_module_is_explained(run, tmp_path, path):
    """Built, and not loaded, on a kernel that takes only what is signed."""
    module = tmp_path / "root" / "lib" / "modules" / os.uname().release / "updates" / "dkms" / "sched_tick.ko.xz"
    module.parent.mkdir(parents=True)
    module.touch()
    assert "`modprobe sched_tick`" in run("check", root=tmp_path / "root").err
    said = tmp_path / "root" / path
    said.parent.mkdir(parents=True)
    said.write_text(REFUSED[path], encoding="ascii")
    done = run("check", root=tmp_path / "root")
    assert done.status == 3 and "Secure Boot" in done.err and "sched-tick(8)" in done.err


def test_a_module_that_could_not_be_built_is_explained(run, tmp_path):
    """By what is missing, or where the packages put what DKMS and the compiler said."""
    root, kernel = tmp_path / "root", os.uname().release
    done = run("check", root=root)
    assert done.status == 3 and kernel in done.err and f"install linux-headers-{kernel}, or kernel-devel-{kernel}" in done.err
    (root / "lib" / "modules" / kernel / "build" / "include").mkdir(parents=True)
    assert "`dkms status sched_tick`" in run("check", root=root).err
    logs = root / "var" / "lib" / "sched-tick-dkms"
    logs.mkdir(parents=True)
    for suffix, words in (("failed", "the last build for"), ("log", "it can't be built for")):
        (logs / f"{kernel}.{suffix}").touch()
        done = run("check", root=root)
        assert done.status == 3 and f"{words} this kernel ({kernel})" in done.err, done.err
        assert f"/var/lib/sched-tick-dkms/{kernel}.{suffix} says why" in done.err, done.err


@pytest.mark.parametrize("arguments", [["create", "x"], ["delete", "backup"]], ids=" ".join)
def test_no_configfs(run, tree, arguments):
    """Exit status 1, and what to do about it; also where the ticker is still there."""
    (tree / "sys" / "kernel" / "config" / "sched_tick").rmdir()
    done = run(*arguments)
    assert done.status == 1 and "mount -t configfs" in done.err and not done.out


@pytest.mark.parametrize("unit", sorted((TOP / "packaging" / "systemd").glob("*@.service")), ids=lambda unit: unit.name)
def test_a_unit_takes_a_name_that_begins_with_a_dash(run, tree, unit):
    """Its command does not take it for an option."""
    put(tree / "sys" / "kernel" / "sched_tick" / "tickers" / "-n")
    command = re.search(r"^ExecStart=/usr/sbin/sched-tick (.*)$", unit.read_text("ascii"), re.MULTILINE).group(1)
    done = run(*command.replace("%i", "-n").split())
    assert done.status == 0 and "counter 86400" in done.out, done


@pytest.mark.parametrize("arguments", [["list", "x"], ["show", "x"], ["set", "x", "cpu=any"], ["wait", "x"], ["check", "x"],
                                       ["delete", "x"]], ids=" ".join)
def test_no_ticker(run, arguments):
    """Exit status 3, and which one."""
    done = run(*arguments)
    assert done.status == 3 and "x: no such ticker" in done.err and not done.out


def until(condition):
    """Poll for what another process does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def holders(tree):
    """Processes that hold the lock of the default ticker's waiters."""
    lock, found = tree / "run" / "sched-tick" / "default", set()
    for path in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(path) == str(lock):
                found.add(int(path.parts[2]))
        except OSError:  # It is closed.
            pass
    return found


@pytest.fixture(name="waiters")
def _waiters(tool, tree):
    """A function that starts a waiter and returns it, once it has set notify, and its guard."""
    (tree / "run").mkdir()
    started = []

    def start(*command, prefix=(), guarded=True):
        before = holders(tree)
        # What runs in the background ignores signals, and what it starts inherits that.
        waiter = subprocess.Popen(  # pylint: disable=consider-using-with
            ["env", "--default-signal", *prefix, tool, "wait", *command, "default"], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(tree)})
        started.append(waiter)
        if not guarded:
            return waiter, None
        until(lambda: len(holders(tree) - before) == 2 and notify(tree) == "1")
        return waiter, (holders(tree) - before - {waiter.pid}).pop()
    yield start
    for waiter in started:
        waiter.kill()
        waiter.communicate(timeout=20)
    until(lambda: not holders(tree))


def notify(tree):
    """What the default ticker's notify is."""
    return (tree / "sys" / "kernel" / "sched_tick" / "notify").read_text("ascii").strip()


def end(waiter, number=signal.SIGKILL):
    """Kill one; whoever reads its output sees the end at once."""
    waiter.send_signal(number)
    waiter.communicate(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_killed_waiter_restores_notify(waiters, tree, number):
    """Whatever kills it."""
    waiter, _ = waiters()
    end(waiter, number)
    until(lambda: notify(tree) == "0" and not holders(tree))


def test_the_last_waiter_restores_notify(waiters, tree):
    """Not the first one that ends; and what was set before stays set."""
    first, _ = waiters()
    second, _ = waiters()
    end(first)
    until(lambda: len(holders(tree)) == 2)
    time.sleep(0.2)
    assert notify(tree) == "1"
    end(second)
    until(lambda: notify(tree) == "0" and not holders(tree))
    (tree / "sys" / "kernel" / "sched_tick" / "notify").write_text("1\n", encoding="ascii")
    third, _ = waiters()
    end(third)
    until(lambda: not holders(tree))
    assert notify(tree) == "1"


def test_a_waiter_that_ends_restores_notify(tool, tree, shim):
    """Before its exit status is known, also without its guard; and its command gets neither lock nor pipe."""
    (tree / "run").mkdir()
    with subprocess.Popen([tool, "wait", "-n", "5", "default", "--", "sh", "-c", "ls -l /proc/$$/fd"], text=True,
                          stdout=subprocess.PIPE, env=shim | {"SCHED_TICK_ROOT": str(tree)}) as waiter:
        until(lambda: notify(tree) == "1")
        time.sleep(0.3)
        os.kill((holders(tree) - {waiter.pid}).pop(), signal.SIGKILL)
        (tree / "sys" / "kernel" / "sched_tick" / "counter").write_text("86410\n", encoding="ascii")
        said = waiter.communicate(timeout=20)[0]
    assert waiter.returncode == 0 and notify(tree) == "0"
    assert said.count("pipe:") == 1 and "sched-tick/default" not in said, said


RANGES = [("enabled=no", "enabled", "would exceed max_rate, 777 ticks per second; root can raise it in /sys/module/sched_tick/"),
          ("period=1ms", "period_ms", "would exceed max_rate, 777 ticks per second; root can raise it in /sys/module/sched_tick/"),
          ("cpu=9", "cpu", "no CPU has that number"), ("phase=5s", "phase_ms", "the phase has to be shorter than the period"),
          ("stall=5s", "stall_ms", "out of range")]


@pytest.mark.parametrize("setting,file,text", RANGES)
def test_out_of_range_is_explained(tool, tree, shim, setting, file, text):
    """By the setting, and max_rate as it is."""
    path = tree / "sys" / "module" / "sched_tick" / "parameters" / "max_rate"
    path.parent.mkdir()
    path.write_text("777\n", encoding="ascii")
    done = subprocess.run([tool, "set", "default", setting], text=True, capture_output=True, check=False,
                          env=shim | {"SCHED_TICK_ROOT": str(tree), "SHIM_ERANGE": file})
    assert done.returncode == 1 and done.stderr.startswith(f"sched-tick: default: {file} = ") and text in done.stderr, done.stderr


def test_a_killed_guard_is_made_good_by_the_next_waiter(waiters, tree):
    """Waiter and guard killed leave notify set; not if the ticker is another one since."""
    path = tree / "sys" / "kernel" / "sched_tick" / "notify"
    for again in (False, True):
        waiter, guard = waiters()
        os.kill(guard, signal.SIGKILL)
        end(waiter)
        until(lambda: not holders(tree))
        assert notify(tree) == "1"
        if again:
            (tree / "new").write_text("1\n", encoding="ascii")
            (tree / "new").rename(path)
        waiter, _ = waiters()
        end(waiter)
        until(lambda: not holders(tree))
        assert notify(tree) == ("1" if again else "0")


def test_a_waiter_leaves_what_was_changed_meanwhile(waiters, tree):
    """A notify that root cleared, and a ticker that was removed."""
    sysfs = tree / "sys" / "kernel" / "sched_tick"
    waiter, _ = waiters()
    (sysfs / "notify").write_text("0\n", encoding="ascii")
    end(waiter)
    until(lambda: not holders(tree))
    assert notify(tree) == "0"
    waiter, _ = waiters()
    shutil.rmtree(sysfs)
    end(waiter)
    until(lambda: not holders(tree))
    assert not sysfs.exists()


POWERLESS = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []


def test_a_waiter_that_may_not_write_notify(waiters, tree):
    """It waits while notify is set, and sees ticks also once that is cleared."""
    sysfs = tree / "sys" / "kernel" / "sched_tick"
    (sysfs / "notify").write_text("1\n", encoding="ascii")
    (sysfs / "notify").chmod(0o444)
    (tree / "run" / "sched-tick").mkdir(mode=0)
    waiter, _ = waiters("-n", "3", prefix=POWERLESS, guarded=False)
    time.sleep(0.5)
    (sysfs / "counter").write_text("86403\n", encoding="ascii")
    assert waiter.communicate(timeout=20) == ("", "") and waiter.returncode == 0
    assert notify(tree) == "1"


def test_a_waiter_without_a_place_for_its_lock(tool, tree):
    """It works, and says that notify stays set."""
    sysfs = tree / "sys" / "kernel" / "sched_tick"
    with subprocess.Popen([tool, "wait", "default"], text=True, stderr=subprocess.PIPE,
                          env={"SCHED_TICK_ROOT": str(tree)}) as waiter:
        until(lambda: notify(tree) == "1")
        time.sleep(0.3)
        (sysfs / "counter").write_text("86401\n", encoding="ascii")
        said = waiter.communicate(timeout=20)[1]
    assert waiter.returncode == 0 and notify(tree) == "1"
    assert said == "sched-tick: default: notify stays set: /run/sched-tick: No such file or directory\n"


def test_output_that_can_not_be_written(tool, tree):
    """What nobody gets was not said."""
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([tool, "list"], check=False, text=True, stdout=full, stderr=subprocess.PIPE,
                              env={"SCHED_TICK_ROOT": str(tree)})
    assert done.returncode == 1 and "standard output" in done.stderr


CONFIG = """
# A comment
[default]
period = 2s
enabled = yes       ; another
stall=500ms

[backup]
period = 2h
phase = 1h
"""


def test_apply_changes_what_differs(run, tree):
    """And says what; the second time nothing."""
    directory = tree / "etc" / "sched-tick.d"
    directory.mkdir(parents=True)
    (directory / "10-a.conf").write_text(CONFIG, encoding="ascii")
    (directory / "ignored.conf~").write_text("[", encoding="ascii")
    done = run("apply")
    assert done.status == 0 and not done.err
    assert done.out.splitlines() == ["default: period_ms = 2000", "default: stall_ms = 500", "backup: phase_ms = -1",
                                     "backup: period_ms = 7200000", "backup: phase_ms = 3600000"]


BAD_CONFIG = [
    ("period = 1s\n", 1), ("[default]\nperiod = 0\n", 2), ("[default]\nnotify = yes\ncolour = red\n", 3),
    ("[two words]\nperiod = 1s\n", 1), ("[default]\nperiod\n", 2), ("[default\nperiod = 1s\n", 1),
    ("[default]\nphase = 5s\nperiod = 5s\n", 3), ("[default]\n" + "x" * 5000 + " = 1\n", 2), ("[default]\nnotify = on\0\n", 2),
]


@pytest.mark.parametrize("text,line", BAD_CONFIG)
def test_apply_takes_no_part_of_a_bad_file(run, tree, text, line):
    """It names the line, and changes nothing."""
    path = tree / "bad.conf"
    path.write_text(text, encoding="ascii")
    sysfs = tree / "sys" / "kernel" / "sched_tick"
    before = {entry: entry.read_bytes() for entry in sysfs.rglob("*") if entry.is_file()}
    done = run("apply", path)
    assert done.status == 1 and f"{path}:{line}: " in done.err, done.err
    assert before == {entry: entry.read_bytes() for entry in sysfs.rglob("*") if entry.is_file()}


COMPLETION = TOP / "tools" / "completion"


@pytest.mark.parametrize("line,words", [("", {"list", "apply", "--version"}), ("sh", {"show"}),
                                        ("show ", {"default", "backup", "a.name-of_32.characters.is.long1"}),
                                        ("delete ", {"backup", "a.name-of_32.characters.is.long1"}), ("wait ba", {"backup"}),
                                        ("check --la", {"--late", "--lateness"}), ("set backup pe", {"period="})])
def test_bash_completion(tool, tree, line, words):
    """Commands, options, settings, and the tickers that are there."""
    script = 'compopt() { :; }; source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sched_tick; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, COMPLETION / "sched-tick.bash", "sched-tick", *line.split(" ")], text=True,
                          capture_output=True, check=True,
                          env={"PATH": f"{tool.parent}:{os.environ['PATH']}", "SCHED_TICK_ROOT": str(tree)})
    assert not done.stderr and words <= set(done.stdout.split()), done.stderr
    assert ("default" in done.stdout) == (line == "show ")


def test_zsh_completion(tool, tree):
    """As typed at a prompt: what is begun is ended by the tab key."""
    child, terminal = pty.fork()
    if not child:
        os.environ.update(PATH=f"{tool.parent}:{os.environ['PATH']}", SCHED_TICK_ROOT=str(tree), TERM="dumb")
        os.execlp("zsh", "zsh", "-f")

    def until(text):
        seen, end = "", time.monotonic() + 30
        while text not in seen:
            assert time.monotonic() < end, seen
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 4096).decode()

    os.write(terminal, f"PS1=; fpath=({COMPLETION} $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\n".encode())
    until("ready")
    for typed, completed in (("sched-tick wai\t", "wait"), ("--co\t", "--count"), ("3 b\t", "backup"),
                             ("\x15sched-tick set b\t", "backup"), ("phas\t", "phase=")):
        os.write(terminal, typed.encode())
        until(completed)
    os.close(terminal)
    os.waitpid(child, 0)


def test_every_exit_status_of_the_man_page_is_tested():
    """The list there is the list here."""
    page = (TOP / "tools" / "sched-tick.8").read_text("utf-8")
    section = page[page.index(".SH EXIT STATUS"):page.index(".SH FILES")]
    assert re.findall(r"^\.B (\d+)$", section, re.MULTILINE) == ["0", "1", "2", "3", "4"]
    tests = pathlib.Path(__file__).read_text("utf-8")
    assert all(re.search(rf"status == \(?{status}\b", tests) for status in (0, 1, 2, 3, 4))
