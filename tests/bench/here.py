# SPDX-License-Identifier: GPL-2.0-only
"""`sudo make bench-here`: the main figures of `make bench` on this machine and its running kernel, in real time.

Prints a table in markdown, and what makes its figures doubtful.
"""

import collections
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys

import bench

HEAD = ["", "CPU time of a run, ns", "mean lateness, us", "p99", "max", "mean beside a busy program", "max"]
COLUMNS = [("cost/{}", 1), ("lateness_ns/mean/{}", 1000), ("lateness_ns/p99/{}", 1000), ("lateness_ns/max/{}", 1000),
           ("lateness_ns/mean/{}_hogged", 1000), ("lateness_ns/max/{}_hogged", 1000)]
# The spread of the cost of a tick, as a share of its median, above which something else ran.
SPREAD = 0.2
RTLA = ["rtla", "timerlat", "top", "--quiet", "--duration", "10s", "--cpus"]
# rtla sets colours in a pipe, too.
COLOURS = re.compile(r"\x1b\[[\d;]*m")


def samples_of(report):
    """The figures of each round, by name. The first round warms up."""
    found = collections.defaultdict(list)
    for name, value in re.findall(r"^ *# figure (\S+) (-?[\d.]+)$", report, re.MULTILINE):
        found[name].append(float(value))
    return {name: values[1:] for name, values in found.items() if values[1:]}


def cell(values, unit):
    """The median of a figure, and its lowest and highest value."""
    if not values:
        return "–"
    low, middle, high = (f"{value / unit:,.{0 if unit == 1 else 1}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low} to {high})"


def table(samples):
    """The table of all methods that were measured."""
    rows = [[title, *(cell(samples.get(name.format(method)), unit) for name, unit in COLUMNS)]
            for method, (title, _) in bench.MEASURED.items() if f"cost/{method}" in samples]
    return bench.table(HEAD, rows)


def read(path):
    """The first line of a file; empty if there is no such file."""
    try:
        return pathlib.Path(path).read_text("utf-8").split("\n")[0]
    except OSError:
        return ""


def doubts(samples, cpu, root="/"):
    """What makes the figures doubtful, one sentence each."""
    found = []
    device = f"{root}sys/devices/system/cpu/cpu{cpu}"
    governor = read(f"{device}/cpufreq/scaling_governor")
    info = pathlib.Path(f"{root}proc/cpuinfo")
    if info.exists() and re.search(r"^flags\b.*\bhypervisor\b", info.read_text("utf-8"), re.MULTILINE):
        found.append("This is a virtual machine: the host takes CPU time, and delays interrupts.")
    if not governor:
        found.append("The frequency of the CPU is not known (no cpufreq).")
    elif governor != "performance":
        found.append(f"The frequency of the CPU changes (governor {governor}): use `cpupower frequency-set -g performance`.")
    if read(f"{root}sys/devices/system/cpu/intel_pstate/no_turbo") == "0" or read(f"{root}sys/devices/system/cpu/cpufreq/boost") == "1":
        found.append("The CPU may raise its frequency for a while (turbo, boost).")
    if re.search(r"[,-]", read(f"{device}/topology/thread_siblings_list")):
        found.append("Another hardware thread shares the core of the CPU.")
    costs = samples.get("cost/ours", [])
    if costs and max(costs) - min(costs) > SPREAD * statistics.median(costs):
        found.append(f"The cost of a tick differs by more than {100 * SPREAD:.0f} % between rounds: something else ran.")
    if not any("cyclictest" in name for name in samples):
        found.append("cyclictest is not installed (package rt-tests): it is left out.")
    return found


def report_of(output):
    """What is printed for the output of the in-machine test."""
    samples = samples_of(output)
    cpu = int(re.search(r"^ *# on CPU (\d+)$", output, re.MULTILINE)[1])
    rounds = len(samples["cost/ours"])
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return "\n".join([
        f"sched_tick {bench.vm.version()}, Linux {platform.release()}, {model[1] if model else platform.machine()}, CPU {cpu}, "
        f"period 1 ms: median of {rounds} rounds (lowest to highest)", "", table(samples),
        *(f"- {doubt}" for doubt in doubts(samples, cpu))])


def rtla(cpu):
    """The table of rtla timerlat, if it is installed, as it prints it but for the colours."""
    if not shutil.which("rtla"):
        return "rtla is not installed: timerlat is left out."
    done = subprocess.run([*RTLA, str(cpu)], text=True, check=False, capture_output=True)
    return COLOURS.sub("", done.stdout or done.stderr)


def main(ktest):
    """Run the in-machine test, and print its table."""
    if os.geteuid():
        sys.exit("bench-here: must be run as root")
    print("ten minutes; other programs should not run meanwhile", file=sys.stderr)
    done = subprocess.run([ktest, "bench_here"], text=True, check=False, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"bench-here: {ktest} failed:\n{done.stdout}")
    print(report_of(done.stdout))
    print(f"\n{rtla(re.search(r'# on CPU ([0-9]+)', done.stdout)[1])}")


if __name__ == "__main__":
    main(sys.argv[1])
