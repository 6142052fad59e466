# SPDX-License-Identifier: GPL-2.0-only
"""Lines of the kernel log about stalls, with their fields, and what the module's source has to say about them.

Every text that takes such a line apart is tested with these lines: sched-tick(8) and the patterns in packaging/monitoring/logs.
test_stall_lines.py compares the lines with the format strings in src/, so a change of the words there fails until the lines, and
then the patterns, have the new words.
"""

import collections
import re

from conftest import TOP

# again: the line that follows when the CPU takes interrupts again. how: the words of the kernel, with "held by".
Line = collections.namedtuple("Line", "again ticker cpu overdue_ms how comm pid function context")

HOG = "hog_run+0x4c/0x90 [tick_hog]"
NO_IRQS = "takes no interrupts, held by"
LATE_IRQS = "took no interrupts, held by"

LINES = {
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe[123] in hog_run+0x4c/0x90 [tick_hog] (task)":
        Line(False, "default", 3, 500, "held by", "modprobe", 123, HOG, "task"),
    "sched_tick: every: stall on CPU 127, tick overdue by 1004 ms, held by ksoftirqd/127[784] in net_rx_action+0x1f/0x310 (softirq)":
        Line(False, "every", 127, 1004, "held by", "ksoftirqd/127", 784, "net_rx_action+0x1f/0x310", "softirq"),
    "sched_tick: every: stall on CPU 1, tick overdue by 2000 ms, held by CPU 0/KVM[4242] in user space (task)":
        Line(False, "every", 1, 2000, "held by", "CPU 0/KVM", 4242, "user space", "task"),
    "sched_tick: every: stall on CPU 2, tick overdue by 750 ms, takes no interrupts, held by insmod[77] in ? (task)":
        Line(False, "every", 2, 750, NO_IRQS, "insmod", 77, "?", "task"),
    "sched_tick: every: CPU 2 takes interrupts again, tick overdue by 3012 ms, held by insmod[77] in hog_run+0x4c/0x90 [tick_hog] (task)":
        Line(True, "every", 2, 3012, "held by", "insmod", 77, HOG, "task"),
    "sched_tick: every: stall on CPU 0, tick overdue by 750 ms, takes no interrupts, held by ?[0] in ? (?)":
        Line(False, "every", 0, 750, NO_IRQS, "?", 0, "?", "?"),
    "sched_tick: every: stall on CPU 0, tick overdue by 751 ms, takes no interrupts, held by bash[5] in ? (hardirq)":
        Line(False, "every", 0, 751, NO_IRQS, "bash", 5, "?", "hardirq"),
    "sched_tick: default: stall on CPU 0, tick overdue by 61000 ms, took no interrupts, held by swapper/0[0] in default_idle+0xf/0x20"
    " (idle)":
        Line(False, "default", 0, 61000, LATE_IRQS, "swapper/0", 0, "default_idle+0xf/0x20", "idle"),
    "sched_tick: a.name-of_32.characters.is.long1: stall on CPU 0, tick overdue by 100 ms, waits for kworker/0:1H[88] in"
    " slow_fn+0x0/0x40 [tick_subscriber] (idle)":
        Line(False, "a.name-of_32.characters.is.long1", 0, 100, "waits for", "kworker/0:1H", 88, "slow_fn+0x0/0x40 [tick_subscriber]",
             "idle"),
    "sched_tick: default: stall on CPU 1, tick overdue by 500 ms, no worker, CPU runs swapper/1[0] in cpuidle_enter_state+0xd9/0x320"
    " (idle)":
        Line(False, "default", 1, 500, "no worker, CPU runs", "swapper/1", 0, "cpuidle_enter_state+0xd9/0x320", "idle"),
    # A comm is any text of up to 15 bytes. The kernel escapes what is not printable, and " and \.
    "sched_tick: default: stall on CPU 0, tick overdue by 500 ms, held by a] in b[1 (x)[78] in f.cold+0x1/0x2 (task)":
        Line(False, "default", 0, 500, "held by", "a] in b[1 (x)", 78, "f.cold+0x1/0x2", "task"),
    "sched_tick: default: stall on CPU 0, tick overdue by 500 ms, held by , held by x[79] in f+0x1/0x2 (task)":
        Line(False, "default", 0, 500, "held by", ", held by x", 79, "f+0x1/0x2", "task"),
    r"sched_tick: default: stall on CPU 0, tick overdue by 500 ms, held by \xc3\xa9\x22\x5c\x0a[80] in f+0x1/0x2 (task)":
        Line(False, "default", 0, 500, "held by", r"\xc3\xa9\x22\x5c\x0a", 80, "f+0x1/0x2", "task"),
    "sched_tick: default: stall on CPU 0, tick overdue by 500 ms, held by ?[812] in f+0x1/0x2 (task)":
        Line(False, "default", 0, 500, "held by", "?", 812, "f+0x1/0x2", "task"),
}

SUPPRESSED = "sched_tick: 17 stall messages suppressed"

# Lines that no pattern may take for one of a stall.
OTHERS = [
    SUPPRESSED,
    "sched_tick: period_ms=0 is not 1 to 2147483647",
    "workqueue: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe[123] in f+0x1/0x2 (task)",
    "sched_tick: two words: stall on CPU 3, tick overdue by 500 ms, held by modprobe[123] in f+0x1/0x2 (task)",
    "sched_tick: default: stall on CPU x, tick overdue by 500 ms, held by modprobe[123] in f+0x1/0x2 (task)",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 us, held by modprobe[123] in f+0x1/0x2 (task)",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, loved by modprobe[123] in f+0x1/0x2 (task)",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe in f+0x1/0x2 (task)",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe[x] in f+0x1/0x2 (task)",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe[123] in f+0x1/0x2 (dream)",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe[123] in f+0x1/0x2 (task",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe[123] in f+0x1/0x2 (task) ",
    "sched_tick: default: stall on CPU 3, tick overdue by 500 ms, held by modprobe[123] (task)",
]


def source(name):
    """The text of a file of the module."""
    return (TOP / "src" / name).read_text("ascii")


def words():
    """The words of the module: causes, contexts, and functions that are no symbols."""
    symbols = source("culprit.c").split("\nconst char *ticker_culprit_format_symbol(")[1]
    return {
        "hows": re.findall(r'^\t\t\[TICKER_CAUSE_\w+\]\s*= "(.*)",$', source("event.c"), re.MULTILINE),
        "contexts": re.findall(r'^\t\[TICKER_CONTEXT_\w+\]\s*= "(.*)",$', source("culprit.c"), re.MULTILINE),
        "functions": re.findall(r'(?:return| :) "([^"]+)";', symbols),
    }


def logged(line):
    """The text that the format strings of src/event.c make of these fields."""
    text = source("event.c")
    (form,) = re.findall(r'pr_warn\("(%s: .*)\\n",', text)
    (front, back) = re.findall(r'again \? "(.*)" : "(.*)"', text)
    assert '#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt\n' in text
    which = 0 if line.again else 1
    return "sched_tick: " + form.replace("%llu", "%d") % (line.ticker, front[which], line.cpu, back[which], line.overdue_ms,
                                                          line.how, line.comm, line.pid, line.function, line.context)
