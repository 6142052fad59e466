# SPDX-License-Identifier: GPL-2.0-only
"""The metrics that a node exporter serves in a booted Debian guest, the units there, the rules and the dashboard."""

import collections
import re
import shutil
import time

import pytest

import harness
import rootfs
import schema
import system
from conftest import REFERENCE, TOP, some_of

NEWER = "6.12"
EXPORTERS = {REFERENCE: "1.5", NEWER: "1.9"}

SERVED = harness.INSTALL + """
echo '--- metrics'
grep -E '^(sched_tick|node_textfile|promhttp_metric_handler_errors|node_exporter_build)' /run/metrics
echo '--- file'
cat /var/lib/prometheus/node-exporter/sched_tick.prom
echo '--- reload'
""" + harness.RELOAD + """
echo '--- security'
systemd-analyze security --no-pager sched-tick.service | tail -n 1
systemd-analyze security --no-pager sched-tick-export.service | tail -n 1
systemd-analyze security --no-pager sched-tick-stall@default.service | tail -n 1
systemd-analyze security --no-pager sched-tick-record.service | tail -n 1
systemd-analyze security --no-pager sched-tick-record-save@default.service | tail -n 1
systemd-analyze verify --man=no sched-tick.service sched-tick-export.service sched-tick-export.timer \\
    sched-tick-stall@default.service sched-tick-record.service sched-tick-record-save@default.service && echo verified
echo '--- journal'
systemctl show -p ActiveState -p Result -p ExecMainStatus sched-tick-export.service
journalctl --no-pager -o cat -b UNIT=sched-tick-export.service + _SYSTEMD_UNIT=sched-tick-export.service
echo '--- without configfs'
systemctl stop sched-tick.service
sched-tick delete pinned
sched-tick set default period=3s
systemctl --runtime mask sys-kernel-config.mount 2> /dev/null
umount /sys/kernel/config
systemctl start sched-tick.service 2> /dev/null
systemctl show -p ExecMainStatus sched-tick.service
sched-tick list --raw --noheadings -o name,enabled,period
journalctl --no-pager -o cat -b -n 20 _SYSTEMD_UNIT=sched-tick.service
echo '--- end'
"""


@pytest.fixture(scope="module", name="release", params=some_of(EXPORTERS, (REFERENCE,)))
def _release(request):
    return request.param


@pytest.fixture(scope="module", name="served")
def _served(modules, release):
    return harness.machine(release, modules(release)).boot(SERVED, timeout=900, label="monitoring")


def section(result, name):
    """The output of the job under a heading."""
    found = re.search(rf"^--- {name}\n(.*?)^--- ", result.report + "\n", re.MULTILINE | re.DOTALL)
    assert found, result.explain()
    return found.group(1)


