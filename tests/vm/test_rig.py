# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the rig itself: every kind of failure fails a run."""

import re
import struct
import subprocess

import pytest

import debug
import klog
import rootfs
import summary
import test_architectures
import test_debug
import vm
from conftest import REFERENCE, TOP, some_of

BOOT = "[    0.000000] Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org)\n"

BAD = [
    "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000070",
    "[    1.000000][  T12] BUG: KASAN: slab-use-after-free in ticker_work_fn+0x10/0x20 [sched_tick]",
    "<4>[    1.000000] WARNING: CPU: 0 PID: 1 at kernel/workqueue.c:1655 __queue_work+0x2f0/0x3f0",
    "[    1.000000] WARNING: possible circular locking dependency detected",
    "[    1.000000] INFO: task rmmod:123 blocked for more than 120 seconds.",
    "[    1.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [rmmod:99]",
    "[    1.000000] Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "[    1.000000] general protection fault, probably for non-canonical address 0x6b6b6b6b6b6b6b6b: 0000 [#1]",
    "[    1.000000] Kernel panic - not syncing: Fatal exception",
    "[    1.000000] ODEBUG: free active (active state 0) object type: hrtimer hint: ticker_timer_fn",
    "[    1.000000] UBSAN: shift-out-of-bounds in src/ticker.c:10:2",
    "[    1.000000] KCSAN: data-race in ticker_work_fn / ticker_read_snapshot",
    "[    1.000000] BUG kmalloc-2k (Tainted: G           OE     ): Poison overwritten",
    "[    1.000000] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "[    1.000000] kobject: 'sched_tick' (000000001): is not initialized, yet kobject_put() is being called.",
    "[    1.000000] sysfs: cannot create duplicate filename '/kernel/sched_tick'",
    "[    1.000000] refcount_t: underflow; use-after-free.",
    "[    1.000000] workqueue: sched_tick: 5 pending but still 1 in flight",
    "[    1.000000] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:280",
    "[    1.000000] BUG: scheduling while atomic: kworker/0:1/12/0x00000002",
    "[    1.000000] sched_tick: Unknown symbol kernfs_notify (err -2)",
    "[    1.000000] Call Trace:",
]
GOOD = [
    "[    1.000000] sched_tick: loading out-of-tree module taints kernel.",
    "[    1.000000] sched_tick: module verification failed: signature and/or required key missing - tainting kernel",
    "[    1.000000] sched_tick: `0' invalid for parameter `period_ms'",
    "[    1.000000] sched_tick-test: begin WARNING: stuck Call Trace:",
    "[    1.000000] ACPI: bus type PCI registered",
    "[    1.000000] rcu: Hierarchical RCU implementation.",
    "[    1.000000] microcode: Microcode Update Driver: v2.2.",
    "[    1.000000] Warning: unable to open an initial console.",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 14842)",
]


@pytest.mark.parametrize("line", BAD)
def test_log_search_finds(line):
    """Each kind of error report in a kernel log is found."""
    assert klog.bad_lines(BOOT + line + "\r\n") == [line]


@pytest.mark.parametrize("line", GOOD)
def test_log_search_lets_pass(line):
    """Lines of an ordinary boot with the module are accepted."""
    assert not klog.bad_lines(BOOT + line + "\n")


@pytest.mark.parametrize("functions,found", [
    ("ticker_read_snapshot / ticker_work_fn", True), ("__hrtimer_run_queues / ticker_halt", True),
    ("set_nlink / set_nlink", False), ("tick_nohz_stop_tick / tick_sched_do_timer", False)])
def test_only_our_races_are_kept(functions, found):
    """A KCSAN report counts only if one of our functions takes part."""
    report = f"{'=' * 66}\nBUG: KCSAN: data-race in {functions}\n\nwrite to 0xffff88800304c008\n{'=' * 66}\n"
    assert bool(klog.bad_lines(BOOT + test_debug.without_races_of_others(report))) == found


