# SPDX-License-Identifier: GPL-2.0-only
"""What sched-tick(8) prints: compared with the files in tests/unit/tool. SCHED_TICK_REGOLD=1 writes these anew; read them
before you commit them."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from conftest import TOP
from faketree import LATE, LATE_NS, LONG_NAME, _run, _tool, _tree, put, sysfs, timeless  # noqa: F401  pylint: disable=unused-import

GOLD = TOP / "tests" / "unit" / "tool"

GOLDEN = {
    "list": ["list"],
    "list-json": ["list", "--json"],
    "list-raw": ["list", "--raw"],
    "list-columns": ["list", "--noheadings", "--output", "name,timer-mean,timer-p99,timer-max"],
    "list-more": ["list", "-o", "+timer-max", "default"],
    "show": ["show", "default"],
    "show-never": ["show", "backup"],
    "show-settings": ["show", "--settings", "backup"],
    "show-json": ["show", "--json", "backup"],
    "show-raw": ["show", "-r", "default"],
    "show-percpu": ["show", "--percpu", LONG_NAME],
    "show-percpu-json": ["show", "-J", "-p", "-o", "cpu,ticks,p99", LONG_NAME],
    "show-percpu-raw": ["show", "-pr", LONG_NAME],
    "watch": ["watch", "-b", "-d", "1ms", "-c", "1"],
    "watch-json": ["watch", "-J", "-d", "1ms", "-c", "1"],
    "watch-raw": ["watch", "-rn", "-d", "1ms", "-c", "2", "default"],
    "check": ["check", "--since-start", "--wait", "1ms", "--threshold", "5us"],
    "check-window": ["check", "--wait", "1ms"],
    "check-json": ["check", "--since-start", "--wait", "1ms", "--json"],
    "check-raw": ["check", "--since-start", "--wait", "1ms", "--raw"],
    "check-nagios": ["check", "--nagios", "--wait", "1ms"],
    "export": ["export", "--file", "-"],
    "help": ["--help"],
    "help-list": ["list", "--help"],
    "help-show": ["show", "--help"],
    "help-set": ["help", "set"],
    "help-check": ["check", "--help"],
    "help-stalls": ["stalls", "--help"],
}


@pytest.mark.parametrize("name", GOLDEN)
def test_output(run, name):
    """The output is the one that was reviewed last."""
    done = run(*GOLDEN[name])
    out, gold = timeless(done.out), GOLD / f"{name}.txt"
    if os.environ.get("SCHED_TICK_REGOLD") == "1":
        gold.write_text(out, encoding="utf-8")
    assert done.status == (4 if name == "check" else 0), done.err
    assert out == gold.read_text("utf-8")
    assert done.err == ""
    if "json" in name:
        json.loads(done.out)
    if not name.endswith(("json", "raw", "nagios", "export")):
        assert max(map(len, done.out.splitlines())) <= 100


@pytest.mark.parametrize("arguments", [[], ["-J"], ["--output", "name"]], ids=" ".join)
def test_list_is_the_default_command(run, arguments):
    """Without a command, options are those of list."""
    assert run(*arguments) == run("list", *arguments)


@pytest.mark.parametrize("columns,command,figures", [
    (66, "list", ["86400", "61.2ms"]), (60, "show default", ["86400", "85990"]), (66, "watch -c 1 -d 1ms", ["250ms"]),
    (80, f"show -p {LONG_NAME}", ["86000", "61.2ms"]), (60, "check -s -w 1ms", ["0.00231%"])])
def test_a_narrow_terminal_is_enough(tool, tree, columns, command, figures):
    """With the longest name, no line is longer than the terminal is wide, and no figure is cut."""
    done = subprocess.run(["script", "-qec", f"stty cols {columns}; {tool} {command}", "/dev/null"], text=True, capture_output=True,
                          check=True, env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(tree), "TERM": "dumb"})
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", done.stdout)
    assert max(map(len, text.splitlines())) <= columns, text
    assert all(figure in text for figure in figures), text


def test_no_value_yet(run, tree):
    """Figures of a ticker that never ran, and the maximum after a reset, are null in JSON and - elsewhere."""
    (never,) = json.loads(run("list", "--json", "-o", "+timer-mean,timer-p99,timer-max", "backup").out)["tickers"]
    assert [key for key, value in never.items() if value is None] == ["mean_ns", "p99_ns", "max_ns", "timer_mean_ns",
                                                                      "timer_p99_ns", "timer_max_ns"]
    for letters in ("-n", "-rn"):
        assert run("list", letters, "-o", "mean,p99,max", "backup").out.split() == ["-"] * 3
    shown = json.loads(run("show", "--json", "backup").out)["lateness"]
    assert shown["last_ns"] is shown["max_ns"] is None and sum(shown["histogram"]) == 0
    stat = sysfs(tree) / "stat"
    stat.write_text(stat.read_text("ascii").replace(" 61234567 ", " 0 "), encoding="ascii")
    (reset,) = json.loads(run("list", "--json", "default").out)["tickers"]
    assert reset["max_ns"] is None and reset["mean_ns"] == 4500


def test_json_types(run, tree):
    """JSON has the types that sched-tick(8) documents."""
    shown = json.loads(run("show", "--json", "backup").out)
    types = {"name": str, "period_ms": int, "phase_ms": int, "timer": str, "clock": str, "cpus": str, "queue": str, "notify": bool,
             "stall_ms": int, "enabled": bool, "cpus_effective": str, "cpus_number": int, "counter": int, "missed": int, "stalls": int, "bounds_ns": list,
             "lateness": dict, "timer_lateness": dict, "late_ns": dict}
    assert {name: type(value) for name, value in shown.items()} == types
    (listed,) = json.loads(run("list", "--json", "default").out)["tickers"]
    assert {type(value) for name, value in listed.items() if name not in ("name", "enabled")} == {int}
    assert listed["enabled"] is True
    (first, _) = json.loads(run("show", "--percpu", "--json", LONG_NAME).out)["cpus"]
    assert {type(value) for value in first.values()} == {int}


def test_number_of_cpus(run, tree):
    """list has the number of CPUs that a ticker ticks on now, show also the list, in each form."""
    cpus = "0-2,4,1000-1001"
    put(sysfs(tree), cpus="housekeeping", cpus_effective=cpus, ticking=6)
    assert json.loads(run("list", "--json", "default").out)["tickers"][0]["cpus"] == 6
    assert run("list", "-rno", "cpus").out.split() == ["6", "0", "1"]
    human, raw = run("show", "default").out.splitlines(), run("show", "-r", "default").out.splitlines()
    assert f"CPUs: 6 ({cpus})" in human and "  cpus=housekeeping" in human
    assert f"cpus_effective {cpus}" in raw and "cpus housekeeping" in raw
    shown = json.loads(run("show", "-J", "default").out)
    assert (shown["cpus"], shown["cpus_effective"], shown["cpus_number"]) == ("housekeeping", cpus, 6)


def test_causes_of_lateness(run, tree):
    """show has the four counters of late_ns in each form; null or nothing if the module does not have them."""
    assert run("show", LONG_NAME).out.endswith("causes of lateness over 1ms: steal 5ms, irq 300ms, softirq 0ns, other 1.75ms\n")
    assert run("show", "-r", LONG_NAME).out.endswith("".join(
        f"late_ns/{name} {ns}\n" for name, ns in zip(("steal", "irq", "softirq", "other"), LATE_NS)))
    assert tuple(json.loads(run("show", "-J", LONG_NAME).out)["late_ns"].values()) == LATE_NS
    stat = sysfs(tree) / "tickers" / LONG_NAME / "stat"
    stat.write_text(" ".join(stat.read_text("ascii").split()[:64]) + "\n", encoding="ascii")
    assert json.loads(run("show", "-J", LONG_NAME).out)["late_ns"] is None
    assert "late_ns" not in run("show", "-r", LONG_NAME).out and "causes" not in run("show", LONG_NAME).out


@pytest.mark.parametrize("edit,cpus", [(lambda fields: fields[:63], 1), (lambda fields: ["0", *fields[1:63]], 0),
                                       (lambda fields: [*fields[:63], "7"], 7),
                                       (lambda fields: [*fields[:63], "7", *fields[64:], "5", "18446744073709551615"], 7)],
                         ids=["older", "older, disabled", "without late_ns", "newer"])
def test_stat_of_other_versions(run, tree, edit, cpus):
    """A line without the number of CPUs is of a ticker on one CPU; late_ns may be missing; fields that are not known are ignored."""
    stat = sysfs(tree) / "stat"
    stat.write_text(" ".join(edit(stat.read_text("ascii").split())) + "\n", encoding="ascii")
    (found,) = json.loads(run("list", "--json", "default").out)["tickers"]
    assert (found["cpus"], found["ticks"], found["stalls"]) == (cpus, 86400, 1)


@pytest.mark.parametrize("line", ["", "1 1000", "{} x", "{} -1", "{} 18446744073709551616", "{} 1 x"])
def test_stat_that_is_not_valid(run, tree, line):
    """A stat in an unknown format is an error."""
    stat = sysfs(tree) / "stat"
    stat.write_text(line.format(stat.read_text("ascii").rsplit(" ", 1)[0]) + "\n", encoding="ascii")
    done = run("list")
    assert done.status == 1 and "default: unknown format of stat" in done.err and not done.out


def test_percpu_of_a_ticker_on_any_cpu(run, tree):
    """show --percpu prints no line for a ticker on any CPU, and an error for a ticker that does not exist."""
    assert run("show", "--percpu", "default").status == 0
    assert json.loads(run("show", "-pJ", "default").out) == {"cpus": []}
    assert run("show", "-prn", "default") == (0, "", "")
    assert run("show", "-p", "nobody").status == 3
    (sysfs(tree) / "tickers" / LONG_NAME / "percpu" / "0").write_text("1 2 3\n", encoding="ascii")
    done = run("show", "-p", LONG_NAME)
    assert done.status == 1 and f"{LONG_NAME}: unknown format of percpu/0" in done.err and not done.out


def test_cpus_are_in_the_order_of_their_numbers(run, tree):
    """CPUs are sorted by number, not by name."""
    put(sysfs(tree), percpu={cpu: {"counter": cpu} for cpu in (100, 2, 10, 1, 0, 20)})
    assert run("show", "-prno", "cpu,ticks", "default").out.splitlines() == [f"{cpu} {cpu}" for cpu in (0, 1, 2, 10, 20, 100)]


def test_only_the_default_ticker(run, tree):
    """The directory of named tickers may be missing."""
    shutil.rmtree(sysfs(tree) / "tickers")
    assert [each["name"] for each in json.loads(run("list", "--json").out)["tickers"]] == ["default"]


SETTINGS = [{}, {"period_ms": 1500, "phase_ms": 0, "timer": "hrtimer [wheel]"}, {"period_ms": 5400000, "stall_ms": 500},
            {"period_ms": 2147483647, "cpus": "0,2-5", "queue": "highpri normal unbound [bh]", "notify": 1, "enabled": 0}, {"phase_ms": 999, "clock": "monotonic [boottime] realtime", "cpus": "housekeeping"},
            {"cpus": ",".join(map(str, range(1000, 1819)))}]


@pytest.mark.parametrize("settings", SETTINGS)
def test_set_takes_what_show_prints(run, tree, settings):
    """The settings of one ticker can be given to another one, and are the same then."""
    put(sysfs(tree), **settings)
    put(sysfs(tree) / "tickers" / "copy", period_ms=7777, phase_ms=1, timer="odd", clock="odd", cpus="odd", queue="odd", notify=9, stall_ms=9, enabled=9)
    for arguments in (["--settings", "default"], ["default"]):
        words = [line.strip() for line in run("show", *arguments).out.splitlines() if re.fullmatch(r" *\w+=\S+", line)]
        assert [word.split("=")[0] for word in words] == ["period", "phase", "timer", "clock", "cpus", "queue", "notify", "stall", "enabled"]
    assert run("set", "copy", *words) == (0, "", "")
    for name in ("period_ms", "phase_ms", "cpus", "notify", "stall_ms", "enabled"):
        copied = (sysfs(tree) / "tickers" / "copy" / name).read_text("ascii").split("\n")[0]
        assert copied == (sysfs(tree) / name).read_text("ascii").strip(), name


def test_watch_shows_the_interval(tool, tree):
    """Every figure is of the ticks between two samples, the maximum as well: earlier ticks were later."""
    environment = {"SCHED_TICK_ROOT": str(tree)}
    with subprocess.Popen([tool, "watch", "-J", "-d", "2s", "-c", "1", "default"], text=True, stdout=subprocess.PIPE,
                          env=environment) as watcher:
        time.sleep(1)
        put(sysfs(tree), counter=86410, late=LATE | {2: 86000})
        (interval,) = json.loads(watcher.communicate(timeout=60)[0])["tickers"]
    assert (interval["ticks"], interval["missed"], interval["mean_ns"], interval["max_ns"]) == (10, 0, 4500, 5000)


def test_output_that_can_not_be_written(tool, tree):
    """A failed write to standard output is an error."""
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([tool, "list"], check=False, text=True, stdout=full, stderr=subprocess.PIPE,
                              env={"SCHED_TICK_ROOT": str(tree)})
    assert done.returncode == 1 and "standard output" in done.stderr


def test_a_name_that_begins_with_a_dash(run, tree):
    """The units' commands do not read a name that begins with a dash as an option."""
    put(sysfs(tree) / "tickers" / "-n")
    units = sorted((TOP / "packaging" / "systemd").glob("*@.service"))
    assert units
    for unit in units:
        command = re.search(r"^ExecStart=/usr/sbin/sched-tick (.*)$", unit.read_text("ascii"), re.MULTILINE).group(1)
        done = run(*command.replace("%i", "-n").split())
        # Nothing is recorded in the fake tree.
        assert done.status == (1 if "record" in command else 0) and ("counter 86400" in done.out or "stalls: No such" in done.err), done
