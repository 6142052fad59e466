# SPDX-License-Identifier: GPL-2.0-only
"""The flight recorder `sched-tick record` and its units in a booted Debian."""

import pathlib
import re

import pytest

import system
import vm
from conftest import REFERENCE, TOP

pytestmark = pytest.mark.scope("long")

LIBRARIES = ("libtraceevent.so.1", "libtracefs.so.1")

# Install what the packages contain, and start the recorder. The thresholds are longer than the delays of an emulator.
INSTALL = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd /run/job
cp ./*.ko "/lib/modules/$(uname -r)"
depmod
cp lib*.so.1 /usr/lib/x86_64-linux-gnu
install sched-tick /usr/sbin
install -m 0644 *.service *.timer /etc/systemd/system
install -m 0644 *.rules /etc/udev/rules.d
udevadm control --reload
systemctl daemon-reload
instance=/sys/kernel/tracing/instances/sched_tick
saved=/var/lib/sched-tick/stalls
ready() {
    modprobe sched_tick period_ms=50
    echo 3000 > /sys/kernel/sched_tick/stall_ms
    echo 0 > /sys/kernel/sched_tick/cpus
    systemctl start sched-tick-record.service
}
# Hold the CPU, while each ticker is overdue.
hog() {
    modprobe tick_hog ms=5000
    rmmod tick_hog
}
# Wait until no recording is being saved and as many as $1 are there.
saves() {
    i=0
    until [ "$(sched-tick record list -rno name | wc -l)" -ge "$1" ] && [ "$(cat $instance/tracing_on)" = 1 ] || [ $((i += 1)) -gt 60 ]; do sleep 1; done
}
logged() { journalctl --no-pager -o cat -b -t sched-tick | tail -n "$1"; }
"""

JOB = INSTALL + """
ready
echo '--- started'
systemctl is-active sched-tick-record.service
cat $instance/tracing_on $instance/events/sched_tick/sched_tick_stall/trigger
echo '--- idle'
sched-tick record list
hog
saves 1
echo '--- list'
sched-tick record list -rno name,context,comm,function
find /var/lib/sched-tick -printf '%M %u %p\\n'
echo '--- end of the trace'
sched-tick record show | tail -n 5
echo '--- again'
cat /sys/kernel/tracing/tracing_on
hog
saves 2
sched-tick record list -rno name,comm
echo '--- storm'
for name in $(seq 12); do
    mkdir "/sys/kernel/config/sched_tick/t$name"
    cd "/sys/kernel/sched_tick/tickers/t$name"
    echo 0 > cpus
    echo 50 > period_ms
    echo $((2000 + 50 * name)) > stall_ms
    echo 1 > enabled
done
cd /
for round in $(seq 3); do hog; done
i=0
while systemctl list-units --no-legend --plain 'sched-tick-record-save@*' | grep -q activating && [ $((i += 1)) -lt 300 ]; do sleep 1; done
hog
sleep 5
while systemctl list-units --no-legend --plain 'sched-tick-record-save@*' | grep -q activating && [ $((i += 1)) -lt 300 ]; do sleep 1; done
echo "stalls $(cat /sys/kernel/sched_tick/stalls /sys/kernel/sched_tick/tickers/*/stalls | awk '{ sum += $1 } END { print sum }')"
echo "recordings $(sched-tick record list -rno name | wc -l), incomplete $(find $saved -name '.*' | wc -l), armed $(cat $instance/tracing_on)"
echo "failed $(systemctl list-units --no-legend --failed 'sched-tick-record*' | wc -l)"
for name in $(seq 12); do echo 0 > "/sys/kernel/sched_tick/tickers/t$name/enabled"; rmdir "/sys/kernel/config/sched_tick/t$name"; done
echo '--- full disk'
systemctl stop sched-tick-record.service
rm -rf $saved
mount -t tmpfs -o size=200k,mode=700 tmpfs /var/lib/sched-tick
mkdir -p $saved/20200101T000000.000Z-default-0
echo old > $saved/20200101T000000.000Z-default-0/trace
head -c 160000 /dev/zero > /var/lib/sched-tick/filler
systemctl start sched-tick-record.service
hog
i=0
until journalctl --no-pager -b -t sched-tick | grep -q 'is lost' || [ $((i += 1)) -gt 60 ]; do sleep 1; done
sleep 2
logged 2
echo "armed $(cat $instance/tracing_on)"
ls -A $saved
cat $saved/*/trace
systemctl stop sched-tick-record.service
umount /var/lib/sched-tick
systemctl reset-failed
echo '--- unload'
systemctl start sched-tick-record.service
rmmod sched_tick
systemctl stop sched-tick-record.service
rmmod sched_tick && echo unloaded
systemctl --quiet enable sched-tick-record.service 2> /dev/null
modprobe sched_tick
udevadm settle
i=0
until systemctl --quiet is-active sched-tick-record.service || [ $((i += 1)) -gt 60 ]; do sleep 1; done
systemctl is-active sched-tick-record.service
systemctl --quiet disable sched-tick-record.service 2> /dev/null
echo '--- no library'
ready
systemctl stop sched-tick-record.service
mv /usr/lib/x86_64-linux-gnu/libtracefs.so.1 /run
sched-tick record start; echo "status $?"
mv /run/libtracefs.so.1 /usr/lib/x86_64-linux-gnu
echo '--- lockdown'
mount -t securityfs securityfs /sys/kernel/security 2> /dev/null
systemctl start sched-tick-record.service
echo confidentiality > /sys/kernel/security/lockdown
sched-tick record save default; echo "status $?"
sched-tick record start; echo "status $?"
echo '--- end'
"""

# Reset the machine while a recording is being written.
CUT = INSTALL + """
ready
hog
saves 1
sched-tick record list -rno name > /kept
sync
# A save waits for the end of the trace, which is a pipe that nobody writes to.
mkfifo /run/pipe
sleep 1000 > /run/pipe &
mount --bind /run/pipe $instance/trace
hog
i=0
until ls $saved/.new-*/trace > /dev/null 2>&1 || [ $((i += 1)) -gt 300 ]; do sleep 0.2; done
ls $saved/.new-*/trace && sync && echo b > /proc/sysrq-trigger
"""

AFTER_CUT = """
echo '--- kept'
cat /kept
echo '--- listed'
sched-tick record list -rno name
echo '--- incomplete'
ls -A /var/lib/sched-tick/stalls | grep '^[.]'
modprobe sched_tick
systemctl start sched-tick-record.service
echo '--- started'
ls -A /var/lib/sched-tick/stalls
echo '--- shown'
sched-tick record show | tail -n 5
echo '--- end'
"""


# In virtual time one instruction takes one nanosecond. The loop always needs the same number of instructions; what it takes longer is
# the cost of ticks and of recording.
COST = """
insmod /sched_tick.ko period_ms=1 enabled=0
cd /sys/kernel/sched_tick
echo 100 > stall_ms
echo 0 > cpus
mkdir -p /var/lib
now() { sed -n 's/^now at \\([0-9]*\\) nsecs/\\1/p' /proc/timer_list; }
measure() {
    ticks=$(cat counter)
    before=$(now)
    i=0
    while [ $i -lt 1000000 ]; do i=$((i + 1)); done
    echo "$1 $(($(now) - before)) $(($(cat counter) - ticks))"
}
measure warm
measure off
echo 1 > enabled
measure ticks
echo 0 > enabled
sched-tick record start
measure recorder
echo 1 > enabled
measure both
sched-tick record stop
"""


@pytest.fixture(scope="module", name="files")
def _files(modules, others):
    """The files of the packages, and libtracefs with its own library."""
    files = {"sched_tick.ko": modules(REFERENCE), "sched-tick": vm.tool()["bin/sched-tick"]} | others(REFERENCE)
    files |= {name: (pathlib.Path("/usr/lib/x86_64-linux-gnu") / name).read_bytes() for name in LIBRARIES}
    for directory in ("packaging/systemd", "udev"):
        files |= {path.name: path.read_bytes() for path in (TOP / directory).iterdir() if path.suffix in (".service", ".timer", ".rules")}
    return files


@pytest.fixture(scope="module", name="result")
def _result(files):
    return system.System(REFERENCE, files).boot(JOB, timeout=1200, label="record")


def sections(result):
    """{heading: output}."""
    return dict(re.findall(r"^--- ([\w ]+)\n(.*?)(?=^--- |^verdict|\Z)", result.report, re.MULTILINE | re.DOTALL))


def test_ends_without_a_warning(result):
    """The job succeeds and the kernel log has no warning."""
    assert result.verdict == "pass" and not result.bad_lines, result.explain()


def test_the_unit_starts_the_recorder(result):
    """The unit creates an instance that stops at a stall. Before the first stall nothing is saved."""
    found = sections(result)
    assert found["started"] == "active\n1\ntraceoff:unlimited if lateness_ns > 0\n", result.explain()
    assert found["idle"] == ""


NAME = r"\d{8}T\d{6}\.\d{3}Z-default-0"


def test_a_stall_is_saved(result):
    """udev's unit saves a stall, for root alone, and the last lines of the trace name the task that held the CPU."""
    found = sections(result)
    first, *files = found["list"].splitlines()
    assert re.fullmatch(rf"{NAME} task tick_hog \S.*", first), found["list"]
    assert len(files) > 5 and not [line for line in files if not re.match(r"[d-]rw[x-]------ root ", line)], files
    last = found["end of the trace"].splitlines()
    assert "sched_tick_stall: ticker=default" in last[-1] and "comm=tick_hog" in last[-1], found["end of the trace"]
    assert re.fullmatch(rf"1\n{NAME} tick_hog\n{NAME} tick_hog\n", found["again"]), found["again"]