def test_missing_log_is_a_failure():
    """An empty or foreign log is reported as bad."""
    assert klog.bad_lines("")
    assert klog.bad_lines("sched_tick: all is well\n")


def test_verdict_needs_the_number_of_this_boot():
    """A verdict counts only with this boot's number; without one the reason is returned."""
    assert vm.verdict_of(["ok 1", "verdict 12ab pass"], "12ab", False) == "pass"
    assert vm.verdict_of(["verdict 12ab fail", ""], "12ab", False) == "fail"
    assert vm.verdict_of(["verdict 0000 pass"], "12ab", False).startswith("none")
    assert vm.verdict_of(["ok 1 all"], "12ab", False) == "none: the guest died"
    assert vm.verdict_of([], "12ab", True) == "none: out of time"


DIED = BOOT + "[    4.684041] sched_clock: Marking stable (4712454469, -30595445)\n[    4.694001] Oops: int3: 0000 [#1] SMP NOPTI\n"


def test_only_a_crash_of_emulation_is_excused():
    """A crash after /init began, or for another reason, is not excused."""
    assert vm.died_of_emulation(DIED)
    assert vm.died_of_emulation(DIED.replace("Oops: int3: 0000 [#1] SMP", "int3: 0000 [#1] PREEMPT SMP KASAN"))
    assert not vm.died_of_emulation(BOOT + "[    4.600000] Run /init as init process\n" + DIED)
    assert not vm.died_of_emulation(DIED.replace("int3: ", ""))


@pytest.mark.parametrize("mode,consoles,last,warned", [
    ("races", [DIED, BOOT], BOOT, 1), ("races", [DIED, DIED + "again", BOOT], DIED + "again", 1),
    ("races", [BOOT, DIED], BOOT, 0), ("sleep", [DIED, BOOT], DIED, 0),
])
def test_crash_of_emulation_is_booted_once_more(mode, consoles, last, warned, monkeypatch, recwarn):
    """A guest with two CPUs is booted once more with a warning; a guest with one CPU is not."""
    monkeypatch.setattr(vm.Machine, "_boot_once", lambda *_: vm.Result("", consoles.pop(0), "none: the guest died"))
    assert vm.Machine(REFERENCE, mode, b"").boot("").console == last
    assert len(recwarn) == warned


@pytest.mark.parametrize("lacks", [0, 1])
def test_kernel_is_unpacked_completely(lacks, tmp_path):
    """A kernel of the wrong length is an error and leaves no file that a later run would use."""
    kernel, header = bytes(5000), bytearray(0x400)
    payload = subprocess.run(["xz", "-c"], input=kernel, check=True, capture_output=True).stdout
    payload += (len(kernel) + lacks).to_bytes(4, "little")
    header[0x1f1], header[0x202:0x206], header[0x248:0x250] = 1, b"HdrS", struct.pack("<II", 0, len(payload))
    directory = tmp_path / "root"
    (directory / "boot").mkdir(parents=True)
    (directory / "boot" / "vmlinuz-1").write_bytes(header + payload)
    if lacks:
        with pytest.raises(RuntimeError, match="unpacked length"):
            rootfs.kernel_image(directory, "1")
        assert not [path for path in tmp_path.iterdir() if path.is_file() and path.suffix != ".lock"]
    else:
        assert rootfs.kernel_image(directory, "1").read_bytes() == kernel
        assert rootfs.kernel_image(directory, "1", firmware=True) == directory / "boot" / "vmlinuz-1"
        (directory / "boot" / "vmlinuz-1").write_bytes(header + b"another")
        assert rootfs.kernel_image(directory, "1") == directory / "boot" / "vmlinuz-1"


KTAP = """KTAP version 1
1..2
# Subtest: one
    KTAP version 1
    ok 1 thing
    1..1
ok 1 one
# Subtest: two
    KTAP version 1
    not ok 1 thing
"""


