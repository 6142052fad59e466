# SPDX-License-Identifier: GPL-2.0-only
"""`make demo` and `make shell`: the module on a stock kernel in a disposable virtual machine."""

import sys
import time

import rootfs
import vm

INSTALL = """
  To install it on a machine with Debian, Fedora or a derivative, as root:

      apt install dkms linux-headers-amd64      (Debian)
      dnf install dkms kernel-devel             (Fedora)
      make install                              builds the module, now and at every kernel upgrade
      modprobe sched_tick

  README.md explains the files and how to be notified when ticks are late.
"""


def step(number, text):
    """Print which step begins."""
    print(f"[{number}/3] {text}", flush=True)


def machine(kernel):
    """Build the module; return a machine that is ready to boot."""
    step(1, f"Linux {kernel}, as Debian ships it (kept in {rootfs.cache_dir()})")
    rootfs.root(kernel)
    step(2, f"building the module for {rootfs.release(kernel)}, as DKMS does after an installation")
    others = vm.build_others(kernel)[0] | vm.tool() | vm.with_libraries(rootfs.node_exporter())
    return vm.Machine(kernel, "races", vm.build_dkms(kernel), others)


def demo(kernel):
    """Run the demo from start to end."""
    start = time.monotonic()
    script = (vm.TOP / "tests" / "vm" / "demo.sh").read_text("ascii")
    guest = machine(kernel)
    step(3, "booting it in a disposable virtual machine")
    result = guest.boot(script, timeout=180, echo=True)
    if result.verdict != "pass" or result.bad_lines:
        print(result.explain(), file=sys.stderr)
        return 1
    print(f"\n  Every step succeeded, and the kernel log has no warning ({time.monotonic() - start:.0f} s).\n{INSTALL}")
    return 0


def shell(kernel):
    """Open a shell in the guest with the module loaded."""
    guest = machine(kernel)
    step(3, "booting; the module is in /sys/kernel/sched_tick; `exit` ends the machine")
    # In a session of its own the shell has the port as its controlling terminal, and Ctrl-C reaches it.
    return guest.shell("stty sane\ninsmod /sched_tick.ko\ncd /sys/kernel/sched_tick\n"
                       "setsid sh -c 'exec sh -i < /dev/ttyS1 > /dev/ttyS1 2>&1'\n")


if __name__ == "__main__":
    try:
        sys.exit({"demo": demo, "shell": shell}[sys.argv[1]](sys.argv[2]))
    except (RuntimeError, OSError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
