# SPDX-License-Identifier: GPL-2.0-only
"""The system extension of docs/install.md, on a booted Debian whose /usr is read-only."""

import re
import shutil
import subprocess

import pytest

import headers
import rootfs
import system
import test_kmod
from conftest import REFERENCE, TOP

pytestmark = pytest.mark.scope("long")

BLOCKS = dict(re.findall(r"^```sysext-(\w+)\n(.*?)^```$", (TOP / "docs" / "install.md").read_text("utf-8"), re.MULTILINE | re.DOTALL))

STATE = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
state() {
    echo "--- $1"
    systemctl is-active sched-tick-module.service
    ls /usr/lib/modules/*/updates/sched_tick.ko 2> /dev/null
    touch /usr/lib/modules/new 2>&1
    modinfo configfs > /dev/null && echo 'other modules'
    modprobe --dry-run --quiet sched_tick || echo 'not in modules.dep'
    [ -e /sys/kernel/sched_tick/counter ] || return 0
    before=$(cat /sys/kernel/sched_tick/counter)
    sleep 2
    [ "$(cat /sys/kernel/sched_tick/counter)" -gt "$before" ] && echo ticking
    (cd /sys/kernel/sched_tick && cat period_ms cpus stall_ms)
}
"""

# The first boot makes /usr read-only, for itself and for the second one. An initramfs would mount what /etc/fstab has for /usr.
FIRST = f"""{STATE}
printf '[Mount]\\nWhat=/usr\\nWhere=/usr\\nOptions=bind,ro\\n[Install]\\nWantedBy=local-fs.target\\n' > /etc/systemd/system/usr.mount
systemctl enable --now usr.mount
state none
echo '--- commands'
cd /run/job
set -e
{BLOCKS["install"]}
set +e
state installed
"""
SECOND = f"""{STATE}
state booted
echo '--- commands'
cd /var/lib/extensions/sched-tick/usr/lib/modules
mv "$(uname -r)" another
systemd-sysext refresh
systemctl restart sched-tick-module.service || echo failed
state another
echo '--- commands'
set -e
{BLOCKS["remove"]}
set +e
state removed
"""

READ_ONLY = ["touch: cannot touch '/usr/lib/modules/new': Read-only file system", "other modules", "not in modules.dep"]


@pytest.fixture(name="extension")
def _extension(modules, tmp_path):
    """The archive with the extension, built by the commands of the document."""
    release = rootfs.release(REFERENCE)
    headers.fake(tmp_path / "tree", release, modules(REFERENCE))
    packages, _ = test_kmod.build("sysext", release, tmp_path / "tree")
    shutil.copy(packages["deb"], tmp_path)
    subprocess.run(["sh", "-euc", BLOCKS["build"]], cwd=tmp_path, check=True)
    return (tmp_path / "sched-tick.tar").read_bytes()


def test_sysext(extension, tmp_path):
    """With the commands of the document, the module is loaded, also at the next boot; on another kernel than the module's, the unit does
    nothing. After the removal all is as before."""
    machine = system.System(REFERENCE, {"sched-tick.tar": extension}, mode="virtual", disk=tmp_path / "disk.qcow2")
    results = [machine.boot(job, timeout=1800, options=test_kmod.VIRTUAL, label=f"sysext-{number}") for number, job in enumerate((FIRST, SECOND))]
    for result in results:
        assert result.verdict == "pass" and not result.bad_lines, result.explain()
    report = "\n".join(result.report for result in results)
    states = {name: text.splitlines() for name, text in re.findall(r"^--- (\w+)\n(.*?)(?=^--- |^verdict|\Z)", report, re.MULTILINE | re.DOTALL)}
    assert states["another"] == ["inactive", "/usr/lib/modules/another/updates/sched_tick.ko", *READ_ONLY], report
    path = f"/usr/lib/modules/{rootfs.release(REFERENCE)}/updates/sched_tick.ko"
    assert states["none"] == states["removed"] == ["inactive", *READ_ONLY], report
    assert states["installed"] == states["booted"] == ["active", path, *READ_ONLY, "ticking", "250", "housekeeping", "250"], report
