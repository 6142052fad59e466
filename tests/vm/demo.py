# SPDX-License-Identifier: GPL-2.0-only
"""`make demo` and `make shell`: the module on a stock kernel in a throw-away machine, for a person to look at."""

import sys
import time

import rootfs
import vm

INSTALL = """
  To have it for real, on this machine or another with Debian, Fedora or their kin, as root:

      apt install dkms linux-headers-amd64      (Debian)
      dnf install dkms kernel-devel             (Fedora)
      make install                              builds it, now and at every kernel upgrade
      modprobe sched_tick

  README.md says what the files mean and how to be told when the kernel runs late.
"""


def step(number, text):
    """Say what is going on and since when."""
    print(f"[{number}/3] {text}", flush=True)


def machine(kernel):
    """The module, built and ready to boot."""
    step(1, f"Linux {kernel}, as Debian ships it (kept in {rootfs.cache_dir()})")
    rootfs.root(kernel)
    step(2, f"building the module for {rootfs.release(kernel)}, as DKMS does after an installation")
    others = vm.build_others(kernel)[0] | vm.tool() | vm.with_libraries(rootfs.node_exporter())
    return vm.Machine(kernel, "races", vm.build_dkms(kernel), others)


def demo(kernel):
    """The main job, start to end."""
    start = time.monotonic()
    script = (vm.TOP / "tests" / "vm" / "demo.sh").read_text("ascii")
    guest = machine(kernel)
    step(3, "booting it in a throw-away virtual machine")
    result = guest.boot(script, timeout=180, echo=True)
    if result.verdict != "pass" or result.bad_lines:
        print(result.explain(), file=sys.stderr)
        return 1
    print(f"\n  All of it went as said, and the kernel's log is silent ({time.monotonic() - start:.0f} s).\n{INSTALL}")
    return 0


def shell(kernel):
    """A shell in the guest with the module loaded."""
    guest = machine(kernel)
    step(3, "booting; the module is in /sys/kernel/sched_tick; `exit` ends the machine")
    # A session of its own, so that the port it opens is its terminal and Ctrl-C goes where it should.
    return guest.shell("stty sane\ninsmod /sched_tick.ko\ncd /sys/kernel/sched_tick\n"
                       "setsid sh -c 'exec sh -i < /dev/ttyS1 > /dev/ttyS1 2>&1'\n")


if __name__ == "__main__":
    try:
        sys.exit({"demo": demo, "shell": shell}[sys.argv[1]](sys.argv[2]))
    except (RuntimeError, OSError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
