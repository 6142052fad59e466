# SPDX-License-Identifier: GPL-2.0-only
"""The module in a kernel tree, as `make copy-builtin` puts it there: built into the kernel and as a module of it.

The tree is that of the debug kernel "memory", which is already built. It is changed in an overlay that is discarded."""

import functools
import re
import shutil
import subprocess

import pytest

import rootfs
import test_kernels
import vm
from conftest import TOP, effort

pytestmark = pytest.mark.scope("long")

KERNEL = "memory"
# What `make copy-builtin` reads.
READ = ("Makefile", "MAINTAINERS", "Documentation/admin-guide/index.rst", "drivers/misc/Kconfig", "drivers/misc/Makefile", "kernel/rcu/Kconfig")

# A subscriber that is built in. Its first initcall runs before that of sched_tick.
SUBSCRIBER = """
#include <linux/init.h>
#include <linux/printk.h>
#include <linux/sched_tick.h>

static void built_in_tick(struct sched_tick_subscriber *subscriber,
			  const struct sched_tick_info *info)
{
	if (info->counter == 10)
		pr_info("built_in: tick %llu of %s\\n", info->counter, info->ticker);
}

static struct sched_tick_subscriber built_in_subscriber = { .tick = built_in_tick };

static int __init built_in_early(void)
{
	pr_info("built_in: early: %d\\n", sched_tick_subscribe("default", &built_in_subscriber));
	pr_info("built_in: early, named: %d\\n", sched_tick_subscribe("none", &built_in_subscriber));
	return 0;
}
subsys_initcall(built_in_early);

static int __init built_in_late(void)
{
	pr_info("built_in: late: %d\\n", sched_tick_subscribe("default", &built_in_subscriber));
	return 0;
}
late_initcall(built_in_late);
"""

# $4 is y or m.
BUILD = """
cp -r /share/beside/tree/* /usr/src/linux
cd /usr/src/build
./source/scripts/config --set-val SCHED_TICK "$4" --module SCHED_TICK_KUNIT_TEST
make -s olddefconfig
grep SCHED_TICK .config
if [ "$4" = y ]; then
    cp /share/beside/built_in.c /usr/src/linux/drivers/misc
    echo 'obj-y += built_in.o' >> /usr/src/linux/drivers/misc/Makefile
    make -s -j"$(nproc)" bzImage modules
    cp arch/x86/boot/bzImage /share/out
    nm vmlinux > /share/out/symbols
    cp drivers/misc/sched_tick/*.ko /share/out
    mkdir /share/include
    echo '#include <linux/sched_tick.h>' > /share/include/sched_tick.h
    make M=/share/beside/modules ccflags-y=-I/share/include modules
    cp /share/beside/modules/*.ko /share/out
else
    make W=1 drivers/misc/sched_tick/sched_tick.ko drivers/misc/sched_tick/sched_tick_kunit.ko
    cp drivers/misc/sched_tick/*.ko /share/out
fi
"""

WITHOUT_MODULES = """
cp -r /share/beside/tree/* /usr/src/linux
cd /usr/src/build
./source/scripts/config --enable SCHED_TICK --disable MODULES
make -s olddefconfig
grep -q -x 'CONFIG_SCHED_TICK=y' .config
! grep -q -x 'CONFIG_MODULES=y' .config
make -s prepare
make W=1 drivers/misc/sched_tick/
"""


def copied(directory, source=TOP):
    """Run `make copy-builtin` on a tree with the files of the debug kernel's source that it reads; return the tree without these files."""
    tree = directory / "tree"
    for name in READ:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(rootfs.root(KERNEL) / "usr/src/linux" / name, tree / name)
    subprocess.run(["make", "--silent", "-C", str(source), "copy-builtin", f"TREE={tree}"], check=True)
    for name in ("Makefile", "kernel/rcu/Kconfig"):
        (tree / name).unlink()
    (directory / "built_in.c").write_text("// SPDX-License-Identifier: GPL-2.0-only" + SUBSCRIBER, "ascii")
    shutil.copytree(TOP / "tests/kernel/modules", directory / "modules")
    return directory


