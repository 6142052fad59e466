# SPDX-License-Identifier: GPL-2.0-only
"""The module on debug kernels, with every allocation failed once."""

import base64
import dataclasses
import functools
import re

import pytest

import coverage
import debug
import test_kernels
import vm
from conftest import TOP, effort, some_of

pytestmark = pytest.mark.scope("test")

# kmemleak scans twice, because it leaves out objects that are younger than five seconds or have changed. lockdep is off during the
# scan, which takes locks of the kernel hundreds of thousands of times.
JOB = """
mount -t debugfs debugfs /sys/kernel/debug
leaks=/sys/kernel/debug/kmemleak
# No automatic scans: each takes a CPU for minutes.
if [ -e "$leaks" ]; then echo scan=off > "$leaks"; echo clear > "$leaks"; fi
export SCHED_TICK_EFFORT={effort} SCHED_TICK_PATIENCE={patience}
/ktest {tests}
status=$?
echo '--- after'
{after}
if [ -e "$leaks" ]; then
    echo 0 > /proc/sys/kernel/prove_locking
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

# Share of what is repeated thousands of times, in per cent, in `make test` and in `make test-long`: in full it takes hours on a debug
# kernel. The load/unload cycles have a boot of their own, in full.
SUITE = (2, 10)
OTHERS = (4, 100)
RACES = test_kernels.RUNS["races"]
RUNS = {
    "suite": RACES._replace(tests=RACES.tests + test_kernels.RUNS["torture"].tests),
    "cycles": test_kernels.Run("races", ("cycles",)),
    "torture": test_kernels.RUNS["torture"],
    # The same allocations fail on one CPU.
    "faults": test_kernels.Run("sleep", ("faults", "faults_load", "faults_export")),
    "faults_cpus": test_kernels.Run("races", ("faults_cpus",)),
    "timed": test_kernels.Run("virtual", ("trace", "stalls", "subscribe", "killed", "unsubscribed", "log_shared")),
    "events": test_kernels.Run("virtual", ("events",)),
}
# Which run on which kernel. release differs from memory only in when objects are released.
ON = [("memory", "suite"), ("memory", "torture"), ("memory", "faults"), ("memory", "faults_cpus"), ("memory", "timed"),
      ("races", "suite"), ("races", "torture"), ("release", "suite"), ("release", "torture"), ("late_remove", "events"),
      *((checker, "cycles") for checker in debug.KERNELS if checker not in debug.PATCHED)]
# Runs for `make test-long` only. The suite contains half a minute of torture.
LONG = [(checker, run) for checker, run in ON if checker in ("release", "late_remove") or run in ("cycles", "timed", "faults_cpus")
        or (checker, run) in (("memory", "torture"), ("races", "suite"))]


def on(checker, run, *values):
    """Return a run on a debug kernel as a parameter."""
    return pytest.param(checker, run, *values, marks=[pytest.mark.scope("long")] if (checker, run) in LONG else [])


# Messages of the kernel itself after a failed allocation: it cannot describe our events to tracers, or it prints its page counts.
EXCUSES = [re.compile(pattern, re.MULTILINE | re.DOTALL) for pattern in (
    r"^-+\[ cut here \]-+\nWARNING: [^\n]* at kernel/trace/trace_events\.c:.*?^---\[ end trace [^\n]*\n",
    r"^[^\n]*: (?:vmalloc error|page allocation failure): .*?^\d+ pages reserved\n",
)]
# Its warning, once, when the helper module tick_crowd has taken all hotplug states.
CROWDED = re.compile(r"^-+\[ cut here \]-+\nNo more dynamic states available for CPU hotplug\n.*?^---\[ end trace [^\n]*\n",
                     re.MULTILINE | re.DOTALL)
RACE = re.compile(r"^=+\nBUG: KCSAN: (.*?)\n.*?^=+\n", re.MULTILINE | re.DOTALL)


def without_races_of_others(console):
    """Remove the KCSAN reports in which no function of this module takes part: the kernel has data races of its own."""
    ours = {name for path in (TOP / "src").glob("*.c") for name in re.findall(r"\b((?:sched_)?ticker_\w+)\(", path.read_text("ascii"))}
    return RACE.sub(lambda race: race.group() if ours & set(re.findall(r"\w+", race.group(1))) else "", console)


@dataclasses.dataclass
class Checked(vm.Result):
    """The result of a boot of a debug kernel."""
    after: str      # output of KUnit
    leaks: str      # output of kmemleak
    counts: dict    # counts of gcov, by file name


def boot_debug(checker, files, run, share, label):
    """Boot a debug kernel with these modules and run in-machine tests."""
    modules = {name: content for name, content in files.items() if name.endswith(".ko")}
    machine = vm.Machine(checker, run.mode, files["sched_tick.ko"], modules | vm.tool())
    # Less memory to scan for leaks.
    machine.memory = "512M"
    faults = run.tests[0].startswith("faults")
    # Late releases make each unload wait.
    patience = 3 if checker == "release" else 1
    job = JOB.format(effort=share, patience=patience, tests=" ".join(run.tests), after=KUNIT if faults else "")
    # Warnings that are excused must not end the run.
    options = ["panic_on_warn=0"] * (faults or checker == "races") + ["rcupdate.rcu_expedited=1"] * faults
    # KASAN finds what poisoned slabs would, and sooner. The flag A on kmalloc-* lets the tests fail allocations by kmalloc() alone.
    has_kasan = "KASAN" in debug.KERNELS[checker][1].split()
    options += ["slub_debug=-;A,kmalloc-* init_on_free=0"] * has_kasan + [run.options] * bool(run.options)
    result = machine.boot(job, timeout=9000, options=" ".join(options), label=label)
    console = result.console.replace("\r", "")
    if faults:
        for excuse in EXCUSES:
            console = excuse.sub("", console)
        console = CROWDED.sub("", console, count=1)
    console = without_races_of_others(console)
    sections = dict(re.findall(r"^--- (\w+)\n(.*?)(?=^--- )", result.report, re.MULTILINE | re.DOTALL))
    counts = {path.rsplit("/", 1)[-1]: base64.b64decode(text)
              for path, text in re.findall(r"^--- counts (\S+/src/\S+)\n([^-]*)", result.report, re.MULTILINE)}
    return Checked(result.report.split("\n--- after", maxsplit=1)[0], console, result.verdict,
                   sections.get("after", ""), sections.get("leaks", "no scan" if has_kasan else ""), counts)


@pytest.fixture(scope="module", name="booted")
def _booted(once, pytestconfig):
    @functools.cache
    def boot(checker, run):
        share = effort(pytestconfig, *(SUITE if run == "suite" else OTHERS))
        return boot_debug(checker, once(vm.build_debug, checker), RUNS[run], share, run)
    return boot


@pytest.mark.parametrize("checker,run,name", [on(checker, run, name) for checker, run in ON for name in RUNS[run].tests])
def test_in_machine(booted, checker, run, name):
    """One in-machine test passes on a debug kernel."""
    test_kernels.check_case(booted(checker, run), name)


@pytest.mark.parametrize("checker,run", [on(*each) for each in ON])
def test_nothing_is_reported(booted, checker, run):
    """The kernel log has no report and kmemleak finds no leak."""
    result = booted(checker, run)
    assert result.green, result.explain()
    assert not result.leaks, result.leaks


@pytest.mark.parametrize("checker,run", [("memory", "faults")])
def test_kunit(booted, checker, run):
    """The KUnit suite of src/kunit.c passes in a kernel."""
    output = booted(checker, run).after
    cases = re.findall(r"^ *(ok|not ok) \d+ -? ?(\w+)", output, re.MULTILINE)
    assert len(cases) > 10 and all(word == "ok" for word, _ in cases), output


# Bugs put in on purpose that a debug kernel reports at once: (kernel, file, right code, wrong code, test that fails, report).
MUTANTS = {
    "put_before_del": ("memory", "ticker.c", "\tkobject_del(&ticker->kobj);\n", "\tkobject_put(&ticker->kobj);\n"
                       "\tkobject_del(&ticker->kobj);\n", "modes", "BUG: KASAN"),
    "unlocked_read": ("races", "shares.c", """\traw_spin_lock_irq(&share->lock);
