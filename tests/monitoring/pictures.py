# SPDX-License-Identifier: GPL-2.0-only
"""`make pictures`: the pictures of the README, from half an hour of virtual time on a stock kernel.

The screens show the output of sched-tick(8). The heat maps show panels of the dashboard: Prometheus reads what `sched-tick export`
wrote, and evaluates the panels' expressions. That of the CPUs is from six minutes of real time on four CPUs.
"""

import re
import subprocess
import sys

import harness
import rootfs
import vm

DOCS = vm.TOP / "docs"
SAMPLES = 120

# An idle machine at first; then the timer wheel; then a task that occupies the CPU for some milliseconds, several times; at last
# once for 1.5 s.
JOB = """
insmod /sched_tick.ko period_ms=50
sched-tick create backup period=1d phase=3h clock=realtime enabled=yes
sched-tick create poll.eth0 period=20ms stall=200ms cpus=0 enabled=yes
hog() { insmod /tick_hog.ko ms=$1; rmmod tick_hog; }
sample=0
while [ $((sample += 1)) -le %d ]; do
    [ $sample = 20 ] && sched-tick set default timer=wheel
    [ $sample = 45 ] && sched-tick set default timer=hrtimer
    [ $sample = 105 ] && hog 1500
    next=$(($(cut -d . -f 1 /proc/uptime) + 15))
    if [ $sample -gt 60 ] && [ $sample -le 85 ]; then
        for ms in 3 8 1 30 5 60 2 12; do hog $ms; sleep 1; done
    fi
    sleep $((next - $(cut -d . -f 1 /proc/uptime)))
    echo "--- at $(date +%%s)"
    sched-tick export --file - | grep '^sched_tick_lateness_seconds_bucket{ticker="default"'
done
echo '--- list'
echo '# sched-tick list'
sched-tick list
echo '--- watch'
echo '# sched-tick watch --delay 10s'
sched-tick watch --delay 10s --count 1 default poll.eth0
echo '--- end'
""" % SAMPLES

PLOT = """
set terminal pngcairo size 900,340 font "DejaVu Sans,10"
set output "{output}"
set title "{title}"
set xdata time
set timefmt "%s"
set format x "%H:%M"
set xrange [{begin}:{end}]
set yrange [-0.5:{rows} - 0.5]
set ytics ({labels})
set ylabel "lateness, s"
set cblabel "ticks a minute"
set logscale cb
set palette defined (0 "#dcecf7", 1 "#5ba3cf", 2 "#1f5a96", 3 "#0b2a4a")
plot "-" using 1:2:3 with image notitle
{points}
e
"""


# Four CPUs. In an emulator without virtual time, other lateness is that of the host. A task holds CPU 2 for some milliseconds, again
# and again; then one CPU after the other for longer.
CPUS_SAMPLES, CPUS_STEP = 72, 5
CPUS_JOB = """
insmod /sched_tick.ko period_ms=250
sched-tick set default cpus=all stall=500ms
hog() { insmod /tick_hog.ko cpu=$1 ms=$2; rmmod tick_hog; }
sample=0
while [ $((sample += 1)) -le %d ]; do
    next=$(($(cut -d . -f 1 /proc/uptime) + %d))
    [ $sample -gt 10 ] && [ $sample -le 24 ] && for ms in 60 20 80 40; do hog 2 $ms; sleep 0.3; done
    case $sample in 34) hog 1 1500 ;; 45) hog 3 800 ;; 56) hog 0 3000 ;; 66) hog 1 600 ;; esac
    sleep $((next - $(cut -d . -f 1 /proc/uptime)))
    echo "--- at $(date +%%s)"
    sched-tick export --file - | grep -E '^sched_tick_(cpu_|stall_threshold|stalls)'
done
echo '--- end'
""" % (CPUS_SAMPLES, CPUS_STEP)

CPUS_PLOT = """
set terminal pngcairo size 900,260 font "DejaVu Sans,10"
set output "{output}"
set title "{title}"
set xlabel "minutes"
set xrange [0:{minutes}]
set yrange [-0.5:3.5]
set ytics ("CPU 0" 0, "CPU 1" 1, "CPU 2" 2, "CPU 3" 3)
set cblabel "at least, s"
set logscale cb
set cbrange [0.001:3]
set palette defined (0 "#fff5eb", 1 "#fdbe85", 2 "#e6550d", 3 "#7f2704")
set key outside bottom center horizontal
$stalls << END
{stalls}
END
plot "-" using 1:2:3 with image notitle, $stalls using 1:2 with points pointtype 6 pointsize 1.4 linewidth 2 linecolor "black" title "stall"
{points}
e
"""


