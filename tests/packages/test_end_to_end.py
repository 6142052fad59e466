# SPDX-License-Identifier: GPL-2.0-only
"""From installation to alert: install the packages on a booted machine and nothing else, hold a CPU once, and wait for the alert of a
Prometheus server with the rules of the package."""

import collections
import concurrent.futures
import re
import shutil
import time

import pytest

import debian
import harness
import system
from conftest import REFERENCE

pytestmark = pytest.mark.scope("long")

# The dependencies of the packages are installed.
DNF = debian.EXPORT + """
cd /run/job
systemctl start prometheus-node-exporter.service
$(command -v dnf5 || command -v dnf) --releasever=1 --assumeyes --disablerepo='*' install ./*.rpm > /run/dnf 2>&1 || cat /run/dnf
"""
# {name: (kernel, kind of machine, job that installs the packages)}. The packages of an RPM distribution, on Debian.
MACHINES = {"debian-12": (REFERENCE, "building", debian.INSTALL), "debian-13": ("6.12", "building", debian.INSTALL),
            "rpm": (REFERENCE, "rpm", DNF)}

JOB = """
%(install)s
%(signals)s
await hold
%(hold)s
echo '--- unit'
journalctl --no-pager -o cat -u sched-tick-stall@default.service | grep stalls
echo '--- served'
i=0
until curl -s 127.0.0.1:9100/metrics | grep -E '^sched_tick(_cpu)?_stalls_total.* [1-9]' || [ $((i += 1)) -gt 60 ]; do sleep 1; done
await end
"""

ALERT = "SchedTickStallSeen"
SERIES = 'sched_tick_stalls_total{instance="guest",ticker="default"}'
Run = collections.namedtuple("Run", "ready before fires alerts result")


@pytest.fixture(scope="module", name="run", params=MACHINES)
def _run(request, others, tmp_path_factory):
    kernel, kind, install = MACHINES[request.param]
    built = debian.built("a", target="rpm" if kind == "rpm" else "deb")
    files = debian.binaries(built) | {path.name: path.read_bytes() for path in built.glob("*[!c].rpm")}
    signals = harness.Signals(tmp_path_factory.mktemp("signals"))
    disk, port = tmp_path_factory.mktemp("disk") / "disk.qcow2", harness.free_port()
    machine = system.System(kernel, files | {"tick_hog.ko": others(kernel)["tick_hog.ko"]}, kind=kind, disk=disk,
                            nic=f"user,restrict=no,hostfwd=tcp:127.0.0.1:{port}-:9100")
    job = JOB % {"install": install, "signals": signals.job, "hold": debian.HOLD}
    prometheus = harness.Prometheus({"guest": port})
    with concurrent.futures.ThreadPoolExecutor() as pool, prometheus.running():
        booted = pool.submit(machine.boot, job, timeout=3600, label=f"end-to-end-{request.param}")
        try:
            ready = prometheus.until(lambda: prometheus.query(SERIES) or booted.done(), 2400)
            # A busy host stalls the guest, too. Wait until that is over.
            prometheus.until(lambda: prometheus.query(f"increase({SERIES}[5m]) == 0 and count_over_time({SERIES}[1m]) > 5"), 900)
            before = prometheus.firing(ALERT)
            signals.send("hold")
            fires = prometheus.until(lambda: prometheus.firing(ALERT), 120)
            alerts = [each for each in prometheus.api("alerts")["alerts"] if each["labels"]["alertname"] == ALERT]
            # Until the guest has read the metrics.
            time.sleep(30)
        finally:
            signals.send("hold")
            signals.send("end")
        result = booted.result()
    shutil.rmtree(disk.parent)
    return Run(ready, before, fires, alerts, result)


def test_installation_to_alert(run):
    """The journal, last_stall and `sched-tick stalls` name what held the CPU, the node exporter serves the stall for that CPU, and the
    alert fires within two minutes. An ordinary user does not see what held the CPU."""
    report = run.result.report
    assert run.result.verdict == "pass" and not run.result.bad_lines, run.result.explain()
    assert run.ready is not None and not run.before, run
    debian.check_held(report)
    assert re.search("^--- unit\n.*stalls [1-9]", report, re.MULTILINE), report
    assert re.search(r'^sched_tick_stalls_total\{ticker="default"\} [1-9]', report, re.MULTILINE), report
    assert re.search(r'^sched_tick_cpu_stalls_total\{cpu="0",ticker="default"\} [1-9]', report, re.MULTILINE), report
    assert run.fires is not None and run.fires < 120, report
    (alert,) = [each for each in run.alerts if each["labels"].get("cpu") == "0"]
    assert alert["labels"]["instance"] == "guest" and alert["labels"]["ticker"] == "default", alert
    annotations = alert["annotations"]
    assert annotations["summary"] == "guest: ticker default stalled on CPU 0", alert
    # HOLD has run that command.
    assert "Run `sched-tick stalls` on guest as root" in annotations["description"], alert
    assert annotations["runbook_url"].endswith("/runbook.md#schedtickstallseen"), alert
    print(f"fires after {run.fires:.0f} s")