def samples(text):
    """{series: value}."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))


@pytest.mark.scope("test")
def test_passes_with_clean_kernel_log(served):
    """The job passes, and the kernel log has no warnings."""
    assert served.verdict == "pass" and not served.bad_lines, served.explain()


@pytest.mark.scope("test")
def test_configuration_is_applied_when_the_module_is_loaded(served):
    """The unit applies /etc/sched-tick.d when the module is loaded, and when it is loaded again."""
    tickers = "default 1 100000000 pinned 1 100000000"
    assert f"apply: active {tickers}" in served.report, served.explain()
    assert f"again: {tickers}" in served.report, served.explain()
    assert "skipped without the module: no" in served.report, served.explain()


@pytest.mark.scope("test")
def test_node_exporter_serves_every_series(served, release):
    """The node exporter serves every series of the file and reports no error."""
    seen, written = samples(section(served, "metrics")), samples(section(served, "file"))
    assert re.search(rf'^node_exporter_build_info.*version="{EXPORTERS[release]}[.]', served.report, re.MULTILINE)
    assert seen["node_textfile_scrape_error"] == "0", served.explain()
    assert all(value == "0" for name, value in seen.items() if name.startswith("promhttp_metric_handler_errors_total"))
    # Prometheus's libraries format bounds differently.
    def plain(names):
        return {re.sub(r'le="([^"]*)"', lambda found: f"le={float(found[1])}", name) for name in names
                if name.startswith("sched_tick")}
    labels = [collections.Counter(re.sub(r"[{}]", ",", name).split(",")) for name in plain(written)]
    assert len(labels) > 60
    assert all(labels.count(each) == 1 for each in labels)
    served_labels = [collections.Counter(re.sub(r"[{}]", ",", name).split(",")) for name in plain(seen)]
    assert all(each in served_labels for each in labels), served.explain()


def check_metrics(text):
    """What `promtool check metrics` prints, and its status."""
    with harness.monitoring_files({"sched_tick.prom": text}) as share:
        return rootfs.in_root(system.directory(REFERENCE), "promtool check metrics < /share/sched_tick.prom", share=share)


@pytest.mark.scope("test")
def test_promtool_accepts_the_metrics(served):
    """`promtool check metrics` finds no fault with names, units and help texts."""
    done = check_metrics(section(served, "file"))
    assert done.returncode == 0 and not done.stdout, done.stdout


@pytest.mark.scope("test")
def test_promtool_accepts_every_metric():
    """`promtool check metrics` finds no fault with the metrics of tests/unit/tool/export.txt, which has all of them."""
    done = check_metrics((TOP / "tests" / "unit" / "tool" / "export.txt").read_text("utf-8").replace(" TIME", " 0.001"))
    assert done.returncode == 0 and not done.stdout, done.stdout


@pytest.mark.scope("test")
def test_units_are_sandboxed(served):
    """The exposure of each unit is what packaging/README.md states."""
    text = section(served, "security")
    levels = sorted(set(re.findall(r"Overall exposure level for (\S+): (\S+) (\w+)", text)))
    readme = (TOP / "packaging" / "README.md").read_text("utf-8")
    assert "verified" in text, text
    assert len(levels) == 5
    for unit, level, word in levels:
        assert f"| `{unit}` | {level} {word} |" in readme, levels


@pytest.mark.scope("test")
def test_successful_exports_are_not_logged(served):
    """Successful runs of the exporter's unit log nothing."""
    assert section(served, "journal").splitlines() == ["Result=success", "ExecMainStatus=0", "ActiveState=inactive"]


@pytest.mark.scope("test")
def test_without_configfs(served):
    """If configfs cannot be mounted, the default ticker is configured, and the journal states why others are not created."""
    text = section(served, "without configfs")
    assert text.startswith("ExecMainStatus=1\ndefault 1 100000000\n"), served.explain()
    assert "pinned: configfs is not mounted" in text and "default: period=100ms" in text, text


@pytest.mark.scope("test")
@pytest.mark.parametrize("arguments", [["check", "rules", "--lint=all", "--lint-fatal", "sched_tick.rules.yml"],
                                       ["test", "rules", "sched_tick.test.yml"]], ids=" ".join)
def test_rules(arguments):
    """promtool accepts the rules, and their own tests pass."""
    done = harness.promtool(*arguments)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout


@pytest.mark.scope("test")
def test_alerts_are_tested():
    """For each alert there is a test in which it fires and one in which it does not."""
    rules = (harness.MONITORING / "sched_tick.rules.yml").read_text("utf-8")
    tests = (harness.MONITORING / "sched_tick.test.yml").read_text("utf-8")
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert len(alerts) == 8
    for alert in alerts:
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", tests), alert
        assert re.search(rf"alertname: {alert}}}", tests), f"{alert}: no test in which it does not fire"


def alerting_rules():
    """{name of the alert: text of its rule}."""
    rules = (harness.MONITORING / "sched_tick.rules.yml").read_text("utf-8").split("- alert: ")[1:]
    return {rule.split("\n")[0]: rule for rule in rules}


def test_alerts_name_a_command():
    """The description of each alert names a command to run; if it is one of sched-tick(8), the tool has it."""
    usage = (TOP / "tests" / "unit" / "tool" / "help.txt").read_text("utf-8")
    for alert, rule in alerting_rules().items():
        found = re.findall(r"`([a-z-]+) ([a-z-]+)", rule.split("description:")[1])
        assert found and "Run `" in re.sub(r"\s+", " ", rule), alert
        assert all(re.search(rf"^ +{command}\b", usage, re.MULTILINE) for program, command in found if program == "sched-tick"), found


