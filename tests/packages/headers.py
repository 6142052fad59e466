# SPDX-License-Identifier: GPL-2.0-only
"""Build trees of kernels on this machine, for packages of the module that are built without DKMS."""

import rootfs
from conftest import REFERENCE

# The release of a kernel in the form of RHEL's. It is as long as that of Debian's reference kernel.
RPM = "5.14.0-9.el9_5"

MAKEFILE = """
modules:
	cp %s $(if $(wildcard $(M)/src),$(M)/src,$(M))/sched_tick.ko
"""


def fake(directory, release, module):
    """Make a build tree of a kernel in which nothing is compiled: `make modules` copies a module that was built for the reference kernel,
    with its release replaced by this one of the same length."""
    built_for = rootfs.release(REFERENCE)
    assert len(release) == len(built_for)
    (directory / "include" / "generated").mkdir(parents=True)
    (directory / "include" / "generated" / "utsrelease.h").write_text(f'#define UTS_RELEASE "{release}"\n', encoding="ascii")
    (directory / "built.ko").write_bytes(module.replace(built_for.encode(), release.encode()))
    (directory / "Makefile").write_text(MAKEFILE % (directory / "built.ko"), encoding="ascii")


# Unpack Debian's headers into a directory, and have each tree find the files that it shares with others from there.
FETCH = """
cd /share
apt-get update -q
for release in %s; do apt-get download "linux-headers-$release" "linux-headers-${release%%-amd64}-common"; done
apt-get download linux-kbuild-6.1
rm -rf /var/lib/apt/lists/*
mkdir out
for package in ./*.deb; do dpkg-deb --extract "$package" out; done
rm ./*.deb
sed -i 's,^include /usr/src/,include ../,' out/usr/src/*/Makefile
"""


def real(*releases):
    """Return Debian's build trees of kernels of 6.1, by release."""
    directory = rootfs.fetched("headers", FETCH % " ".join(releases), "kernel headers")
    return {release: directory / "usr" / "src" / f"linux-headers-{release}" for release in releases}
