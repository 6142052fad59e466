# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick(8) with the module, in virtual time, where times and costs are the same on every machine."""

import json
import re

import pytest

import vm
from conftest import REFERENCE

WAIT = """
mkdir /run
insmod /sched_tick.ko enabled=0
sched-tick create t period=10ms enabled=yes
before=$(cat /sys/kernel/sched_tick/tickers/t/counter)
sched-tick wait --count 10000 t &
waiter=$!
wait $waiter
echo "wait: status $?, $(($(cat /sys/kernel/sched_tick/tickers/t/counter) - before)) ticks"
sched-tick wait t -c 3 -- sh -c 'echo "tick $SCHED_TICK_COUNTER +$SCHED_TICK_TICKS"'
echo "command: status $?"
sched-tick wait -c 5 t -- sh -c 'exit 7'
echo "failing: status $?"
sched-tick wait t -- sh -c 'kill -KILL $$'
echo "killed: status $?"
notify=/sys/kernel/sched_tick/tickers/t/notify
sleep 1
echo "notify: $(cat $notify) after they ended"
sched-tick set t period=1h
sched-tick wait t &
waiter=$!
sleep 1
echo "notify: $(cat $notify) while one waits"
kill -9 $waiter
sleep 1
echo "notify: $(cat $notify) after it was killed"
sched-tick wait t &
waiter=$!
sleep 100
echo "asleep: $(cut -d ' ' -f 14,15 /proc/$waiter/stat)"
sched-tick delete t
wait $waiter
echo "removed: status $?"
"""

# Ten seconds with 100 ticks and one stall of 500 ms, then ten seconds without; a ticker with the settings of another one.
CHECK = """
sched-tick create c period=100ms cpus=0 enabled=yes
check() { sched-tick check --raw --noheadings --threshold 200ms --max-missed 100% $* c; echo "check: status $?"; }
sleep 1
check
sleep 9
insmod /tick_hog.ko cpu=0 ms=500
sleep 1
check
rmmod tick_hog
sleep 10
check
check --since-start --max-late 0%
sched-tick delete c
sched-tick create c cpus=0 queue=normal
check
sched-tick set c period=1500ms phase=250ms timer=wheel clock=boottime stall=2s notify=yes enabled=yes
sched-tick create d $(sched-tick show --settings c)
sched-tick show --settings c > /c
sched-tick show --settings d | cmp - /c && echo "same settings: $(tr '\\n' ' ' < /c)"
sched-tick set d phase=-1 cpus=any stall=0
sched-tick show --settings d | grep -E 'phase|cpus|stall' | tr '\\n' ' '
echo
sched-tick create e enabled=no
echo "never: $(sched-tick list -rno mean,p99,max e)"
sched-tick delete e; sched-tick delete d; sched-tick delete c
"""

# A stall in the log and in last_stall, before and after the module that holds the CPU is unloaded. A user who is not root, before
# and after the kernel log is opened.
STALLS = """
sched-tick create s period=100ms cpus=0 stall=200ms enabled=yes
sleep 1
insmod /tick_hog.ko cpu=0 ms=500
sleep 1
echo '--- stalls'
sched-tick stalls --json --stack --output +comm,pid s
echo '--- stalls for people'
sched-tick stalls --stack s
rmmod tick_hog
echo '--- stalls after the module'
sched-tick stalls --json s
echo '--- stalls for a user'
mkdir -p /etc
echo 'user:x:1000:1000::/:/bin/sh' > /etc/passwd
echo 1 > /proc/sys/kernel/dmesg_restrict
su user -c 'sched-tick stalls; echo "status $?"' 2>&1
echo '--- stalls in an open log'
echo 0 > /proc/sys/kernel/dmesg_restrict
su user -c 'sched-tick stalls --json --stack s; echo "status $?" >&2'
sched-tick delete s
echo '--- end'
"""