def build(directory, how):
    """Build the kernel's tree with sched_tick in it, =y or =m; return files and the output of make."""
    done, files = vm.with_sources(KERNEL, TOP, BUILD, how, beside=copied(directory))
    assert done.returncode == 0, done.stdout
    return files, done.stdout


@pytest.fixture(scope="module", name="built_in")
def _built_in(tmp_path_factory):
    return build(tmp_path_factory.mktemp("y"), "y")


@pytest.fixture(scope="module", name="module")
def _module(tmp_path_factory):
    return build(tmp_path_factory.mktemp("m"), "m")


class Machine(vm.Machine):
    """A machine whose kernel contains the module."""

    memory = "512M"

    def __init__(self, mode, files, directory):
        super().__init__(KERNEL, mode, b"", {name: content for name, content in files.items() if name.endswith(".ko")})
        self.image = directory / "bzImage"
        self.image.write_bytes(files["bzImage"])

    def _command(self, directory, report="stdio,id=report", options=""):
        command = super()._command(directory, report, options)
        command[command.index("-kernel") + 1] = str(self.image)
        return command


# In-machine tests that do not load or unload the module and use no parameter of load, on a named ticker: the counts of the default one
# do not start at 0.
SUITE = ("files", "input", "modes", "users", "ticks", "settings", "stop", "instants", "poll", "clock", "hotplug", "fuzz", "names", "rmdir",
         "wakeups", "stalls_seen", "stall_ended", "cpus", "cpus_input", "cpus_hotplug", "late_start", "culprit")
# Tests that are made for two CPUs.
PAIR = ("placed", "wheel_placed")
RUNS = {"races-4": SUITE, "races": PAIR}
# Before anything is written: what the boot left. 0x1000 is the taint of a module from outside the tree.
BOOTED = """
at=/sys/kernel/sched_tick
echo "period $(cat $at/period_ms) enabled $(cat $at/enabled) max_tickers $(cat /sys/module/sched_tick/parameters/max_tickers)"
before=$(cat $at/counter)
sleep 2
echo "ticks $(($(cat $at/counter) - before))"
mkdir /sys/kernel/config/sched_tick/mine && echo "named $(cat $at/tickers/mine/enabled)" && rmdir /sys/kernel/config/sched_tick/mine
ls $at/tickers | wc -l
rmmod sched_tick; echo "rmmod $?"
echo "files $(ls -d /sys/module/sched_tick/initstate /sys/module/sched_tick/refcnt | wc -l) modules $(grep -c sched_tick /proc/modules)"
echo "taint $(($(cat /proc/sys/kernel/tainted) & 0x1000))"
"""


# No automatic scans of kmemleak: each takes a CPU for minutes.
QUIET = "mount -t debugfs debugfs /sys/kernel/debug\necho scan=off > /sys/kernel/debug/kmemleak\n"


def boot(machine, job, **options):
    """Boot, and return the result; the kernel's report must be clean."""
    result = machine.boot(QUIET + job, timeout=7200, **options)
    assert not result.bad_lines and result.verdict == "pass", result.explain()
    return result


def test_builds_without_a_warning(module):
    """A kernel tree builds it as a module with W=1 and without a warning; the KUnit suite is a module, too."""
    files, log = module
    assert "drivers/misc/sched_tick/tick.o" in log and not test_kernels.warnings_of(log)
    assert set(files) == {"sched_tick.ko", "sched_tick_kunit.ko"} and b"intree=Y" in files["sched_tick.ko"]