@pytest.mark.parametrize("report,green", [
    (KTAP + "ok 2 two\n", True),
    (KTAP + "not ok 2 two\n", False),
    (KTAP, False),
    ("KTAP version 1\n1..2\n# Subtest: one\nok 1 one\n", False),
    ("KTAP version 1\n1..0\n", False),
    ("", False),
])
def test_incomplete_report_is_a_failure(report, green):
    """A report passes only if every planned test ended and passed."""
    assert vm.Result(report, BOOT, "pass").green == green
    assert not vm.Result(report, BOOT, "fail").green
    assert not vm.Result(report, BOOT + BAD[0], "pass").green


def test_summary_counts_what_passed():
    """The summary sums up passed results only, and gives no bound without a trial."""
    report = ("    ok 1 30 load/unload cycles at 1 ms under readers\n    not ok 1 70 load/unload cycles at 1 ms under readers\n"
              "    # seed 17\n    ok 4 in 60 s: created 12\n")
    assert summary.summarize({"6.1": report, "7.3": "    ok 1 all\n"}) == [
        "6.1: 30 load/unload cycles under traffic, 60 seconds of torture, seeds 17",
        "in total 30 load/unload cycles under traffic, 60 seconds of torture; no cycle failed, so at 95 % confidence at most 9.50% do"]
    assert not summary.summarize({"6.1": "    # seed 4\n"})[1:] and not summary.summarize({})


# Bugs put in on purpose: (file, right code, wrong code, test that fails, kernel options, verdict). In virtual time, where the result
# is always the same.
MUTANTS = {
    "skips_the_flush": ("ticker_cpu.c", "\thrtimer_cancel(&share->watchdog);\n\thrtimer_cancel(&share->timer);\n"
                        "\tcancel_delayed_work(&share->work);\n", "", "settings && sleep 3", "slub_debug=FZP", "none: "),
    "skips_a_period": ("timeline.h", "\ttimeline->due_ns += timeline->period_ns;\n",
                  "\ttimeline->due_ns += 2 * timeline->period_ns;\n", "ticks", "", "fail"),
    "wakes_no_poller_at_removal": ("waker.c", "(&waker->work);\n\tsysfs_notify_dirent(waker->node);\n", "(&waker->work);\n", "unload", "", "fail"),
    "checks_no_range": ("attrs.c", "\tif (value < file->min || value > file->max)\n\t\treturn -ERANGE;\n", "",
                  "input", "", "none: the guest died"),
    "ignores_clock_steps": ("tick.c", "\t\tticker_timeline_rewind(&share->timeline, now.ns);\n", "",
                      "clock", "", "fail"),
    "never_arms_the_watchdog": ("tick.c", "\t\tticker_start_hrtimer(&share->watchdog,", "\t\tif (0) ticker_start_hrtimer(&share->watchdog,",
                        "stalls", "", "fail"),
    "timer_arms_no_watchdog": ("stall.c", "\t\t\tticker_start_hrtimer(&share->watchdog, due_ns);\n", "\t\t\t;\n", "stalls", "", "fail"),
    "blames_the_wrong_task": ("culprit.c", "\tculprit->pid = task_pid_nr(task);\n", "\tculprit->pid = 1;\n", "culprit_traced", "", "fail"),
    "prints_addresses": ("culprit.c", "\treturn address && !isdigit(*text) ? text : \"?\";\n", "\treturn text;\n", "culprit_blocked", "", "fail"),
    "keeps_freed_code": ("record.c", "\t\t*address = TICKER_FREED;\n", "\t\t;\n", "culprit_freed", "", "fail"),
    "charges_no_late_timer": ("lateness.c", "\t\tirq_ns += timer_late_ns - steal_ns;\n", "\t\t;\n", "late_ns", "", "fail"),
    "repeats_events": ("event.c", "\t\t\tlast_reported->enabled = now->enabled;\n", "\t\t\t;\n", "events", "", "fail"),
    "accepts_any_name": ("configfs.c", " ||\n\t    strspn(name, TICKER_NAME_CHARS) != length", "", "names", "", "fail"),
    "allows_one_ticker_too_many": ("configfs.c", "ticker_configfs_count >= ticker_configfs_max", "ticker_configfs_count > ticker_configfs_max",
                 "limits", "", "fail"),
    "leaks_the_ticker": ("ticker.c", "\tkfree(ticker->event);\n\tkfree(ticker);\n", "\tkfree(ticker->event);\n", "ten_thousand", "", "fail"),
    "unsubscribes_without_waiting": ("call.c", "ticker_load_called(ticker) != subscriber);", "ticker_load_called(ticker) != subscriber || true);",
                        "subscribe", "", "fail"),
    "takes_no_reference": ("configfs.c", "\terr = configfs_depend_item(&ticker_subsys, item);\n", "\terr = 0;\n",
                "subscribe", "", ""),
    "merges_one_cpu": ("shares.c", "\t\tsnapshot->counts.counter += counts.counter;\n", "", "cpus", "", "fail"),
    "exits_in_the_wrong_order": ("main.c", "\tticker_destroy(ticker_default);\n\tticker_exit();\n}",
                                 "\tticker_exit();\n\tticker_destroy(ticker_default);\n}", "modes", "hung_task_panic=1",
                                 "none: the guest died"),
    "warns": ("main.c", "\tticker_destroy(ticker_default);\n\tticker_exit();\n}",
              "\tWARN_ON(1);\n\tticker_destroy(ticker_default);\n\tticker_exit();\n}", "modes",
              "panic_on_warn=0", "pass"),
    "warns_with_panic_on_warn": ("main.c", "\tticker_destroy(ticker_default);\n\tticker_exit();\n}",
                       "\tWARN_ON(1);\n\tticker_destroy(ticker_default);\n\tticker_exit();\n}", "modes", "",
                       "none: the guest died"),
}
# One of each kind for `make test`: a wrong count, a wrong errno, a call into freed memory, and an error that only the log shows.
ALWAYS = ("skips_a_period", "checks_no_range", "unsubscribes_without_waiting", "warns", "warns_with_panic_on_warn")


