# SPDX-License-Identifier: GPL-2.0-only
"""apt and dnf install the packages from signed repositories of `make repo`. dnf's transactions are real, but run on Debian, without
Fedora's userspace."""

import re
import shutil
import subprocess

import pytest

import debian
import rootfs
import system
from conftest import REFERENCE, TOP

# The versions in the repositories, in the order in which they are added.
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
    dnf "$@" > /run/output 2>&1 || { echo "status: $?"; cat /run/output; }
    grep -h "cannot be built for" /run/output
    present
    if [ -d /run/systemd/system ]; then alive; fi
}
# Besides the default ticker, keep one named ticker for the whole test.
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
/usr/lib/kernel/install.d/39-sched-tick-dkms.install add "$other" /boot > /run/output 2>&1 || cat /run/output
present
step mended upgrade
"""

# dnf keeps copies of packages in its own directories.
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
echo "--- checks"
wc -l < /tmp/checks
"""

# Install with apt as the README describes, with no other source of packages.
APT = """
rm -rf /etc/apt/sources.list*
mkdir -p /etc/apt/sources.list.d
apt_install() {
    { apt-get update && apt-get install --yes sched-tick; } > /run/output 2>&1 || { echo "status: $?"; cat /run/output; }
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

# Reset the machine during an upgrade: while the old version is being kept, or while the module is being built.
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

# Upgrade on a disk that has no space, and on one that has too little for a build.
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
    """A directory with one repository per version, which also contains the earlier versions. They are made with umask 077,
    which must not change the modes: apt reads the repositories as another user."""
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
    """{step: output}."""
    return dict(re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- |^verdict|\Z)", report, re.MULTILINE | re.DOTALL))


def has_version(text, version, release, kernels, ticking=True):
    """Whether DKMS, each kernel and rpm have that version, without an error, and the ticker ticks."""
    lines = text.splitlines()
    installed = re.findall(rf"^sched_tick/{version}, ([^,]+), .*: installed$", text, re.MULTILINE)
    return (installed == sorted(kernels) and sum(line.startswith("sched_tick/") for line in lines) == len(kernels)
            and all(f"{kernel} has {version}" in lines for kernel in kernels)
            and [line for line in lines if line.startswith("sched-tick")] ==
            [f"sched-tick-{version}-{release}", f"sched-tick-dkms-{version}-{release}"]
            and "status:" not in text and "gap" not in text and ".log" not in text
            and (not ticking or "ticking" in lines and lines.count("active") == 2))


def check_transactions(reports, kernels, ticking):
    """Check the output of STEPS and REMOVE."""
    for name, version, release in (("release", "0.1.0", 2), ("version", "0.1.1", 1), ("reinstall", "0.1.1", 1),
                                   ("downgrade", "0.1.0", 2), ("undo", "0.1.1", 1), ("mended", "0.1.1", 1)):
        assert has_version(reports[name], version, release, kernels, ticking), reports[name]
    good, other = kernels
    broken = reports["broken"]
    assert f"cannot be built for Linux {other}" in broken and "status:" not in broken and "gap" not in broken, broken
    assert f"{good} has 0.1.0\n{other} has 0.1.1\n" in broken and f"{other}.log" in broken, broken
    assert has_version(reports["plugin"], "0.1.0", 2, kernels, ticking=False), reports["plugin"]
    assert f"{good} has \n{other} has \n" in reports["remove"] and "status:" not in reports["remove"], reports["remove"]
    assert "sched-tick-" not in reports["remove"] and "sched_tick/" not in reports["remove"] and reports["left"] == "", reports


def in_root(repositories, script):
    """Run a script in a root with the repositories in /srv: ({step: output}, kernels)."""
    directory = system.directory(REFERENCE, "rpm")
    done = rootfs.in_root(directory, f"set +e\nln -s /share /srv/all\n{PRELUDE}{script}", share=repositories, timeout=900)
    return steps(done.stdout), system.kernels(directory)


@pytest.mark.scope("test")
def test_apt(repositories):
    """apt installs the packages by name, and rejects a repository whose list of packages was changed."""
    reports, kernels = in_root(repositories, APT)
    assert re.findall(r"^sched_tick/0.1.1, ([^,]+), .*: installed$", reports["apt"], re.MULTILINE) == kernels, reports["apt"]
    assert "ii sched-tick 0.1.1-1\nii sched-tick-dkms 0.1.1-1\n" in reports["apt"], reports["apt"]
    assert "status: 100" in reports["tampered"] and "sched_tick/" not in reports["tampered"], reports["tampered"]


@pytest.mark.scope("test")
def test_transactions_leave_no_gap(repositories):
    """Transactions in a root without a boot: a continuous check finds no moment at which a kernel has no module."""
    reports, kernels = in_root(repositories, INSTALL + WATCH + STEPS + UNWATCH + REMOVE)
    assert has_version(reports["install"], "0.1.0", 1, kernels, ticking=False), reports["install"]
    assert int(reports["checks"]) > 200, reports["checks"]
    check_transactions(reports, kernels, ticking=False)


class Installed:
    """A booted machine with dnf and the repositories, on a disk of its own."""

    def __init__(self, kernel, repositories, disk):
        files = {str(path.relative_to(repositories)): path.read_bytes() for path in repositories.rglob("*") if path.is_file()}
        self.machine = system.System(kernel, files, kind="rpm", disk=disk)
        self.kernels = system.kernels(self.machine.directory)
        self.name = 0

    def boot(self, script, verdict="pass"):
        """Boot and run a script: {step: output}. The kernel log must have no warnings."""
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
    """dnf installs the packages by name; the module is built, loaded and ticks, also after a reboot and every later step."""
    first = installed.boot(INSTALL + SERVED)["install"]
    assert has_version(first, "0.1.0", 1, installed.kernels), first
    assert re.search(r'^sched_tick_ticks_total\{ticker="default"\} \d+$', first, re.MULTILINE), first
    reports = installed.boot(f"echo '--- rebooted'\nalive\npresent\n{STEPS}{REMOVE}")
    assert has_version(reports["rebooted"], "0.1.0", 1, installed.kernels), reports["rebooted"]
    check_transactions(reports, installed.kernels, ticking=True)


@pytest.mark.scope("long")
@pytest.mark.parametrize("moment", ["0.0.0+0.1.0", "0.1.1/build"])
def test_power_cut(installed, moment):
    """After a power cut the module ticks, and `dnf reinstall` repairs the rest."""
    installed.boot(INSTALL)
    installed.boot(CUT % f"/var/lib/dkms/sched_tick/{moment}", verdict="none: the guest died")
    reports = installed.boot(AFTER_CUT)
    good, _ = installed.kernels
    assert "ticking" in reports["cut"] and re.search(rf"^{re.escape(good)} has 0.1.[01]$", reports["cut"], re.MULTILINE), reports["cut"]
    assert has_version(reports["reinstalled"], "0.1.1", 1, installed.kernels), reports


@pytest.mark.scope("long")
def test_full_disk(installed):
    """On a full disk an upgrade removes no module; once there is space it succeeds."""
    installed.boot(INSTALL)
    reports = installed.boot(FULL)
    for name in ("full", "little"):
        assert all(re.search(rf"^{re.escape(kernel)} has 0.1.[01]$", reports[name], re.MULTILINE) for kernel in installed.kernels), reports
    assert has_version(reports["reinstalled"], "0.1.1", 1, installed.kernels), reports
