# SPDX-License-Identifier: GPL-2.0-only
"""The module on kernels that check whoever runs in them; and every allocation failed once."""

import dataclasses
import functools
import re

import pytest

import test_kernels
import vm
from conftest import TOP, effort

pytestmark = pytest.mark.scope("test")

# Leaks are found only by looking: twice, for what is younger than five seconds or changed since is left out.
JOB = """
mount -t debugfs debugfs /sys/kernel/debug
leaks=/sys/kernel/debug/kmemleak
# Not now and then by itself, which takes a CPU for minutes.
if [ -e "$leaks" ]; then echo scan=off > "$leaks"; echo clear > "$leaks"; fi
export SCHED_TICK_EFFORT={effort}
/ktest {tests}
status=$?
echo '--- after'
{after}
if [ -e "$leaks" ]; then
    for i in 1 2; do
        sleep 6
        echo scan > "$leaks" || off="it is off"
    done
    echo '--- leaks'
    cat "$leaks"
    printf '%s' "$off"
fi
echo '--- end'
exit "$status"
"""

KUNIT = """
insmod /sched_tick_kunit.ko
cat /sys/kernel/debug/kunit/sched_tick/results
rmmod sched_tick_kunit
"""

RUNS = {
    "suite": test_kernels.RUNS["races"].tests,
    "torture": ("torture",),
    "faults": ("faults", "faults_load", "faults_export"),
}
# Which on which; the second kernel of the same source only differs in when objects are released.
ON = [("memory", "suite"), ("memory", "torture"), ("memory", "faults"), ("races", "suite"), ("races", "torture"),
      ("release", "suite"), ("release", "torture")]
LONG = [("races", "suite"), ("release", "suite"), ("release", "torture")]


def on(checker, run, *values):
    """A run on a debug kernel, as a parameter."""
    return pytest.param(checker, run, *values, marks=[pytest.mark.scope("long")] if (checker, run) in LONG else [])


# What the kernel itself has to say when it is refused memory: it can't describe our events to tracers, or it counts its pages.
EXCUSES = [re.compile(pattern, re.MULTILINE | re.DOTALL) for pattern in (
    r"^-+\[ cut here \]-+\nWARNING: [^\n]* at kernel/trace/trace_events\.c:.*?^---\[ end trace [^\n]*\n",
    r"^[^\n]*: (?:vmalloc error|page allocation failure): .*?^\d+ pages reserved\n",
)]
RACE = re.compile(r"^=+\nBUG: KCSAN: (.*?)\n.*?^=+\n", re.MULTILINE | re.DOTALL)


def less_races_of_others(console):
    """The log without those where neither side is a function of ours: the kernel has some of its own."""
    ours = {name for path in (TOP / "src").glob("*.c") for name in re.findall(r"\b((?:sched_)?tick_\w+)\(", path.read_text("ascii"))}
    return RACE.sub(lambda race: race.group() if ours & set(re.findall(r"\w+", race.group(1))) else "", console)


@dataclasses.dataclass
class Checked(vm.Result):
    """What such a kernel brought back, beside the report of the tests."""
    after: str      # what KUnit said
    leaks: str      # what kmemleak said


def boot_debug(checker, files, tests, share, label):
    """What comes of in-machine tests on a debug kernel with these modules."""
    machine = vm.Machine(checker, "races", files["sched_tick.ko"], files | vm.tool())
    faults = "faults" in tests
    job = JOB.format(effort=share, tests=tests, after=KUNIT if faults else "")
    # What is excused may not end it.
    options = ["panic_on_warn=0"] * (faults or checker == "races") + ["rcupdate.rcu_expedited=1"] * faults
    result = machine.boot(job, timeout=6000, options=" ".join(options), label=label)
    console = result.console.replace("\r", "")
    if faults:
        for excuse in EXCUSES:
            console = excuse.sub("", console)
    console = less_races_of_others(console)
    told = dict(re.findall(r"^--- (\w+)\n(.*?)(?=^--- )", result.report, re.MULTILINE | re.DOTALL))
    return Checked(result.report.split("\n--- after", maxsplit=1)[0], console, result.verdict, told.get("after", ""),
                   told.get("leaks", "" if checker == "races" else "nobody looked"))


@pytest.fixture(scope="module", name="built")
def _built():
    return functools.cache(vm.build_debug)


@pytest.fixture(scope="module", name="booted")
def _booted(built, pytestconfig):
    @functools.cache
    def boot(checker, run):
        return boot_debug(checker, built(checker), " ".join(RUNS[run]), effort(pytestconfig, 5), run)
    return boot


@pytest.mark.parametrize("checker,run,name", [on(checker, run, name) for checker, run in ON for name in RUNS[run]])
def test_in_machine(booted, checker, run, name):
    """As on other kernels."""
    test_kernels.check_case(booted(checker, run), name)


@pytest.mark.parametrize("checker,run", [on(*each) for each in ON])
def test_nothing_is_reported(booted, checker, run):
    """Neither in the log nor as a leak."""
    result = booted(checker, run)
    assert result.green, result.explain()
    assert not result.leaks, result.leaks


def test_kunit(booted):
    """The suite of src/kunit.c, in a kernel."""
    told = booted("memory", "faults").after
    cases = re.findall(r"^ *(ok|not ok) \d+ -? ?(\w+)", told, re.MULTILINE)
    assert len(cases) > 10 and all(word == "ok" for word, _ in cases), told


# Bugs put in on purpose that only such a kernel sees at once: where, what it was, what it is, who meets it, and what is then said.
MUTANTS = {
    "put_before_del": ("memory", "ticker.c", "\tkobject_del(&ticker->kobj);\n", "\tkobject_put(&ticker->kobj);\n"
                       "\tkobject_del(&ticker->kobj);\n", "modes", "BUG: KASAN"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_module_is_found_out(name, tmp_path):
    """The module with a bug put in on purpose."""
    checker, file, right, wrong, test, said = MUTANTS[name]
    vm.copy_mutated(tmp_path, file, right, wrong)
    result = boot_debug(checker, vm.build_debug(checker, tmp_path), test, 10, f"mutant-{name}")
    assert re.search(said, "\n".join([result.console, result.report, result.leaks])), result.explain()
