# SPDX-License-Identifier: GPL-2.0-only
"""/etc/sched-tick.d/10-default.conf: dpkg and rpm keep the administrator's changes when they upgrade and remove the package."""

import re
import subprocess

import pytest

import debian
import rootfs
import system
from conftest import REFERENCE, TOP

pytestmark = pytest.mark.scope("long")

# The packages: without the file, as they were before it; with it; and with a changed one.
PRELUDE = debian.EXPORT + """
step() {
    echo "--- $1"
    shift
    "$@" > /tmp/output 2>&1 || { echo "status: $?"; cat /tmp/output; }
    for file in /etc/sched-tick.d/*; do
        [ ! -e "$file" ] || echo "${file##*/}: $(sed -n 's/^stall = //p; $s/^# //p' "$file" | tr '\\n' ' ')"
    done
}
settings=/etc/sched-tick.d/10-default.conf
mine() { printf '[default]\\nstall = 3s\\n' > /etc/sched-tick.d/50-mine.conf; }
changed() { sed -i 's/^stall = .*/stall = 2s/' "$settings"; }
cd /share
"""

DPKG = PRELUDE + """
# At a question about the file, dpkg does what it would do after Return.
install() { dpkg --force-confdef --force-confold --install "$1"/sched-tick_*.deb; }
step before install before
mine
step added install now
step unchanged install newer
step downgraded install now
changed
step changed install newer
rm "$settings"
step deleted install now
step removed dpkg --remove sched-tick
step purged dpkg --purge sched-tick
rm -r /etc/sched-tick.d
step before-own install before
cp 50-other "$settings"
step own install now
changed
step removed-changed dpkg --remove sched-tick
step purged-changed dpkg --purge sched-tick
echo '--- end'
"""

RPM = PRELUDE + """
install() { rpm --upgrade --oldpackage --nodeps --noscripts "$1"/sched-tick-0*[!c].rpm; }
step before install before
mine
step added install now
step unchanged install newer
step downgraded install now
changed
step changed install newer
rm "$settings"
step deleted install now
changed
step removed rpm --erase --noscripts sched-tick
rm -r /etc/sched-tick.d
step before-own install before
cp 50-other "$settings"
step own install now
rm "$settings"*
step erased rpm --erase --noscripts sched-tick
echo '--- end'
"""


def without_the_file(target):
    """Build the packages as they were before they contained the file."""
    directory = debian.copied(f"{target}-before", "0.0.9")
    makefile = directory / "Makefile"
    lines = makefile.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "install -m 0644 packaging/sched-tick.d" not in line]
    makefile.write_text("".join(kept), encoding="utf-8")
    spec = directory / "packaging/rpm/sched-tick.spec"
    spec.write_text(re.sub("^%config.*\n", "", spec.read_text("utf-8"), flags=re.MULTILINE), encoding="utf-8")
    assert len(kept) == len(lines) - 1
    subprocess.run(["make", "--silent", target], cwd=directory, check=True, capture_output=True)
    return directory / "dist"


def steps(script, target):
    """{step: files in /etc/sched-tick.d} of a script in a root with the packages."""
    with rootfs.sharing() as share:
        for name, directory in (("before", without_the_file(target)), ("now", debian.built("a", target=target)),
                                ("newer", debian.built("newer", "0.1.1", target=target))):
            (share / name).mkdir()
            for package in directory.glob("sched-tick[-_]0*"):
                (share / name / package.name).write_bytes(package.read_bytes())
        (share / "50-other").write_text("[default]\nstall = 4s\n", encoding="ascii")
        done = rootfs.in_root(system.directory(REFERENCE, "rpm"), f"set +e\n{script}", share=share, timeout=300)
    found = re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- )", done.stdout, re.MULTILINE | re.DOTALL)
    assert "status:" not in done.stdout and "--- end\n" in done.stdout, done.stdout
    return {name: re.findall(r"^(\S+): (.*?) *$", text, re.MULTILINE) for name, text in found}


def test_dpkg():
    """dpkg adds the file on an upgrade, replaces it if unchanged, keeps it if changed, does not restore it if deleted, and purges it."""
    (shipped,) = re.findall("^stall = (.*)$", (TOP / debian.SETTINGS).read_text("ascii"), re.MULTILINE)
    mine, default = ("50-mine.conf", "3s"), "10-default.conf"
    assert steps(DPKG, "deb") == {
        "before": [],
        "added": [(default, shipped), mine],
        "unchanged": [(default, f"{shipped} 0.1.1"), mine],
        "downgraded": [(default, shipped), mine],
        "changed": [(default, "2s"), (f"{default}.dpkg-dist", f"{shipped} 0.1.1"), mine],
        "deleted": [(f"{default}.dpkg-dist", shipped), mine],
        "removed": [(f"{default}.dpkg-dist", shipped), mine],
        "purged": [mine],
        "before-own": [],
        "own": [(default, "4s"), (f"{default}.dpkg-dist", shipped)],
        "removed-changed": [(default, "2s"), (f"{default}.dpkg-dist", shipped)],
        "purged-changed": [],
    }


def test_rpm():
    """rpm adds the file on an upgrade, replaces it if unchanged, keeps it if changed, restores it if deleted, and saves a changed file
    when it removes the package."""
    (shipped,) = re.findall("^stall = (.*)$", (TOP / debian.SETTINGS).read_text("ascii"), re.MULTILINE)
    mine, default = ("50-mine.conf", "3s"), "10-default.conf"
    assert steps(RPM, "rpm") == {
        "before": [],
        "added": [(default, shipped), mine],
        "unchanged": [(default, f"{shipped} 0.1.1"), mine],
        "downgraded": [(default, shipped), mine],
        "changed": [(default, "2s"), (f"{default}.rpmnew", f"{shipped} 0.1.1"), mine],
        "deleted": [(default, shipped), (f"{default}.rpmnew", f"{shipped} 0.1.1"), mine],
        "removed": [(f"{default}.rpmnew", f"{shipped} 0.1.1"), (f"{default}.rpmsave", "2s"), mine],
        "before-own": [],
        "own": [(default, "4s"), (f"{default}.rpmnew", shipped)],
        "erased": [],
    }
