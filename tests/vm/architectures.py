# SPDX-License-Identifier: GPL-2.0-only
"""Other architectures than x86-64: for each a root with Debian's kernel and a cross compiler, and its machine in QEMU."""

import typing


class Architecture(typing.NamedTuple):
    """An architecture. The defaults are those of most."""
    arch: str               # of the kernel's build
    compiler: str           # the cross compiler's prefix
    packages: tuple         # that compiler, its C library, and what else the build needs
    flavour: str            # end of the kernel's release
    qemu: tuple             # emulator and machine
    console: str = "ttyS0"  # device of the console, in the guest
    report: str = "ttyS1"   # device of the report, in the guest
    channels: tuple = ("-serial", "chardev:console", "-serial", "chardev:report")   # devices of both, in QEMU
    kernel: str = "6.1"     # of rootfs.SUITES


# The second channel is a PCI device where the board has one serial port.
ON_PCI = ("-serial", "chardev:console", "-device", "pci-serial,chardev=report")

ARCHITECTURES = {
    "arm64": Architecture(
        "arm64", "aarch64-linux-gnu-", ("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"), "arm64",
        ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"), "ttyAMA0", "ttyS0", ON_PCI),
    # Big endian.
    "s390x": Architecture(
        "s390", "s390x-linux-gnu-", ("gcc-s390x-linux-gnu", "libc6-dev-s390x-cross"), "s390x",
        ("qemu-system-s390x", "-M", "s390-ccw-virtio", "-cpu", "max", "-nodefaults"), "ttyS0", "ttysclp0",
        ("-device", "sclplmconsole,chardev=console", "-device", "sclpconsole,chardev=report")),
    # 32 bit. With two CPUs the kernel panics on QEMU's own model of a CPU.
    "i386": Architecture(
        "i386", "i686-linux-gnu-", ("gcc-i686-linux-gnu", "libc6-dev-i386-cross"), "686-pae",
        ("qemu-system-i386", "-cpu", "max,vendor=GenuineIntel,family=6,model=60")),
    # 32 bit.
    "armhf": Architecture(
        "arm", "arm-linux-gnueabihf-", ("gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"), "armmp-lpae",
        ("qemu-system-arm", "-M", "virt", "-cpu", "cortex-a15"), "ttyAMA0", "ttyS0", ON_PCI),
    # Debian 12 has no riscv64. W=1 runs kernel-doc of 6.12, which needs modules of perl.
    "riscv64": Architecture(
        "riscv", "riscv64-linux-gnu-", ("gcc-riscv64-linux-gnu", "libc6-dev-riscv64-cross", "perl"), "riscv64",
        ("qemu-system-riscv64", "-M", "virt", "-cpu", "rv64"), channels=ON_PCI, kernel="6.12"),
    # Pages of 64 KiB. QEMU's emulation lacks the mitigations that the machine has by default.
    "ppc64el": Architecture(
        "powerpc", "powerpc64le-linux-gnu-", ("gcc-powerpc64le-linux-gnu", "libc6-dev-ppc64el-cross"), "powerpc64le",
        ("qemu-system-ppc64", "-M", "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
         "-cpu", "power9", "-nodefaults", "-vga", "none"), "hvc0", "hvc1",
        ("-device", "spapr-vty,chardev=console,reg=0x71000001", "-device", "spapr-vty,chardev=report,reg=0x71000002")),
}

# The host tools of kbuild are for this machine; everything else is for the other architecture. Its packages are those of the archive
# alone: the security archive has no s390x.
UNPACK = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive
sed -i "/-security /s/^deb /deb [arch=$(dpkg --print-architecture)] /" /etc/apt/sources.list
dpkg --add-architecture @DEBIAN@
apt-get update -q
depends() { apt-cache depends "$1:@DEBIAN@" | sed -nE "s/^ *Depends: <?($2[^:>]*).*$/\1/p"; }
headers=$(depends linux-headers-@FLAVOUR@ linux-headers-)
release=${headers#linux-headers-}
apt-get install --yes --no-install-recommends "$(depends "$headers" linux-kbuild-)"
mkdir /tmp/kernel
cd /tmp/kernel
apt-get download "$headers:@DEBIAN@" "$(depends "$headers" linux-headers-)" "linux-image-$release:@DEBIAN@" busybox-static:@DEBIAN@
for package in ./*.deb; do
    dpkg-deb --extract "$package" tree
done
cp -a tree/usr/src/* /usr/src
mkdir -p "/lib/modules/$release" /boot
cp -a "$(find tree -type d -path "*/modules/$release/kernel")" "/lib/modules/$release"
ln -s "/usr/src/linux-headers-$release" "/lib/modules/$release/build"
cp tree/boot/vmlinu[xz]-"$release" "/boot/vmlinuz-$release"
cp "$(find tree -type f -path "*/bin/busybox")" /busybox
echo "$release" > /kernel-release
cd /
rm -rf /tmp/kernel
apt-get clean
"""


def recipe(name):
    """Return the kernel of an architecture's root, the packages to install there and the script to run there."""
    it = ARCHITECTURES[name]
    script = UNPACK.replace("@DEBIAN@", name).replace("@FLAVOUR@", it.flavour)
    return it.kernel, [*it.packages, "make", "kmod", "xz-utils"], script
