# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick check: the window, the thresholds, and the form for monitoring plugins."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

from faketree import LATE, _run, _shim, _tool, _tree, put, sysfs  # noqa: F401  pylint: disable=unused-import

def tick(tree, on_time=0, late=0, missed=0, **settings):
    """Let the default ticker tick: that many more ticks of 5 us and of 1 s, and missed periods, than it starts with."""
    put(sysfs(tree), counter=86400 + on_time + late, missed=2 + missed, late=LATE | {2: LATE[2] + on_time, 18: late}, **settings)


@pytest.fixture(name="no_sleep")
def _no_sleep(shim):
    """The environment of a check that does not wait between two samples."""
    return shim | {"SHIM_NO_SLEEP": "1"}


@pytest.fixture(name="check")
def _check(run, tree, no_sleep):
    """Check the default ticker: exit status, its line of the table."""
    def check(*arguments, sleep=False):
        done = run("check", "--json", *arguments, "default", more={} if sleep else no_sleep)
        assert done.status in (0, 4) and not done.err, done
        (found,) = json.loads(done.out)["tickers"]
        return done.status, found
    tick(tree)
    return check


def found(state, ticks, late, missed, stalled_cpus=None):
    """A line of the table."""
    return {"name": "default", "state": state, "ticks": ticks, "late_ratio": late, "missed_ratio": missed, "stalled_cpus": stalled_cpus}


def test_red_then_green(check, tree):
    """A late tick exceeds the threshold in the check that follows it, and not in the next one."""
    assert check() == (0, found("ok", 0, None, None))
    tick(tree, on_time=49, late=1)
    assert check() == (4, found("late", 50, 0.02, 0))
    tick(tree, on_time=99, late=1)
    assert check() == (0, found("ok", 50, 0, 0))
    assert check() == (0, found("ok", 0, None, None))
    assert check("--since-start", "--wait", "1ms", "--max-late", "0%")[0] == 4


def test_missed_periods(check, tree):
    """Missed periods exceed the threshold in the check that follows them, and not in the next one."""
    check()
    tick(tree, on_time=48, missed=2)
    assert check() == (4, found("missed", 48, 0, 0.04))
    assert check() == (0, found("ok", 0, None, None))


def test_when_it_waits(check, tree):
    """The first check takes two samples 2 s apart, and a check that finds missed periods, too. Another one does not wait."""
    for arguments, waits in (({}, True), ({"on_time": 7}, False), ({"on_time": 100007, "missed": 1}, True)):
        tick(tree, **arguments)
        begin = time.monotonic()
        assert check(sleep=True)[0] == 0
        assert (time.monotonic() - begin >= 2) == waits


@pytest.mark.parametrize("share,status", [("2%", 0), ("1.9%", 4)])
def test_the_share_is_a_limit(check, tree, share, status):
    """A share that equals the threshold does not exceed it."""
    check()
    tick(tree, on_time=49, late=1)
    assert check("--max-late", share)[0] == status


def test_wait_uses_no_earlier_sample(check, tree):
    """With --wait and with --since-start, the sample of the previous check is neither used nor replaced."""
    check()
    tick(tree, on_time=9, late=1)
    assert check("--wait", "1ms") == (0, found("ok", 0, None, None))
    assert check("--since-start", "--wait", "1ms", "-t", "5us")[1]["ticks"] == 86410
    assert check() == (4, found("late", 10, 0.1, 0))


def state(tree):
    """The file of the earlier sample."""
    return tree / "run" / "sched-tick" / ".check" / "default"


@pytest.mark.skipif(os.geteuid() != 0, reason="the file of root")
@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 100, b"sched-tick check 2 first-boot 0\n", b"x" * 100000, None, "short", "long", "another CPU line",
                                     "another boot", "other format", "link", "pipe", "unreadable", "other owner"])
