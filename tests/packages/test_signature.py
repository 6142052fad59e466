# SPDX-License-Identifier: GPL-2.0-only
"""Secure Boot: DKMS signs the module, and the kernel loads it only if its key is in UEFI's list of keys."""

import shutil

import pytest

import debian
import system
from conftest import REFERENCE

pytestmark = pytest.mark.scope("long")

# Install the packages and enroll DKMS's key. The firmware is in setup mode, in which it accepts any key.
ENROLL = debian.INSTALL + """
modinfo -F signer sched_tick
openssl x509 -inform der -in /var/lib/dkms/mok.pub -out /run/key.pem
cert-to-efi-sig-list /run/key.pem /run/key.esl
efi-updatevar -e -f /run/key.esl db && echo enrolled
"""

CHECK = debian.EXPORT + """
cat /sys/module/module/parameters/sig_enforce
sleep 3
sched-tick check
echo "status $?"
modprobe sched_tick
"""

UNSIGNED = """
module=$(modinfo -n sched_tick)
xz -dc "$module" > /run/job/sched_tick.ko 2> /dev/null || cp "$module" /run/job/sched_tick.ko
strip --strip-debug /run/job/sched_tick.ko
modprobe -r sched_tick
insmod /run/job/sched_tick.ko
"""


@pytest.fixture(scope="module", name="reports")
def _reports(tmp_path_factory):
    """Reports of three boots: install and enroll; firmware without DKMS's key; firmware with it."""
    directory = tmp_path_factory.mktemp("signed")
    known, unknown = directory / "known", directory / "unknown"
    for variables in (known, unknown):
        shutil.copyfile(f"{system.UEFI}/OVMF_VARS_4M.fd", variables)
    machine = system.System(REFERENCE, debian.binaries(debian.built("a")), kind="testing", disk=directory / "disk.qcow2",
                            variables=known)
    results = [machine.boot(ENROLL, timeout=1200, label="signed-enroll")]
    machine.variables = unknown
    results.append(machine.boot(CHECK + ":", timeout=600, options="module.sig_enforce=1", label="signed-unknown"))
    machine.variables = known
    results.append(machine.boot(CHECK + UNSIGNED + ":", timeout=600, options="module.sig_enforce=1", label="signed-known"))
    shutil.rmtree(directory)
    for result in results:
        assert result.verdict == "pass" and not result.bad_lines, result.explain()
    assert "enrolled\n" in results[0].report, results[0].explain()
    assert all("\nY\n" in result.report for result in results[1:])
    return [result.report for result in results]


def test_unknown_key_is_rejected(reports):
    """With an unknown key the kernel rejects the module, and `sched-tick check` explains why."""
    assert "Secure Boot" in reports[1] and "sched-tick(8)" in reports[1] and "status 3\n" in reports[1], reports[1]
    assert "could not insert 'sched_tick': Key was rejected by service" in reports[1], reports[1]


def test_known_key_is_accepted(reports):
    """With a known key the module is loaded at boot, and an unsigned module is rejected."""
    assert "status 0\n" in reports[2] and "Secure Boot" not in reports[2], reports[2]
    assert "could not insert module /run/job/sched_tick.ko: Key was rejected by service" in reports[2], reports[2]
