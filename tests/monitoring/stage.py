# SPDX-License-Identifier: GPL-2.0-only
"""A booted Debian with our units and a node exporter, and a Prometheus on this machine that can scrape it."""

import contextlib
import functools
import http.server
import json
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import rootfs
import system
import vm

MONITORING = vm.TOP / "packaging" / "monitoring"

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
cpu = 0
enabled = yes
END
udevadm control --reload
systemctl daemon-reload
systemctl --quiet enable sched-tick.service sched-tick-export.timer 2> /dev/null
modprobe sched_tick
udevadm settle
i=0
until systemctl --quiet is-active sched-tick.service || [ $((i += 1)) -gt 30 ]; do sleep 1; done
echo "apply: $(systemctl is-active sched-tick.service) $(sched-tick list --raw --noheadings -o name,enabled,period | tr '\\n' ' ')"
systemctl start prometheus-node-exporter.service
until [ -e /var/lib/prometheus/node-exporter/sched_tick.prom ] || [ $((i += 1)) -gt 90 ]; do sleep 1; done
until curl -s -o /run/metrics 127.0.0.1:9100/metrics || [ $((i += 1)) -gt 120 ]; do sleep 1; done
"""

# All of it goes and comes again, as by an upgrade.
RELOAD = """
rmmod sched_tick 2> /run/rmmod || sched-tick delete pinned && rmmod sched_tick
systemctl start sched-tick-export.service
echo "without the module: $(systemctl show -p ConditionResult --value sched-tick-export.service)"
modprobe sched_tick
udevadm settle
until sched-tick show pinned > /dev/null 2>&1 || [ $((i += 1)) -gt 150 ]; do sleep 1; done
echo "again: $(sched-tick list --raw --noheadings -o name,enabled,period | tr '\\n' ' ')"
"""


def machine(kernel, module, others=None, nic="none"):
    """A system that has all that a job needs in its directory."""
    files = {"sched_tick.ko": module, "sched-tick": vm.tool()["bin/sched-tick"]} | (others or {})
    for directory in ("packaging/systemd", "udev"):
        files |= {path.name: path.read_bytes() for path in (vm.TOP / directory).iterdir() if path.is_file()}
    return system.System(kernel, files, nic=nic)


def dashboard():
    """As it is imported into Grafana."""
    return json.loads((MONITORING / "dashboard.json").read_text("utf-8"))


def dashboard_expressions():
    """What the dashboard asks for, with its variables as they are when it is opened; its first panel's first."""
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    asked += [annotation["expr"].removesuffix(" > 0") for annotation in dashboard()["annotations"]["list"]]
    return [re.sub(r"\$(job|instance|ticker)", ".*", each).replace("$__rate_interval", "1m") for each in asked]


def fleet_expressions():
    """What the page on fleets asks for."""
    page = (MONITORING / "README.md").read_text("utf-8")
    return [line for block in re.findall(r"^```promql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
            for line in block.splitlines()]


@contextlib.contextmanager
def beside_monitoring(files):
    """A directory with what is in packaging/monitoring and some files more ({name: text}), to be shared with a root."""
    with rootfs.sharing() as share:
        shutil.copytree(MONITORING, share, dirs_exist_ok=True)
        for name, text in files.items():
            pathlib.Path(share, name).write_text(text, encoding="ascii")
        yield share


def promtool(*arguments):
    """What promtool says of our rules."""
    with beside_monitoring({}) as share:
        return rootfs.in_root(system.directory(rootfs.REFERENCE), "cd /share\nexec promtool \"$@\"", *arguments, share=share)


def free_port():
    """One that nobody listens at, just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Prometheus:
    """A server with our rules that scrapes {instance: port}, and knows samples of old, in OpenMetrics' form."""

    def __init__(self, targets, samples="# EOF\n"):
        self.port, self.samples = free_port(), samples
        lines = ["global: {scrape_interval: 5s, evaluation_interval: 5s}", "rule_files: [sched_tick.rules.yml]",
                 "scrape_configs:", "- job_name: node", "  static_configs:"]
        for instance, port in targets.items():
            lines += [f"  - targets: ['127.0.0.1:{port}']", f"    labels: {{instance: {instance}, cluster: test}}"]
        self.config = "\n".join(lines) + "\n"

    @contextlib.contextmanager
    def running(self):
        """For as long as it is needed."""
        with beside_monitoring({"prometheus.yml": self.config, "samples": self.samples}) as share:
            script = "cd /share; promtool tsdb create-blocks-from openmetrics samples data; " \
                     "exec prometheus --config.file=prometheus.yml --storage.tsdb.path=data " \
                     "--storage.tsdb.retention.time=100y " \
                     f"--web.listen-address=127.0.0.1:{self.port} --web.enable-lifecycle"
            with subprocess.Popen(rootfs.inside(system.directory(rootfs.REFERENCE), script, share=share), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
                try:
                    self.until(lambda: self.query("vector(1)"), 60)
                    yield self
                finally:
                    # Not by a signal: it may run behind sudo and unshare.
                    with contextlib.suppress(urllib.error.URLError, ConnectionError):
                        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/quit", data=b"", timeout=30).close()
                    server.wait()

    def api(self, path, **parameters):
        """The data of an answer."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        """[(labels, value)] as of now."""
        return [(each["metric"], float(each["value"][1])) for each in self.api("query", query=expression)["result"]]

    def firing(self, alert):
        """Labels of the alerts of that name that fire."""
        return [each["labels"] for each in self.api("alerts")["alerts"]
                if each["labels"]["alertname"] == alert and each["state"] == "firing"]

    @staticmethod
    def until(condition, seconds):
        """Wait for it; returns how long that took, or None if it did not come."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if condition():
                    return time.monotonic() - begin
            time.sleep(1)
        return None


class Signals:
    """How guests are told to go on: files that they see come at http://10.0.2.2:PORT."""

    AWAIT = """
for nic in /sys/class/net/e*; do
    ip link set "${nic##*/}" up
    ip address add 10.0.2.15/24 dev "${nic##*/}"
done
await() { until curl -sf -o /dev/null "http://10.0.2.2:%d/$1"; do sleep 1; done; }
"""

    class Handler(http.server.SimpleHTTPRequestHandler):
        """One that does not tell of every request."""

        def log_message(self, *_):
            pass

    def __init__(self, directory):
        self.directory = directory
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      functools.partial(self.Handler, directory=str(directory)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.job = self.AWAIT % self.server.server_port

    def give(self, name):
        """From now on it is there."""
        (self.directory / name).touch()
