# SPDX-License-Identifier: GPL-2.0-only
"""From the kernel to Prometheus, in a booted Debian: its node exporter, its Prometheus, our units and rules."""

import collections
import json
import re
import subprocess

import pytest

import roots
import system
import vm
from conftest import REFERENCE, TOP

MONITORING = TOP / "packaging" / "monitoring"

# What the packages will lay down, by hand.
INSTALL = """
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd /run/job
cp sched_tick.ko "/lib/modules/$(uname -r)"
depmod
install sched-tick /usr/sbin
install -m 0644 *.service *.timer /etc/systemd/system
install -m 0644 *.rules /etc/udev/rules.d
mkdir -p /etc/sched-tick.d
cat > /etc/sched-tick.d/10-test.conf <<'END'
[default]
period = 100ms
stall = 500ms
[pinned]
period = 100ms
cpu = 1
enabled = yes
END
udevadm control --reload
systemctl daemon-reload
modprobe sched_tick
udevadm settle
i=0
until systemctl --quiet is-active sched-tick.service || [ $((i += 1)) -gt 30 ]; do sleep 1; done
echo "apply: $(systemctl is-active sched-tick.service) $(sched-tick list --raw --noheadings -o name,enabled,period | tr '\\n' ' ')"
systemctl start prometheus-node-exporter.service
systemctl start sched-tick-export.timer
until [ -e /var/lib/prometheus/node-exporter/sched_tick.prom ] || [ $((i += 1)) -gt 90 ]; do sleep 1; done
until curl -s -o /run/metrics localhost:9100/metrics || [ $((i += 1)) -gt 120 ]; do sleep 1; done
echo '--- metrics'
grep -E '^(sched_tick|node_textfile|promhttp_metric_handler_errors|node_exporter_build)' /run/metrics
echo '--- file'
cat /var/lib/prometheus/node-exporter/sched_tick.prom
echo '--- reload'
rmmod sched_tick 2> /run/rmmod || sched-tick delete pinned && rmmod sched_tick
systemctl start sched-tick-export.service
echo "without the module: $(systemctl show -p ConditionResult --value sched-tick-export.service)"
modprobe sched_tick
udevadm settle
until sched-tick show pinned > /dev/null 2>&1 || [ $((i += 1)) -gt 150 ]; do sleep 1; done
echo "again: $(sched-tick list --raw --noheadings -o name,enabled,period | tr '\\n' ' ')"
echo '--- security'
systemd-analyze security --no-pager sched-tick.service | tail -n 1
systemd-analyze security --no-pager sched-tick-export.service | tail -n 1
systemd-analyze verify --man=no sched-tick.service sched-tick-export.service sched-tick-export.timer && echo verified
echo '--- end'
"""

# A real Prometheus with our rules, asked what the dashboard asks.
PROMETHEUS = """
cat > /run/prometheus.yml <<'END'
global: {scrape_interval: 5s, evaluation_interval: 5s}
rule_files: [/run/job/sched_tick.rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{targets: ['127.0.0.1:9100']}]
END
echo 'ARGS="--collector.disable-defaults --collector.textfile"' > /etc/default/prometheus-node-exporter
systemctl restart prometheus-node-exporter.service
prometheus --config.file=/run/prometheus.yml --storage.tsdb.path=/run/tsdb > /run/prometheus.log 2>&1 &
until curl -s localhost:9090/-/ready | grep -q Ready; do sleep 1; done
sleep 75
curl -s 'localhost:9090/api/v1/query?query=sched_tick_ticks_total' | grep -o '"ticker":"[a-z]*"' | sort
curl -s localhost:9090/api/v1/rules | grep -o '"health":"[a-z]*"' | sort | uniq -c
while read -r expression; do
    echo "series: $(curl -s -G --data-urlencode "query=$expression" localhost:9090/api/v1/query | grep -o '"metric"' | wc -l)" \
        "of $expression"
done < /run/job/expressions
echo '--- end of queries'
"""


def expressions():
    """What the dashboard asks for, with its variables as they are when it is opened."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [annotation["expr"].removesuffix(" > 0") for annotation in dashboard["annotations"]["list"]]
    return [re.sub(r"\$(job|instance|ticker)", ".*", each).replace("$__rate_interval", "1m") for each in asked]


@pytest.fixture(scope="module", name="boot")
def _boot(modules):
    files = {"sched-tick": vm.tool()["bin/sched-tick"], "expressions": "".join(f"{each}\n" for each in expressions()).encode()}
    for path in [*(TOP / "packaging" / "systemd").iterdir(), *(TOP / "udev").iterdir(), *MONITORING.iterdir()]:
        files[path.name] = path.read_bytes()

    def get(job):
        machine = system.System(REFERENCE, modules(REFERENCE), files, "races")
        return machine.boot(job, timeout=900, label="monitoring")
    return get


@pytest.fixture(scope="module", name="served")
def _served(boot):
    return boot(INSTALL)


def section(result, name):
    """What the job printed under a heading."""
    found = re.search(rf"^--- {name}\n(.*?)^--- ", result.report + "\n", re.MULTILINE | re.DOTALL)
    assert found, result.explain()
    return found.group(1)


def samples(text):
    """Series and their values."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))


