# SPDX-License-Identifier: GPL-2.0-only
"""What package managers do with the packages from repositories that `make repo` made and signed. dnf's are real transactions, but
on Debian, with nothing of Fedora's around them."""

import re
import shutil
import subprocess

import pytest

import debian
import rootfs
import system
from conftest import REFERENCE, TOP

# What is in the repository, one after the other, and stays there.
VERSIONS = {"0.1.0-1": ("a", None, None), "0.1.0-2": ("release", None, "2"), "0.1.1-1": ("newer", "0.1.1", None)}

PRELUDE = debian.EXPORT + debian.KERNELS + """
export HOME=/root
good=$(ls /lib/modules | head -n 1)
other=$(ls /lib/modules | tail -n 1)
manager=$(command -v dnf5 || command -v dnf)
dnf() { "$manager" --releasever=1 --assumeyes "$@"; }
offer() { ln -sfn "/srv/all/$1" /srv/repo && mkdir -p /etc/yum.repos.d && cp /srv/repo/sched-tick.repo /etc/yum.repos.d; }
present() {
    rpm -qa 'sched-tick*' | sed 's/[.][^.]*$//' | sort
    state
}
step() {
    echo "--- $1"
    shift
    dnf "$@" > /run/said 2>&1 || { echo "status: $?"; cat /run/said; }
    grep -h "can't be built for" /run/said
    present
    if [ -d /run/systemd/system ]; then alive; fi
}
# One that is there all the while, besides the default.
alive() {
    i=0
    until systemctl --quiet is-active sched-tick.service || [ $((i += 1)) -gt 60 ]; do sleep 1; done
    if [ -e /sys/kernel/sched_tick ]; then
        [ -e /sys/kernel/sched_tick/tickers/kept ] || sched-tick create kept period=50ms enabled=yes
        sched-tick wait kept && echo ticking
    fi
    systemctl is-active sched-tick.service sched-tick-export.timer
}
"""

SERVED = """
systemctl start prometheus-node-exporter.service
i=0
until curl -s 127.0.0.1:9100/metrics | grep '^sched_tick_ticks_total' || [ $((i += 1)) -gt 120 ]; do sleep 1; done
"""

INSTALL = """
offer 0.1.0-1
step install install sched-tick
"""

STEPS = """
offer 0.1.0-2
step release --refresh upgrade
offer 0.1.1-1
step version --refresh upgrade
step reinstall reinstall sched-tick sched-tick-dkms
step downgrade downgrade sched-tick sched-tick-dkms
step undo history undo last
spoil
step broken downgrade sched-tick sched-tick-dkms
mend
echo '--- plugin'
/usr/lib/kernel/install.d/39-sched-tick-dkms.install add "$other" /boot > /run/said 2>&1 || cat /run/said
present
step mended upgrade
"""

# What dnf keeps of packages, here or there, is dnf's.
REMOVE = """
step remove remove sched-tick sched-tick-dkms
echo '--- left'
find / -xdev \\( -path /proc -o -path /run -o -path /srv -o -path /etc/yum.repos.d -o -path '/var/cache/*dnf*' -o \\
    -path /var/lib/dnf/plugins/local \\) -prune \\
    -o -name '*sched[_-]tick*' -print
echo '--- end'
"""

WATCH = """
watch & watcher=$!
"""

UNWATCH = """
kill "$watcher"
echo "--- looks"
wc -l < /tmp/looks
"""

# As the README says, with nothing else to take packages from.
APT = """
rm -rf /etc/apt/sources.list*
mkdir -p /etc/apt/sources.list.d
apt_install() {
    { apt-get update && apt-get install --yes sched-tick; } > /run/said 2>&1 || { echo "status: $?"; cat /run/said; }
    dkms status 2>/dev/null | sort
    dpkg -l 'sched-tick*' | awk '/^ii/ { print $1, $2, $3 }'
}
ln -sfn /srv/all/0.1.1-1 /srv/repo
cp /srv/repo/sched-tick.asc /etc/apt/keyrings
cp /srv/repo/sched-tick.sources /etc/apt/sources.list.d
sed -i 's/^Version: .*/&0/' /srv/repo/deb/Packages
echo '--- tampered'
apt_install
sed -i 's/^\\(Version: .*\\)0/\\1/' /srv/repo/deb/Packages
echo '--- apt'
apt_install
echo '--- end'
"""

