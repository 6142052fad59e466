#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# `make rpm`: VERSION FOLDER OPTION, with that option of rpmbuild. As packaging/debian/build.sh, but in a directory that always has
# the same name: rpm writes it into the packages.
set -eu
umask 022

version=$1 dist=$2 option=$3
top=$(pwd)
work=/tmp/sched-tick-rpmbuild
mkdir -m 0700 "$work" || {
    echo "$work: another build is at work, or was killed: remove it then" >&2
    exit 1
}
trap 'rm -rf "$work"' EXIT
packaging/tarball.sh "sched-tick-$version" "$work/sched-tick-$version.tar.xz"
cd "$work"
rpmbuild "$option" --define "_topdir $work" --define "_sourcedir $work" --define '_buildhost localhost' \
    --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
    "$top/packaging/rpm/sched-tick.spec" > log 2>&1 || {
    cat log
    exit 1
}
mkdir -p "$dist"
rm -f "$dist"/sched-tick*.rpm
cp SRPMS/*.rpm "$dist"
if [ -d RPMS ]; then find RPMS -name '*.rpm' -exec cp {} "$dist" \;; fi
cd "$dist"
ls sched-tick*.rpm
