# SPDX-License-Identifier: GPL-2.0-only
"""The module on kernels that check whoever runs in them; and every allocation failed once."""

import base64
import dataclasses
import functools
import re
import shutil
import subprocess

import pytest

import roots
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
for file in $(find /sys/kernel/debug/gcov -name '*.gcda'); do
    echo "--- counts $file"
    base64 < "$file"
done
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


# What is counted of lines and branches; the suite that tests the tests' arithmetic is not.
COVERAGE = """
mkdir -p /usr/src
cp -r /share/installed/* /
src=$1/src
set --
for run in /share/runs/*; do
    cp /share/gcno/*.gcno "$run"/*.gcda "$src"
    name=/share/$(basename "$run").info
    lcov --quiet --rc lcov_branch_coverage=1 --capture --directory "$src" --output-file "$name"
    rm "$src"/*.gcda
    set -- "$@" --add-tracefile "$name"
done
lcov --quiet --rc lcov_branch_coverage=1 "$@" --output-file /share/all.info
lcov --quiet --rc lcov_branch_coverage=1 --extract /share/all.info "$src/*" --output-file /share/ours.info
lcov --quiet --rc lcov_branch_coverage=1 --remove /share/ours.info '*/kunit.c' '*/trace.h' --output-file /share/coverage.info
genhtml --quiet --branch-coverage --output-directory /share/html /share/coverage.info
lcov --rc lcov_branch_coverage=1 --list /share/coverage.info > /share/html/table
"""


def coverage(files, runs):
    """Of what runs counted: by file, the lines and branches [(number, times they were reached)]; also put into build/coverage."""
    with roots.sharing() as share:
        subprocess.run(["make", "--silent", "-C", str(TOP), f"DESTDIR={share}/installed", "install-source"], check=True)
        (share / "gcno").mkdir()
        for name, content in files.items():
            if name.endswith(".gcno"):
                (share / "gcno" / name).write_bytes(content)
        for number, counts in enumerate(runs):
            run = share / "runs" / str(number)
            run.mkdir(parents=True)
            for name, content in counts.items():
                (run / name).write_bytes(content)
        done = roots.in_root(roots.root("memory"), COVERAGE, f"/usr/src/sched_tick-{vm.version()}", share=share)
        assert done.returncode == 0, done.stdout
        kept = vm.BUILD / "coverage"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(share / "html", kept)
        text = (share / "coverage.info").read_text("ascii")
    found = {}
    for record in text.split("end_of_record"):
        name = re.search(r"^SF:.*/(\S+)$", record, re.MULTILINE)
        if name:
            found[name.group(1)] = ([(int(line), int(times)) for line, times in re.findall(r"^DA:(\d+),(\d+)", record, re.MULTILINE)],
                                    [(int(line), int(times.replace("-", "0"))) for line, times in
                                     re.findall(r"^BRDA:(\d+),\d+,\d+,(\S+)$", record, re.MULTILINE)])
    return found


def on(checker, run, *values):
    """A run on a debug kernel, as a parameter."""
    return pytest.param(checker, run, *values, marks=[pytest.mark.scope("long")] if checker == "release" else [])


# What the kernel itself has to say when it is refused memory: it can't describe our events to tracers, or it counts its pages.
EXCUSES = [re.compile(pattern, re.MULTILINE | re.DOTALL) for pattern in (
    r"^-+\[ cut here \]-+\nWARNING: [^\n]* at kernel/trace/trace_events\.c:.*?^---\[ end trace [^\n]*\n",
    r"^[^\n]*: (?:vmalloc error|page allocation failure): .*?^\d+ pages reserved\n",
)]


@dataclasses.dataclass
class Checked(vm.Result):
    """What such a kernel brought back, beside the report of the tests."""
    after: str      # what KUnit said
    leaks: str      # what kmemleak said
    counts: dict    # what gcov counted, by file name


