# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick set, create, delete and apply; and the messages if the kernel refuses a value, or the module is missing."""

import errno
import os
import subprocess

import pytest

from faketree import _run, _shim, _tool, _tree, contents, put, sysfs  # noqa: F401  pylint: disable=unused-import

LONGEST = ",".join(map(str, range(1000, 1819)))    # 4094 bytes

SETTINGS = [
    ("period=250ms", "period_ms", "250"), ("period=1.5s", "period_ms", "1500"), ("period=2min", "period_ms", "120000"),
    ("period=1d", "period_ms", "86400000"), ("phase=none", "phase_ms", "-1"), ("phase=-1", "phase_ms", "-1"), ("phase=0", "phase_ms", "0"),
    ("enabled=no", "enabled", "0"), ("notify=on", "notify", "1"), ("timer=wheel", "timer", "wheel"),
    ("clock=boottime", "clock", "boottime"), ("cpus=all", "cpus", "all"), ("cpus=any", "cpus", "any"),
    ("cpus=housekeeping", "cpus", "housekeeping"), ("cpus=3", "cpus", "3"), ("cpus=0,2-5,7", "cpus", "0,2-5,7"), ("cpus=5-2", "cpus", "5-2"),
    ("cpus=" + LONGEST, "cpus", LONGEST), ("queue=unbound", "queue", "unbound"), ("queue=bh", "queue", "bh"),
    ("stall=500ms", "stall_ms", "500"), ("stall=off", "stall_ms", "0"), ("stall=0", "stall_ms", "0"),
]


@pytest.mark.parametrize("setting,file,text", SETTINGS, ids=[setting[:20] for setting, _, _ in SETTINGS])
def test_set(run, tree, setting, file, text):
    """The value is written in the kernel's form, and only if it differs from the current one."""
    path = sysfs(tree) / file
    before = path.read_text("ascii").strip()
    assert run("set", "default", setting) == (0, "", "")
    after = path.read_text("ascii")
    assert after.strip() == text if before == text else after.startswith(text)


@pytest.mark.parametrize("arguments", [["list"], ["list", "x"], ["show", "default"], ["set", "default", "cpus=any"], ["check"],
                                       ["wait", "default"], ["watch"], ["export", "-f", "-"], ["delete", "x"]],
                         ids=" ".join)
def test_no_module(run, tmp_path, arguments):
    """Without the module the exit status is 3, and a hint is printed."""
    done = run(*arguments, root=tmp_path / "empty")
    assert done.status == 3 and "sched_tick is not loaded" in done.err and not done.out


