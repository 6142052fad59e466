# SPDX-License-Identifier: GPL-2.0-only
"""`make pictures`: the pictures of the README, from half an hour of virtual time on a stock kernel.

The screens show the output of sched-tick(8). The heat map shows the first panel of the dashboard: Prometheus reads what
`sched-tick export` wrote every 15 s, and evaluates the panel's expression.
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


def main():
    """Draw all pictures."""
    kernel = rootfs.REFERENCE
    machine = vm.Machine(kernel, "virtual", vm.build_dkms(kernel), vm.build_others(kernel)[0] | vm.tool())
    result = machine.boot(JOB, timeout=1800, label="pictures")
    if result.verdict != "pass":
        sys.exit(result.explain())
    parts = dict(part.split("\n", 1) for part in re.split(r"^--- ", result.report, flags=re.MULTILINE)[1:])
    screen(parts["list"], "list.png")
    screen(parts["watch"], "watch.png")
    times = [int(name.split()[1]) for name in parts if name.startswith("at ")]
    # Sorted by series, then by time.
    samples = [line.replace("{", '{job="node",instance="demo",') + f" {at}"
               for lines in zip(*(parts[f"at {at}"].splitlines() for at in times)) for line, at in zip(lines, times)]
    heat_map("\n".join([*samples, "# EOF\n"]), times[4], times[-1], "lateness.png")


if __name__ == "__main__":
    main()
