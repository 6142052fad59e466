# SPDX-License-Identifier: GPL-2.0-only
"""The Debian packages: how they are built, their contents, and what they do on a booted machine."""

import re
import shutil
import subprocess

import pytest

import debian
import system
from conftest import REFERENCE, TOP

NEWER = "6.12"

STATE = """
state() {
    echo "--- $1"
    i=0
    until systemctl --quiet is-active sched-tick.service || [ $((i += 1)) -gt 60 ]; do sleep 1; done
    dkms status 2> /dev/null
    before=$(cat /sys/kernel/sched_tick/counter)
    sleep 3
    after=$(cat /sys/kernel/sched_tick/counter)
    [ "$after" -gt "$before" ] && echo ticking
    systemctl is-active sched-tick.service sched-tick-export.timer
    until curl -s 127.0.0.1:9100/metrics | grep '^sched_tick_ticks_total' || [ $((i += 1)) -gt 120 ]; do sleep 1; done
    sched-tick list --raw --noheadings -o name,enabled,period
}
"""

ACCESS = """
member() { runuser -u member -- sh -c "$1" 2> /dev/null; }
stranger() { runuser -u nobody -- sh -c "$1" 2> /dev/null; }
access() {
    cd /sys/kernel/sched_tick
    member 'echo 0 > enabled && echo 1 > enabled && echo 500 > period_ms' && echo "$1: member allowed"
    member 'echo 1 > stall_ms' || echo "$1: member denied stall_ms"
    stranger 'echo 0 > enabled' || echo "$1: stranger denied"
    mkdir /sys/kernel/config/sched_tick/new && member 'echo 1 > tickers/new/enabled' && echo "$1: member allowed on new ticker"
    stranger 'echo 0 > tickers/new/enabled' || echo "$1: stranger denied on new ticker"
    rmdir /sys/kernel/config/sched_tick/new
    cd /
}
"""

FIRST = STATE + ACCESS + debian.INSTALL + """
state installed
""" + debian.HOLD + """
cat > /etc/sched-tick.d/10-test.conf <<'END'
[default]
period = 200ms
[kept]
period = 1s
enabled = yes
END
systemctl reload sched-tick.service
useradd --groups sched_tick member
access now
echo '--- stall'
sched-tick set kept stall=200ms cpus=0 period=50ms
insmod /run/job/tick_hog.ko ms=1500
sleep 5
journalctl --no-pager -o cat -u 'sched-tick-stall@kept.service' | grep stalls
"""

SECOND = STATE + ACCESS + """
systemctl start prometheus-node-exporter.service
state rebooted
access rebooted
sched-tick delete kept
rmmod sched_tick
sleep 1
systemctl is-active sched-tick-export.timer
modprobe sched_tick
state reloaded
access reloaded
"""


# Install one version after the other with the module loaded and a ticker in use; then remove and purge the packages.
STEPS = debian.EXPORT + """
step() {
    echo "--- $1"
    shift
    apt-get "$@" > /run/apt 2>&1 || { echo "apt: $?"; tail -n 20 /run/apt; }
    dkms status 2> /dev/null
    modinfo -F version sched_tick 2> /dev/null
    cat /sys/kernel/sched_tick/tickers/kept/counter > /dev/null && echo "in use"
    dpkg -l 'sched-tick*' 2> /dev/null | awk '/^[a-z][a-zA-Z]/ { print $1, $2, $3 }'
}
cd /run/job
step upgrade install --yes ./sched-tick*_0.1.1-1_*.deb
step downgrade install --yes --allow-downgrades ./sched-tick*_0.1.0-1_*.deb
step reinstall install --yes --reinstall ./sched-tick*_0.1.0-1_*.deb
step remove remove --yes sched-tick sched-tick-dkms sched-tick-monitoring
step purge purge --yes sched-tick sched-tick-dkms sched-tick-monitoring
echo '--- left'
find / -xdev -path /proc -prune -o -path /run -prune -o -name '*sched[_-]tick*' -print
echo '--- end'
"""


