# SPDX-License-Identifier: GPL-2.0-only
"""The in-machine tests on other architectures: module and tests built by a cross compiler, booted in QEMU."""

import pytest

import rootfs
import test_kernels
import vm
from architectures import ARCHITECTURES
from conftest import effort, some_of

# The architecture that takes the least time. It has 32 bits.
QUICK = "i386"

BUILD = """
export ARCH=$4 CROSS_COMPILE=$5
make -C "/lib/modules/$2/build" M="$1/src" W=1 modules
make -C "/lib/modules/$2/build" M=/share/beside/kernel/modules ccflags-y=-I"$1/src" KBUILD_EXTRA_SYMBOLS="$1/src/Module.symvers" modules
make --silent -C /share/beside/kernel CC="$5gcc" BUILD=/share/out
cp "$1"/src/*.ko /share/beside/kernel/modules/*.ko /share/out
"""


def build(name, source=vm.TOP):
    """Build the module, the modules of tests/kernel/modules and the in-machine tests; return the finished process, and the files by name."""
    it = ARCHITECTURES[name]
    return vm.with_sources(name, source, BUILD, it.arch, it.compiler, beside=vm.TOP / "tests")


class Machine(vm.Machine):
    """A machine of another architecture."""

    def __init__(self, name, mode, files):
        super().__init__(name, mode, files["sched_tick.ko"], files)
        self.architecture = ARCHITECTURES[name]
        self.busybox = rootfs.root(name) / "busybox"
        self.console, self.report, self.channels = self.architecture.console, self.architecture.report, self.architecture.channels

    def _emulator(self):
        return self.architecture.qemu


@pytest.fixture(scope="module", name="built")
def _built():
    done = {}

    def get(name):
        if name not in done:
            done[name] = build(name)
            assert not done[name][0].returncode, done[name][0].stdout
        return done[name][1], done[name][0].stdout
    return get


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", some_of(ARCHITECTURES, [QUICK]))
def test_builds_without_a_warning(name, built):
    """The module builds with W=1 without a warning."""
    log = built(name)[1]
    assert "ticker.o" in log and not test_kernels.warnings_of(log)


RUNS = {name: test_kernels.RUNS[name] for name in ("races", "virtual", "torture")} | {"guards": test_kernels.GUARDS}


@pytest.mark.scope("test")
def test_rates_and_settings(built):
    """On a 32-bit machine, sums of rates and the settings are right."""
    result = Machine(QUICK, "virtual", built(QUICK)[0]).boot("/ktest rates max_rate settings\n", timeout=600, label="quick")
    assert result.green, result.explain()


@pytest.mark.scope("long")
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_in_machine(name, run, built, pytestconfig):
    """The tests of a run pass and the log has no warning."""
    run = RUNS[run]
    job = f"export SCHED_TICK_EFFORT={effort(pytestconfig, 10)}\n/ktest {' '.join(run.tests)}\n"
    result = Machine(name, run.mode, built(name)[0]).boot(job, timeout=3600, options=run.options, label=f"{run.mode}-{run.tests[0]}")
    assert result.green, result.explain()


# Bugs put in on purpose that x86-64 does not show: (architecture, file, right code, wrong code).
MUTANTS = {
    "prints_half_of_a_counter": ("s390x", "attrs.c", "*(const u64 *)value);", "(u64)*(const u32 *)value);"),
    "divides_64_bits": ("i386", "timeline.h", "passed = div64_u64(now_ns - timeline->due_ns, timeline->period_ns);",
                        "passed = (now_ns - timeline->due_ns) / timeline->period_ns;"),
}


def build_mutant(name, directory):
    """Build a module with a bug, and return the architecture, the finished process, and the files by name."""
    architecture, *bug = MUTANTS[name]
    vm.copy_mutated(directory, *bug)
    return architecture, *build(architecture, directory)


@pytest.mark.scope("long")
def test_half_of_a_counter_fails_the_run(tmp_path):
    """On a big-endian machine the run fails if the module prints the first half of a 64-bit counter as the counter."""
    name, done, files = build_mutant("prints_half_of_a_counter", tmp_path)
    assert not done.returncode, done.stdout
    result = Machine(name, "virtual", files).boot("/ktest settings\n", timeout=600, label="mutant")
    assert result.verdict == "fail" and not result.green, result.explain()


@pytest.mark.scope("long")
def test_division_of_64_bits_fails_the_build(tmp_path):
    """On a 32-bit machine the build fails if a module divides 64-bit numbers by an operator."""
    _, done, _ = build_mutant("divides_64_bits", tmp_path)
    assert done.returncode and '"__udivdi3"' in done.stdout, done.stdout
