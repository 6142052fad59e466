# SPDX-License-Identifier: GPL-2.0-only
"""The in-machine tests on arm64: module and tests built by a cross compiler, QEMU's virt machine."""

import pytest

import rootfs
import test_kernels
import vm
from conftest import effort

pytestmark = pytest.mark.scope("long")

BUILD = """
export ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
make -C "/lib/modules/$2/build" M="$1/src" W=1 modules
make -C "/lib/modules/$2/build" M=/share/beside/kernel/modules ccflags-y=-I"$1/src" KBUILD_EXTRA_SYMBOLS="$1/src/Module.symvers" modules
make --silent -C /share/beside/kernel CC=aarch64-linux-gnu-gcc BUILD=/share/out
cp "$1"/src/*.ko /share/beside/kernel/modules/*.ko /share/out
"""


class Machine(vm.Machine):
    """An arm64 machine."""

    def __init__(self, mode, files):
        super().__init__("arm64", mode, files["sched_tick.ko"], files)
        self.busybox = rootfs.root("arm64") / "busybox"

    def _command(self, directory, report="stdio,id=report", options=""):
        command = super()._command(directory, report, options)
        # The board has one serial port; the second is a PCI device.
        first = command.index("chardev:report") - 1
        command[first:first + 2] = ["-device", "pci-serial,chardev=report"]
        words = command[-1].replace("console=ttyS0", "console=ttyAMA0")
        return ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", *command[3:-1], words]


@pytest.fixture(scope="module", name="built")
def _built():
    done, files = vm.with_sources("arm64", vm.TOP, BUILD, beside=vm.TOP / "tests")
    assert done.returncode == 0, done.stdout
    return files, done.stdout


def test_builds_without_a_warning(built):
    """The module builds with W=1 without a warning."""
    assert "ticker.o" in built[1] and not test_kernels.warnings_of(built[1])


@pytest.mark.parametrize("run", ["races", "virtual", "torture"])
def test_in_machine(built, run, pytestconfig):
    """The tests of a run pass and the log has no warning."""
    run = test_kernels.RUNS[run]
    job = f"export SCHED_TICK_EFFORT={effort(pytestconfig, 10)}\n/ktest {' '.join(run.tests)}\n"
    result = Machine(run.mode, built[0]).boot(job, timeout=3600, label=f"{run.mode}-{run.tests[0]}")
    assert result.green, result.explain()
