# SPDX-License-Identifier: GPL-2.0-only
"""`make install` and `make uninstall` with each suite's compiler and DKMS."""

import subprocess

import pytest

import rootfs
import vm
from conftest import TOP

INSTALL = """
cd /share
found() { find / -xdev -path /proc -prune -o -path /share -prune -o -name '*sched[_-]tick*' -print; }
found; test -z "$(found)"
default=/etc/sched-tick.d/10-default.conf
make install KVER="$1"
cmp packaging/sched-tick.d/10-default.conf "$default"
modinfo "$(find "/lib/modules/$1/updates" -name "sched_tick.ko*")"
dkms status
sched-tick --version
echo '--- again'
sed -i 's/^stall = .*/stall = 2s/' "$default"
make install KVER="$1"
dkms status
make uninstall
echo '--- kept:'
found
grep '^stall = ' "$default"
rm "$default"
make install-tool
make uninstall
echo '--- left:'
found
"""


@pytest.mark.one_kernel
def test_install_and_uninstall(kernel, tmp_path):
    """make install builds and installs by DKMS, also a second time; make uninstall leaves no file but changed settings."""
    tracked = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP, check=True,
                             capture_output=True).stdout
    subprocess.run(["xargs", "-0", "cp", "--no-dereference", "--parents", "-t", str(tmp_path)], cwd=TOP, input=tracked, check=True)
    done = rootfs.in_root(rootfs.root(kernel), INSTALL, rootfs.release(kernel), share=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"version:        {vm.version()}" in done.stdout
    assert f"sched-tick {vm.version()}" in done.stdout
    status = [line for line in done.stdout.splitlines() if "installed" in line and "sched_tick" in line]
    assert len(status) >= 2, done.stdout
    kept, left = done.stdout.split("--- kept:")[1].split("--- left:")
    assert [line for line in kept.splitlines() if line.startswith(("/", "stall"))] == ["/etc/sched-tick.d", "stall = 2s"], done.stdout
    assert left.strip() == "", done.stdout
