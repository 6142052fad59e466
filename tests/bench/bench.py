# SPDX-License-Identifier: GPL-2.0-only
"""`make bench`: measure the cost and the lateness of a tick, beside other ways to run something periodically.

One boot per kernel, in virtual time: one instruction is one nanosecond, and two runs give the same figures. Writes the tables
and the picture of docs/bench.md, and the record with which `make test` compares the module.
"""

import json
import pathlib
import re
import subprocess
import sys

import rootfs
import vm

BENCH = vm.TOP / "tests" / "bench"
RECORD = BENCH / "record.json"
PAGE = vm.TOP / "docs" / "bench.md"
PICTURE = vm.TOP / "docs" / "bench.png"
KERNELS = [rootfs.REFERENCE, "6.12", "7.3", "6.1-rt"]

TESTS = "bench_tick bench_peers bench_read bench_many bench_day bench_systemd"
# The default of Debian's kernel: pressure accounting adds 600 instructions to every wake-up.
PRESSURE = "psi=1"

# systemd as in a container: with its own processes, services and journal.
JOB = """
mount -t debugfs debugfs /sys/kernel/debug
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
if [ -e /timers-* ]; then
    mv /timers-* /timers
    mount --bind /timers /timers
    mount --rbind /dev /timers/dev
    mount -t tmpfs tmpfs /timers/run
    cp /bench.* /timers/etc/systemd/system
    mkdir -p /timers/etc/systemd/system/timers.target.wants
    ln -s ../bench.timer /timers/etc/systemd/system/timers.target.wants/bench.timer
    ln -sf /lib/systemd/system/multi-user.target /timers/etc/systemd/system/default.target
fi
/ktest {tests}
"""

SYSTEMD = """
exec unshare -m -p -f sh -c '
    cd /timers
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    exec chroot . /usr/bin/env -i container=bench PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --log-target=journal --show-status=0'
"""

UNITS = {
    "bench.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/usr/bin/touch /run/turned\n",
    "bench.timer": "[Timer]\nOnCalendar=*:*:0/0.25\nAccuracySec=1us\n",
}

# name in the figures: (title in the table, title in the picture)
MEASURED = {
    "ours": ("**sched_tick**", "sched\\\\_tick"),
    "ours_notify": ("sched_tick, `notify` 1, no poller", None),
    "ours_stall": ("sched_tick, `stall_ms` set", None),
    "ours_wheel": ("sched_tick, `timer` wheel (latenesses at 100 ms)", None),
    "ours_all": ("sched_tick, `cpus` all (cost on each CPU)", None),
    "requeue": ("delayed work that requeues itself (kernel module guide)", "requeues itself"),
    "timerfd": ("timerfd loop in a process", "timerfd"),
    "cyclictest_fifo": ("cyclictest, SCHED_FIFO 80", "cyclictest FIFO"),
    "cyclictest_other": ("cyclictest, SCHED_OTHER", "cyclictest OTHER"),
    "shell": ("shell loop, two processes per iteration", None),
    "systemd": ("systemd timer, one process per iteration", None),
    "hrtimer": ("*baseline:* an hrtimer whose callback does nothing", "hrtimer only"),
    "work": ("*baseline:* the same, and an empty work item", "hrtimer, empty work"),
}
COUNTS = ["1", "10", "100", "1000", "10000"]


class Machine(vm.Machine):
    """A machine that also has the root of a small Debian system in its memory."""

    timers = None

    def _prepare(self, directory, job, nonce="none"):
        super()._prepare(directory, job, nonce)
        if self.timers:
            with open(f"{directory}/initramfs", "ab") as archive:
                subprocess.run(rootfs.as_root(["sh", "-c", 'cd "$0/.." && find "${0##*/}" | cpio --quiet -o -H newc', str(self.timers)]),
                               check=True, stdout=archive)


def figures_of(report):
    """The figures that the guest measured, by name."""
    return {name: float(value) for name, value in re.findall(r"^ *# figure (\S+) (-?[\d.]+)$", report, re.MULTILINE)}


