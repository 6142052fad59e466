# SPDX-License-Identifier: GPL-2.0-only
"""apt installs and removes kernels: DKMS builds the module for each, and the tickers are there after a reboot.

One test boots a machine into the new kernel with its own boot loader. The other installs kernels of several flavours in several
orders, in a root without a boot.
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

# Install GRUB on the disk, which is one file system. From then on the machine uses its own boot loader.
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
    dpkg -l 'linux-*' 'sched-tick*' | awk '/^[a-z][a-zA-Z] / && !/^(ii|un)/ { print "not configured:", $2 }'
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

# The packages that apt installs, by transaction.
ORDERS = {
    "headers first": ["amd64/headers", "amd64/image"],
    "image first": ["amd64/image", "amd64/headers"],
    "two at once": ["amd64/* cloud-amd64/*"],
    "rt": ["rt-amd64/*"],
    "cloud": ["cloud-amd64/*"],
}


@pytest.fixture(scope="module", name="kernels")
def _kernels():
    """(root, the kernel in it, the newest kernel)."""
    directory = system.directory(REFERENCE, "upgrade")
    older, newest = (directory / "older-release").read_text(encoding="ascii").strip(), rootfs.release(REFERENCE)
    assert older != newest
    return directory, older, newest


def steps(report):
    """[(name, output)] of the steps, in order."""
    return re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- |^verdict|\Z)", report, re.MULTILINE | re.DOTALL)


def is_right(text, kernels):
    """Whether DKMS has installed the module for exactly these kernels, all have an initramfs, and apt succeeded."""
    installed = re.findall(r"^sched_tick/0.1.0, ([^,]+), .*: installed$", text, re.MULTILINE)
    return (installed == sorted(kernels) and re.findall("^can boot (.*)", text, re.MULTILINE) == sorted(kernels)
            and "apt:" not in text and "not configured:" not in text)


def test_tickers_survive_a_kernel_upgrade(kernels, tmp_path):
    """After an upgrade the machine boots into the new kernel with the module and its tickers, and again after the old kernel is
    removed."""
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
    # The new kernel's initramfs contains the module and loads it before the root file system is mounted.
    root, module = "EXT4-fs (vda): mounted", "sched_tick: loading"
    for text, kernel, first in ((before, older, root), (after, newest, module), (still, newest, module)):
        assert text.splitlines() == [kernel, first, "default 1 250000000", "kept 1 2000000000"], text
    assert is_right(upgraded, [older, newest]) and is_right(removed, [newest]), upgraded + removed


@pytest.mark.parametrize("order", ORDERS)
def test_orders(kernels, order, tmp_path):
    """In whatever order the packages of kernels are installed, each kernel has the module in the end."""
    directory, older, newest = kernels
    lines = [f"step after-{number} install $(printf '/var/cache/upgrade/%s/*.deb\\n' {patterns})\n"
             for number, patterns in enumerate(ORDERS[order])]
    script = (STEP + "cd /share\nstep installed install ./*.deb\ncd /var/cache/upgrade\n" + "".join(lines)
              + f"step removed purge linux-image-{older} linux-headers-{older}\n")
    for name, content in debian.binaries(debian.built("a")).items():
        (tmp_path / name).write_bytes(content)
    done = rootfs.in_root(directory, script, share=tmp_path, timeout=1800)
    reports = dict(steps(done.stdout))
    new = {f"{newest.removesuffix('amd64')}{flavour}" for flavour in re.findall(r"([\w-]+)/", " ".join(ORDERS[order]))}
    assert is_right(reports["installed"], [older]), done.stdout
    assert is_right(reports[f"after-{len(ORDERS[order]) - 1}"], [older, *new]), done.stdout
    assert is_right(reports["removed"], new), done.stdout
