# SPDX-License-Identifier: GPL-2.0-only
"""Build the packages of this tree, and install them on a Debian machine."""

import functools
import pathlib
import re
import shutil
import subprocess

import vm

EXPORT = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
"""

# Install the packages as an administrator does.
INSTALL = EXPORT + """
cd /run/job
systemctl start prometheus-node-exporter.service
apt-get install --yes ./*.deb > /run/apt 2>&1 || cat /run/apt
"""

# With the settings that the packages install, hold CPU 0 for 2 s. An ordinary user receives the uevents meanwhile, and then tries in
# each way to read the culprit.
HOLD = """
hold() {
    runuser -u nobody -- udevadm monitor --kernel --udev --property > /run/monitor 2> /dev/null &
    monitor=$!
    until grep -q 'UDEV - ' /run/monitor; do sleep 0.2; done
    # Another stall follows at once if the host stops the guest.
    i=0
    until insmod /run/job/tick_hog.ko ms=2000; cat /sys/kernel/sched_tick/last_stall > /run/last_stall; rmmod tick_hog
        grep -qx 'comm tick_hog' /run/last_stall || [ $((i += 1)) -ge 5 ]; do :; done
    udevadm settle
    sleep 2
    kill "$monitor"
}
ordinary() { echo "--- nobody: $1"; shift; runuser -u nobody -- "$@" 2>&1; }
hold
echo '--- journal'
journalctl --dmesg --no-pager -o cat --grep='sched_tick: default: '
echo '--- stalls'
sched-tick stalls --noheadings --output ticker,cpu,culprit,function,context
echo '--- last_stall'
cat /run/last_stall
echo '--- restricted'
cat /proc/sys/kernel/dmesg_restrict
ordinary files sh -c 'cd /sys/kernel/sched_tick; cat stat stalls lateness/max_ns percpu/0; cat last_stall; find . -type f ! -name last_stall -exec cat {} +'
ordinary uevents cat /run/monitor
ordinary tool sh -c 'sched-tick list; sched-tick show default; sched-tick show --raw --percpu default; sched-tick show -J default; sched-tick stalls'
ordinary saved find /var/lib/sched-tick /var/lib/sched-tick-dkms ! -readable -prune -o -type f -exec cat {} +
ordinary metrics sh -c 'cat /var/lib/prometheus/node-exporter/sched_tick.prom'
ordinary unit systemctl status --no-pager --full sched-tick.service sched-tick-stall@default.service
ordinary dmesg dmesg
ordinary journal journalctl --dmesg --no-pager
ordinary tracefs cat /sys/kernel/tracing/trace
echo '--- held'
"""


def check_held(report):
    """Check the output of HOLD: root sees the culprit of the stall; an ordinary user sees its counts, but not the culprit."""
    parts = dict(re.findall(r"^--- ([\w: ]+)\n(.*?)(?=^--- )", report, re.MULTILINE | re.DOTALL))
    # If the host stops the guest meanwhile, CPU 0 took no interrupts, and another line may have the function.
    lines = re.findall(r"^sched_tick: default: (?:stall on )?CPU 0(?: takes interrupts again)?, tick overdue by \d+ ms, "
                       r"(?:took no interrupts, )?held by tick_hog\[(\d+)\] in (hog_run\+\S+) \[tick_hog\] \(task\)$",
                       parts["journal"], re.MULTILINE)
    assert lines, report
    stalls = [row.split() for row in parts["stalls"].splitlines() if "tick_hog" in row]
    assert stalls == [["default", "0", f"tick_hog[{pid}]", function, "[tick_hog]", "task"] for pid, function in reversed(lines)], report
    pid = lines[-1][0]
    assert f"comm tick_hog\npid {pid}\nfunction hog_run+" in parts["last_stall"], report
    ways = {name.removeprefix("nobody: "): text for name, text in parts.items() if name.startswith("nobody: ")}
    assert len(ways) == 9, report
    assert re.match(r"1 250 \d+ \d+ .*\n[1-9]\d*\n\d{9,}\n1 250 \d+ ", ways["files"]) and "last_stall: Permission denied" in ways["files"], report
    # The uevent of the stall is there; the uevents of other subsystems have the name of the module that made it.
    events = [event for event in ways["uevents"].split("\n\n") if "SUBSYSTEM=sched_tick" in event]
    assert sum("SCHED_TICK_EVENT=stall" in event for event in events) >= 2, report
    ways["uevents"] = "\n".join(events)
    # Root may open the kernel log to all with this setting; Debian does not.
    if parts["restricted"].strip() == "0":
        ways.pop("dmesg")
    secrets = re.compile(rf"tick_hog|hog_run|kthread|\[{pid}\]|\bpid\b.*\b{pid}\b")
    assert secrets.search(parts["journal"]) and len(secrets.findall(parts["last_stall"])) >= 5, report
    seen = {name: [found for found in text.splitlines() if secrets.search(found)] for name, text in ways.items()}
    assert not any(seen.values()), seen


# For two kernels, $good and $other. spoil makes every build for $other fail, and mend undoes this. state prints the module that each
# kernel has. watch checks continuously that each kernel has one.
KERNELS = """
spoil() { sed -i '1i export KCFLAGS = -Dhrtimer_cancel=hrtimer_gone' "/lib/modules/$other/build/Makefile"; }
mend() { sed -i 1d "/lib/modules/$other/build/Makefile"; }
state() {
    dkms status 2>/dev/null | sort
    for kernel in "$good" "$other"; do
        echo "$kernel has $(modinfo -k "$kernel" -F version sched_tick 2>/dev/null)"
    done
    if [ -e /tmp/gaps ]; then sort /tmp/gaps | uniq -c; rm /tmp/gaps; fi
    ls /var/lib/sched-tick-dkms 2>/dev/null || true
}
watch() {
    while sleep 0.02; do
        for kernel in "$good" "$other"; do
            file=$(modinfo -k "$kernel" -n sched_tick 2>/dev/null) && [ -e "$file" ] || echo "gap: $kernel" >> /tmp/gaps
            echo >> /tmp/checks
        done
    done
}
"""


# The file of settings in the package sched-tick: a conffile, installed in /etc.
SETTINGS = "packaging/sched-tick.d/10-default.conf"


def copied(name, version=None, release=None):
    """Copy the files of this tree to a directory of that name, with another version or release of the packages if given."""
    directory = vm.BUILD / "packages" / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    tracked = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=vm.TOP,
                             check=True, capture_output=True).stdout
    subprocess.run(["xargs", "-0", "cp", "--no-dereference", "--parents", "-t", str(directory)], cwd=vm.TOP, input=tracked, check=True)
    subprocess.run(["git", "init", "--quiet"], cwd=directory, check=True)
    if version:
        for file in ("dkms.conf", "src/main.c", "packaging/debian/changelog", "packaging/rpm/sched-tick.spec"):
            path = directory / file
            path.write_text(path.read_text("utf-8").replace(vm.version(), version), encoding="utf-8")
        # The settings that a package contains can change from version to version.
        with open(directory / SETTINGS, "a", encoding="utf-8") as settings:
            settings.write(f"# {version}\n")
    if release:
        path = directory / "packaging/rpm/sched-tick.spec"
        path.write_text(re.sub(r"^(Release: +)1", rf"\g<1>{release}", path.read_text("utf-8"), flags=re.MULTILINE), encoding="utf-8")
    return directory


@functools.cache
def built(name, version=None, release=None, target="deb"):
    """Build a copy with `make deb`, or another target, and return the directory of the packages. The copy "b" is built with umask 077,
    which must not change the packages."""
    directory = copied(f"{target}-{name}", version, release)
    subprocess.run(["make", "--silent", target], cwd=directory, check=True, capture_output=True, umask=0o077 if name == "b" else -1)
    return directory / "dist"


def documents():
    """The files of the package sched-tick below /usr/share/doc/sched-tick, uncompressed."""
    files = ["CHANGES.md", "README.md", "docs/glossary.md", "docs/install.md", "docs/subscribe.md", "docs/tracing.md"]
    return sorted([pathlib.Path(file).name for file in files] + [f"ABI/{path.name}" for path in (vm.TOP / "docs" / "ABI").iterdir()])


def binaries(directory):
    """{name: content} of the Debian packages in a directory, without those of debugging symbols."""
    return {path.name: path.read_bytes() for path in directory.glob("*.deb") if "dbgsym" not in path.name}
