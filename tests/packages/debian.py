# SPDX-License-Identifier: GPL-2.0-only
"""Build the packages of this tree, and install them on a Debian machine."""

import functools
import pathlib
import re
import shutil
import subprocess

import vm

EXPORT = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
"""

# Install the packages as an administrator does.
INSTALL = EXPORT + """
cd /run/job
systemctl start prometheus-node-exporter.service
apt-get install --yes ./*.deb > /run/apt 2>&1 || cat /run/apt
"""


# For two kernels, $good and $other. spoil makes every build for $other fail, and mend undoes this. state prints the module that each
# kernel has. watch checks continuously that each kernel has one.
KERNELS = """
spoil() { sed -i '1i export KCFLAGS = -Dhrtimer_cancel=hrtimer_gone' "/lib/modules/$other/build/Makefile"; }
mend() { sed -i 1d "/lib/modules/$other/build/Makefile"; }
state() {
    dkms status 2>/dev/null | sort
    for kernel in "$good" "$other"; do
        echo "$kernel has $(modinfo -k "$kernel" -F version sched_tick 2>/dev/null)"
    done
    if [ -e /tmp/gaps ]; then sort /tmp/gaps | uniq -c; rm /tmp/gaps; fi
    ls /var/lib/sched-tick-dkms 2>/dev/null || true
}
watch() {
    while sleep 0.02; do
        for kernel in "$good" "$other"; do
            file=$(modinfo -k "$kernel" -n sched_tick 2>/dev/null) && [ -e "$file" ] || echo "gap: $kernel" >> /tmp/gaps
            echo >> /tmp/checks
        done
    done
}
"""


# The file of settings in the package sched-tick: a conffile, installed in /etc.
SETTINGS = "packaging/sched-tick.d/10-default.conf"


def copied(name, version=None, release=None):
    """Copy the files of this tree to a directory of that name, with another version or release of the packages if given."""
    directory = vm.BUILD / "packages" / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    tracked = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=vm.TOP,
                             check=True, capture_output=True).stdout
    subprocess.run(["xargs", "-0", "cp", "--no-dereference", "--parents", "-t", str(directory)], cwd=vm.TOP, input=tracked, check=True)
    subprocess.run(["git", "init", "--quiet"], cwd=directory, check=True)
    if version:
        for file in ("dkms.conf", "src/main.c", "packaging/debian/changelog", "packaging/rpm/sched-tick.spec"):
            path = directory / file
            path.write_text(path.read_text("utf-8").replace(vm.version(), version), encoding="utf-8")
        # The settings that a package contains can change from version to version.
        with open(directory / SETTINGS, "a", encoding="utf-8") as settings:
            settings.write(f"# {version}\n")
    if release:
        path = directory / "packaging/rpm/sched-tick.spec"
        path.write_text(re.sub(r"^(Release: +)1", rf"\g<1>{release}", path.read_text("utf-8"), flags=re.MULTILINE), encoding="utf-8")
    return directory


@functools.cache
def built(name, version=None, release=None, target="deb"):
    """Build a copy with `make deb`, or another target, and return the directory of the packages. The copy "b" is built with umask 077,
    which must not change the packages."""
    directory = copied(f"{target}-{name}", version, release)
    subprocess.run(["make", "--silent", target], cwd=directory, check=True, capture_output=True, umask=0o077 if name == "b" else -1)
    return directory / "dist"


def documents():
    """The files of the package sched-tick below /usr/share/doc/sched-tick, uncompressed."""
    files = ["CHANGES.md", "README.md", "docs/glossary.md", "docs/install.md", "docs/subscribe.md", "docs/tracing.md"]
    return sorted([pathlib.Path(file).name for file in files] + [f"ABI/{path.name}" for path in (vm.TOP / "docs" / "ABI").iterdir()])


def binaries(directory):
    """{name: content} of the Debian packages in a directory, without those of debugging symbols."""
    return {path.name: path.read_bytes() for path in directory.glob("*.deb") if "dbgsym" not in path.name}