@pytest.mark.scope("test")
def test_ends_well(served):
    """And the log is silent."""
    assert served.verdict == "pass" and not served.bad_lines, served.explain()


@pytest.mark.scope("test")
def test_drop_ins_are_applied_when_the_module_appears(served):
    """By udev's rule and the unit; and again when it does so again."""
    tickers = "default 1 100000000 pinned 1 100000000"
    assert f"apply: active {tickers}" in served.report, served.explain()
    assert f"again: {tickers}" in served.report, served.explain()
    assert "without the module: no" in served.report, served.explain()


@pytest.mark.scope("test")
def test_node_exporter_serves_every_series(served):
    """Every one that is in the file, and it has nothing to complain about."""
    seen, written = samples(section(served, "metrics")), samples(section(served, "file"))
    assert seen["node_textfile_scrape_error"] == "0", served.explain()
    assert all(value == "0" for name, value in seen.items() if name.startswith("promhttp_metric_handler_errors_total"))
    # Prometheus' libraries write bounds their own way.
    def plain(names):
        return {re.sub(r'le="([^"]*)"', lambda found: f"le={float(found[1])}", name) for name in names
                if name.startswith("sched_tick")}
    labels = [collections.Counter(re.sub(r"[{}]", ",", name).split(",")) for name in plain(written)]
    assert len(labels) > 60
    assert all(labels.count(each) == 1 for each in labels)
    served_labels = [collections.Counter(re.sub(r"[{}]", ",", name).split(",")) for name in plain(seen)]
    assert all(each in served_labels for each in labels), served.explain()


@pytest.mark.scope("test")
def test_units_are_sandboxed(served):
    """As packaging/README.md says."""
    text = section(served, "security")
    levels = sorted(set(re.findall(r"Overall exposure level for (\S+): (\S+) (\w+)", text)))
    readme = (TOP / "packaging" / "README.md").read_text("utf-8")
    assert "verified" in text, text
    assert len(levels) == 2
    for unit, level, word in levels:
        assert f"| `{unit}` | {level} {word} |" in readme, levels


@pytest.fixture(scope="module", name="queried")
def _queried(boot):
    return boot(INSTALL + PROMETHEUS)


@pytest.mark.scope("long")
def test_prometheus_scrapes_and_loads_the_rules(queried):
    """Both tickers, and every rule is healthy."""
    assert queried.verdict == "pass" and not queried.bad_lines, queried.explain()
    assert '"ticker":"default"\n"ticker":"pinned"' in queried.report, queried.explain()
    assert re.search(r'^ +10 "health":"ok"$', queried.report, re.MULTILINE), queried.explain()


@pytest.mark.scope("long")
def test_the_dashboard_has_data(queried):
    """Every expression of it."""
    found = dict(reversed(line) for line in re.findall(r"^series: (\d+) of (.*)$", queried.report, re.MULTILINE))
    assert set(found) == set(expressions()), queried.explain()
    assert all(int(count) > 0 for count in found.values()), found


def promtool(tmp_path, *arguments, **options):
    """Run it where it is: in the system's root."""
    folder = system.System(REFERENCE, b"", {}).folder
    inside = folder / "tmp" / tmp_path.name
    with roots.locked(roots.beside(folder, ".promtool")):
        subprocess.run(roots.as_root(["cp", "-r", str(MONITORING), str(inside)]), check=True)
        done = roots.in_root(folder, f"cd /tmp/{tmp_path.name}\nexec promtool \"$@\"", *arguments, **options)
        roots.remove(inside)
    return done


@pytest.mark.scope("test")
@pytest.mark.parametrize("arguments", [["check", "rules", "--lint=all", "--lint-fatal", "sched_tick.rules.yml"],
                                       ["test", "rules", "sched_tick.test.yml"]], ids=" ".join)
def test_rules(tmp_path, arguments):
    """promtool has nothing to say against them, and they do what their tests say."""
    done = promtool(tmp_path, *arguments)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout


@pytest.mark.scope("test")
def test_alerts_are_tested():
    """Each alert has a test in which it fires, and is known to the inhibitions."""
    rules = (MONITORING / "sched_tick.rules.yml").read_text("utf-8")
    tests = (MONITORING / "sched_tick.test.yml").read_text("utf-8")
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert len(alerts) == 6
    for alert in alerts:
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", tests), alert
        assert re.search(rf"alertname: {alert}}}", tests), f"{alert} is never tested not to fire"


@pytest.mark.scope("test")
def test_dashboard_asks_for_what_there_is():
    """Each metric that it names is one that is exported or recorded."""
    known = set(re.findall(r"^# TYPE (\w+)", (TOP / "tests" / "unit" / "tool" / "export.txt").read_text("utf-8"), re.MULTILINE))
    known |= set(re.findall(r"record: (\S+)", (MONITORING / "sched_tick.rules.yml").read_text("utf-8")))
    asked = set(re.findall(r"(?:instance_ticker:)?sched_tick_\w+(?::\w+)?", "\n".join(expressions())))
    assert asked and {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= known