def test_foreign_content(check, tree, content):
    """A file that is not a sample of this ticker, this boot and this user counts as no sample, and is replaced."""
    check()
    path = state(tree)
    good = path.read_text("ascii")
    assert path.stat().st_mode & 0o777 == 0o600 and good.startswith("sched-tick check 2 first-boot ")
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "short":
        path.write_text(good[:-20], encoding="ascii")
    elif content == "long":
        path.write_text(good + "more\n", encoding="ascii")
    elif content == "another CPU line":
        path.write_text(good.replace("end\n", "cpu 0 1\nend\n"), encoding="ascii")
    elif content == "another boot":
        (tree / "proc/sys/kernel/random/boot_id").write_text("second-boot\n", encoding="ascii")
    elif content == "other format":
        path.write_text(good.replace("check 2", "check 1"), encoding="ascii")
    elif content == "other owner":
        os.chown(path, 65534, 65534)
    else:
        path.unlink()
        if content == "link":
            (tree / "good").write_text(good, encoding="ascii")
            path.symlink_to(tree / "good")
        elif content == "pipe":
            os.mkfifo(path)
        elif content == "unreadable":
            path.symlink_to(path)
    tick(tree, on_time=9, late=1)
    assert check() == (0, found("ok", 0, None, None))
    tick(tree, on_time=9, late=2)
    assert check()[0] == 4, path.read_text("ascii")


def test_a_new_ticker_of_the_same_name(check, tree):
    """The sample of a removed ticker does not count for a new ticker of the same name."""
    check()
    shutil.rmtree(sysfs(tree) / "tickers")
    (sysfs(tree) / "stat").rename(tree / "stat")
    tick(tree, on_time=90, late=10)
    assert check() == (0, found("ok", 0, None, None))
    put(sysfs(tree), counter=5, missed=0, stalls=0, late={18: 5})
    assert check() == (0, found("ok", 0, None, None))
    put(sysfs(tree), counter=6, missed=0, stalls=0, late={18: 6})
    assert check() == (4, found("late", 1, 1, 0))


def test_state_directory(check, tree, tmp_path):
    """--state-dir names another directory, so that two monitors do not share their windows."""
    check()
    check("--state-dir", tmp_path / "a" / "b")
    tick(tree, late=1)
    assert check()[0] == 4
    assert check()[0] == 0
    assert check("--state-dir", tmp_path / "a" / "b")[0] == 4
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["default"]


def test_a_sample_that_can_not_be_kept(run, tree, no_sleep):
    """If the sample cannot be kept, the check works and prints a warning."""
    (tree / "file").touch()
    for _ in range(2):
        done = run("check", "--state-dir", tree / "file" / "x", "default", more=no_sleep)
        assert done.status == 0 and "can't keep the sample for the next check" in done.err and "Not a directory" in done.err
    # A directory is in the place of the file.
    (tree / "x" / "default").mkdir(parents=True)
    done = run("check", "--state-dir", tree / "x", "default", more=no_sleep)
    assert done.status == 0 and "Is a directory" in done.err and [path.name for path in (tree / "x").iterdir()] == ["default"]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_the_directory_of_a_user(tool, no_sleep):
    """The sample of a user is below XDG_RUNTIME_DIR, or else HOME, or else it is not kept."""
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        top.chmod(0o755)
        shutil.copy(tool, top / "sched-tick")
        shutil.copy(no_sleep["LD_PRELOAD"], top / "shim.so")
        put(sysfs(top))
        for place in ("runtime", "home"):
            (top / place).mkdir()
            os.chown(top / place, 65534, 65534)
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", top / "sched-tick", "check", "--quiet"]

        def check(**environment):
            environment |= no_sleep | {"SCHED_TICK_ROOT": name, "LD_PRELOAD": f"{name}/shim.so"}
            return subprocess.run(command, text=True, stderr=subprocess.PIPE, check=True, env=environment).stderr
        assert not check(XDG_RUNTIME_DIR=f"{name}/runtime", HOME=f"{name}/home")
        assert (top / "runtime/sched-tick/default").is_file() and not list((top / "home").iterdir())
        assert not check(HOME=f"{name}/home")
        assert (top / "home/.local/state/sched-tick/default").is_file()
        assert "set XDG_RUNTIME_DIR or HOME, or use --state-dir" in check()


