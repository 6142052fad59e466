# SPDX-License-Identifier: GPL-2.0-only
"""A booted Debian guest with the units and a node exporter, and a Prometheus server on the host that can scrape it."""

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

# Install the files of the packages by hand, and wait until metrics are served.
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
cpus = 0
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

# Unload the module and load it again, as an upgrade does.
RELOAD = """
rmmod sched_tick 2> /run/rmmod || sched-tick delete pinned && rmmod sched_tick
systemctl start sched-tick-export.service
echo "skipped without the module: $(systemctl show -p ConditionResult --value sched-tick-export.service)"
modprobe sched_tick
udevadm settle
until sched-tick show pinned > /dev/null 2>&1 || [ $((i += 1)) -gt 150 ]; do sleep 1; done
echo "again: $(sched-tick list --raw --noheadings -o name,enabled,period | tr '\\n' ' ')"
"""


def machine(kernel, module, others=None, nic="none"):
    """A system with the files that the job needs: module, tool, units, udev rule."""
    files = {"sched_tick.ko": module, "sched-tick": vm.tool()["bin/sched-tick"]} | (others or {})
    for directory in ("packaging/systemd", "udev"):
        files |= {path.name: path.read_bytes() for path in (vm.TOP / directory).iterdir() if path.is_file()}
    return system.System(kernel, files, nic=nic)


def dashboard():
    """The dashboard as Grafana imports it."""
    return json.loads((MONITORING / "dashboard.json").read_text("utf-8"))


def dashboard_expressions():
    """The expressions of the dashboard, those of the first panel first, with the variables at their defaults."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    found += [annotation["expr"].removesuffix(" > 0") for annotation in dashboard()["annotations"]["list"]]
    return [re.sub(r"\$(job|instance|ticker)", ".*", each).replace("$__rate_interval", "1m").replace("$__range", "1h")
            for each in found]


def fleet_expressions():
    """The expressions in packaging/monitoring/README.md."""
    page = (MONITORING / "README.md").read_text("utf-8")
    return [line for block in re.findall(r"^```promql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
            for line in block.splitlines()]


@contextlib.contextmanager
def monitoring_files(files):
    """A directory to share with a root: the files of packaging/monitoring, and others ({name: text})."""
    with rootfs.sharing() as share:
        shutil.copytree(MONITORING, share, dirs_exist_ok=True)
        for name, text in files.items():
            pathlib.Path(share, name).write_text(text, encoding="ascii")
        yield share


def promtool(*arguments):
    """Run promtool in a root, beside the rules."""
    with monitoring_files({}) as share:
        return rootfs.in_root(system.directory(rootfs.REFERENCE), "cd /share\nexec promtool \"$@\"", *arguments, share=share)


def free_port():
    """A port that nothing listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Prometheus:
    """A server with the rules that scrapes {instance: port}. Samples in OpenMetrics format fill its database first."""

    def __init__(self, targets, samples="# EOF\n"):
        self.port, self.samples = free_port(), samples
        lines = ["global: {scrape_interval: 5s, evaluation_interval: 5s}", "rule_files: [sched_tick.rules.yml]",
                 "scrape_configs:", "- job_name: node", "  static_configs:"]
        for instance, port in targets.items():
            lines += [f"  - targets: ['127.0.0.1:{port}']", f"    labels: {{instance: {instance}, cluster: test}}"]
        self.config = "\n".join(lines) + "\n"

    @contextlib.contextmanager
    def running(self):
        """Run the server until the block ends."""
        with monitoring_files({"prometheus.yml": self.config, "samples": self.samples}) as share:
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
                    # A signal might not reach it: it may run below sudo and unshare.
                    with contextlib.suppress(urllib.error.URLError, ConnectionError):
                        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/quit", data=b"", timeout=30).close()
                    server.wait()

    def api(self, path, **parameters):
        """The data of a response."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as response:
            return json.load(response)["data"]

    def query(self, expression):
        """The current result of an expression: [(labels, value)]."""
        return [(each["metric"], float(each["value"][1])) for each in self.api("query", query=expression)["result"]]

    def firing(self, alert):
        """The labels of the firing alerts of that name."""
        return [each["labels"] for each in self.api("alerts")["alerts"]
                if each["labels"]["alertname"] == alert and each["state"] == "firing"]

    @staticmethod
    def until(condition, seconds):
        """Wait until the condition is true. Returns how long that took, or None after a timeout."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if condition():
                    return time.monotonic() - begin
            time.sleep(1)
        return None


class Signals:
    """Signals to guests: they wait for a file to appear at http://10.0.2.2:PORT."""

    AWAIT = """
for nic in /sys/class/net/e*; do
    ip link set "${nic##*/}" up
    ip address add 10.0.2.15/24 dev "${nic##*/}"
done
await() { until curl -sf -o /dev/null "http://10.0.2.2:%d/$1"; do sleep 1; done; }
"""

    class Handler(http.server.SimpleHTTPRequestHandler):
        """A handler that does not log requests."""

        def log_message(self, *_):
            pass

    def __init__(self, directory):
        self.directory = directory
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      functools.partial(self.Handler, directory=str(directory)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.job = self.AWAIT % self.server.server_port

    def send(self, name):
        """Create the file."""
        (self.directory / name).touch()
