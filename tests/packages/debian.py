# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages of this tree, and how a machine comes to have them."""

import functools
import shutil
import subprocess

import vm

EXPORT = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
"""

# As an administrator would.
INSTALL = EXPORT + """
cd /run/job
systemctl start prometheus-node-exporter.service
apt-get install --yes ./*.deb > /run/apt 2>&1 || cat /run/apt
"""


@functools.cache
def built(name, version=None):
    """The folder with what `make deb` builds of a copy of this tree with a name, or of one with another version."""
    folder = vm.BUILD / "packages" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tracked = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=vm.TOP,
                             check=True, capture_output=True).stdout
    subprocess.run(["xargs", "-0", "cp", "--parents", "-t", str(folder)], cwd=vm.TOP, input=tracked, check=True)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    if version:
        for name in ("dkms.conf", "src/main.c", "packaging/debian/changelog"):
            path = folder / name
            path.write_text(path.read_text("utf-8").replace(vm.version(), version), encoding="utf-8")
    subprocess.run(["make", "--silent", "deb"], cwd=folder, check=True, capture_output=True)
    return folder / "dist"


def binaries(folder):
    """Its packages, less those for debuggers."""
    return {path.name: path.read_bytes() for path in folder.glob("*.deb") if "dbgsym" not in path.name}
