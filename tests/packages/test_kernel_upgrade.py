# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that apt installs and removes: DKMS rebuilds, and the heartbeat and its configuration are there.

Once for real: the machine's own loader boots into the new kernel. The orders in which apt may be asked, and the
flavours, where a machine is only a root.
"""

import re
import shutil

import pytest

import debian
import rootfs
import system
import vm
from conftest import REFERENCE

pytestmark = pytest.mark.scope("long")

# GRUB for a disk that is one file system; from then on the machine boots itself.
FIRST = debian.INSTALL + """
printf '[kept]\\nperiod = 2s\\nenabled = yes\\n' > /etc/sched-tick.d/10-kept.conf
echo sched_tick >> /etc/initramfs-tools/modules
cat > /etc/default/grub <<'END'
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_TERMINAL=serial
GRUB_CMDLINE_LINUX="%s"
END
grub-install --force --target=i386-pc /dev/vda
update-grub
""" % vm.COMMAND_LINE

STEP = debian.EXPORT + """
step() {
    echo "--- $1"
    shift
    apt-get --yes --no-install-recommends "$@" > /run/apt 2>&1 || { echo "apt: $?"; cat /run/apt; }
    dkms status 2> /dev/null | sort
    dpkg -l 'linux-*' 'sched-tick*' | awk '/^[a-z][a-zA-Z] / && !/^(ii|un)/ { print "left half done:", $2 }'
    for initramfs in /boot/initrd.img-*; do echo "can boot ${initramfs#*img-}"; done
}
"""

STATE = """
echo "--- running"
uname -r
dmesg | grep -o -e 'sched_tick: loading' -e 'EXT4-fs (vda): mounted' | head -n 1
sleep 3
sched-tick list --raw --noheadings -o name,enabled,period
"""

UPGRADE = STEP + STATE + "step upgraded install /var/cache/upgrade/amd64/*/*.deb\n"
REMOVE = STEP + STATE + "step removed purge 'linux-image-%(older)s' 'linux-headers-%(older)s'\n" + STATE

# What apt is asked to install, transaction after transaction.
ORDERS = {
    "headers first": ["amd64/headers", "amd64/image"],
    "image first": ["amd64/image", "amd64/headers"],
    "two at once": ["amd64/* cloud-amd64/*"],
    "rt": ["rt-amd64/*"],
    "cloud": ["cloud-amd64/*"],
}


@pytest.fixture(scope="module", name="kernels")
def _kernels():
    """The root, the kernel in it, and the newest."""
    directory = system.directory(REFERENCE, "upgrade")
    older, newest = (directory / "older-release").read_text(encoding="ascii").strip(), rootfs.release(REFERENCE)
    assert older != newest
    return directory, older, newest


def steps(report):
    """What each said, by name, in the order that they came."""
    return re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- |^verdict|\Z)", report, re.MULTILINE | re.DOTALL)


def is_right(text, kernels):
    """Whether DKMS has installed the module for these kernels and no other, all can boot and nothing went wrong."""
    installed = re.findall(r"^sched_tick/0.1.0, ([^,]+), .*: installed$", text, re.MULTILINE)
    return (installed == sorted(kernels) and re.findall("^can boot (.*)", text, re.MULTILINE) == sorted(kernels)
            and "apt:" not in text and "half done" not in text)


def test_heartbeat_survives(kernels, tmp_path):
    """The machine boots into the new kernel, which has the module and the configuration; and so it does when the old
    kernel goes."""
    _, older, newest = kernels
    disk = tmp_path / "disk.qcow2"
    machine = system.System(REFERENCE, debian.binaries(debian.built("a")), kind="upgrade", disk=disk)
    results = [machine.boot(FIRST, timeout=1200, label="upgrade-before")]
    machine.has_loader = True
    results.append(machine.boot(UPGRADE, timeout=1800, label="upgrade"))
    results.append(machine.boot(REMOVE % {"older": older}, timeout=1200, label="upgrade-after"))
    shutil.rmtree(disk.parent)
    for result in results:
        assert result.verdict == "pass" and not result.bad_lines, result.explain()
    (_, before), (_, upgraded), (_, after), (_, removed), (_, still) = steps(f"{results[1].report}\n{results[2].report}")
    # The new kernel's initramfs has the module, and loads it before there is anybody who would configure it.
    root, module = "EXT4-fs (vda): mounted", "sched_tick: loading"
    for text, kernel, first in ((before, older, root), (after, newest, module), (still, newest, module)):
        assert text.splitlines() == [kernel, first, "default 1 1000000000", "kept 1 2000000000"], text
    assert is_right(upgraded, [older, newest]) and is_right(removed, [newest]), upgraded + removed


@pytest.mark.parametrize("order", ORDERS)
def test_orders(kernels, order, tmp_path):
    """Whichever package comes first, when all have come each kernel has the module."""
    directory, older, newest = kernels
    lines = [f"step after-{number} install $(printf '/var/cache/upgrade/%s/*.deb\\n' {patterns})\n"
             for number, patterns in enumerate(ORDERS[order])]
    script = (STEP + "cd /share\nstep installed install ./*.deb\ncd /var/cache/upgrade\n" + "".join(lines)
              + f"step removed purge linux-image-{older} linux-headers-{older}\n")
    for name, content in debian.binaries(debian.built("a")).items():
        (tmp_path / name).write_bytes(content)
    done = rootfs.in_root(directory, script, share=tmp_path, timeout=1800)
    told = dict(steps(done.stdout))
    new = {f"{newest.removesuffix('amd64')}{flavour}" for flavour in re.findall(r"([\w-]+)/", " ".join(ORDERS[order]))}
    assert is_right(told["installed"], [older]), done.stdout
    assert is_right(told[f"after-{len(ORDERS[order]) - 1}"], [older, *new]), done.stdout
    assert is_right(told["removed"], new), done.stdout
