# SPDX-License-Identifier: GPL-2.0-only
"""Debug kernels: built from the kernel source in the archive, with the kernel's own run-time checks."""

import pathlib

# Small enough to be built in minutes and booted in seconds in an emulator. ACPI is for the HPET and for power off; it needs PCI.
BASE = """
64BIT SMP NR_CPUS=4 EXPERT MODULES MODULE_UNLOAD PRINTK BUG TTY SERIAL_8250 SERIAL_8250_CONSOLE BLK_DEV_INITRD RD_GZIP
DEVTMPFS PROC_FS SYSFS SHMEM TMPFS CONFIGFS_FS BINFMT_ELF BINFMT_SCRIPT FUTEX EPOLL SIGNALFD TIMERFD EVENTFD AIO
INOTIFY_USER POSIX_TIMERS FILE_LOCKING MULTIUSER UNIX NET KALLSYMS KALLSYMS_ALL HIGH_RES_TIMERS NO_HZ_IDLE PREEMPT
DEBUG_KERNEL DEBUG_FS FTRACE FUNCTION_TRACER KPROBES PERF_EVENTS DYNAMIC_DEBUG HOTPLUG_CPU PCI ACPI STACKTRACE RTC_CLASS RTC_DRV_CMOS
!BLOCK !IO_URING !ETHTOOL_NETLINK !VT !ACPI_PROCESSOR !ACPI_AC !ACPI_BATTERY !SCHED_MC_PRIO !CPU_FREQ !CPU_IDLE !THERMAL
!RD_BZIP2 !RD_LZMA !RD_XZ !RD_LZO !RD_LZ4 !RD_ZSTD !UPROBE_EVENTS
"""
# Checks of every debug kernel.
CHECKS = """
DEBUG_INFO_NONE FRAME_WARN=4096 SLUB_DEBUG SLUB_DEBUG_ON DEBUG_LIST DEBUG_NOTIFIERS DEBUG_PREEMPT DETECT_HUNG_TASK
PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP DEBUG_MUTEXES DEBUG_SPINLOCK WQ_WATCHDOG
"""
# UBSAN is for our modules only: on the whole kernel it would take a good part of the run time.
MEMORY = CHECKS + """
KASAN KASAN_GENERIC KASAN_OUTLINE KASAN_VMALLOC UBSAN UBSAN_BOUNDS UBSAN_SHIFT !UBSAN_SANITIZE_ALL DEBUG_OBJECTS DEBUG_OBJECTS_FREE
DEBUG_OBJECTS_TIMERS DEBUG_OBJECTS_WORK DEBUG_OBJECTS_RCU_HEAD DEBUG_KMEMLEAK FAULT_INJECTION FAILSLAB FAIL_PAGE_ALLOC
FAULT_INJECTION_DEBUG_FS FAULT_INJECTION_USERCOPY GCOV_KERNEL KUNIT PROC_SYSCTL
"""
RACES = CHECKS + "KCSAN KCSAN_STRICT KCSAN_SKIP_WATCH=500"

KERNELS = {
    # name: (kernel of rootfs.SUITES with the source, options)
    "memory": ("6.1", MEMORY),
    "release": ("6.1", MEMORY + "DEBUG_KOBJECT_RELEASE"),
    "races": ("7.3", RACES),
    "late_remove": ("6.1", CHECKS),
}
# Kernels whose source is changed before it is built, by a patch of that name beside this file.
PATCHED = ["late_remove"]

PACKAGES = ["bc", "bison", "cpio", "flex", "gcc", "kmod", "lcov", "libc6-dev", "libelf-dev", "libssl-dev", "make", "python3-minimal",
            "xz-utils"]

# merge_config.sh does not report options that it dropped. Fail then: a kernel without its checks would find nothing.
SCRIPT = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive
target=$1
apt-get install --yes --no-install-recommends ${target:+--target-release "$target"} linux-source
apt-get clean
cd /usr/src
tar -xf linux-source-*.tar.xz
rm linux-source-*.tar.xz
mv linux-source-* linux
cd linux
out=/usr/src/build
mkdir "$out"
cat > "$out/fragment" << 'END'
%sEND
make -s O="$out" allnoconfig
./scripts/kconfig/merge_config.sh -m -O "$out" "$out/.config" "$out/fragment"
make -s O="$out" olddefconfig
if grep -vxFf "$out/.config" "$out/fragment"; then
    echo "these are not to be had"
    exit 1
fi
make -s -j"$(nproc)" O="$out" bzImage modules
release=$(make -s O="$out" kernelrelease)
mkdir -p "/lib/modules/$release"
ln -s "$out" "/lib/modules/$release/build"
cp "$out/arch/x86/boot/bzImage" "/boot/vmlinuz-$release"
echo "$release" > /kernel-release
"""


def option(word):
    """Convert a word of the lists above to a line of .config."""
    if word.startswith("!"):
        return f"# CONFIG_{word[1:]} is not set"
    return f"CONFIG_{word}" if "=" in word else f"CONFIG_{word}=y"


def recipe(name):
    """Return the recipe for the root of a debug kernel: kernel of rootfs.SUITES, packages, script."""
    kernel, options = KERNELS[name]
    fragment = "".join(f"{option(word)}\n" for word in (BASE + options).split())
    packages, script = PACKAGES, SCRIPT % fragment
    if name in PATCHED:
        change = pathlib.Path(__file__).with_name(f"{name}.patch").read_text(encoding="ascii")
        packages, script = [*packages, "patch"], script.replace("cd linux\n", f"cd linux\npatch -p1 << 'END'\n{change}END\n")
    return kernel, packages, script