def measure(kernel, tests, module=None, others=None, options="", effort=100):
    """Run some of the tests on a kernel; return their figures."""
    files = vm.build_peers(kernel) | {name: text.encode() for name, text in UNITS.items()} | {"systemd.sh": SYSTEMD.encode()}
    machine = Machine(kernel, "virtual", module or vm.build_dkms(kernel), files | vm.tool() | (others or {}))
    if "systemd" in tests:
        machine.timers = rootfs.make("timers", *rootfs.SUITES[rootfs.REFERENCE], ["systemd"],
                                    "rm -rf /var/cache/apt /var/lib/apt/lists /usr/share/doc /usr/share/locale")
    job = f"export SCHED_TICK_EFFORT={effort}\n" + JOB.format(tests=tests)
    result = machine.boot(job, timeout=3600, options=options, label=f"bench-{options or 'all'}")
    if not result.green:
        raise RuntimeError(result.explain())
    return figures_of(result.report)


def number(value, unit=1, digits=0):
    """Format a figure for the page."""
    return "–" if value is None else f"{value / unit:,.{digits}f}"


def table(head, rows):
    """Format a table in markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] + ["--:"] * (len(head) - 1), *rows]) + "\n"


def tables(figures):
    """Format all tables of a kernel."""
    get = figures.get
    late = [[title, number(get(f"cost/{method}")),
             *(number(get(f"lateness_ns/{what}/{method}"), 1000, 1) for what in ("mean", "p99", "max")),
             *(number(get(f"lateness_ns/{what}/{method}_hogged"), 1000, 1) for what in ("mean", "max")),
             number(get(f"delivered/{method}"), 1, 1)] for method, (title, _) in MEASURED.items() if f"cost/{method}" in figures]
    many = [[f"{int(count):,}", *(number(get(f"cost_many/{how}/{count}")) for how in ("aligned", "scattered")),
             *(number(get(f"baseline_many/{how}/{count}")) for how in ("aligned", "scattered")),
             *(number(get(f"delivered_many/{how}/{count}"), 1, 1) for how in ("aligned", "scattered"))] for count in COUNTS]
    operations = [[what, *(number(get(f"{what}/{method}/10000")) for method in ("ours", "bare"))] for what in ("mkdir", "rmdir")]
    reads = [[title, number(get(f"read/{what}"))] for title, what in
             (("`stat`", "stat"), ("`counter`", "counter"), ("*baseline:* a file that reads a constant", "bare"))]
    exports = [[count, *(number(get(f"export/{method}/{count}"), 1000) for method in ("ours", "loop", "shell"))]
               for count in ("1", "100", "1000")]
    parts = sorted(((value, name.split("/")[1]) for name, value in figures.items() if name.startswith("memory_of/")), reverse=True)
    drifts = [[title, number(get(f"drift_ns/{method}"), 1e9, 6)] for title, method in
              (("sched_tick", "ours"), ("timerfd loop", "timerfd"), ("delayed work that requeues itself", "requeue"))]
    return "\n".join([
        "Period 1 ms. Cost in instructions per iteration; lateness in us, on an idle machine and beside a busy loop of SCHED_OTHER.\n",
        table(["", "cost", "mean", "p99", "max", "busy: mean", "busy: max", "delivered, %"], late),
        f"Disabled: {number(get('runs/disabled'))} timers and work items of the module ran in a minute.\n",
        "Many tickers, together a thousand ticks a second: instructions per tick; the same number of hrtimers with an empty work item each "
        "(the baseline); ticks delivered, %.\n",
        table(["tickers", "aligned", "scattered", "*baseline:* aligned", "*baseline:* scattered", "delivered: aligned", "scattered"], many),
        f"Kernel memory of a ticker: {number(get('memory/slab'))} bytes of slab, {number(get('memory/vmalloc'))} of vmalloc and percpu: "
        + ", ".join(f"{number(value)} in {name}" for value, name in parts) + ".\n",
        "mkdir and rmdir of 10,000 tickers, instructions each, beside bare configfs items with as many files in sysfs.\n",
        table(["", "ticker", "bare item"], operations),
        "Instructions per read.\n",
        table(["", "instructions"], reads),
        "Thousands of instructions per export of all tickers.\n",
        table(["tickers", "sched-tick export", "loop in C over ten files each", "shell script with cat"], exports),
        "Drift over a day at 1 s, in s, between the first and the last wake-up of a process (sched_tick delivered "
        f"{number(get('delivered/day'), 1, 1)} % of the day's ticks).\n",
        table(["", "s"], drifts)])


def page(record):
    """Return the text of docs/bench.md with the tables of a record."""
    text = PAGE.read_text(encoding="utf-8")
    for kernel, figures in record.items():
        begin, end = f"<!-- {kernel}: by make bench -->\n", "<!-- end -->\n"
        before, rest = text.split(begin, maxsplit=1)
        text = before + begin + tables(figures) + end + rest.split(end, maxsplit=1)[1]
    return text


PLOT = """
set terminal pngcairo size 1000,360 font "DejaVu Sans,9"
set output "{output}"
set multiplot layout 1,3
set grid
set title "lateness at 1 ms, us (percentiles 1 to 99)"
set logscale x
set xrange [1:100]
set ylabel "%"
set key bottom right
plot {lateness}
unset logscale
set title "instructions per iteration at 1 ms"
unset key
set ylabel ""
set xrange [0:*]
set yrange [-0.6:{rows} - 0.4] reverse
set ytics ({labels})
set format x "%.0s%c"
set style fill solid 0.7
plot "-" using ($2 / 2):1:($2 / 2):(0.3) with boxxyerror linecolor rgb "#1f5a96"
{costs}
e
set format x "%g"
set title "instructions per tick, 1,000 ticks/s in total"
set key top right
set logscale x
set xrange [1:10000]
set yrange [0:*] noreverse
set ytics auto
set xlabel "tickers"
plot "-" using 1:2 with linespoints title "scattered", "-" using 1:2 with linespoints title "aligned"
{scattered}
e
{aligned}
e
"""


def picture(figures):
    """Draw docs/bench.png of the reference kernel."""
    drawn = {method: title for method, (_, title) in MEASURED.items() if title}
    percentiles = ["01", "10", "25", "50", "75", "90", "99"]
    shown = [method for method in drawn if f"lateness_ns/p50/{method}" in figures and figures[f"lateness_ns/p50/{method}"] < 1e6]
    curves = "".join("".join(f"{figures[f'lateness_ns/p{p}/{method}'] / 1000} {p}\n" for p in percentiles) + "e\n" for method in shown)
    costs = [(row, figures[f"cost/{method}"]) for row, method in enumerate(drawn)]
    plot = PLOT.format(
        output=PICTURE, rows=len(costs), labels=", ".join(f'"{title}" {row}' for row, title in enumerate(drawn.values())),
        lateness=", ".join(f'"-" using 1:2 with linespoints title "{drawn[method]}"' for method in shown) + "\n" + curves,
        costs="\n".join(f"{row} {value}" for row, value in costs),
        **{how: "\n".join(f"{count} {figures[f'cost_many/{how}/{count}']}" for count in COUNTS) for how in ("aligned", "scattered")})
    subprocess.run(["gnuplot"], input=plot, text=True, check=True)


def main():
    """Measure on the named kernels, or on all; keep the figures of the others."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    cyclictest = vm.with_libraries(pathlib.Path("/usr/bin/cyclictest"))
    for kernel in sys.argv[1:] or KERNELS:
        print(f"Linux {kernel}: about five minutes", flush=True)
        record[kernel] = measure(kernel, TESTS, others=cyclictest)
        if kernel == rootfs.REFERENCE:
            with_pressure = measure(kernel, "bench_tick bench_peers", others=cyclictest, options=PRESSURE)
            record[kernel] |= {f"psi/{name}": value for name, value in with_pressure.items()}
            picture(record[kernel])
        print(tables(record[kernel]))
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(record), encoding="utf-8")


if __name__ == "__main__":
    main()
