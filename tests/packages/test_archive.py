# SPDX-License-Identifier: GPL-2.0-only
"""The tests that Debian's archive runs on every package: piuparts and autopkgtest."""

import re
import subprocess

import pytest

import debian
import rootfs
import system
from conftest import REFERENCE

pytestmark = pytest.mark.scope("long")

# Packages that are installed before the test, with those whose files a purge does not remove.
MACHINES = {
    "without headers": ["systemd", "usrmerge"],
    "with headers": ["dkms", "linux-headers-amd64", "systemd", "usrmerge"],
}

AUTOPKGTEST = debian.EXPORT + """
cd /run/job
autopkgtest --no-built-binaries --ignore-restrictions=breaks-testbed ./*.deb ./*.dsc -- null > /run/output 2>&1
status=$?
cat /run/output
exit "$status"
"""


@pytest.mark.parametrize("machine", MACHINES)
def test_piuparts(machine, tmp_path):
    """Installation, removal, upgrade and purge succeed and leave no files."""
    suite, _ = rootfs.SUITES[REFERENCE]
    archive, security = rootfs.sites()
    old, new = tmp_path / "old", tmp_path / "new"
    for directory, built in ((old, debian.built("a")), (new, debian.built("newer", "0.1.1"))):
        directory.mkdir()
        for name, content in debian.binaries(built).items():
            (directory / name).write_bytes(content)
    packages = subprocess.run(["dpkg-scanpackages", "."], cwd=old, check=True, capture_output=True).stdout
    (old / "Packages").write_bytes(packages)
    repositories = [f"deb [trusted=yes] file:{old} ./"]
    if security:
        repositories.append(f"deb {security} {suite}-security main")
    root = rootfs.make(f"piuparts-{machine.replace(' ', '-')}", suite, None, MACHINES[machine], "true")
    log = tmp_path / "log"
    done = subprocess.run(rootfs.as_root(
        ["piuparts", f"--existing-chroot={root}", f"--distribution={suite}", f"--mirror={archive} main", "--no-eatmydata",
         *(f"--extra-repo={line}" for line in repositories), f"--bindmount={old}", f"--log-file={log}",
         "--warn-on-usr-move=fail", "--pedantic-purge-test", "--fail-if-inadequate", "--fail-on-broken-symlinks",
         "--install-remove-install", *map(str, new.iterdir())]), check=False, capture_output=True)
    output = log.read_text("utf-8", errors="replace")
    assert done.returncode == 0 and "PASS: Installation, upgrade and purging tests." in output, output
    # With headers a module was built, so the purge had one to remove.
    assert ("building for Linux" in output) == (machine == "with headers"), output


def test_autopkgtest(tmp_path):
    """DKMS's own test of the package passes, and so does packaging/debian/tests/smoke."""
    built = debian.built("a")
    source = {path.name: path.read_bytes() for pattern in ("*.dsc", "*.tar.*") for path in built.glob(pattern)}
    machine = system.System(REFERENCE, debian.binaries(built) | source, kind="testing", disk=tmp_path / "disk.qcow2")
    result = machine.boot(AUTOPKGTEST, timeout=1800, label="autopkgtest")
    assert result.verdict == "pass" and not result.bad_lines, result.explain()
    summary = dict(re.findall(r"^(\S+) +(PASS|FAIL|SKIP|FLAKY)\b", result.report.rsplit("@@@@ summary", maxsplit=1)[1], re.MULTILINE))
    assert summary == {"dkms-autopkgtest": "PASS", "smoke": "PASS"} and "I: PASS" in result.report, result.explain()
