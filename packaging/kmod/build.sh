#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: build.sh VERSION DIRECTORY KVER KDIR [KEY CERT]. `make kmod` runs it in the top directory. Builds the module for the kernel KVER
# in its build tree KDIR, strips it, signs it with KEY and CERT, and packages it. The packages go to DIRECTORY: a .deb if debhelper is
# installed, a .rpm if rpmbuild is.
set -eu
umask 022

fail() {
    echo "make kmod: $1" >&2
    exit 2
}

version=$1 dist=$2 kver=$3 kdir=$4 key=${5-} cert=${6-}
header=$kdir/include/generated/utsrelease.h
[ -e "$header" ] || fail "$kdir is no build tree of a kernel. Install the headers of $kver, or set KDIR to its build tree"
release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$header")
[ "$release" = "$kver" ] || fail "$kdir is the build tree of $release, not of $kver: set KVER=$release, or KDIR"
[ -n "$key" ] || [ -z "$cert" ] || fail 'CERT is set and KEY is not'
[ -z "$key" ] || [ -n "$cert" ] || fail 'KEY is set and CERT is not'
sign=$kdir/scripts/sign-file
if [ -n "$key" ]; then
    [ -x "$sign" ] || sign=kmodsign
    command -v "$sign" > /dev/null || fail "there is no program to sign with: neither $kdir/scripts/sign-file nor kmodsign"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Run a command, and print its output only if it fails.
run() {
    "$@" > "$work/log" 2>&1 || {
        cat "$work/log"
        exit 1
    }
}

source=$work/usr/src/sched_tick-$version
make --silent install-source DESTDIR="$work"
# Without the name of the work directory in it, the module is the same from every build.
export KCFLAGS="${KCFLAGS-} -ffile-prefix-map=$work="
run make -C "$kdir" M="$source" modules
module=$work/sched_tick.ko
"${CROSS_COMPILE-}strip" --strip-debug -o "$module" "$source/src/sched_tick.ko"
if [ -n "$key" ]; then
    hash=$(sed -n 's/^CONFIG_MODULE_SIG_HASH="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$kdir/include/config/auto.conf")
    "$sign" "${hash:-sha256}" "$key" "$cert" "$module"
fi

build_deb() {
    mkdir "$work/deb"
    cp -r packaging/kmod/debian "$module" "$work/deb"
    cp packaging/debian/copyright "$work/deb/debian"
    sed 's/^sched-tick /kmod-sched-tick /' packaging/debian/changelog > "$work/deb/debian/changelog"
    sed -i "s/@KVER@/$kver/g" "$work/deb/debian/control" "$work/deb/debian/postinst" "$work/deb/debian/postrm"
    run env -C "$work/deb" dpkg-buildpackage --build=binary --no-sign
    mv "$work"/kmod-sched-tick*.deb "$work/packages"
}

build_rpm() {
    run rpmbuild -bb --define "_topdir $work/rpm" --define "_sourcedir $work" --define "kver $kver" \
        --define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
        packaging/kmod/kmod-sched-tick.spec
    mv "$work"/rpm/RPMS/*/*.rpm "$work/packages"
}

mkdir "$work/packages"
if command -v dh > /dev/null; then
    case $kver in
    *[!a-z0-9.+-]*) echo "no .deb: the name of a Debian package cannot contain $kver" >&2 ;;
    *) build_deb ;;
    esac
fi
if command -v rpmbuild > /dev/null; then build_rpm; fi
mkdir -p "$dist"
cd "$work/packages"
cp -- * "$dist"
ls
