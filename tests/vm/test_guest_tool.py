# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick(8) with the module, in virtual time, where what is asserted of time and cost is the same everywhere."""

import re

import pytest

import vm
from conftest import REFERENCE

WAIT = """
mkdir /run
insmod /sched_tick.ko enabled=0
sched-tick create t period=10ms enabled=yes
before=$(cat /sys/kernel/sched_tick/tickers/t/counter)
sched-tick wait -n 10000 t &
waiter=$!
wait $waiter
echo "wait: status $?, $(($(cat /sys/kernel/sched_tick/tickers/t/counter) - before)) ticks"
sched-tick wait t -n 3 -- sh -c 'echo "tick $SCHED_TICK_COUNTER +$SCHED_TICK_TICKS"'
echo "command: status $?"
sched-tick wait -n 5 t -- false
echo "failing: status $?"
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

# What a monitor reads through all that can be done to a ticker; where there is no room, or no writing; and its price
# beside a shell script's that does the same.
CHANGES = ["enabled=no", "enabled=yes", "period=20ms", "clock=boottime", "timer=wheel", "cpu=0", "phase=3ms", "enabled=off",
           "enabled=on"]
EXPORT = r"""
sched-tick create x period=10ms enabled=yes
mkdir /out
sleep 1
echo '--- export'
sched-tick export -o -
""" + "".join(f"""
sched-tick set x {change}
sleep 1
echo '--- export'
sched-tick export -o -
""" for change in CHANGES) + r"""
echo 1 > /sys/kernel/sched_tick/tickers/x/reset
echo '--- export'
sched-tick export -o -
echo '--- end'
mkdir /mnt
mount -t tmpfs -o size=16k none /mnt
sched-tick export -o /mnt/a.prom
cp /mnt/a.prom /old
dd if=/dev/zero of=/mnt/fill 2> /dev/null
sched-tick export -o /mnt/a.prom
echo "full: status $?, $(cmp /old /mnt/a.prom && echo the old one is there)"
ls -A /mnt
mount -o remount,ro /mnt
sched-tick export -o /mnt/a.prom
echo "read-only: status $?, $(cmp /old /mnt/a.prom && echo the old one is there)"

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
for program in 'sched-tick export -o /out/sched_tick.prom' 'sh /script'; do
    a=$(now); i=0
    while [ $i -lt 5 ]; do $program > /dev/null; i=$((i + 1)); done
    echo "price: $a $(now) ${program%% *}"
done
"""


@pytest.fixture(scope="module", name="result")
def _result(modules):
    machine = vm.Machine(REFERENCE, "virtual", modules(REFERENCE), vm.tool())
    return machine.boot(WAIT + EXPORT, timeout=900, label="tool")


def test_ends_well(result):
    """And the log is silent."""
    assert result.verdict == "pass" and not result.bad_lines, result.explain()


def test_wait_loses_no_tick(result):
    """10,000 of them at 10 ms."""
    assert "wait: status 0, 10000 ticks" in result.report, result.explain()


def test_wait_runs_a_command_per_tick(result):
    """And says which it is."""
    ticks = [int(tick) for tick in re.findall(r"^tick (\d+) \+1$", result.report, re.MULTILINE)]
    assert len(ticks) == 3 and ticks == list(range(ticks[0], ticks[0] + 3)), result.explain()
    assert "command: status 0" in result.report
    assert "failing: status 1" in result.report


def test_wait_restores_notify(result):
    """Also when it is killed."""
    assert re.findall(r"^notify: (\d) (.*)$", result.report, re.MULTILINE) == [
        ("0", "after they ended"), ("1", "while one waits"), ("0", "after it was killed")], result.explain()


def test_wait_sleeps(result):
    """A hundred seconds without a tick cost not even one of the clock's."""
    assert "asleep: 0 0" in result.report, result.explain()


def test_wait_ends_with_its_ticker(result):
    """With a status of its own."""
    assert "removed: status 3" in result.report, result.explain()
    assert "t: no such ticker" in result.report


def test_counters_never_go_back(result):
    """Whatever is set; and the buckets add up to the count, which is that of the ticks, each time."""
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
    """And nothing else."""
    assert "full: status 1, the old one is there" in result.report, result.explain()
    assert "read-only: status 1, the old one is there" in result.report, result.explain()


def test_export_is_cheap(result):
    """For 101 tickers less than a tenth of what a shell script takes for less."""
    spent = {name: float(end) - float(begin)
             for begin, end, name in re.findall(r"price: (\S+) (\S+) (\S+)", result.report)}
    assert spent["sched-tick"] < spent["sh"] / 10, spent
