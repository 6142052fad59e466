# SPDX-License-Identifier: GPL-2.0-only
"""From the kernel to the alert: three booted machines, of two releases of Debian, and one Prometheus that scrapes them."""

import collections
import concurrent.futures
import time

import pytest

import stage
from conftest import REFERENCE

pytestmark = pytest.mark.scope("long")

NEWER = "6.12"
# A callback that does not return holds up the worker of one ticker. That the task is stuck is the point.
STUCK = """
echo 0 > /proc/sys/kernel/hung_task_timeout_secs
await stall
insmod tick_subscriber.ko ticker=pinned sleep_ms=110000
until [ "$(cat /sys/module/tick_subscriber/parameters/calls)" -gt 0 ]; do sleep 0.1; done
rmmod tick_subscriber
"""
JOBS = {
    "alpha": (REFERENCE, STUCK),
    "beta": (NEWER, f"await reload\n{stage.RELOAD}"),
    "gamma": (REFERENCE, ""),
}
TICKERS = sorted((instance, ticker) for instance in JOBS for ticker in ("default", "pinned"))

Story = collections.namedtuple("Story", "up calm returned rules fires stalled clears resets pace results")


@pytest.fixture(scope="module", name="story")
def _story(modules, others, tmp_path_factory):
    signals = stage.Signals(tmp_path_factory.mktemp("signals"))
    ports = {name: stage.free_port() for name in JOBS}

    def boot(name):
        kernel, job = JOBS[name]
        guest = stage.machine(kernel, modules(kernel), others(kernel),
                              nic=f"user,restrict=no,hostfwd=tcp:127.0.0.1:{ports[name]}-:9100")
        return guest.boot(f"{stage.INSTALL}{signals.job}{job}await end\n", timeout=1800, label=f"fleet-{name}")

    for kernel in {kernel for kernel, _ in JOBS.values()}:
        modules(kernel)
        others(kernel)
    prometheus = stage.Prometheus(ports)
    ticks = 'sched_tick_ticks_total{instance="beta",ticker="default"}'
    with concurrent.futures.ThreadPoolExecutor() as pool, prometheus.running():
        booted = {name: pool.submit(boot, name) for name in JOBS}
        try:
            up = prometheus.until(lambda: len(prometheus.query("increase(sched_tick_ticks_total[1m]) > 0")) == 6, 600)
            calm = prometheus.firing("SchedTickStalled")
            # A minute of data for what looks back so far.
            prometheus.until(lambda: len(prometheus.query("count_over_time(sched_tick_ticks_total[2m]) > 12")) == 6, 180)
            returned = {each: len(prometheus.query(each))
                        for each in stage.dashboard_expressions() + stage.fleet_expressions()}
            rules = [rule["health"] for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
            signals.give("stall")
            fires = prometheus.until(lambda: prometheus.firing("SchedTickStalled"), 180)
            stalled = prometheus.firing("SchedTickStalled")
            clears = prometheus.until(lambda: not prometheus.firing("SchedTickStalled"), 180)
            signals.give("reload")
            resets = prometheus.until(lambda: prometheus.query(f"resets({ticks}[5m]) > 0"), 180)
            time.sleep(30)
            pace = prometheus.query(f"rate({ticks}[1m])")
        finally:
            signals.give("end")
            for name in ("stall", "reload"):
                signals.give(name)
        results = {name: future.result() for name, future in booted.items()}
    return Story(up, calm, returned, rules, fires, stalled, clears, resets, pace, results)


def test_all_are_scraped(story):
    """Two tickers of three machines, which end well and with a silent log."""
    for result in story.results.values():
        assert result.verdict == "pass" and not result.bad_lines, result.explain()
    assert story.up is not None


def test_rules_are_healthy(story):
    """All that there are."""
    assert story.rules == ["ok"] * 10


def test_dashboard_and_fleet_queries_have_data(story):
    """Every expression."""
    assert len(story.returned) > 10
    assert all(story.returned.values()), story.returned


def test_a_stalled_ticker_is_an_alert(story):
    """It fires while the worker is held up, for that ticker of that machine alone, and clears afterwards."""
    assert not story.calm
    assert story.fires is not None, story.results["alpha"].explain()
    assert [(each["instance"], each["ticker"], each["severity"]) for each in story.stalled] \
        == [("alpha", "pinned", "critical")]
    assert story.clears is not None
    print(f"fires after {story.fires:.0f} s, clears after {story.clears:.0f} s")


def test_a_reload_is_a_clean_reset(story):
    """Counters begin anew; a rate over it is what the ticker does, and no more."""
    assert story.resets is not None
    (_, pace), = story.pace
    assert 0 < pace < 12, pace