def boot_debug(checker, files, tests, share, label):
    """What comes of in-machine tests on a debug kernel with these modules."""
    files = {name: content for name, content in files.items() if name.endswith(".ko")} | vm.tool()
    machine = vm.Machine(checker, "races", files["sched_tick.ko"], files)
    faults = "faults" in tests
    job = JOB.format(effort=share, tests=tests, after=KUNIT if faults else "")
    result = machine.boot(job, timeout=6000, options="panic_on_warn=0 rcupdate.rcu_expedited=1" if faults else "", label=label)
    console = result.console.replace("\r", "")
    if faults:
        for excuse in EXCUSES:
            console = excuse.sub("", console)
    told = dict(re.findall(r"^--- (\S+)(?: \S+)?\n(.*?)(?=^--- )", result.report, re.MULTILINE | re.DOTALL))
    counts = {path.rsplit("/", 1)[-1]: base64.b64decode(text)
              for path, text in re.findall(r"^--- counts (\S+/src/\S+)\n([^-]*)", result.report, re.MULTILINE)}
    return Checked(result.report.split("\n--- after", maxsplit=1)[0], console, result.verdict, told.get("after", ""),
                   told.get("leaks", "" if checker == "races" else "nobody looked"), counts)


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
    "mutex_in_the_tick": ("memory", "tick.c", "\traw_spin_lock_irq(&ticker->lock);\n\tif (!ticker->armed) {\n",
                          "\tmutex_lock(&ticker->control);\n\tmutex_unlock(&ticker->control);\n"
                          "\traw_spin_lock_irq(&ticker->lock);\n\tif (!ticker->armed) {\n", "settings",
                          "possible circular locking"),
    "sleeps_under_the_lock": ("memory", "control.c", "\tWRITE_ONCE(*field, value);\n\tif (ticker->config.enabled)\n",
                              "\tWRITE_ONCE(*field, value);\n\tcond_resched();\n\tif (ticker->config.enabled)\n", "settings",
                              "sleeping function called from invalid context"),
    "arms_after_the_stop": ("memory", "tick.c", "\tif (!ticker->armed) {\n", "\tif (0) {\n", "cycles", "ODEBUG: |BUG: KASAN"),
    "cancels_and_runs": ("memory", "tick.c", "\thrtimer_cancel(&ticker->alarm);\n", "\thrtimer_try_to_cancel(&ticker->alarm);\n",
                         "cycles", "ODEBUG: |BUG: KASAN"),
    "event_after_the_end": ("memory", "ticker.c", "\tcancel_delayed_work_sync(&ticker->event);\n\n\tkobject_del",
                            "\n\tkobject_del", "cycles", "ODEBUG: |BUG: KASAN"),
    "half_an_item": ("memory", "configfs.c", "err_put:\n\tconfig_item_put(&item->item);\n", "err_put:\n", "faults", "unreferenced object"),
    "keeps_its_place": ("memory", "ticker.c", "err_cpuhp:\n\tcpuhp_state_remove_instance_nocalls(tick_cpuhp_state,\n"
                        "\t\t\t\t\t    &ticker->cpuhp_node);\n", "err_cpuhp:\n", "faults", "BUG: KASAN"),
    "forgets_an_event": ("memory", "event.c", "!= -ENOMEM", "!= -ENOTTY", "faults", "1 lost|[2-9] lost"),
    "reads_unlocked": ("races", "ticker.c", "\tsnapshot->config = ticker->config;\n\tsnapshot->counts = ticker->counts;\n"
                       "\traw_spin_unlock_irq(&ticker->lock);\n", "\traw_spin_unlock_irq(&ticker->lock);\n"
                       "\tsnapshot->config = ticker->config;\n\tsnapshot->counts = ticker->counts;\n", "cycles", "KCSAN: data-race"),
    "waits_for_nobody": ("release", "ticker.c", "\twait_for_completion(&tick_all_released);\n", "", "cycles", "BUG: |unable to handle"),
}
# That each kernel's own means are at work is seen each time.
ALWAYS = ("put_before_del", "reads_unlocked")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in ALWAYS else [pytest.mark.scope("long")]) for name in MUTANTS])
def test_a_broken_module_is_found_out(name, tmp_path):
    """The module with a bug put in on purpose."""
    checker, file, right, wrong, test, said = MUTANTS[name]
    vm.copy_mutated(tmp_path, file, right, wrong)
    result = boot_debug(checker, vm.build_debug(checker, tmp_path), test, 10, f"mutant-{name}")
    assert re.search(said, "\n".join([result.console, result.report, result.leaks])), result.explain()


# Lines that no test reaches, each with its reason.
NOT_REACHED = {}


@pytest.mark.scope("long")
def test_every_line_is_reached(booted, built):
    """And most of the branches: both ways of a condition."""
    found = coverage(built("memory"), [booted("memory", run).counts for checker, run in ON if checker == "memory"])
    lines = sorted((name, line) for name, (counts, _) in found.items() for line, times in counts if not times)
    branches = [times for _, counts in found.values() for _, times in counts]
    share = 100 * sum(times > 0 for times in branches) / len(branches)
    assert [each for each in lines if each not in NOT_REACHED] == []
    assert share >= 95, sorted((name, line) for name, (_, counts) in found.items() for line, times in counts if not times)