def test_storm(result):
    """In a storm of stalls at most ten recordings are kept, none is incomplete, no unit fails, and the recorder records again."""
    found = sections(result)["storm"]
    assert int(re.search(r"^stalls (\d+)$", found, re.MULTILINE)[1]) > 20, found
    assert re.search(r"^recordings ([3-9]|10), incomplete 0, armed 1\nfailed 0$", found, re.MULTILINE), found


def test_full_disk(result):
    """If the disk is full, the unit says so, the older recording stays and the recorder records again."""
    found = sections(result)["full disk"]
    assert "No space left on device\n" in found and "default: the recording of this stall is lost\n" in found, found
    assert found.endswith("armed 1\n20200101T000000.000Z-default-0\nold\n"), found


def test_unload(result):
    """While the recorder records, the module cannot be unloaded; after the unit has stopped it can. The enabled unit starts with the module."""
    found = sections(result)["unload"]
    assert re.fullmatch(r"rmmod: .* in use\nunloaded\nactive\n", found), found


def test_missing_library(result):
    """Without libtracefs the tool names the packages."""
    found = sections(result)["no library"]
    assert "libtracefs.so.1" in found and "install libtracefs1 (Debian, Ubuntu)" in found and found.endswith("status 1\n"), found


def test_lockdown(result):
    """In a kernel that is locked down, start and save fail with the reason."""
    found = sections(result)["lockdown"]
    assert found.count("the kernel is locked down (confidentiality) and refuses access to tracefs\n") == 2, found
    assert found.count("status 1\n") == 2, found