def test_alerts_have_a_section_in_the_runbook():
    """docs/runbook.md has a section for each alert, with what to run, usual causes and how to silence it. runbook_url links to it,
    below the directory in which the package installs the page."""
    page = (TOP / "docs" / "runbook.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    rules = alerting_rules()
    assert list(sections) == list(rules)
    for alert, rule in rules.items():
        assert f'runbook_url: "file:///usr/share/sched-tick/monitoring/runbook.md#{alert.lower()}"\n' in rule
        assert re.findall(r"^- \*\*(\w+)\b", sections[alert], re.MULTILINE) == ["Run", "Usual", "Silence"], alert
        assert re.search(r"`((?:sched-tick|systemctl|journalctl) [a-z-]+)", rule)[1] in re.sub(r"\s+", " ", sections[alert]), alert
    makefile = (TOP / "Makefile").read_text("utf-8")
    assert re.search(r"^\tinstall .* \$\(DESTDIR\)/usr/share/sched-tick/monitoring .*\bdocs/runbook\.md\b", makefile, re.MULTILINE)


def test_inhibition_rules_name_alerts():
    """Each alert that alertmanager.yml names exists."""
    text = (harness.MONITORING / "alertmanager.yml").read_text("utf-8")
    names = re.findall(r'alertname = "(\w+)"', text)
    names += [f"SchedTick{each}" for found in re.findall(r'alertname =~ "SchedTick\(([\w|]+)\)"', text) for each in found.split("|")]
    assert names.count("SchedTickStalled") == 3 and set(names) <= set(alerting_rules())


@pytest.mark.scope("test")
def test_dashboard_uses_known_metrics():
    """Each metric in the dashboard is exported by the tool or recorded by a rule."""
    known = set(re.findall(r"^# TYPE (\w+)", (TOP / "tests" / "unit" / "tool" / "export.txt").read_text("utf-8"), re.MULTILINE))
    known |= set(re.findall(r"record: (\S+)", (harness.MONITORING / "sched_tick.rules.yml").read_text("utf-8")))
    used = set(re.findall(r"(?:instance_ticker:)?sched_tick_\w+(?::\w+)?", "\n".join(harness.dashboard_expressions())))
    assert used and {re.sub(r"_(bucket|sum|count)$", "", name) for name in used} <= known


@pytest.fixture(scope="module", name="server")
def _server():
    """A Prometheus server with an hour of samples: those of tests/unit/tool/export.txt, whose counters grow, and recorded ones."""
    lines = [line for line in (TOP / "tests" / "unit" / "tool" / "export.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    records = re.findall(r"record: (\S+)", (harness.MONITORING / "sched_tick.rules.yml").read_text("utf-8"))
    lines = [line.replace("TIME", "0.001") for line in lines] + [f'{record}{{ticker="default",cpu="0"}} 0.5' for record in records]
    now, samples = int(time.time()), []
    for line in lines:
        series, value = line.rsplit(" ", 1)
        name, labels = series.rstrip("}").split("{") if "{" in series else (series, "")
        grows = name.endswith(("_total", "_bucket", "_count", "_sum"))
        samples += [f'{name}{{job="node",instance="a",cluster="c"{labels and ","}{labels}}} {float(value) + step * grows} {now - 3600 + 15 * step}'
                    for step in range(240)]
    with harness.Prometheus({}, "\n".join([*samples, "# EOF\n"])).running() as server:
        yield server, now


@pytest.mark.scope("test")
def test_every_expression_has_data(server):
    """Every expression of the dashboard and of packaging/monitoring/README.md returns data, if there are samples of every metric."""
    prometheus, now = server
    found = {each: len(prometheus.api("query", query=each, time=now - 60)["result"])
             for each in harness.dashboard_expressions() + harness.fleet_expressions()}
    assert len(found) > 20 and all(found.values()), found


@pytest.mark.scope("long")
@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, and the packages of its registry")
def test_dashboard_has_the_types_of_grafana(tmp_path):
    """The dashboard and the options of its panels are of the types of @grafana/schema; a misspelt key, and a wrong value, are not."""
    done = schema.install(tmp_path)
    assert done.returncode == 0, done.stdout
    dashboard = harness.dashboard()
    assert not schema.errors(tmp_path, dashboard)
    heatmap, = [panel for panel in dashboard["panels"] if panel["id"] == 11]
    for wrong in ({"options": heatmap["options"] | {"calculat": False}}, {"options": heatmap["options"] | {"showValue": "nevr"}},
                  {"gridPos": {"x": "0"}}, {"transparentt": True}):
        panels = [panel | wrong if panel["id"] == 11 else panel for panel in dashboard["panels"]]
        assert schema.errors(tmp_path, dashboard | {"panels": panels}), wrong
