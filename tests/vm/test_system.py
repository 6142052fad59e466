# SPDX-License-Identifier: GPL-2.0-only
"""In a booted Debian: the events of tickers that udev receives, and the commands of docs/tracing.md."""

import re

import pytest

import system
from conftest import REFERENCE, TOP

RECIPES = dict(re.findall(r"^```(\S+)\n(.*?)^```$", (TOP / "docs" / "tracing.md").read_text("utf-8"),
                          re.MULTILINE | re.DOTALL))

UDEV = r"""
cp /run/job/*.ko "/lib/modules/$(uname -r)"
depmod
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/99-test.rules <<'END'
SUBSYSTEM=="sched_tick", ENV{SCHED_TICK_EVENT}=="stall", RUN+="/bin/sh -c 'echo %p $env{SCHED_TICK_CPU} >> /run/stalls'"
END
udevadm control --reload
udevadm monitor --property > /run/monitor &
monitor=$!
until grep -q UDEV /run/monitor; do sleep 1; done
modprobe sched_tick period_ms=50
mkdir /sys/kernel/config/sched_tick/n
sleep 2
cd /sys/kernel/sched_tick/tickers/n
echo 0 > cpus
echo 10 > period_ms
echo 1 > enabled
sleep 2
echo 0 > enabled
sleep 2
# More than the delays of an emulator that shares its CPUs.
echo 3000 > stall_ms
echo 1 > enabled
sleep 2
modprobe tick_hog ms=5000
rmmod tick_hog
sleep 3
echo 0 > enabled
cd /
rmdir /sys/kernel/config/sched_tick/n
udevadm settle
sleep 2
kill $monitor
cat /run/monitor
pgrep -l udevd
echo "--- rule: $(cat /run/stalls)"
"""

# Run each command with a stall every few seconds, because bpftrace takes an unknown time to start.
TRACING = """
echo 3000 > /sys/kernel/sched_tick/stall_ms
echo 0 > /sys/kernel/sched_tick/cpus
""" + "".join(f"""
echo '--- {name}'
touch /run/go
( sleep 2; while [ -e /run/go ]; do modprobe tick_hog ms=4000; sleep 2; rmmod tick_hog; done ) &
hog=$!
( {commands} )
rm /run/go
wait $hog
""" for name, commands in RECIPES.items()) + """
echo '--- end'
rmmod sched_tick
"""


@pytest.fixture(scope="module", name="result")
def _result(modules, others):
    machine = system.System(REFERENCE, {"sched_tick.ko": modules(REFERENCE)} | others(REFERENCE))
    return machine.boot(UDEV + TRACING, timeout=600, label="system")


def section(result, name):
    """Return what the job printed under a heading."""
    found = re.search(rf"^--- {name}\n(.*?)^--- ", result.report + "\n", re.MULTILINE | re.DOTALL)
    assert found, result.explain()
    return found.group(1)


@pytest.mark.scope("test")
def test_system_ends_without_a_warning(result):
    """The job succeeds and the kernel log has no warning."""
    assert result.verdict == "pass", result.explain()
    assert not result.bad_lines, result.explain()


def events(report, source):
    """Return the events of our subsystem that udevadm monitor printed: [(action, path, event, properties)].

    Events are distinguished by SEQNUM. On an overloaded machine udev once passed on each event twice; the reason is not known.
    """
    seen = {}
    for block in report.split("\n\n"):
        lines = block.splitlines()
        heads = [line for line in lines if line.startswith(source + "[") or line.startswith(source + "  [")]
        properties = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
        if heads and properties.get("SUBSYSTEM") == "sched_tick":
            seen[properties["SEQNUM"]] = (properties["ACTION"], properties["DEVPATH"],
                                          properties.get("SCHED_TICK_EVENT"), properties)
    return list(seen.values())


@pytest.mark.scope("test")
@pytest.mark.parametrize("source", ["KERNEL", "UDEV"])
def test_udev_receives_every_event(result, source):
    """The kernel sends, and udev passes on, exactly these events of a ticker in this order."""
    seen = events(result.report, source)
    named = "/kernel/sched_tick/tickers/n"
    assert [event[:3] for event in seen if event[1] == named] == [
        ("add", named, None), ("change", named, "enabled"), ("change", named, "disabled"),
        ("change", named, "enabled"), ("change", named, "stall"), ("change", named, "recovered"),
        ("change", named, "disabled"), ("remove", named, None)], result.explain()
    default = [event[:3] for event in seen if event[1] == "/kernel/sched_tick"]
    assert default[:1] == [("add", "/kernel/sched_tick", None)]
    properties = {event[2]: event[3] for event in seen if event[1] == named}
    assert properties["stall"]["SCHED_TICK_CPU"] == "0"
    assert 4.9e9 < int(properties["recovered"]["SCHED_TICK_LATENESS_NS"]) < 60e9


@pytest.mark.scope("test")
def test_udev_rule_runs_at_a_stall(result):
    """A stall runs the program of a udev rule."""
    assert "--- rule: /kernel/sched_tick/tickers/n 0" in result.report, result.explain()


EXPECTED = {
    "ftrace-histogram": r"\{ ticker: default +, lateness_ns: ~ 2\^\d+ +\} hitcount: ",
    "ftrace-stall": r"tick_hog-\d+ .*sched_tick_stall: ticker=default (.*\n)*.*<stack trace>(.*\n)* => hog_run",
    "ftrace-recorder": r"sched_switch: .*==> next_comm=tick_hog",
    "perf-stat": r"[1-9]\d* +sched_tick:sched_tick_tick",
    "perf-late": r"sched_tick:sched_tick_tick: ticker=default .*lateness_ns=\d{7,} ",
    "perf-stall": r"tick_hog .*sched_tick:sched_tick_stall: ticker=default (.*\n)*.*kthread",
    "bpftrace-histogram": r"@late_ns\[default\]: \n\[\d+[KM]?, ",
    "bpftrace-stall": r"default waits for CPU 0, held by tick_hog\[\d+\]\n(.*\n)+.*kthread",
}


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", RECIPES)
def test_tracing_command(result, name):
    """A command of docs/tracing.md has the output that the page describes."""
    assert re.search(EXPECTED[name], section(result, name)), section(result, name)