# Every CPU; what the kernel refuses. The subscriber is on the CPU that `cpus` names.
CPUS = r"""
echo '--- cpus'
sched-tick create p period=10ms enabled=yes
sleep 1
sched-tick set p cpus=all && echo "set: status $?"
sleep 10
sched-tick set p enabled=no
sched-tick show p | grep -E 'cpus=|CPUs:|queue='
sched-tick set p enabled=yes
sched-tick list -rno name,cpus default p
sched-tick show p | grep 'CPUs:'
sched-tick show -p p
sched-tick set p enabled=no
sched-tick show --percpu --raw --noheadings -o cpu,ticks,missed p
cat /sys/kernel/sched_tick/tickers/p/percpu/* | cut -d ' ' -f 3,4
sched-tick export -f - | grep '_cpu_.*"p"'
echo '--- refused'
for setting in cpus=4096 cpus=1-0 queue=bh cpus=; do sched-tick set p $setting; echo "$setting: status $?"; done
sched-tick set p cpus=0 enabled=yes
insmod /tick_subscriber.ko ticker=p
for setting in cpus=all queue=normal cpus=any cpus=0; do sched-tick set p $setting; echo "$setting: status $?"; done
rmmod tick_subscriber
sched-tick delete p
echo '--- end'
"""

# What a monitor reads while settings are changed; a full and a read-only file system; and the cost, compared with that of a
# shell script.
CHANGES = ["enabled=no", "enabled=yes", "period=20ms", "clock=boottime", "timer=wheel", "cpus=0", "phase=3ms", "cpus=all", "queue=unbound", "cpus=any", "enabled=off",
           "enabled=on"]
EXPORT = r"""
sched-tick create x period=10ms enabled=yes
mkdir /out
sleep 1
echo '--- export'
sched-tick export --file -
""" + "".join(f"""
sched-tick set x {change}
sleep 1
echo '--- export'
sched-tick export --file -
""" for change in CHANGES) + r"""
echo 1 > /sys/kernel/sched_tick/tickers/x/reset
echo '--- export'
sched-tick export --file -
echo '--- end'
mkdir /mnt
mount -t tmpfs -o size=16k none /mnt
sched-tick export -f /mnt/a.prom
cp /mnt/a.prom /old
dd if=/dev/zero of=/mnt/fill 2> /dev/null
sched-tick export -f /mnt/a.prom
echo "full: status $?, $(cmp /old /mnt/a.prom && echo the old file is there)"
ls -A /mnt
mount -o remount,ro /mnt
sched-tick export -f /mnt/a.prom
echo "read-only: status $?, $(cmp /old /mnt/a.prom && echo the old file is there)"

sched-tick delete x
i=0
while [ $i -lt 100 ]; do mkdir /sys/kernel/config/sched_tick/t$i; i=$((i + 1)); done
cat > /script <<'END'
cd /sys/kernel/sched_tick
for dir in . tickers/*; do
    name=${dir#tickers/}
    [ $dir = . ] && name=default
    echo "sched_tick_enabled{ticker=\"$name\"} $(cat $dir/enabled)"
    echo "sched_tick_ticks_total{ticker=\"$name\"} $(cat $dir/counter)"
    echo "sched_tick_missed_ticks_total{ticker=\"$name\"} $(cat $dir/missed)"
    paste -d ' ' /bounds $dir/lateness/histogram > /dev/null
done
END
cp /sys/kernel/sched_tick/lateness/bounds_ns /bounds
now() { cut -d ' ' -f 1 /proc/uptime; }
for program in 'sched-tick export -f /out/sched_tick.prom' 'sh /script'; do
    a=$(now); i=0
    while [ $i -lt 5 ]; do $program > /dev/null; i=$((i + 1)); done
    echo "cost: $a $(now) ${program%% *}"
done
"""


@pytest.fixture(scope="module", name="result")
def _result(modules, others):
    machine = vm.Machine(REFERENCE, "virtual", modules(REFERENCE), others(REFERENCE) | vm.tool())
    return machine.boot(WAIT + CHECK + STALLS + CPUS + EXPORT, timeout=900, label="tool")


def test_ends_well(result):
    """The job ends, and the kernel log has no warning."""
    assert result.verdict == "pass" and not result.bad_lines, result.explain()


def test_wait_loses_no_tick(result):
    """10,000 ticks at 10 ms are all counted."""
    assert "wait: status 0, 10000 ticks" in result.report, result.explain()


def test_wait_runs_a_command_per_tick(result):
    """wait passes the counter and the number of ticks to the command, and returns its exit status."""
    ticks = [int(tick) for tick in re.findall(r"^tick (\d+) \+1$", result.report, re.MULTILINE)]
    assert len(ticks) == 3 and ticks == list(range(ticks[0], ticks[0] + 3)), result.explain()
    assert "command: status 0" in result.report
    assert "failing: status 7" in result.report and "killed: status 137" in result.report