def test_a_ticker_named_check(run, tree, no_sleep):
    """The files of `check` and of `wait` do not collide, also for a ticker of this name."""
    put(sysfs(tree) / "tickers" / "check")
    run("check", more=no_sleep)
    names = {path.name for path in (tree / "run" / "sched-tick").iterdir()} if os.geteuid() == 0 else {".check"}
    assert names == {".check"}


def test_a_worker_that_is_stuck(tool, tree):
    """If periods pass between two samples and no tick runs, the ticker is stalled."""
    with subprocess.Popen([tool, "check", "--since-start", "--nagios", "--max-missed", "0%", "--threshold", "5us", "default"],
                          text=True, stdout=subprocess.PIPE, env={"SCHED_TICK_ROOT": str(tree)}) as checker:
        time.sleep(1)
        put(sysfs(tree), missed=9)
        output = checker.communicate(timeout=60)[0]
    assert checker.returncode == 2
    assert output.startswith("SCHED_TICK CRITICAL - default: stalled, no tick in 7 periods, 9 of 86409 periods missed,"
                           " 410 of 86400 ticks later than 5us |"), output


def test_stuck_now_in_a_long_window(tool, tree, check):
    """A share that is not exceeded does not hide a worker that is stuck at the end of the window."""
    check()
    tick(tree, on_time=10000, missed=1)
    with subprocess.Popen([tool, "check", "--json", "default"], text=True, stdout=subprocess.PIPE,
                          env={"SCHED_TICK_ROOT": str(tree)}) as checker:
        time.sleep(1)
        tick(tree, on_time=10000, missed=3)
        output = json.loads(checker.communicate(timeout=60)[0])["tickers"]
    assert checker.returncode == 4 and output[0]["state"] == "stalled", output


def percpu(counts, ticking=1):
    """The settings of CPUs: {number: (ticks, missed periods)}."""
    return {cpu: {"counter": ticks, "missed": missed, "ticking": ticking} for cpu, (ticks, missed) in counts.items()}


def test_a_cpu_that_does_not_tick(check, tree):
    """A CPU that misses periods and does not tick is a failure that names it, though the other CPUs tick, until it ticks again."""
    tick(tree, cpus="all", ticking=3, percpu=percpu({0: (5, 0), 1: (5, 0), 2: (5, 9)}))
    assert check("--max-missed", "100%")[0] == 0
    tick(tree, on_time=20, missed=10, ticking=3, percpu=percpu({0: (15, 0), 1: (5, 10), 2: (15, 9)}))
    assert check("--max-missed", "100%") == (4, found("stalled", 20, 0, 0.333333333, "1"))
    tick(tree, on_time=50, missed=10, ticking=3, percpu=percpu({0: (25, 0), 1: (15, 10), 2: (25, 9)}))
    assert check("--max-missed", "100%") == (0, found("ok", 30, 0, 0))


def test_a_cpu_that_has_left(check, tree):
    """A CPU that the ticker does not tick on now is not reported, whatever it missed before it left."""
    tick(tree, ticking=2, percpu=percpu({0: (5, 0), 1: (5, 0)}))
    check()
    tick(tree, on_time=9, missed=1, ticking=1, percpu=percpu({0: (14, 0)}) | percpu({1: (5, 1)}, ticking=0))
    assert check("--max-missed", "100%")[1]["state"] == "ok"


def test_a_cpu_that_is_new(check, tree):
    """A CPU that has come since the previous check, and has never ticked, is reported."""
    tick(tree, ticking=1, percpu=percpu({0: (5, 0)}))
    check()
    tick(tree, on_time=9, missed=4, ticking=2, percpu=percpu({0: (14, 0), 7: (0, 4)}))
    assert check("--max-missed", "100%")[1]["stalled_cpus"] == "7"