\tactive = share->active;
\tif (active)
\t\tshare->counts.missed +=
\t\t\tticker_timeline_count_missed(&share->timeline,
\t\t\t\t\t\t     ticker_read_clock(share->ticker));
\t*counts = share->counts;
\t*late = share->late ? share->late->sums : (struct ticker_late){ };
\traw_spin_unlock_irq(&share->lock);
""", "\tactive = share->active;\n\t*counts = share->counts;\n", "instants", "BUG: KCSAN: data-race in .*ticker"),
    "mutex_in_the_tick": ("memory", "tick.c", "\traw_spin_lock_irq(&share->lock);\n\tif (!share->armed) {\n",
                          "\tmutex_lock(&ticker->control);\n\tmutex_unlock(&ticker->control);\n"
                          "\traw_spin_lock_irq(&share->lock);\n\tif (!share->armed) {\n", "settings",
                          "possible circular locking"),
    "sleeps_under_the_lock": ("memory", "control.c", "\t\tWRITE_ONCE(*field, value);\n", "\t\tWRITE_ONCE(*field, value);\n\t\tcond_resched();\n", "settings",
                              "sleeping function called from invalid context"),
    "runs_after_stop": ("memory", "tick.c", "\tif (!share->armed) {\n\t\traw_spin_unlock_irq(&share->lock);\n\t\treturn;\n\t}\n", "",
                           "stop", r"UBSAN: array-index-out-of-bounds in .*place|BUG: KASAN: \S+ in __queue_work|"
                           r"not ok \d+ no count changes after a write of 0 to enabled"),
    "starts_without_an_offset": ("memory", "ticker_cpu.c", "\tshare->clock_offset_ns = now.ns - now.mono_ns;\n", "", "late_start",
                                 r"not ok \d+ \w+: the first tick is as late as the interrupts"),
    "arms_where_it_runs": ("memory", "tick.c", "\t\tticker_place_arm(share);\n\t\treturn;\n\t}\n\tif (watchdog)\n",
                           "\t\t;\n\t}\n\tif (watchdog)\n", "unbound", r"not ok \d+ \w+, stall_ms \d+: the timers are on CPU 0"),
    "checks_no_other_cpu": ("memory", "stall.c", "\t\tstall = ticker_cpu_check_remote(next, &info);\n", "\t\t;\n", "culprit",
                            r"not ok \d+ interrupts off: the log has begin"),
    "keeps_an_offline_cpu": ("memory", "hotplug.c", "\t\tticker_cpu_settle(share, true);\n\t\tticker_cpu_cancel(share);\n", "\t\t;\n", "hotplug",
                             r"not ok \d+ hrtimer \d: an offline CPU has no periods"),
    "leaves_a_freed_event_queued": ("memory", "event.c", "\tlist_del_init(&ticker->event->node);\n", "", "rmdir",
                          "BUG: KASAN"),
    "frees_a_referenced_item": ("memory", "configfs.c", "\tticker_configfs_count--;\n\tconfig_item_put(item);\n",
                        "\tticker_configfs_count--;\n\tkfree(to_ticker_item(item));\n", "names", "BUG: KASAN"),
    "leaks_the_item_name": ("memory", "configfs.c", "err_put:\n\tconfig_item_put(&item->item);\n", "err_put:\n\tkfree(item);\n", "faults",
                      r"unreferenced object .*\n(.*\n)+?.*config_item_set_name"),
    "starts_past_the_last_bucket": ("memory", "lateness.h", "\tunsigned int bucket = lateness->bucket;\n",
                            "\tunsigned int bucket = lateness->bucket + TICKER_LATENESS_BUCKETS;\n", "settings",
                            "UBSAN: array-index-out-of-bounds in .*lateness"),
    "unloads_before_the_release": ("release", "ticker.c", "\twait_for_completion(&ticker_all_released);\n", "\treturn;\n", "cycles",
                                  "refcount_t: underflow|unable to handle page fault"),
    "leaves_the_remove_event_to_the_kernel": ("late_remove", "ticker.c", "\tkobject_uevent(&ticker->kobj, KOBJ_REMOVE);\n", "", "events",
                                              r"not ok \d+ event remove /kernel/sched_tick"),
}
# Two in every `make test`, which show that KASAN and KCSAN work.
ALWAYS = ("put_before_del", "unlocked_read")


@pytest.mark.parametrize("name", some_of(MUTANTS, ALWAYS))
def test_broken_module_is_reported(name, tmp_path):
    """A bug put in on purpose is reported by the debug kernel."""
    checker, file, right, wrong, test, report = MUTANTS[name]
    vm.copy_mutated(tmp_path, file, right, wrong)
    run = RUNS["events"] if test == "events" else test_kernels.Run("races", (test,))
    # The module loader waits for its own late releases, too: it takes several unloads until ours come later than these.
    share = 100 if checker == "release" else 10
    result = boot_debug(checker, vm.build_debug(checker, tmp_path), run, share, f"mutant-{name}")
    assert re.search(report, "\n".join([result.console, result.report, result.leaks])), result.explain()


def excused():
    """Return the lines that docs/testing.md lists as not reached: {(file, source line)}."""
    text = (TOP / "docs" / "testing.md").read_text("utf-8")
    return set(re.findall(r"^\| `(\w+\.[ch])` \| `([^`]+)` \|", text, re.MULTILINE))


def source_line(file, number):
    """Return a line of a source file, without indentation."""
    return (TOP / "src" / file).read_text("ascii").splitlines()[number - 1].strip()


def test_excused_lines_exist():
    """Every excused line is in the source."""
    assert excused()
    for file, line in excused():
        assert line in map(str.strip, (TOP / "src" / file).read_text("ascii").splitlines()), (file, line)


@pytest.mark.scope("long")
def test_coverage(pytestconfig):
    """The tests reach every line except those that docs/testing.md lists, and 95 % of the branches."""
    files = vm.build_debug("memory", options=vm.COUNTED)
    counts = []
    # Every failed allocation, because each is a branch. The export is left out: it reads files as any reader does.
    faults = RUNS["faults"]._replace(tests=("faults", "faults_load"))
    # On one CPU, which interrupts itself.
    timed = RUNS["timed"]._replace(tests=RUNS["timed"].tests + ("max_rate", "culprit_traced"))
    for run, share in ((RUNS["suite"], effort(pytestconfig, *SUITE)), (faults, 100), (RUNS["faults_cpus"], 100), (timed, 100),
                       (test_kernels.RUNS["cpus"], 5)):
        counts.append(boot_debug("memory", files, run, share, f"coverage-{run.tests[0]}").counts)
    found = coverage.merged(files, counts)
    unreached = {(file, source_line(file, line)) for file, (lines, _) in found.items() for line, times in lines if not times}
    # If the end of a function is unreached, so is the line before it.
    unreached = {(file, line) for file, line in unreached if line != "}"}
    assert unreached <= excused(), sorted(unreached - excused())
    branches = [times for _, each in found.values() for _, times in each]
    share = 100 * sum(times > 0 for times in branches) / len(branches)
    assert share >= 95, share
