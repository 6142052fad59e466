#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# `make deb`: VERSION FOLDER. Builds source and binary packages from the files that git knows, in a folder of its own.
set -eu

version=$1 dist=$2
top=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/sched-tick-$version
changelog=$top/packaging/debian/changelog
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$changelog" -S Timestamp)
export SOURCE_DATE_EPOCH

mkdir -p "$tree" "$dist"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$tree"
tar --create --xz --file "$work/sched-tick_$version.orig.tar.xz" --directory "$work" --sort=name --owner=0 --group=0 \
    --numeric-owner --mode=go=rX,u+rw --mtime="@$SOURCE_DATE_EPOCH" "sched-tick-$version"
cp -r "$tree/packaging/debian" "$tree/debian"
rm "$tree/debian/build.sh"
cd "$tree"
dpkg-buildpackage --unsigned-source --unsigned-changes --build=full > "$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
cd "$work"
rm -f "$dist"/sched-tick*
cp sched-tick*.deb sched-tick*.dsc sched-tick*.tar.xz sched-tick*.changes sched-tick*.buildinfo "$dist"
ls "$dist"
