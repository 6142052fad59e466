# SPDX-License-Identifier: GPL-2.0-only
"""arm64: the root with Debian's arm64 kernel, and a cross compiler."""

KERNEL = "6.1"      # of rootfs.SUITES
PACKAGES = ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "make", "kmod", "xz-utils"]

# The host tools of kbuild are for this machine; everything else is for arm64.
UNPACK = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --add-architecture arm64
apt-get update -q
release=$(apt-cache depends linux-headers-arm64:arm64 | sed -nE 's/^ *Depends: linux-headers-([^:]*).*$/\1/p')
series=$(echo "$release" | cut -d . -f 1,2)
apt-get install --yes --no-install-recommends "linux-kbuild-$series"
mkdir /tmp/kernel
cd /tmp/kernel
apt-get download "linux-headers-$release:arm64" "linux-headers-${release%-arm64}-common" "linux-image-$release:arm64" busybox-static:arm64
for package in ./*.deb; do
    dpkg-deb --extract "$package" tree
done
cp -a tree/usr/src/* /usr/src
mkdir -p "/lib/modules/$release" /boot
cp -a "tree/lib/modules/$release/kernel" "/lib/modules/$release"
ln -s "/usr/src/linux-headers-$release" "/lib/modules/$release/build"
cp "tree/boot/vmlinuz-$release" /boot
cp tree/bin/busybox /busybox
echo "$release" > /kernel-release
cd /
rm -rf /tmp/kernel
apt-get clean
"""