def test_docs_list_every_mutant():
    """docs/testing.md lists every bug put in on purpose, and no other."""
    table = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|:]+)", (TOP / "docs" / "testing.md").read_text("utf-8"), re.MULTILINE)))
    assert sorted(set(table) - set(debug.KERNELS)) == sorted([*MUTANTS, *test_debug.MUTANTS, *test_architectures.MUTANTS])


@pytest.mark.scope("test")
@pytest.mark.parametrize("name", some_of(MUTANTS, ALWAYS))
def test_broken_module_fails_the_run(name, others, tmp_path):
    """A bug put in on purpose fails the run."""
    file, right, wrong, test, options, verdict = MUTANTS[name]
    vm.copy_mutated(tmp_path, file, right, wrong)
    machine = vm.Machine(REFERENCE, "virtual", vm.build_dkms(REFERENCE, tmp_path), others(REFERENCE))
    # A timer in freed and poisoned memory crashes the guest or makes it search its timers for ever. Where either is expected,
    # the timeout is short.
    result = machine.boot(f"SCHED_TICK_EFFORT=10 /ktest {test}\n", timeout=90 if verdict == "none: " else 600, options=options,
                          label=f"mutant-{name}")
    assert result.verdict.startswith(verdict), result.explain()
    assert not result.green


def test_crashed_guest_fails_the_run(modules):
    """A guest that crashes fails the run, even if its tests passed."""
    machine = vm.Machine(REFERENCE, "virtual", modules(REFERENCE))
    result = machine.boot("/ktest modes; echo c > /proc/sysrq-trigger\n", timeout=300, label="dies")
    assert "ok 1 modes" in result.report
    assert result.verdict == "none: the guest died"
    assert not result.green


def test_hanging_guest_fails_the_run(modules):
    """A guest that hangs is killed after the timeout and fails the run."""
    machine = vm.Machine(REFERENCE, "races", modules(REFERENCE))
    result = machine.boot("sleep 10000\n", timeout=20, label="hangs")
    assert result.verdict == "none: out of time"
    assert not result.green