def screen(text, name):
    """Draw a picture of a terminal."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).rstrip()
    subprocess.run(["pango-view", "--font=DejaVu Sans Mono 10", "--background=#1e1e1e", "--foreground=#e6e6e6",
                    "--margin=14", "--no-display", f"--output={DOCS / name}", f"--text={plain}"], check=True)


def heat_map(samples, begin, end, name, step=30):
    """Draw a picture of the first panel of the dashboard."""
    panel, expression = harness.dashboard()["panels"][0], harness.dashboard_expressions()[0]
    with harness.Prometheus({}, samples).running() as prometheus:
        series = prometheus.api("query_range", query=expression, start=begin, end=end, step=step)["result"]
    series.sort(key=lambda each: float(each["metric"]["le"]))
    below, points = {}, []
    for row, each in enumerate(series):
        values = dict(each["values"])
        for at in range(begin, end + 1, step):
            count = float(values.get(at, 0)) - below.get(at, 0)
            below[at] = count + below.get(at, 0)
            points.append(f"{at} {row} {count if count > 0 else 'NaN'}")
    labels = ", ".join(f'"{each["metric"]["le"]}" {row}' for row, each in enumerate(series))
    plot = PLOT.format(output=DOCS / name, title=panel["title"], begin=begin, end=end, rows=len(series),
                       labels=labels, points="\n".join(points))
    subprocess.run(["gnuplot"], input=plot, text=True, check=True)


def boot(mode, job, label):
    """Boot a guest that exports metrics. Returns what it printed, by heading."""
    kernel = rootfs.REFERENCE
    machine = vm.Machine(kernel, mode, vm.build_dkms(kernel), vm.build_others(kernel)[0] | vm.tool())
    result = machine.boot(job, timeout=1800, label=label)
    if result.verdict != "pass":
        sys.exit(result.explain())
    return parts(result.report)


def parts(report):
    """{heading: text}."""
    return dict(part.split("\n", 1) for part in re.split(r"^--- ", report, flags=re.MULTILINE)[1:])


def openmetrics(found):
    """The exported samples, sorted by series, then by time; and the times."""
    times = [int(name.split()[1]) for name in found if name.startswith("at ")]
    samples = [line.replace("{", '{job="node",instance="demo",') + f" {at}"
               for lines in zip(*(found[f"at {at}"].splitlines() for at in times)) for line, at in zip(lines, times)]
    return "\n".join([*samples, "# EOF\n"]), times


def cpus_map(found, name, step=15):
    """Draw a picture of the worst lateness of each CPU, and of its stalls, as the dashboard shows them."""
    # A window of one step would miss what changes between two windows.
    panels = {panel["id"]: panel for panel in harness.dashboard()["panels"]}
    worst, stalls = ([each for each in harness.dashboard_expressions() if each.startswith(start)][0].replace("1m", f"{step + CPUS_STEP}s")
                     for start in ("max by (row)", "increase(sched_tick_cpu_stalls_total"))
    samples, times = openmetrics(found)
    begin, end = times[0] + step, times[-1]
    with harness.Prometheus({}, samples).running() as prometheus:
        def points(expression, label):
            for each in prometheus.api("query_range", query=expression, start=begin, end=end, step=step)["result"]:
                for at, value in each["values"]:
                    if float(value) > 0 or label == "row":
                        yield f"{(at - begin) / 60:.3f} {int(each['metric'][label])} {max(float(value), 0.001)}"
        plot = CPUS_PLOT.format(output=DOCS / name, title=panels[11]["title"], minutes=(end - begin) / 60,
                                points="\n".join(points(worst, "row")), stalls="\n".join(points(stalls, "cpu")))
    subprocess.run(["gnuplot"], input=plot, text=True, check=True)


def main():
    """Draw all pictures."""
    vm.MODES["four"], vm.MODE_COMMAND_LINE["four"] = vm.MODES["races-4"], "tsc=reliable mitigations=off psi=0"
    cpus_map(boot("four", CPUS_JOB, "pictures-cpus"), "cpus.png")
    found = boot("virtual", JOB, "pictures")
    screen(found["list"], "list.png")
    screen(found["watch"], "watch.png")
    samples, times = openmetrics(found)
    heat_map(samples, times[4], times[-1], "lateness.png")


if __name__ == "__main__":
    main()
