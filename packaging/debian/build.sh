#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: build.sh VERSION DIRECTORY. `make deb` runs it in the top directory. Builds the source package and the binary packages from
# the files that git lists, in a temporary directory, and copies them to DIRECTORY.
set -eu
umask 022

version=$1 dist=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packaging/tarball.sh "sched-tick-$version" "$work/sched-tick_$version.orig.tar.xz"
cd "$work"
tar -xf "sched-tick_$version.orig.tar.xz"
cd "sched-tick-$version"
cp -r packaging/debian debian
rm debian/build.sh
dpkg-buildpackage --unsigned-source --unsigned-changes --build=full > "$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
cd "$work"
mkdir -p "$dist"
rm -f "$dist"/sched-tick*.deb "$dist"/sched-tick_*
cp sched-tick*.deb sched-tick*.dsc sched-tick*.tar.xz sched-tick*.changes sched-tick*.buildinfo "$dist"
ls sched-tick*