# The machine goes off in the middle of an upgrade: when what there was is being put aside, and when a module is being built.
CUT = """
offer 0.1.1-1
{ until ls -d %s > /dev/null 2>&1; do :; done; echo b > /proc/sysrq-trigger; } &
dnf --refresh upgrade
"""
AFTER_CUT = """
echo "--- cut"
alive
present
step again --refresh upgrade
step reinstalled reinstall sched-tick-dkms
"""

# No room for anything, and not enough to build.
FULL = """
offer 0.1.1-1
free() { df --output=avail --block-size=1K / | tail -n 1; }
fallocate --length "$(($(free) - 300))K" /filler
dd if=/dev/zero of=/filler2 bs=4K 2> /dev/null
step full --refresh upgrade
rm /filler2
fallocate --length "$(($(stat -c %s /filler) / 1024 - 3500))K" /filler3 2> /dev/null
truncate --size=-3500K /filler
step little --refresh upgrade
rm -f /filler*
step room --refresh upgrade
step reinstalled reinstall sched-tick-dkms
"""


@pytest.fixture(scope="module", name="repositories")
def _repositories(tmp_path_factory):
    """One directory per version, with all that came before; and what a machine puts into /srv. Made by who keeps files private: apt
    reads as a user of its own."""
    top = tmp_path_factory.mktemp("repositories")
    top.chmod(0o755)
    keys = top / "keys"
    keys.mkdir(mode=0o700)
    environment = {"GNUPGHOME": str(keys), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "test@sched-tick.invalid", "rsa3072", "sign", "never"],
                   check=True, capture_output=True, env=environment)
    before = None
    for name, (copy, version, release) in VERSIONS.items():
        directory = top / name
        if before:
            shutil.copytree(before, directory)
        for target in ("deb", "rpm"):
            subprocess.run([TOP / "packaging" / "repo.sh", debian.built(copy, version, release, target=target), directory,
                            "test@sched-tick.invalid", "file:///srv/repo"], check=True, capture_output=True, env=environment, umask=0o077)
        before = directory
    subprocess.run(["gpgconf", "--kill", "all"], check=True, env=environment)
    shutil.rmtree(keys)
    return top


def steps(report):
    """What each step said, by its name."""
    return dict(re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- |^verdict|\Z)", report, re.MULTILINE | re.DOTALL))


def has(text, version, release, kernels, ticking=True):
    """Whether all is as it should be with a version: DKMS, each kernel, rpm; and it ticks."""
    lines = text.splitlines()
    installed = re.findall(rf"^sched_tick/{version}, ([^,]+), .*: installed$", text, re.MULTILINE)
    return (installed == sorted(kernels) and sum(line.startswith("sched_tick/") for line in lines) == len(kernels)
            and all(f"{kernel} has {version}" in lines for kernel in kernels)
            and [line for line in lines if line.startswith("sched-tick")] ==
            [f"sched-tick-{version}-{release}", f"sched-tick-dkms-{version}-{release}"]
            and "status:" not in text and "gap" not in text and ".log" not in text
            and (not ticking or "ticking" in lines and lines.count("active") == 2))


def check_transactions(told, kernels, ticking):
    """What STEPS and REMOVE have to come to."""
    for name, version, release in (("release", "0.1.0", 2), ("version", "0.1.1", 1), ("reinstall", "0.1.1", 1),
                                   ("downgrade", "0.1.0", 2), ("undo", "0.1.1", 1), ("mended", "0.1.1", 1)):
        assert has(told[name], version, release, kernels, ticking), told[name]
    good, other = kernels
    broken = told["broken"]
    assert f"can't be built for Linux {other}" in broken and "status:" not in broken and "gap" not in broken, broken
    assert f"{good} has 0.1.0\n{other} has 0.1.1\n" in broken and f"{other}.log" in broken, broken
    assert has(told["plugin"], "0.1.0", 2, kernels, ticking=False), told["plugin"]
    assert f"{good} has \n{other} has \n" in told["remove"] and "status:" not in told["remove"], told["remove"]
    assert "sched-tick-" not in told["remove"] and "sched_tick/" not in told["remove"] and told["left"] == "", told