def test_cost(modules):
    """The cost per tick, with and without the recorder, is within 10 % of what docs/tracing.md states."""
    libraries = {f"/lib/x86_64-linux-gnu/{name}": (pathlib.Path("/usr/lib/x86_64-linux-gnu") / name).read_bytes() for name in LIBRARIES}
    result = vm.Machine(REFERENCE, "virtual", modules(REFERENCE), vm.tool() | libraries).boot(COST, timeout=1200, label="record-cost")
    measured = {name: (int(duration), int(ticks)) for name, duration, ticks in re.findall(r"^(\w+) (\d+) (\d+)$", result.report, re.MULTILINE)}
    assert result.verdict == "pass" and not result.bad_lines and len(measured) == 5, result.explain()
    without = (measured["ticks"][0] - measured["off"][0]) / measured["ticks"][1]
    recording = (measured["both"][0] - measured["recorder"][0]) / measured["both"][1]
    text = (TOP / "docs" / "tracing.md").read_text("utf-8")
    stated = [int(number.replace(",", "")) for number in re.search(r"costs ([\d,]+) instructions, and ([\d,]+) while", text).groups()]
    assert [without, recording] == pytest.approx(stated, rel=0.1), measured


def test_power_cut(files, tmp_path):
    """After a power cut during a save, the complete recordings are listed, the incomplete one is not, and start removes it."""
    machine = system.System(REFERENCE, files, disk=tmp_path / "disk.qcow2")
    first = machine.boot(CUT, timeout=900, label="record-cut")
    assert first.verdict == "none: the guest died", first.explain()
    second = machine.boot(AFTER_CUT, timeout=900, label="record-after-cut")
    (tmp_path / "disk.qcow2").unlink()
    found = sections(second)
    assert re.fullmatch(rf"{NAME}\n", found["kept"]), second.explain()
    assert found["listed"] == found["started"] == found["kept"], second.explain()
    assert re.fullmatch(r"[.]new-\d+\n", found["incomplete"]), found["incomplete"]
    assert "sched_tick_stall: ticker=default" in found["shown"], found["shown"]