def test_module_of_the_tree(module):
    """The module of the tree passes in-machine tests, and its KUnit suite passes."""
    files, _ = module
    job = "/ktest files trace unload\nstatus=$?\ninsmod /sched_tick_kunit.ko\ncat /sys/kernel/debug/kunit/sched_tick/results\nexit $status"
    result = boot(vm.Machine(KERNEL, "virtual", files["sched_tick.ko"], files), job, label="tree-module")
    cases = re.findall(r"^ *(ok|not ok) \d+ -? ?(\w+)$", result.report, re.MULTILINE)
    assert len(cases) > 10 and all(word == "ok" for word, _ in cases), result.explain()


def test_no_unload_path(built_in):
    """What only an unload calls is in memory that the kernel frees after the boot; nothing else can call it."""
    symbols = {name: int(address, 16) for address, name in re.findall(r"^(\w+) \w (\S+)$", built_in[0]["symbols"].decode(), re.MULTILINE)}
    unload = {"sched_tick_exit", "ticker_configfs_exit"}
    assert "sched_tick_init" in symbols and "ticker_create" in symbols
    assert not {"cleanup_module", "__exitcall_sched_tick_exit"} & symbols.keys()
    assert not [name for name in unload & symbols.keys() if not symbols["__init_begin"] <= symbols[name] < symbols["__init_end"]]
    assert not symbols["__init_begin"] <= symbols["ticker_create"] < symbols["__init_end"]


def test_boots_and_ticks(built_in, tmp_path):
    """The kernel boots, takes parameters from its command line and ticks; sysfs, configfs and a subscriber that is built in work; rmmod
    finds no module."""
    machine = Machine("virtual", built_in[0], tmp_path)
    result = boot(machine, BOOTED, options="sched_tick.period_ms=50 sched_tick.max_tickers=7", label="built-in-boot")
    lines = result.report.splitlines()
    assert "period 50 enabled 1 max_tickers 7" in lines and "named 0" in lines and "0" in lines, result.explain()
    ticks, = (int(line.split()[1]) for line in lines if line.startswith("ticks "))
    assert ticks >= 39, result.explain()
    assert "rmmod 1" in lines and "files 0 modules 0" in lines and "taint 0" in lines, result.explain()
    assert re.findall(r"built_in: (.*)", result.console.replace("\r", "")) == [
        "early: -19", "early, named: -19", "late: 0", "tick 10 of default"], result.explain()


def test_builds_without_support_for_modules(tmp_path):
    """The module builds without a warning in a kernel that cannot load modules."""
    done, _ = vm.with_sources(KERNEL, TOP, WITHOUT_MODULES, beside=copied(tmp_path))
    assert done.returncode == 0 and "record.o" in done.stdout and not test_kernels.warnings_of(done.stdout), done.stdout


@pytest.fixture(scope="module", name="suites")
def _suites(built_in, pytestconfig, tmp_path_factory):
    """Return a function that boots once in a mode, runs that mode's tests, and returns the result."""
    @functools.cache
    def run(mode):
        job = (f"{QUIET}export SCHED_TICK_TICKER=counter SCHED_TICK_EFFORT={effort(pytestconfig, 2, 2)}\n"
               f"echo 0 > /sys/kernel/sched_tick/enabled\n/ktest {' '.join(RUNS[mode])}\n")
        machine = Machine(mode, built_in[0], tmp_path_factory.mktemp(mode))
        return machine.boot(job, timeout=7200, options="slub_debug=- init_on_free=0", label=f"built-in-{mode}")
    return run


@pytest.mark.parametrize("mode,name", [(mode, name) for mode, names in RUNS.items() for name in names])
def test_in_machine(suites, mode, name):
    """An in-machine test that needs no unload passes in a kernel that contains the module."""
    test_kernels.check_case(suites(mode), name)


@pytest.mark.parametrize("mode", RUNS)
def test_nothing_is_reported(suites, mode):
    """The kernel log of these tests has no report of the debug kernel."""
    assert suites(mode).green, suites(mode).explain()
