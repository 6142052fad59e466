#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs inside the guest for `make demo`: shows the module step by step, as a new user would do it by hand.
# Exits with an error if a step does not give the announced result.

dir=/sys/kernel/sched_tick
set -eu

say() { printf '\n  \033[1m%s\033[0m\n' "$1"; }
show() { printf '  # %s\n' "$1"; sh -c "$1" | sed 's/^/    /'; }
fail() { printf '\n  Failed: %s\n' "$1"; exit 1; }
count() {
    before=$(cat $dir/counter)
    sleep "$1"
    after=$(cat $dir/counter)
    printf '    counter: %s, and %s s later %s\n' "$before" "$1" "$after"
}

# Read both counts at one instant, and the times, in seconds since boot, between which that instant lies.
instant() {
    read -r earliest _ < /proc/uptime
    read -r _ _ counter missed _ < $dir/stat
    read -r latest _ < /proc/uptime
}

# Print the non-empty buckets of a histogram as bars; bounds are in ns, inclusive.
bars() {
    { cat $dir/lateness/bounds_ns; cat $dir/lateness/histogram; } | awk '
        function human(ns) { return ns < 1e6 ? ns / 1e3 " us" : ns < 1e9 ? ns / 1e6 " ms" : ns / 1e9 " s" }
        NR == 1 { for (i = 1; i <= NF; i++) bound[i] = $i }
        NR == 2 { for (i = 1; i <= NF; i++) if ($i > most) most = $i
                  for (i = 1; i <= NF; i++) if ($i > 0) {
                      bar = ""
                      for (j = 0; j < 40 * $i / most; j++) bar = bar "#"
                      label = i in bound ? "up to " human(bound[i]) : "later"
                      printf "    %14s %6d %s\n", label, $i, bar } }'
}

say "Stock Linux $(uname -r). Load the module:"
show "insmod /sched_tick.ko"
show "ls $dir"
test -e $dir/counter || fail "there is no counter"

say "The default ticker ticks once a second from load on:"
count 3
test "$after" -gt "$before" || fail "the counter does not change"

say "Set the period to 100 ms:"
show "echo 100 > $dir/period_ms"
count 3
test "$after" -gt "$before" || fail "the counter does not change"

say "The lateness of each tick, from its deadline until the kernel worker ran it:"
show "echo 5 > $dir/period_ms"
sleep 3
bars
printf '    maximum lateness: %s ns; maximum timer lateness: %s ns\n' "$(cat $dir/lateness/max_ns)" "$(cat $dir/timer_lateness/max_ns)"
printf '    (an emulator is slow and shares its CPUs: on hardware ticks are less late)\n'

say "Every period is counted: as a tick, or as missed if it had no tick of its own."
instant
from_counter=$counter from_missed=$missed from_earliest=$earliest from_latest=$latest
sleep 3
instant
awk -v ticks=$((counter - from_counter)) -v missed=$((missed - from_missed)) \
    -v least="$earliest" -v since_latest="$from_latest" -v most="$latest" -v since_earliest="$from_earliest" '
    BEGIN { periods = ticks + missed
            printf "    in %.2f s: %d ticks + %d missed = %d periods of 5 ms\n", most - since_earliest, ticks, missed, periods
            # /proc/uptime has a resolution of 10 ms; one tick may be in flight at either end.
            exit periods * 0.005 < least - since_latest - 0.02 || periods * 0.005 > most - since_earliest + 0.02 }' ||
    fail "ticks + missed is not the number of periods elapsed"

say "Disable it. When the write returns, no tick runs any more:"
show "echo 0 > $dir/enabled"
count 2
test "$after" -eq "$before" || fail "it ticked after it was disabled"

say "A value that is out of range is refused and changes nothing:"
if sh -c "echo 0 > $dir/period_ms" 2>/tmp/error; then
    fail "a period of 0 was accepted"
fi
printf '  # echo 0 > %s/period_ms\n' "$dir"
sed 's/^/    /' /tmp/error
printf '    period_ms is still %s\n' "$(cat $dir/period_ms)"

say "Unload the module while it ticks at 1 ms:"
echo 1 > $dir/period_ms
echo 1 > $dir/enabled
show "rmmod sched_tick"
test ! -e $dir || fail "the directory still exists"
printf '    The module is unloaded and %s is removed.\n' "$dir"

say "Load it again and create a named ticker, which has the same files:"
show "insmod /sched_tick.ko"
show "mkdir /sys/kernel/config/sched_tick/backup"
dir=$dir/tickers/backup
show "echo 10 > $dir/period_ms; echo 1 > $dir/cpus; echo 500 > $dir/stall_ms; echo 1 > $dir/enabled"
count 1
test "$after" -gt "$before" || fail "the counter does not change"

say "A kernel thread occupies CPU 1 for two seconds. The stall is reported while it lasts:"
insmod /tick_hog.ko cpu=1 ms=2000 &
sleep 1
printf '    after 1 s: stalls %s, missed %s\n' "$(cat $dir/stalls)" "$(cat $dir/missed)"
wait
sleep 1
show "dmesg | grep stalled | sed 's/^.*sched_tick/sched_tick/'"
printf '    maximum lateness: %s ns; maximum timer lateness: %s ns. So the worker was late, not the timer.\n' \
    "$(cat $dir/lateness/max_ns)" "$(cat $dir/timer_lateness/max_ns)"
test "$(cat $dir/stalls)" -ge 1 || fail "the stall was not counted"
rmmod tick_hog

say "The same with sched-tick(8), the command-line tool:"
show "sched-tick list"

say "Metrics for Prometheus, through a node exporter:"
mkdir -p /var/lib/prometheus/node-exporter
show "sched-tick export"
ip link set lo up
node_exporter --collector.disable-defaults --collector.textfile > /dev/null 2>&1 &
metrics=http://127.0.0.1:9100/metrics
tries=0
until wget -qO /dev/null $metrics 2> /dev/null; do
    test $((tries += 1)) -lt 60 || fail "the node exporter does not answer"
    sleep 1
done
show "wget -qO- $metrics | grep '^sched_tick.*backup' | grep -v bucket"
wget -qO- $metrics | grep -q '^sched_tick_stalls_total{ticker="backup"} [1-9]' || fail "the stall is not exported"
kill $!
