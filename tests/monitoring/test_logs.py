# SPDX-License-Identifier: GPL-2.0-only
"""packaging/monitoring/logs: each pattern takes the sample lines about stalls apart; rsyslog runs with its file. The journal of
systemd, which sched-tick stalls reads."""

import json
import re
import shutil
import sys

import pytest
import yaml

import harness
import rootfs
import system
import vm
from conftest import TOP

sys.path.insert(0, str(TOP / "tests" / "unit"))

import stalllines   # noqa: E402  pylint: disable=wrong-import-position

LOGS = harness.MONITORING / "logs"


def yaml_of(name):
    """A file of the directory."""
    return yaml.safe_load((LOGS / name).read_text("utf-8"))


def promtail():
    """The expression of the regex stage."""
    (job,) = yaml_of("promtail.yml")["scrape_configs"]
    (stage,) = [stage["regex"] for stage in job["pipeline_stages"] if "regex" in stage]
    return [stage["expression"]]


def vector():
    """The literals that parse_regex() gets."""
    return re.findall(r"parse_regex\(\.message, r'(.*)'\)", yaml_of("vector.yaml")["transforms"]["sched_tick_stalls"]["source"])


def node_problem_detector():
    """The patterns of the rules. The program adds \\z to each."""
    return [rule["pattern"] + r"\Z" for rule in json.loads((LOGS / "node-problem-detector.json").read_text("utf-8"))["rules"]]


PATTERNS = {"promtail": promtail, "vector": vector, "node-problem-detector": node_problem_detector}


def fields(line):
    """The groups of a line, by name."""
    return {name: str(value) for name, value in line._asdict().items() if name != "again"} \
        | {"again": "takes interrupts again" if line.again else None}


@pytest.mark.parametrize("program", PATTERNS)
@pytest.mark.parametrize("line", stalllines.LINES)
def test_a_stall(program, line):
    """One pattern takes the line apart into all of its fields."""
    (found,) = filter(None, (re.search(pattern, line) for pattern in PATTERNS[program]()))
    assert {"again": None} | found.groupdict() == fields(stalllines.LINES[line])


@pytest.mark.parametrize("program", PATTERNS)
@pytest.mark.parametrize("line", stalllines.OTHERS)
def test_another_line(program, line):
    """No pattern matches a line that is not one of a stall."""
    assert not any(re.search(pattern, line) for pattern in PATTERNS[program]())


@pytest.mark.parametrize("program", PATTERNS)
def test_syntax(program):
    """The patterns have only what the expressions of Go, Rust and Python have in common."""
    for pattern in PATTERNS[program]():
        assert set(re.findall(r"\(\?(.)", pattern)) <= {"P", ":"} and set(re.findall(r"\\(.)", pattern)) <= set("d[]()?Z")
        assert not re.search(r"[+*?]\+|\\\d|[*+?]\?", pattern)


def test_fields_that_are_kept():
    """Each field is a label or structured metadata of Loki; those with many values are not labels."""
    (job,) = yaml_of("promtail.yml")["scrape_configs"]
    stages = {name: set(stage) for each in job["pipeline_stages"] for name, stage in each.items()}
    assert stages["labels"] | stages["structured_metadata"] == set(stalllines.Line._fields)
    assert stages["labels"] == {"ticker", "cpu", "context"}
    selector = job["pipeline_stages"][0]["match"]["selector"]
    dropped = re.search(r'!~ "(.*)"', selector)[1]
    assert all(re.search(dropped, line) for line in stalllines.LINES) and not re.search(dropped, stalllines.SUPPRESSED)


FETCH_RSYSLOG = """
cd /share
apt-get update -q
apt-get download rsyslog libestr0 libfastjson4
rm -rf /var/lib/apt/lists/*
mkdir out
for package in *.deb; do dpkg-deb --extract "$package" out; done
rm ./*.deb
"""

# imfile gives the lines of two files the facilities of the kernel and of a program.
RSYSLOG_MAIN = """
global(workDirectory="/var/lib/rsyslog")
module(load="imfile" mode="polling" PollingInterval="1")
input(type="imfile" File="/share/kernel.log" Tag="kernel:" Facility="kern" Severity="warning")
input(type="imfile" File="/share/program.log" Tag="kernel:" Facility="user" Severity="warning")
include(file="/share/rsyslog.conf")
if $msg contains 'the last line' then { action(type="omfile" file="/share/end") }
"""