def contents(directory):
    """{name: content} of the files of a build, without those that record its time and environment."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix not in (".buildinfo", ".changes")}


@pytest.mark.scope("test")
def test_builds_are_reproducible():
    """Two builds give identical source and binary packages."""
    first, second = contents(debian.built("a")), contents(debian.built("b"))
    assert len(first) == 7 and first == second


@pytest.mark.scope("test")
def test_lintian():
    """lintian reports nothing but what is overridden, and each file of overrides begins with a reason."""
    (changes,) = debian.built("a").glob("*.changes")
    done = subprocess.run(["lintian", "-EI", "--pedantic", "--allow-root", str(changes)], text=True, capture_output=True,
                          check=False)
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr
    for path in (TOP / "packaging" / "debian").rglob("*lintian-overrides"):
        assert path.read_text("utf-8").startswith("#"), f"{path}: does not begin with a reason"


def files(package):
    """The names of the files in a Debian package."""
    text = subprocess.run(["dpkg-deb", "--contents", str(package)], check=True, text=True, capture_output=True).stdout
    return sorted(re.findall(r" \./(.*[^/])$", text, re.MULTILINE))


@pytest.mark.scope("test")
def test_documents_are_in_the_package():
    """The package sched-tick contains README, ABI and the other documents for users, compressed where they are long."""
    (package,) = debian.built("a").glob("sched-tick_*.deb")
    # debhelper installs CHANGES.md as changelog.gz.
    names = [re.sub("/changelog$", "/CHANGES.md", name.removesuffix(".gz")) for name in files(package)]
    prefix = "usr/share/doc/sched-tick/"
    own = {"changelog.Debian", "copyright"}
    assert sorted({name.removeprefix(prefix) for name in names if name.startswith(prefix)} - own) == debian.documents()


@pytest.mark.scope("test")
def test_dpkg_buildpackage_in_a_clone():
    """dpkg-buildpackage builds the binary packages of `make deb` and leaves only ignored files; it names the option that it needs."""
    clone = debian.copied("clone/sched-tick")
    for old in clone.parent.glob("*.deb"):
        old.unlink()
    untracked = ["git", "ls-files", "--others", "--exclude-standard"]
    before = subprocess.run(untracked, cwd=clone, check=True, capture_output=True).stdout
    plain = subprocess.run(["dpkg-buildpackage"], cwd=clone, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    command = re.search('^In a clone run "(.*?)"', plain.stdout, re.MULTILINE)
    assert plain.returncode and command, plain.stdout
    done = subprocess.run(command[1].split(), cwd=clone, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert subprocess.run(untracked, cwd=clone, check=True, capture_output=True).stdout == before
    packages, expected = debian.binaries(clone.parent), debian.binaries(debian.built("a"))
    assert sorted(packages) == sorted(expected) and len(packages) == 3
    for name in packages:
        assert files(clone.parent / name) == files(debian.built("a") / name), name


def test_versions_agree():
    """The package and the module have the same version."""
    changelog = (TOP / "packaging" / "debian" / "changelog").read_text("utf-8")
    conf = (TOP / "dkms.conf").read_text("utf-8")
    (version,) = re.findall(r'^PACKAGE_VERSION="(.*)"$', conf, re.MULTILINE)
    assert changelog.startswith(f"sched-tick ({version}-")
    assert f'MODULE_VERSION("{version}")' in (TOP / "src" / "main.c").read_text("utf-8")


@pytest.fixture(scope="module", name="release", params=[REFERENCE, pytest.param(NEWER, marks=pytest.mark.scope("long"))])
def _release(request):
    return request.param


@pytest.fixture(scope="module", name="installed")
def _installed(others, release, tmp_path_factory):
    """The results of the boot that installs the packages and of the next one."""
    files = debian.binaries(debian.built("a"))
    disk = tmp_path_factory.mktemp("disk") / "disk.qcow2"
    machine = system.System(release, files | {"tick_hog.ko": others(release)["tick_hog.ko"]}, kind="building", disk=disk)
    results = [machine.boot(job, timeout=1200, label=f"debian-{name}") for name, job in (("first", FIRST), ("second", SECOND))]
    shutil.rmtree(disk.parent)
    return results


@pytest.mark.scope("test")
def test_passes_with_clean_kernel_log(installed):
    """Both boots pass, and the kernel log has no warnings."""
    for result in installed:
        assert result.verdict == "pass" and not result.bad_lines, result.explain()


@pytest.mark.scope("test")
def test_installs_and_runs(installed):
    """The module is built, loaded and ticks, and metrics are served: after the installation, a reboot, and a reload of the module."""
    for index, name, tickers in ((0, "installed", ["default 1 250000000"]),
                                 (1, "rebooted", ["default 1 200000000", "kept 1 1000000000"]),
                                 (1, "reloaded", ["default 1 200000000", "kept 1 1000000000"])):
        text = re.search(rf"^--- {name}\n(.*?)(?=^--- |\Z)", installed[index].report, re.MULTILINE | re.DOTALL).group(1)
        lines = text.splitlines()
        assert re.search(r"^sched_tick/0.1.0, .*: installed", text, re.MULTILINE), text
        assert "ticking" in lines and lines.count("active") == 2, text
        assert re.search(r'^sched_tick_ticks_total\{ticker="default"\} \d+$', text, re.MULTILINE), text
        assert all(ticker in lines for ticker in tickers), text


@pytest.mark.scope("test")
def test_group_has_write_access(installed):
    """Members of sched_tick may write enabled and period_ms, also of new tickers, but not stall_ms; other users may not."""
    report = installed[0].report + installed[1].report
    for when in ("now", "rebooted", "reloaded"):
        for what in ("member allowed", "member denied stall_ms", "stranger denied", "member allowed on new ticker",
                     "stranger denied on new ticker"):
            assert f"{when}: {what}\n" in report, report


@pytest.mark.scope("test")
def test_a_stall_is_reported_after_installation(installed):
    """Without any setting, a stall of 2 s is in the journal and in last_stall. An ordinary user sees its counts, but not the culprit."""
    debian.check_held(installed[0].report)


@pytest.mark.scope("test")
def test_a_stall_starts_its_unit(installed):
    """On a stall the udev rule starts sched-tick-stall@.service."""
    assert re.search(r"^--- stall\n.*stalls [1-9]", installed[0].report, re.MULTILINE | re.DOTALL), installed[0].explain()


@pytest.fixture(scope="module", name="stepped")
def _stepped(release, tmp_path_factory):
    """The results of a boot that installs the packages and of one that runs STEPS."""
    files = debian.binaries(debian.built("a"))
    newer = debian.binaries(debian.built("newer", "0.1.1"))
    disk = tmp_path_factory.mktemp("disk") / "disk.qcow2"
    machine = system.System(release, files, kind="building", disk=disk)
    first = machine.boot(f"{debian.INSTALL}modprobe sched_tick; sched-tick create kept period=50ms enabled=yes", timeout=900,
                         label="debian-before")
    machine.others = files | newer
    second = machine.boot("/usr/sbin/sched-tick create kept period=50ms enabled=yes\n" + STEPS, timeout=1800,
                          label="debian-steps")
    shutil.rmtree(disk.parent)
    return first, second


@pytest.mark.scope("long")
def test_upgrade_downgrade_reinstall_remove_purge(stepped):
    """After every step DKMS has the right version installed and the ticker runs; the purge leaves no files."""
    for result in stepped:
        assert result.verdict == "pass" and not result.bad_lines, result.explain()
    steps = dict(re.findall(r"^--- (\w+)\n(.*?)(?=^--- )", stepped[1].report, re.MULTILINE | re.DOTALL))
    for name, version in (("upgrade", "0.1.1"), ("downgrade", "0.1.0"), ("reinstall", "0.1.0")):
        lines = steps[name].splitlines()
        assert [line for line in lines if line.startswith("sched_tick/")] == \
            [line for line in lines if re.match(rf"sched_tick/{version}, .*: installed", line)], steps[name]
        assert version in lines and "in use" in lines and "apt:" not in steps[name], steps[name]
        assert sum(line.startswith("ii ") for line in lines) == 3, steps[name]
    assert "sched_tick/" not in steps["remove"] and "apt:" not in steps["remove"], steps["remove"]
    assert steps["purge"].splitlines()[-1:] == ["in use"] and "apt:" not in steps["purge"], steps["purge"]
    assert steps["left"] == "", steps["left"]