def test_a_cpu_that_is_stuck_now(tool, tree, check):
    """A CPU that ticked earlier in the window and is stuck at its end is reported, for monitoring plugins as well."""
    tick(tree, ticking=2, percpu=percpu({0: (5, 0), 1: (5, 0)}))
    check()
    tick(tree, on_time=10000, missed=1, ticking=2, percpu=percpu({0: (5005, 0), 1: (5005, 1)}))
    with subprocess.Popen([tool, "check", "--nagios", "default"], text=True, stdout=subprocess.PIPE,
                          env={"SCHED_TICK_ROOT": str(tree)}) as checker:
        time.sleep(1)
        tick(tree, on_time=10002, missed=3, ticking=2, percpu=percpu({0: (5007, 0), 1: (5005, 3)}))
        output = checker.communicate(timeout=60)[0]
    assert checker.returncode == 2
    assert output.startswith("SCHED_TICK CRITICAL - default: CPU 1 stalled, no tick in 2 periods |"), output


@pytest.mark.parametrize("stuck,listed,counted", [
    ([3], "3", "CPU 3"), ([0, 1, 2, 5, 7, 8], "0-2,5,7-8", "CPUs 0-2,5,7-8"),
    (range(0, 200, 2), ",".join(map(str, range(0, 64, 2))) + ",...", None)], ids=["one", "some", "too many to list"])
def test_the_list_of_cpus(check, run, tree, no_sleep, stuck, listed, counted):
    """CPUs that do not tick are listed as the kernel lists CPUs; a list that is too long ends with dots."""
    def now(ticks, missed):
        return percpu({cpu: (5, missed) if cpu in stuck else (ticks, 0) for cpu in range(200)})
    tick(tree, ticking=200, percpu=now(5, 0))
    check()
    tick(tree, on_time=1000, missed=3, ticking=200, percpu=now(15, 3))
    if counted:
        done = run("check", "--nagios", "default", more=no_sleep)
        assert nagios(done) == (2, f"SCHED_TICK CRITICAL - default: {counted} stalled, no tick in 3 periods")
        assert run("check", "-rn", "default", more=no_sleep).out.split()[-1] == "-"
    else:
        assert check()[1]["stalled_cpus"] == listed


def test_a_disabled_ticker(check, tree):
    """A disabled ticker exceeds no threshold."""
    check()
    tick(tree, late=100, enabled=0, percpu=percpu({0: (5, 9)}))
    assert check() == (0, found("disabled", 100, 1, 0))


def nagios(done):
    """Exit status, and the text in front of the performance data."""
    assert done.out.count("\n") == 1
    return done.status, done.out.split(" |")[0].rstrip("\n")


def test_nagios(run, tree, no_sleep):
    """--nagios prints one line on stdout with the reason, and the exit status is that of a plugin."""
    run = functools.partial(run, more=no_sleep)
    assert nagios(run("check", "--nagios")) == (0, "SCHED_TICK OK - 3 tickers")
    tick(tree, on_time=47, late=3)
    assert nagios(run("check", "--nagios")) == (2, "SCHED_TICK CRITICAL - default: 3 of 50 ticks later than 100ms")
    assert nagios(run("check", "--nagios")) == (0, "SCHED_TICK OK - 3 tickers")
    assert nagios(run("check", "--na", "x")) == (3, "SCHED_TICK UNKNOWN - x: no such ticker")
    assert nagios(run("check", "--nagios", root=tree / "empty"))[1].startswith("SCHED_TICK UNKNOWN - the module sched_tick is not loaded")
    assert nagios(run("check", "--max-late", "x", "--nagios")) == \
        (3, "SCHED_TICK UNKNOWN - invalid share 'x' for --max-late (valid: 0% to 100%)")
    done = run("check", "--nope", "--nagios")
    assert done.status == 3 and done.out.startswith("SCHED_TICK UNKNOWN - check: unknown option '--nope' (valid: ")
    assert done.err.startswith("sched-tick: check: unknown option")


def test_quiet(run, tree):
    """--quiet prints nothing."""
    tick(tree, late=1000)
    assert run("check", "-q", "-s", "-w", "1ms") == (4, "", "")
    assert run("check", "--quiet", "-w", "1ms", "backup") == (0, "", "")