REFUSED = {"sys/module/module/parameters/sig_enforce": "Y\n",
           "sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}


# Where packages install the module: DKMS, `make kmod` for Debian, and kmodtool.
@pytest.mark.parametrize("place", ["updates/dkms/sched_tick.ko.xz", "updates/sched_tick.ko", "extra/sched-tick/sched_tick.ko"])
@pytest.mark.parametrize("path", REFUSED)
def test_a_refused_module_is_explained(run, tmp_path, path, place):
    """If the module is built but not loaded, and the kernel loads only signed modules, the message explains that."""
    module = tmp_path / "root" / "lib" / "modules" / os.uname().release / place
    module.parent.mkdir(parents=True)
    module.touch()
    assert "`modprobe sched_tick`" in run("check", root=tmp_path / "root").err
    setting = tmp_path / "root" / path
    setting.parent.mkdir(parents=True)
    setting.write_text(REFUSED[path], encoding="ascii")
    done = run("check", root=tmp_path / "root")
    assert done.status == 3 and "Secure Boot" in done.err and "sched-tick(8)" in done.err


def test_a_module_that_could_not_be_built_is_explained(run, tmp_path):
    """The message names what is missing, or the log of the build."""
    root, kernel = tmp_path / "root", os.uname().release
    done = run("check", root=root)
    assert done.status == 3 and f"install the package kmod-sched-tick-{kernel} or sched-tick-dkms" in done.err, done.err
    (root / "usr" / "libexec").mkdir(parents=True)
    (root / "usr" / "libexec" / "sched-tick-dkms").touch()
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
        assert f"; see /var/lib/sched-tick-dkms/{kernel}.{suffix}\n" in done.err, done.err


@pytest.mark.parametrize("arguments", [["create", "x"], ["delete", "backup"]], ids=" ".join)
def test_no_configfs(run, tree, arguments):
    """Without configfs the exit status is 1, and a hint is printed, also if the ticker exists."""
    (tree / "sys" / "kernel" / "config" / "sched_tick").rmdir()
    done = run(*arguments)
    assert done.status == 1 and "mount -t configfs" in done.err and not done.out


@pytest.mark.parametrize("arguments", [["list", "x"], ["show", "x"], ["set", "x", "cpus=any"], ["wait", "x"], ["check", "x"],
                                       ["delete", "x"]], ids=" ".join)
def test_no_ticker(run, arguments):
    """If there is no such ticker the exit status is 3, and the message names it."""
    done = run(*arguments)
    assert done.status == 3 and "x: no such ticker" in done.err and not done.out


@pytest.mark.parametrize("setting,written", [("cpus=0-2,4", False), ("cpus=4,2,0-1,1", False), ("cpus=0-4", True), ("cpus=0,1,4", True),
                                             ("cpus=99999999999999999999", True), ("cpus=all", True)])
def test_the_same_cpus_are_not_written(run, tree, setting, written):
    """The kernel shows a list in its shortest form. Another list of the same CPUs changes nothing, and apply prints no change."""
    put(sysfs(tree), cpus="0-2,4")
    (tree / "x.conf").write_text(f"[default]\n{setting}\n", encoding="ascii")
    assert run("apply", tree / "x.conf") == (0, f"default: {setting}\n" if written else "", "")
    assert (sysfs(tree) / "cpus").read_text("ascii").startswith(setting[5:] if written else "0-2,4\n")


RATE = "all enabled tickers together would exceed max_rate, 777 ticks per second; root can raise it in /sys/module/sched_tick/"
LSMOD = "`lsmod | grep sched_tick` lists modules that can subscribe"
REASONS = [
    ("enabled=no", "enabled", "ERANGE", RATE), ("period=1ms", "period_ms", "ERANGE", RATE),
    ("phase=5s", "phase_ms", "ERANGE", "the phase must be shorter than the period"), ("stall=5s", "stall_ms", "ERANGE", "out of range"),
    ("stall=5s", "stall_ms", "EINVAL", "Invalid argument"), ("stall=5s", "stall_ms", "EBUSY", "another module has subscribed to the ticker; "),
    ("cpus=9", "cpus", "ERANGE", "cpus = 9: there is no such CPU (there are: 0-3)\n"),
    ("cpus=" + LONGEST, "cpus", "ERANGE", f"cpus = {LONGEST[:64]}...: there is no such CPU"),
    ("cpus=3-1", "cpus", "EINVAL", "cpus = 3-1: the kernel does not take this list: a range goes from the lower to the higher number"),
    ("cpus=all", "cpus", "EBUSY", f"another module has subscribed to the ticker: it is not called on several CPUs; {LSMOD}"),
    ("queue=bh", "queue", "EINVAL", "queue = bh: this kernel has no such queue (it has: highpri normal unbound)"),
    ("queue=bh", "queue", "EBUSY", "another module has subscribed to the ticker: its function may sleep, which this queue does not allow; "),
]


@pytest.mark.parametrize("setting,file,error,text", REASONS, ids=[f"{setting[:12]} {error}" for setting, _, error, _ in REASONS])
def test_a_refused_value_is_explained(tool, tree, shim, setting, file, error, text):
    """The message about a refused value depends on the setting, and names what the kernel has."""
    path = tree / "sys" / "module" / "sched_tick" / "parameters" / "max_rate"
    path.parent.mkdir()
    path.write_text("777\n", encoding="ascii")
    path = tree / "sys" / "devices" / "system" / "cpu" / "possible"
    path.parent.mkdir()
    path.write_text("0-3\n", encoding="ascii")
    put(sysfs(tree), queue="[highpri] normal unbound")
    done = subprocess.run([tool, "set", "default", setting], text=True, capture_output=True, check=False,
                          env=shim | {"SCHED_TICK_ROOT": str(tree), "SHIM_REFUSED": file, "SHIM_ERRNO": str(getattr(errno, error))})
    assert done.returncode == 1 and done.stderr.startswith(f"sched-tick: default: {file} = ") and text in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1


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
    """apply prints what it changes, and ignores files of other names."""
    directory = tree / "etc" / "sched-tick.d"
    directory.mkdir(parents=True)
    (directory / "10-a.conf").write_text(CONFIG, encoding="ascii")
    (directory / "ignored.conf~").write_text("[", encoding="ascii")
    done = run("apply")
    assert done.status == 0 and not done.err
    assert done.out.splitlines() == ["default: period=2s", "default: stall=500ms", "backup: phase=none", "backup: period=2h",
                                     "backup: phase=1h"]


BAD_CONFIG = [
    ("period = 1s\n", 1), ("[default]\nperiod = 0\n", 2), ("[default]\nnotify = yes\ncolour = red\n", 3),
    ("[two words]\nperiod = 1s\n", 1), ("[default]\nperiod\n", 2), ("[default\nperiod = 1s\n", 1),
    ("[default]\nphase = 5s\nperiod = 5s\n", 3), ("[default]\n" + "x" * 5000 + " = 1\n", 2), ("[default]\nnotify = on\0\n", 2),
]


@pytest.mark.parametrize("text,line", BAD_CONFIG)
def test_apply_takes_no_part_of_a_bad_file(run, tree, text, line):
    """The message names the line, and nothing is written."""
    path = tree / "bad.conf"
    path.write_text(text, encoding="ascii")
    before = contents(tree)
    done = run("apply", path)
    assert done.status == 1 and f"{path}:{line}: " in done.err, done.err
    assert before == contents(tree)


def test_create_and_delete(run, tree):
    """A ticker that exists is not created. The default ticker is not removed. If a setting fails, the ticker is removed."""
    directory = tree / "sys" / "kernel" / "config" / "sched_tick"
    put(sysfs(tree) / "tickers" / "new")
    assert run("create", "new", "period=2s") == (0, "", "") and (directory / "new").is_dir()
    assert (sysfs(tree) / "tickers" / "new" / "period_ms").read_text("ascii").startswith("2000")
    assert run("create", "new") == (1, "", "sched-tick: new: the ticker exists already\n")
    assert run("delete", "new") == (0, "", "") and not (directory / "new").exists()
    (sysfs(tree) / "tickers" / "new" / "period_ms").unlink()
    assert run("create", "new", "period=1s").status == 1 and not (directory / "new").exists()
    done = run("delete", "default")
    assert done.status == 1 and "can't be removed while the module is loaded" in done.err