def in_root(repositories, script):
    """What a script says in the root with these in /srv; both are forgotten."""
    directory = system.directory(REFERENCE, "rpm")
    done = rootfs.in_root(directory, f"set +e\nln -s /share /srv/all\n{PRELUDE}{script}", share=repositories, timeout=900)
    return steps(done.stdout), system.kernels(directory)


@pytest.mark.scope("test")
def test_apt(repositories):
    """By name; and not when somebody had his hands on the list of packages."""
    told, kernels = in_root(repositories, APT)
    assert re.findall(r"^sched_tick/0.1.1, ([^,]+), .*: installed$", told["apt"], re.MULTILINE) == kernels, told["apt"]
    assert "ii sched-tick 0.1.1-1\nii sched-tick-dkms 0.1.1-1\n" in told["apt"], told["apt"]
    assert "status: 100" in told["tampered"] and "sched_tick/" not in told["tampered"], told["tampered"]


@pytest.mark.scope("test")
def test_transactions_leave_no_gap(repositories):
    """One after the other where a machine is only a root, which is fast; somebody looks all the time whether each kernel has
    a module."""
    told, kernels = in_root(repositories, INSTALL + WATCH + STEPS + UNWATCH + REMOVE)
    assert has(told["install"], "0.1.0", 1, kernels, ticking=False), told["install"]
    assert int(told["looks"]) > 200, told["looks"]
    check_transactions(told, kernels, ticking=False)


class Installed:
    """A booted machine with dnf and the repositories, on a disk of its own."""

    def __init__(self, kernel, repositories, disk):
        files = {str(path.relative_to(repositories)): path.read_bytes() for path in repositories.rglob("*") if path.is_file()}
        self.machine = system.System(kernel, files, kind="rpm", disk=disk)
        self.kernels = system.kernels(self.machine.directory)
        self.name = 0

    def boot(self, script, verdict="pass"):
        """The report of a boot; the kernel's log has to be silent."""
        self.name += 1
        copy = "mkdir /srv/all && cp -r /run/job/0* /srv/all\n" if self.name == 1 else ""
        result = self.machine.boot(f"{PRELUDE}{copy}{script}:\n", timeout=6000, label=f"dnf-{self.name}")
        assert result.verdict == verdict and not result.bad_lines, result.explain()
        return steps(result.report)


@pytest.fixture(name="installed", params=[REFERENCE, "6.12", "7.2"])
def _installed(request, repositories, tmp_path):
    yield Installed(request.param, repositories, tmp_path / "disk.qcow2")
    shutil.rmtree(tmp_path)


@pytest.mark.scope("long")
def test_transactions(installed):
    """By name, from the repository: built, loaded, ticking, served; after a reboot, too; and right at every step."""
    first = installed.boot(INSTALL + SERVED)["install"]
    assert has(first, "0.1.0", 1, installed.kernels), first
    assert re.search(r'^sched_tick_ticks_total\{ticker="default"\} \d+$', first, re.MULTILINE), first
    told = installed.boot(f"echo '--- rebooted'\nalive\npresent\n{STEPS}{REMOVE}")
    assert has(told["rebooted"], "0.1.0", 1, installed.kernels), told["rebooted"]
    check_transactions(told, installed.kernels, ticking=True)


@pytest.mark.scope("long")
@pytest.mark.parametrize("moment", ["0.0.0+0.1.0", "0.1.1/build"])
def test_power_cut(installed, moment):
    """The machine still has its heartbeat, and dnf puts the rest right."""
    installed.boot(INSTALL)
    installed.boot(CUT % f"/var/lib/dkms/sched_tick/{moment}", verdict="none: the guest died")
    told = installed.boot(AFTER_CUT)
    good, _ = installed.kernels
    assert "ticking" in told["cut"] and re.search(rf"^{re.escape(good)} has 0.1.[01]$", told["cut"], re.MULTILINE), told["cut"]
    assert has(told["reinstalled"], "0.1.1", 1, installed.kernels), told


@pytest.mark.scope("long")
def test_full_disk(installed):
    """Nothing is lost, and with room all is well."""
    installed.boot(INSTALL)
    told = installed.boot(FULL)
    for name in ("full", "little"):
        assert all(re.search(rf"^{re.escape(kernel)} has 0.1.[01]$", told[name], re.MULTILINE) for kernel in installed.kernels), told
    assert has(told["reinstalled"], "0.1.1", 1, installed.kernels), told