def test_wait_restores_notify(result):
    """The last wait that ends restores notify, also if it is killed."""
    assert re.findall(r"^notify: (\d) (.*)$", result.report, re.MULTILINE) == [
        ("0", "after they ended"), ("1", "while one waits"), ("0", "after it was killed")], result.explain()


def test_wait_sleeps(result):
    """wait uses no CPU time in 100 s without a tick."""
    assert "asleep: 0 0" in result.report, result.explain()


def test_wait_ends_with_its_ticker(result):
    """wait exits with status 3 if its ticker is removed."""
    assert "removed: status 3" in result.report, result.explain()
    assert "t: no such ticker" in result.report


def test_check_finds_one_late_tick_once(result):
    """A stall makes one check fail and not the next one; `check --since-start` still fails."""
    found = re.findall(r"^c (\S+) (\d+) (\S+) (\S+) -\ncheck: status (\d)$", result.report, re.MULTILINE)
    assert [(state, status) for state, _, _, _, status in found] == [("ok", "0"), ("late", "4"), ("ok", "0"), ("late", "4"),
                                                                     ("disabled", "0")], result.explain()
    ticks = [int(count) for _, count, _, _, _ in found]
    assert 90 < ticks[1] < 140 and 98 < ticks[2] < 106 and ticks[3] > 200 and ticks[4] == 0, ticks


def test_set_takes_what_show_prints(result):
    """create takes the settings that show prints for another ticker; set takes the kernel's lowest values."""
    settings = "period=1500ms phase=250ms timer=wheel clock=boottime cpus=0 queue=normal notify=yes stall=2s enabled=yes"
    assert f"same settings: {settings} \n" in result.report, result.explain()
    assert "phase=none cpus=any stall=off \n" in result.report
    assert "never: - - -\n" in result.report


def between(result, begin, end):
    """Return the output between two headings."""
    found = re.search(rf"^--- {begin}\n(.*?)^--- {end}\n", result.report, re.MULTILINE | re.DOTALL)
    assert found, result.explain()
    return found[1]


def test_stalls(result):
    """stalls names the culprit of a stall with its CPU and its function, once, with the stack."""
    (stall,) = json.loads(between(result, "stalls", "stalls for people"))["stalls"]
    assert (stall["ticker"], stall["cpu"], stall["how"], stall["context"]) == ("s", 0, "held by", "task"), stall
    assert stall["comm"] == "tick_hog" and stall["culprit"] == f"tick_hog[{stall['pid']}]", stall
    assert re.fullmatch(r"hog_\w+\+0x[0-9a-f]+/0x[0-9a-f]+ \[tick_hog\]", stall["function"]), stall
    # The lateness of the tick in the end: the hog began at most a period before its deadline.
    assert 350e6 < stall["overdue_ns"] < 600e6, stall
    assert stall["stack"].split("\n")[0] == stall["function"] and "kthread+0x" in stall["stack"], stall
    heading, line, *stack = between(result, "stalls for people", "stalls after the module").splitlines()
    assert heading.split() == ["TIME", "TICKER", "CPU", "OVERDUE", "HOW", "CULPRIT", "FUNCTION", "CONTEXT"]
    assert f" held by tick_hog[{stall['pid']}] {stall['function']} task" in line, line
    assert [each.strip() for each in stack] == stall["stack"].split("\n"), stack
    # The symbols of last_stall are gone with the module, those of the log stay.
    (later,) = json.loads(between(result, "stalls after the module", "stalls for a user"))["stalls"]
    assert (later["culprit"], later["function"]) == (stall["culprit"], stall["function"]), later


def test_stalls_of_an_ordinary_user(result):
    """A user who is not root sees the counts; if the administrator has opened the kernel log, also the stalls, but no stack."""
    text = between(result, "stalls for a user", "stalls in an open log")
    assert re.search(r"^s +0 +1$", text, re.MULTILINE) and "status 0" in text, text
    assert "the kernel log can't be read" in text and "last_stall can be read only by root" in text and "tick_hog" not in text, text
    (stall,) = json.loads(between(result, "stalls in an open log", "end").split("sched-tick: ")[0])["stalls"]
    assert stall["culprit"].startswith("tick_hog[") and stall["stack"] is None, stall


