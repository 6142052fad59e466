# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick wait: it sets notify while it waits, restores it however it ends, and passes on the status of its command."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from faketree import _shim, _tool, _tree, sysfs  # noqa: F401  pylint: disable=unused-import


def until(condition):
    """Wait until a condition holds."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def count(directory, ticks):
    """Set the counter of a ticker. The file is never empty, as truncating it would make it."""
    with (directory / "counter").open("r+", encoding="ascii") as file:
        file.write(f"{ticks}\n")


def holders(tree):
    """The processes that hold the lock of those that wait for the default ticker."""
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
    """A function that starts a process that waits, and returns it and its guard once notify is set."""
    started = []

    def start(*command, prefix=(), guarded=True):
        before = holders(tree)
        # A background process of a shell ignores signals, and its children inherit that.
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
    """The value of notify of the default ticker."""
    return (sysfs(tree) / "notify").read_text("ascii").strip()


def end(waiter, number=signal.SIGKILL):
    """Kill a process that waits. A reader of its output sees the end at once."""
    waiter.send_signal(number)
    waiter.communicate(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_killed_waiter_restores_notify(waiters, tree, number):
    """notify is restored, whatever signal kills the waiter."""
    waiter, _ = waiters()
    end(waiter, number)
    until(lambda: notify(tree) == "0" and not holders(tree))


def test_the_last_waiter_restores_notify(waiters, tree):
    """The last waiter that ends restores notify, not the first one; a value that was set before stays."""
    first, _ = waiters()
    second, _ = waiters()
    end(first)
    until(lambda: len(holders(tree)) == 2)
    time.sleep(0.2)
    assert notify(tree) == "1"
    end(second)
    until(lambda: notify(tree) == "0" and not holders(tree))
    (sysfs(tree) / "notify").write_text("1\n", encoding="ascii")
    third, _ = waiters()
    end(third)
    until(lambda: not holders(tree))
    assert notify(tree) == "1"


def test_a_waiter_that_ends_restores_notify(tool, tree, shim):
    """A waiter restores notify before it exits, also without its guard. Its command inherits neither lock nor pipe."""
    with subprocess.Popen([tool, "wait", "-c", "5", "default", "--", "sh", "-c", "ls -l /proc/$$/fd"], text=True,
                          stdout=subprocess.PIPE, env=shim | {"SCHED_TICK_ROOT": str(tree)}) as waiter:
        until(lambda: notify(tree) == "1")
        time.sleep(0.3)
        os.kill((holders(tree) - {waiter.pid}).pop(), signal.SIGKILL)
        count(sysfs(tree), 86410)
        output = waiter.communicate(timeout=20)[0]
    assert waiter.returncode == 0 and notify(tree) == "0"
    assert output.count("pipe:") == 1 and "sched-tick/default" not in output, output


def test_the_next_waiter_restores_notify(waiters, tree):
    """If process and guard are killed, notify stays set until the next one ends; unless the ticker was replaced."""
    path = sysfs(tree) / "notify"
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


def test_changes_of_others_stay(waiters, tree):
    """A waiter that ends does not set notify again after root cleared it, and creates no file after the ticker was removed."""
    directory = sysfs(tree)
    waiter, _ = waiters()
    (directory / "notify").write_text("0\n", encoding="ascii")
    end(waiter)
    until(lambda: not holders(tree))
    assert notify(tree) == "0"
    waiter, _ = waiters()
    shutil.rmtree(directory)
    end(waiter)
    until(lambda: not holders(tree))
    assert not directory.exists()


POWERLESS = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []


def test_a_waiter_that_may_not_write_notify(waiters, tree):
    """Without permission to write notify, wait works while notify is set, and reads the counter every second."""
    directory = sysfs(tree)
    (directory / "notify").write_text("1\n", encoding="ascii")
    (directory / "notify").chmod(0o444)
    (tree / "run" / "sched-tick").mkdir(mode=0)
    waiter, _ = waiters("-c", "3", prefix=POWERLESS, guarded=False)
    time.sleep(0.5)
    count(directory, 86403)
    assert waiter.communicate(timeout=20) == ("", "") and waiter.returncode == 0
    assert notify(tree) == "1"


def test_a_waiter_without_a_place_for_its_lock(tool, tree):
    """Without a place for its lock, wait works and reports that notify stays set."""
    directory = sysfs(tree)
    (tree / "run").rmdir()
    with subprocess.Popen([tool, "wait", "default"], text=True, stderr=subprocess.PIPE,
                          env={"SCHED_TICK_ROOT": str(tree)}) as waiter:
        until(lambda: notify(tree) == "1")
        time.sleep(0.3)
        count(directory, 86401)
        message = waiter.communicate(timeout=20)[1]
    assert waiter.returncode == 0 and notify(tree) == "1"
    assert message == "sched-tick: default: notify stays set: /run/sched-tick: No such file or directory\n"


STATUSES = {"true": (0, ""), "exit 7": (7, "exit status 7"), "kill -TERM $$": (143, "killed by signal 15"),
            '[ "$SCHED_TICK_COUNTER-$SCHED_TICK_TICKS" = 86403-3 ]': (0, "")}


@pytest.mark.parametrize("script", STATUSES)
def test_the_status_of_the_command(tool, tree, shim, script):
    """The status of the command is passed on, 128 plus the signal if it was killed. The first command that fails ends the loop."""
    count(sysfs(tree), 86400)
    with subprocess.Popen([tool, "wait", "-c", "3", "default", "--", "sh", "-c", f"echo run; {script}"], text=True, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, env=shim | {"SCHED_TICK_ROOT": str(tree)}) as waiter:
        until(lambda: notify(tree) == "1")
        time.sleep(0.3)
        count(sysfs(tree), 86403)
        out, message = waiter.communicate(timeout=20)
    status, expected = STATUSES[script]
    assert (waiter.returncode, out) == (status, "run\n") and expected in message, message


@pytest.mark.parametrize("command,status", [("/nonexistent", 127), ("/etc/passwd", 126)])
def test_a_command_that_can_not_be_run(tool, tree, shim, command, status):
    """If the command cannot be run, the exit status is that of env(1)."""
    with subprocess.Popen([tool, "wait", "default", "--", command], text=True, stderr=subprocess.PIPE,
                          env=shim | {"SCHED_TICK_ROOT": str(tree)}) as waiter:
        until(lambda: notify(tree) == "1")
        time.sleep(0.3)
        count(sysfs(tree), 86401)
        message = waiter.communicate(timeout=20)[1]
    assert waiter.returncode == status and message.startswith(f"sched-tick: {command}: "), message
