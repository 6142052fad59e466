# SPDX-License-Identifier: GPL-2.0-only
"""Alerts from end to end: one Prometheus server scrapes three booted guests of two releases of Debian."""

import collections
import concurrent.futures
import time

import pytest

import harness
from conftest import REFERENCE

pytestmark = pytest.mark.scope("long")

NEWER = "6.12"
# A callback that sleeps blocks the worker of one ticker. Disable the kernel's report of hung tasks, which is expected here.
STUCK = """
echo 0 > /proc/sys/kernel/hung_task_timeout_secs
await stall
insmod tick_subscriber.ko ticker=pinned sleep_ms=180000
until [ "$(cat /sys/module/tick_subscriber/parameters/calls)" -gt 0 ]; do sleep 0.1; done
rmmod tick_subscriber
"""
JOBS = {
    "alpha": (REFERENCE, STUCK),
    "beta": (NEWER, f"await reload\n{harness.RELOAD}"),
    "gamma": (REFERENCE, ""),
}

Fleet = collections.namedtuple("Fleet", "up firing_before query_results rules fires firing clears resets rate guests")


@pytest.fixture(scope="module", name="fleet")
def _fleet(modules, others, tmp_path_factory):
    signals = harness.Signals(tmp_path_factory.mktemp("signals"))
    ports = {name: harness.free_port() for name in JOBS}

    def boot(name):
        kernel, job = JOBS[name]
        guest = harness.machine(kernel, modules(kernel), others(kernel),
                                nic=f"user,restrict=no,hostfwd=tcp:127.0.0.1:{ports[name]}-:9100")
        return guest.boot(f"{harness.INSTALL}{signals.job}{job}await end\n", timeout=1800, label=f"fleet-{name}")

    for kernel in {kernel for kernel, _ in JOBS.values()}:
        modules(kernel)
        others(kernel)
    prometheus = harness.Prometheus(ports)
    ticks = 'sched_tick_ticks_total{instance="beta",ticker="default"}'
    with concurrent.futures.ThreadPoolExecutor() as pool, prometheus.running():
        booted = {name: pool.submit(boot, name) for name in JOBS}
        try:
            up = prometheus.until(lambda: len(prometheus.query("increase(sched_tick_ticks_total[1m]) > 0")) == 6, 600)
            firing_before = prometheus.firing("SchedTickStalled")
            # Some expressions need a minute of data.
            prometheus.until(lambda: len(prometheus.query("count_over_time(sched_tick_ticks_total[2m]) > 12")) == 6, 180)
            query_results = {each: len(prometheus.query(each))
                             for each in harness.dashboard_expressions() + harness.fleet_expressions()}
            rules = [rule["health"] for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
            signals.send("stall")
            fires = prometheus.until(lambda: prometheus.firing("SchedTickStalled"), 240)
            firing = prometheus.firing("SchedTickStalled")
            clears = prometheus.until(lambda: not prometheus.firing("SchedTickStalled"), 240)
            signals.send("reload")
            resets = prometheus.until(lambda: prometheus.query(f"resets({ticks}[5m]) > 0"), 180)
            time.sleep(30)
            rate = prometheus.query(f"rate({ticks}[1m])")
        finally:
            signals.send("end")
            for name in ("stall", "reload"):
                signals.send(name)
        guests = {name: future.result() for name, future in booted.items()}
    return Fleet(up, firing_before, query_results, rules, fires, firing, clears, resets, rate, guests)


def test_all_are_scraped(fleet):
    """Prometheus has both tickers of all three guests; the guests pass, and their kernel logs have no warnings."""
    for result in fleet.guests.values():
        assert result.verdict == "pass" and not result.bad_lines, result.explain()
    assert fleet.up is not None


def test_rules_are_healthy(fleet):
    """Prometheus reports every rule as healthy."""
    assert len(fleet.rules) > 10 and set(fleet.rules) == {"ok"}


def test_dashboard_and_fleet_queries_have_data(fleet):
    """Every expression returns data."""
    assert len(fleet.query_results) > 10
    assert all(fleet.query_results.values()), fleet.query_results


def test_a_stalled_ticker_raises_an_alert(fleet):
    """The alert fires while the worker is blocked, for that ticker and CPU of that guest alone, and clears afterwards."""
    assert not fleet.firing_before
    assert fleet.fires is not None, fleet.guests["alpha"].explain()
    assert [(each["instance"], each["ticker"], each["cpu"], each["severity"]) for each in fleet.firing] \
        == [("alpha", "pinned", "0", "critical")]
    assert fleet.clears is not None
    print(f"fires after {fleet.fires:.0f} s, clears after {fleet.clears:.0f} s")


def test_a_reload_resets_the_counters(fleet):
    """Prometheus detects the reset, and the rate stays that of the ticker."""
    assert fleet.resets is not None
    (_, rate), = fleet.rate
    assert 0 < rate < 12, rate
