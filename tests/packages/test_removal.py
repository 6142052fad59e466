# SPDX-License-Identifier: GPL-2.0-only
"""What the packages leave of the flight recorder when they are removed."""

import subprocess

import pytest

import debian
import rootfs
import system
from conftest import REFERENCE, TOP

# Fake: tracefs, and libtracefs, whose tracefs is below SCHED_TICK_ROOT.
JOB = debian.EXPORT + """
set +e
export LD_LIBRARY_PATH=/share SCHED_TICK_ROOT=/
mkdir -p /sys/kernel/tracing/instances /sys/kernel/sched_tick
touch /sys/kernel/sched_tick/stat
%(install)s > /tmp/log 2>&1 || cat /tmp/log
sched-tick record start 2> /dev/null
mkdir -p /var/lib/sched-tick/stalls/20200101T000000.000Z-default-0
find /etc/systemd -name 'sched-tick-record*'
echo "installed: $(ls /sys/kernel/tracing/instances)"
%(reinstall)s > /tmp/log 2>&1 || cat /tmp/log
echo "upgraded: $(ls /sys/kernel/tracing/instances) $(sched-tick record list -rno ticker)"
%(remove)s
echo "removed: $(ls /sys/kernel/tracing/instances)"
%(purge)s > /tmp/log 2>&1 || cat /tmp/log
find /var /etc /usr -xdev -name '*sched[-_]tick*' ! -name '*.list'
"""

COMMANDS = {
    "deb": {"install": "dpkg -i --force-depends /share/sched-tick.deb", "reinstall": "dpkg -i --force-depends /share/sched-tick.deb",
            "remove": "dpkg --remove sched-tick > /dev/null 2>&1", "purge": "dpkg --purge sched-tick"},
    "rpm": {"install": "rpm -i --nodeps /share/sched-tick.rpm", "reinstall": "rpm -U --force --nodeps /share/sched-tick.rpm",
            "remove": "rpm -e sched-tick > /dev/null 2>&1", "purge": ":"},
}


@pytest.mark.scope("long")
@pytest.mark.parametrize("kind,root", [("deb", "building"), ("rpm", "rpm")])
def test_removal_ends_recording(kind, root, tmp_path):
    """The unit is not enabled. An upgrade keeps the recorder and the recordings; removal ends recording; removal by rpm and a purge by
    dpkg leave no recording."""
    (package,) = [path for path in debian.built("a", target=kind).glob(f"sched-tick[-_]0*.{kind}") if ".src." not in path.name]
    (tmp_path / f"sched-tick.{kind}").write_bytes(package.read_bytes())
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", tmp_path / "libtracefs.so.1",
                    TOP / "tests" / "unit" / "faketracefs.c"], check=True)
    done = rootfs.in_root(system.directory(REFERENCE, root), JOB % COMMANDS[kind], share=tmp_path)
    assert done.stdout == "installed: sched_tick\nupgraded: sched_tick default\nremoved: \n", done.stdout