def test_every_cpu(result):
    """With cpus=all, list, show, show --percpu and export report the CPU and its counts."""
    text = between(result, "cpus", "refused")
    assert "set: status 0\n  cpus=all\n  queue=highpri\nCPUs: 0\ndefault 0\np 1\nCPUs: 1 (0)\n" in text, result.explain()
    heading, line = re.search(r"^( *CPU TICKS .*)\n(.*)$", text, re.MULTILINE).groups()
    assert heading.split()[-1] == "TIMER-MAX" and len(line.split()) == 10 and line.split()[0] == "0", text
    ticks, missed = re.search(r"^0 (\d+) (\d+)$", text, re.MULTILINE).groups()
    assert int(ticks) + int(missed) > 900 and f"\n{ticks} {missed}\n" in text, text
    series = dict(re.findall(r'^sched_tick_cpu_(\w+)\{ticker="p",cpu="0"\} (\S+)$', text, re.MULTILINE))
    assert set(series) == {"ticks_total", "missed_ticks_total", "stalls_total", "max_lateness_seconds", "late_ticks_total"}
    assert (series["ticks_total"], series["missed_ticks_total"]) == (ticks, missed) and float(series["max_lateness_seconds"]) > 0


def test_what_the_kernel_refuses(result):
    """A refused value of cpus or queue is reported with its reason; the exit status is 1, or 2 if the tool refuses it."""
    lines = between(result, "refused", "end").splitlines()
    expected = [
        "p: cpus = 4096: there is no such CPU (there are: 0)", "cpus=4096: status 1",
        "p: cpus = 1-0: the kernel does not take this list: a range goes from the lower to the higher number", "cpus=1-0: status 1",
        "p: queue = bh: this kernel has no such queue (it has: highpri normal unbound)", "queue=bh: status 1",
        "invalid cpus '' (valid: any, all, housekeeping, or a list such as 0,2-5)", "cpus=: status 2",
        # `all` counts as several CPUs, also on a machine with one.
        "cpus=all: status 1", "queue=normal: status 0", "cpus=any: status 0", "cpus=0: status 0",
    ]
    assert [line.removeprefix("sched-tick: ") for line in lines if "subscribed to the ticker" not in line] == expected, result.explain()
    assert len([line for line in lines if "p: cpus = all: another module has subscribed to the ticker: it is not called on several CPUs" in line]) == 1


def test_counters_never_go_back(result):
    """No setting makes a counter smaller; the buckets add up to the number of ticks each time."""
    exports = re.findall(r"^--- export\n(.*?)(?=^--- )", result.report, re.MULTILINE | re.DOTALL)
    assert len(exports) == len(CHANGES) + 2, result.explain()
    before, moved = {}, set()
    for text in exports:
        now = {series: int(value) for series, value in re.findall(r"^(\S+_(?:total|bucket|count)\{.*\}) (\d+)$", text,
                                                                  re.MULTILINE)}
        assert len(now) > 30 and all(now[series] >= value for series, value in before.items())
        moved |= {series for series, value in before.items() if now[series] > value}
        for series, count in now.items():
            if "_count{" in series:
                assert now[series.replace("_count{", "_bucket{").replace("}", ',le="+Inf"}')] == count
        for ticker in ("default", "x"):
            assert now[f'sched_tick_lateness_seconds_count{{ticker="{ticker}"}}'] \
                == now[f'sched_tick_ticks_total{{ticker="{ticker}"}}']
        before = now
    assert 'sched_tick_ticks_total{ticker="x"}' in moved


def test_a_full_disk_leaves_the_old_file(result):
    """An export to a full or a read-only file system fails and leaves the old file and no other."""
    assert "full: status 1, the old file is there" in result.report, result.explain()
    assert "read-only: status 1, the old file is there" in result.report, result.explain()


def test_export_is_cheap(result):
    """An export of 101 tickers takes less than a tenth of the time of a shell script that reads less."""
    spent = {name: float(end) - float(begin)
             for begin, end, name in re.findall(r"cost: (\S+) (\S+) (\S+)", result.report)}
    assert spent["sched-tick"] < spent["sh"] / 10, spent
