#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# `make deb`: VERSION FOLDER. Builds source and binary packages from the files that git knows, in a directory of its own.
set -eu
umask 022

version=$1 dist=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packaging/tarball.sh "sched-tick-$version" "$work/sched-ticker_$version.orig.tar.xz"
cd "$work"
tar -xf "sched-ticker_$version.orig.tar.xz"
cd "sched-tick-$version"
cp -r packaging/debian debian
rm debian/build.sh
dpkg-buildpackage --unsigned-source --unsigned-changes --build=full > "$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
cd "$work"
mkdir -p "$dist"
rm -f "$dist"/sched-tick*.deb "$dist"/sched-ticker_*
cp sched-tick*.deb sched-tick*.dsc sched-tick*.tar.xz sched-tick*.changes sched-tick*.buildinfo "$dist"
ls sched-tick*