RSYSLOG = """
tar -C /share/programs -c . | tar -C / -x --keep-directory-symlink
mkdir -p /var/lib/rsyslog
rsyslogd -N1 -f /share/main.conf
rsyslogd -n -i NONE -f /share/main.conf &
i=0
until [ "$(grep -c 'last line' /share/end 2> /dev/null)" = 2 ] || [ $((i += 1)) -gt 60 ]; do sleep 1; done
kill $!
wait $! || :
cp /var/log/sched-tick-stalls.json /share/found
"""


def test_rsyslog():
    """rsyslog of Debian writes each of the kernel's lines about stalls as JSON with all fields, and no other line."""
    lines = [*stalllines.OTHERS, *stalllines.LINES, *(f"[  123.456789] {line}" for line in stalllines.LINES), "the last line"]
    with rootfs.sharing() as share:
        (share / "main.conf").write_text(RSYSLOG_MAIN, encoding="ascii")
        (share / "rsyslog.conf").write_bytes((LOGS / "rsyslog.conf").read_bytes())
        for name in ("kernel.log", "program.log"):
            (share / name).write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        shutil.copytree(rootfs.fetched("rsyslog", FETCH_RSYSLOG, "rsyslog"), share / "programs", symlinks=True)
        done = rootfs.in_root(rootfs.root(rootfs.REFERENCE), RSYSLOG, share=share)
        assert done.returncode == 0 and not re.search(r"error|warning", done.stdout.lower().replace("[try", "")), done.stdout
        found = [json.loads(line) for line in (share / "found").read_text("ascii").splitlines()]
    assert len(found) == 2 * len(stalllines.LINES), done.stdout
    assert all(set(each) == {"time", "host", *stalllines.Line._fields} for each in found)
    expected = [fields(line) | {"again": fields(line)["again"] or ""} for line in stalllines.LINES.values()] * 2
    assert [{name: value for name, value in each.items() if name not in ("time", "host")} for each in found] == expected


# journald reads the kernel log from a pipe in place of /dev/kmsg.
JOURNALD = """
mkdir -p /sys/fs/cgroup /run/systemd/journal /run/log/journal
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo 0123456789abcdef0123456789abcdef > /etc/machine-id
rm -rf /var/log/journal
rm -f /dev/kmsg
mkfifo /dev/kmsg
exec 9<> /dev/kmsg
/lib/systemd/systemd-journald 9>&- &
# journald takes all that it reads at a time for one record.
while IFS= read -r record; do printf '%s\\n' "$record" >&9; sleep 0.1; done < /share/records
i=0
until journalctl --quiet -o cat | grep -q 'the last line' || [ $((i += 1)) -gt 60 ]; do sleep 1; done
TZ=UTC /share/sched-tick stalls --json -o +comm,pid > /share/found
kill $!
wait $! || :
"""


def test_journald():
    """sched-tick stalls reads the kernel's lines from a journal of systemd, but no line that a program wrote to /dev/kmsg."""
    lines = [line.replace("\\", "\\x5c") for line, fields_of in stalllines.LINES.items() if not fields_of.again]
    records = [f"4,{number},{number},-;{line}\n" for number, line in enumerate([*lines, stalllines.SUPPRESSED])]
    records += [f"12,{len(records)},1000,-;program: {lines[0]}\n", f"4,{len(records) + 1},1001,-;the last line\n"]
    with rootfs.sharing() as share:
        (share / "records").write_text("".join(records), encoding="ascii")
        (share / "sched-tick").write_bytes(vm.tool()["bin/sched-tick"])
        (share / "sched-tick").chmod(0o755)
        done = rootfs.in_root(system.directory(rootfs.REFERENCE), JOURNALD, share=share)
        assert done.returncode == 0 and "up to 17 stalls are not in the kernel log" in done.stdout, done.stdout
        found = json.loads((share / "found").read_text("ascii"))["stalls"]
    expected = [line for line in stalllines.LINES.values() if not line.again]
    assert [(each["ticker"], each["cpu"], each["overdue_ns"], each["comm"] or "?", each["pid"] or 0, each["function"] or "?") for each in found] \
        == [(line.ticker, line.cpu, line.overdue_ms * 1000000, line.comm, line.pid, line.function) for line in reversed(expected)]
