#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: build.sh VERSION DIRECTORY OPTION NAME. `make rpm` runs it in the top directory with OPTION=-ba, `make srpm` with -bs. Builds the
# RPM packages of NAME.spec from the files that git lists and copies them to DIRECTORY. The path of the work directory is fixed because
# rpm writes it into the packages.
set -eu
umask 022

version=$1 dist=$2 option=$3 name=$4
top=$(pwd)
work=/tmp/sched-tick-rpmbuild
mkdir -m 0700 "$work" || {
    echo "$work exists: another build is running, or one was killed; if none is running, remove $work" >&2
    exit 1
}
trap 'rm -rf "$work"' EXIT
packaging/tarball.sh "sched-tick-$version" "$work/sched-tick-$version.tar.xz"
cd "$work"
rpmbuild "$option" --define "_topdir $work" --define "_sourcedir $work" --define "_specdir $top/packaging/rpm" \
    --define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
    "$top/packaging/rpm/$name.spec" > log 2>&1 || {
    cat log
    exit 1
}
mkdir -p "$dist"
case $name in
sched-tick) rm -f "$dist"/sched-tick-[!k]*.rpm ;;
sched-tick-kmod) rm -f "$dist"/sched-tick-kmod-*.rpm "$dist"/akmod-sched-tick-*.rpm "$dist/kmod-sched-tick-$version"-*.rpm ;;
esac
find . -path ./BUILDROOT -prune -o -name '*.rpm' -exec cp {} "$dist" \; -printf '%f\n' | sort
