# SPDX-License-Identifier: GPL-2.0-only
"""A disposable virtual machine: build the module for a kernel, boot that kernel, run a job, return a verdict.

The guest has two serial ports. The first is the kernel's console, the second the report: the output of the
job and, as the last line, the verdict of /init with a number that only this boot was given. A run without
that line, such as a crash or a hang, is a failure whatever was printed before.
"""

import dataclasses
import lzma
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings

import klog
import rootfs

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"

# races: two CPUs that run in parallel. The clock is the host's, so times must not be asserted.
# races-4: the same with four CPUs, for tickers on several CPUs.
# sleep: one CPU and a clock that goes on while the machine is suspended. With two CPUs, 3 of 25
# boots did not return from a suspend under QEMU 7.2, without a message in the log; with one, 0 of 24.
# virtual: one instruction is one nanosecond and idle time is skipped, the same on every machine.
MODES = {
    "races": ["-accel", "tcg,thread=multi", "-smp", "2"],
    "races-4": ["-accel", "tcg,thread=multi", "-smp", "4"],
    "sleep": ["-accel", "tcg,thread=single", "-smp", "1"],
    "virtual": ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-smp", "1",
                "-rtc", "clock=vm,base=2026-01-01T00:00:00", "-seed", "1"],
}
# Kernels before 6.5 take CPU 0 offline, with cpu0_hotplug, only on Intel's CPUs. 5.10 idles
# on these with mwait, which QEMU runs as a busy loop.
CPU = "max,la57=off"
MODE_CPU = {"races-4": f"{CPU},vendor=GenuineIntel,monitor=off"}
# Pressure accounting (psi) adds 600 instructions to every wake-up: off where time is measured. The memory checks of a
# stock kernel are on elsewhere only, because they take time. no_timer_check: early at boot a kernel counts interrupts in
# a busy loop and panics if there are too few, which an emulator without CPU time causes, too. tsc=reliable: otherwise two
# CPUs read the time from the HPET, a device that they wait for.
COMMAND_LINE = "console=ttyS0 panic=-1 oops=panic panic_on_warn=1 random.trust_cpu=on no_timer_check"
MODE_COMMAND_LINE = {
    "races": "slub_debug=FZPU page_poison=1 init_on_free=1 hung_task_panic=1 "
             "rcupdate.rcu_cpu_stall_timeout=200 watchdog_thresh=60 tsc=reliable",
    "sleep": "no_console_suspend",
    "virtual": "nokaslr tsc=reliable mitigations=off psi=0",
}
MODE_COMMAND_LINE["races-4"] = MODE_COMMAND_LINE["races"]


@dataclasses.dataclass
class Result:
    """The result of a boot."""
    report: str
    console: str
    verdict: str        # "pass", "fail", or why there is none

    @property
    def bad_lines(self):
        return klog.bad_lines(self.console)

    @property
    def green(self):
        """Whether every planned test passed, the guest printed the verdict "pass", and the log has no denied line."""
        cases, planned = parse_ktap(self.report)
        return (self.verdict == "pass" and not self.bad_lines and planned == len(cases) > 0
                and all(case.passed for case in cases.values()))

    def explain(self):
        """Return the failures and the end of the report and the console, for debugging."""
        failed = [line for line in self.report.splitlines() if line.lstrip().startswith("not ok ")]
        return "\n".join([f"verdict: {self.verdict}", *failed, "--- kernel log, denied lines:", *self.bad_lines,
                          "--- report:", *self.report.splitlines()[-40:],
                          "--- console:", *self.console.splitlines()[-40:]])


def version():
    """Return the version in dkms.conf."""
    for line in (TOP / "dkms.conf").read_text(encoding="ascii").splitlines():
        if line.startswith("PACKAGE_VERSION="):
            return line.split('"')[1]
    raise RuntimeError("dkms.conf has no PACKAGE_VERSION")


def with_sources(kernel, source, script, *arguments, beside=None):
    """Run a script in a kernel's root after `make install-source` into it ($1 is the directory).

    The directory beside is available as /share/beside. Return the finished process, and the files in /share/out by name.
    """
    with rootfs.sharing() as share:
        subprocess.run(["make", "--silent", "-C", str(source), f"DESTDIR={share}/installed", "install-source"], check=True)
        if beside:
            shutil.copytree(beside, share / "beside")
        out = share / "out"
        out.mkdir()
        done = rootfs.in_root(rootfs.root(kernel), f"cp -r /share/installed/* /\n{script}", f"/usr/src/sched_tick-{version()}",
                             rootfs.release(kernel), version(), *arguments, share=share)
        return done, {path.name: path.read_bytes() for path in out.iterdir()}


BUILD_DKMS = """
dkms add -m sched_tick -v "$3"
dkms build -m sched_tick -v "$3" -k "$2" || { cat "/var/lib/dkms/sched_tick/$3/build/make.log"; exit 1; }
"""

DKMS = BUILD_DKMS + """
cp "/var/lib/dkms/sched_tick/$3/$2/"*/module/sched_tick.ko* /share/out
"""

WARNINGS = """
make -C "/lib/modules/$2/build" M="$1/src" W=1 modules
"""

# No suite has a sparse that supports the headers of 7.x, and those headers lack the script that checks
# for it. Newer syntax is defined away; gcc checks static assertions.
SPARSE = """
tree=$(sed -nE 's,^include (.*)/Makefile$,\\1,p' "/lib/modules/$2/build/Makefile")
if grep -q checker-valid.sh "$tree/Makefile" && ! test -e "$tree/scripts/checker-valid.sh"; then
    printf '#!/bin/sh\\necho 1\\n' > "$tree/scripts/checker-valid.sh"
    chmod +x "$tree/scripts/checker-valid.sh"
fi
make -C "/lib/modules/$2/build" M="$1/src" C=2 \\
    CF="-Wsparse-error -Wcontext -D__typeof_unqual__=__typeof__ '-D_Static_assert(...)='" modules
"""


def build_dkms(kernel, source=TOP):
    """Build the module by DKMS as an installed package does; return the module."""
    done, files = with_sources(kernel, source, DKMS)
    if done.returncode or not files:
        raise RuntimeError(f"DKMS failed to build for Linux {kernel}:\n{done.stdout}")
    return _unpacked(*files.popitem())


def build_log(kernel, script=WARNINGS, source=TOP):
    """Build with every warning on; return the output of make."""
    done, _ = with_sources(kernel, source, script)
    if done.returncode:
        raise RuntimeError(f"make W=1 failed for Linux {kernel}:\n{done.stdout}")
    return done.stdout


# Build as docs/subscribe.md describes.
OTHERS = BUILD_DKMS + """
symbols="/var/lib/dkms/sched_tick/$3/$2/$(uname -m)/module/Module.symvers"
if ! test -e "$symbols"; then
    echo "this DKMS keeps no Module.symvers"
    cp -r "$1/src" /tmp/copy
    make -C "/lib/modules/$2/build" M=/tmp/copy modules
    symbols=/tmp/copy/Module.symvers
fi
make -C "/lib/modules/$2/build" M=/share/beside ccflags-y=-I"$1/src" KBUILD_EXTRA_SYMBOLS="$symbols" W=1 modules
cp /share/beside/*.ko /share/out
"""


def build_others(kernel):
    """Build tests/kernel/modules against the exported symbols; return the modules by file name, and the output of make."""
    done, files = with_sources(kernel, TOP, OTHERS, beside=TOP / "tests" / "kernel" / "modules")
    if done.returncode:
        raise RuntimeError(f"tests/kernel/modules do not build for Linux {kernel}:\n{done.stdout}")
    return files, done.stdout


PEERS = """
make -C "/lib/modules/$2/build" M=/share/beside TICKER_SRC="$1/src" modules
cp /share/beside/*.ko /share/out
"""


def build_peers(kernel):
    """Build tests/bench/modules; return the modules by file name."""
    done, files = with_sources(kernel, TOP, PEERS, beside=TOP / "tests" / "bench" / "modules")
    if done.returncode:
        raise RuntimeError(f"tests/bench/modules do not build for Linux {kernel}:\n{done.stdout}")
    return files


# Build with clang for a kernel that gcc built: gcc's options are translated or dropped; objtool then warns about their effects.
# clang miscompiles per-CPU variables in a named address space (preempt_disable() has no effect): that feature is turned off.
CLANG = r"""
zeroes=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
clang "$zeroes" -x c -c /dev/null -o /dev/null 2> /dev/null || zeroes=
cat > /tmp/clang << END
#!/bin/sh
zeroes=$zeroes
END
cat >> /tmp/clang << 'END'
for word; do
    shift
    case $word in
        -mfunction-return=*|-fconserve-stack|-mrecord-mcount|-mindirect-branch-register) ;;
        -mindirect-branch=thunk-extern) set -- "$@" -mretpoline-external-thunk ;;
        -mpreferred-stack-boundary=3) set -- "$@" -mstack-alignment=8 ;;
        -fmin-function-alignment=*) set -- "$@" "-falign-functions=${word#*=}" ;;
        -fsanitize=bounds-strict) set -- "$@" -fsanitize=array-bounds ;;
        -ftrivial-auto-var-init=zero) set -- "$@" "$word" $zeroes ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec clang "$@" -Wno-unknown-warning-option -Wno-unused-command-line-argument
END
chmod +x /tmp/clang
sed -i -E '/CONFIG_(CC_HAS_NAMED_AS|USE_X86_SEG_SUPPORT) /d' "/lib/modules/$2/build/include/generated/autoconf.h"
make -C "/lib/modules/$2/build" M="$1/src" CC=/tmp/clang W=1 modules
make -C "/lib/modules/$2/build" M=/share/beside CC=/tmp/clang ccflags-y=-I"$1/src" KBUILD_EXTRA_SYMBOLS="$1/src/Module.symvers" modules
cp "$1"/src/*.ko /share/beside/*.ko /share/out
"""


def build_clang(kernel):
    """Build all modules by clang; return them by file name, and the output of make."""
    done, files = with_sources(kernel, TOP, CLANG, beside=TOP / "tests" / "kernel" / "modules")
    if done.returncode:
        raise RuntimeError(f"clang failed to build for Linux {kernel}:\n{done.stdout}")
    return files, done.stdout


# The root of a debug kernel has no DKMS. For coverage, the .gcno files that map counts to lines are copied, too.
DEBUG = """
make -C "/lib/modules/$2/build" M="$1/src" SCHED_TICK_KUNIT=m $4 modules
make -C "/lib/modules/$2/build" M=/share/beside UBSAN_SANITIZE=y ccflags-y=-I"$1/src" KBUILD_EXTRA_SYMBOLS="$1/src/Module.symvers" modules
cp "$1"/src/*.ko /share/beside/*.ko /share/out
find "$1/src" -name '*.gcno' -exec cp -t /share/out {} +
"""


CHECKED = "UBSAN_SANITIZE=y"
# Without UBSAN and inlining, which add branches.
COUNTED = "GCOV_PROFILE=y UBSAN_SANITIZE=n KCFLAGS=-fno-inline"


def build_debug(kernel, source=TOP, options=CHECKED):
    """Build all modules for a debug kernel; return them, and .gcno files if any, by file name."""
    done, files = with_sources(kernel, source, DEBUG, options, beside=TOP / "tests" / "kernel" / "modules")
    if done.returncode:
        raise RuntimeError(f"modules do not build for the debug kernel {kernel}:\n{done.stdout}")
    return files


def copy_mutated(directory, file, right, wrong):
    """Copy the module's source and put a bug in on purpose."""
    for needed in ("dkms.conf", "Makefile"):
        shutil.copy(TOP / needed, directory)
    shutil.copytree(TOP / "src", directory / "src")
    path = directory / "src" / file
    source = path.read_text(encoding="ascii")
    if source.count(right) != 1:
        raise RuntimeError(f"{file} has changed: update this mutant")
    path.write_text(source.replace(right, wrong), encoding="ascii")


def kernel_module(kernel, path):
    """Return one of the kernel's own modules, by its path below kernel/; None if it is built in."""
    base = rootfs.root(kernel) / "lib" / "modules" / rootfs.release(kernel) / "kernel"
    for file in (base / f"{path}.ko", base / f"{path}.ko.xz"):
        if file.exists():
            return _unpacked(file.name, file.read_bytes())
    return None


def _unpacked(name, content):
    return lzma.decompress(content) if name.endswith(".xz") else content


def build_program(directory, name):
    """Build a program by a directory's Makefile, in one process at a time; return its path."""
    with rootfs.locked(BUILD / ".lock"):
        subprocess.run(["make", "--silent", "-C", str(directory), f"BUILD={BUILD}"], check=True)
    return BUILD / name


def ktest():
    """Build the in-machine tests; return the path of the program."""
    return build_program(TOP / "tests" / "kernel", "ktest")


def with_libraries(program):
    """Return a program and its libraries, by their paths in the guest."""
    listed = subprocess.run(["ldd", str(program)], check=True, text=True, capture_output=True).stdout
    paths = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
    return {f"bin/{program.name}": program.read_bytes()} | {path: pathlib.Path(path).read_bytes() for path in paths}


def tool():
    """Build sched-tick(8); return it and its libraries."""
    return with_libraries(build_program(TOP / "tools", "sched-tick"))


def _initramfs(path, files, busybox=None):
    """Write an initramfs with busybox and files: {name: (content, mode)}."""
    busybox = busybox or shutil.which("busybox") or "/bin/busybox"
    with tempfile.TemporaryDirectory() as directory:
        tree = pathlib.Path(directory)
        (tree / "bin").mkdir()
        shutil.copy(busybox, tree / "bin" / "busybox")
        for name, (content, mode) in files.items():
            target = tree / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(mode)
        names = sorted(str(entry.relative_to(tree)) for entry in tree.rglob("*"))
        with open(path, "wb") as output:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], check=True, cwd=tree,
                           input="\n".join(names).encode(), stdout=output)


class Machine:
    """A kernel, a module and a mode. boot() may be called repeatedly."""

    busybox = None      # None: the one of this machine
    memory = "1G"       # of the guest
    console, report = "ttyS0", "ttyS1"      # devices in the guest
    channels = ("-serial", "chardev:console", "-serial", "chardev:report")  # and in QEMU

    def __init__(self, kernel, mode, module, others=None):
        self.kernel, self.mode, self.module, self.others = kernel, mode, module, others or {}

    def _emulator(self):
        return ["qemu-system-x86_64", "-cpu", MODE_CPU.get(self.mode, CPU)]

    def _command(self, directory, report="stdio,id=report", options=""):
        root, release = rootfs.root(self.kernel), rootfs.release(self.kernel)
        words = [COMMAND_LINE.replace("ttyS0", self.console), "ignore_loglevel", MODE_COMMAND_LINE[self.mode], options]
        return [*self._emulator(), "-m", self.memory, *MODES[self.mode],
                "-nic", "none", "-display", "none", "-monitor", "none", "-no-reboot",
                "-chardev", f"file,id=console,path={directory}/console", "-chardev", report, *self.channels,
                "-kernel", str(rootfs.kernel_image(root, release, firmware=self.mode == "sleep")), "-initrd", f"{directory}/initramfs",
                "-append", " ".join(word for word in words if word)]

    def _prepare(self, directory, job, nonce="none"):
        environment = (f"export SCHED_TICK_KO=/sched_tick.ko SCHED_TICK_VM=1 "
                       f"SCHED_TICK_VIRTUAL={int(self.mode == 'virtual')} REPORT_NONCE={nonce} REPORT=/dev/{self.report}\n")
        files = {
            "init": ((TOP / "tests" / "vm" / "init").read_bytes(), 0o755),
            "job": (job.encode(), 0o755),
            "job.env": (environment.encode(), 0o644),
            "sched_tick.ko": (self.module, 0o644),
            "ktest": (ktest().read_bytes(), 0o755),
        } | {name: (content, 0o755) for name, content in self.others.items()}
        configfs = kernel_module(self.kernel, "fs/configfs/configfs")
        if configfs:
            files["configfs.ko"] = (configfs, 0o644)
        _initramfs(f"{directory}/initramfs", files, self.busybox)

    def boot(self, job, timeout=600, echo=False, options="", label=None):
        """Boot, run a shell script as /job, and return a Result. The logs are kept under the label."""
        label = f"{self.kernel}-{label or self.mode}"
        result = self._boot_once(job, timeout, echo, options, label)
        if self.mode.startswith("races") and died_of_emulation(result.console):
            warnings.warn(f"{label}: QEMU crashed the kernel before /init; booting once more")
            result = self._boot_once(job, timeout, echo, options, f"{label}-again")
        return result

    def _boot_once(self, job, timeout, echo, options, label):
        nonce = secrets.token_hex(8)
        lines = []
        with tempfile.TemporaryDirectory(prefix="sched-tick-vm-") as directory:
            self._prepare(directory, job, nonce)
            with subprocess.Popen(self._command(directory, options=options), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as guest:
                killer = threading.Timer(timeout, guest.kill)
                killer.start()
                for raw in guest.stdout:
                    line = raw.decode(errors="replace").rstrip("\r\n")
                    lines.append(line)
                    if echo and not line.startswith("verdict "):
                        print(line, flush=True)
                guest.wait()
                timed_out = not killer.is_alive()
                killer.cancel()
            console = pathlib.Path(directory, "console").read_text(encoding="utf-8", errors="replace")
        result = Result("\n".join(lines), console, verdict_of(lines, nonce, timed_out))
        logs = BUILD / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        (logs / f"{label}.report").write_text(result.report, encoding="utf-8")
        (logs / f"{label}.console").write_text(console, encoding="utf-8")
        return result

    def shell(self, job):
        """Boot with this terminal as the report channel."""
        with tempfile.TemporaryDirectory(prefix="sched-tick-vm-") as directory:
            self._prepare(directory, job)
            command = self._command(directory, "stdio,id=report,signal=off")
            return subprocess.run(command, check=False).returncode


def died_of_emulation(console):
    """Return whether a kernel with two CPUs crashed while it patched its own text, before /init and so before the module was loaded.

    QEMU's threads may execute a breakpoint that the kernel has already removed. Only this crash is excused: a crash
    later, or for another reason, is a failure.
    """
    return bool(re.search(r"\bint3: [0-9a-f]{4} \[#1\]", console)) and "Run /init as init process" not in console


def verdict_of(lines, nonce, timed_out):
    """Return the verdict that the guest's /init printed, or why there is none."""
    for line in reversed(lines):
        words = line.split()
        if len(words) == 3 and words[0] == "verdict" and words[1] == nonce:
            return words[2]
    return "none: out of time" if timed_out else "none: the guest died"


@dataclasses.dataclass
class Case:
    """One KTAP subtest."""
    name: str
    passed: bool
    skipped: bool
    lines: list


def parse_ktap(report):
    """Return the subtests of a KTAP report by name, and the plan. A subtest without a result did not pass."""
    cases, open_lines, planned = {}, {}, None
    name = None
    for line in report.splitlines():
        if line.startswith("# Subtest: "):
            name = line.removeprefix("# Subtest: ")
            open_lines[name] = []
            cases[name] = Case(name, False, False, open_lines[name])
        elif line.startswith("1..") and planned is None:
            planned = int(line[3:])
        elif line.startswith(("ok ", "not ok ")) and name:
            cases[name] = Case(name, line.startswith("ok "), " # SKIP" in line, open_lines[name] + [line])
            name = None
        elif name:
            open_lines[name].append(line)
    return cases, planned


def main():
    """Build, boot and run in-machine tests by hand: vm.py KERNEL MODE [TEST...]."""
    kernel, mode, *names = sys.argv[1:]
    machine = Machine(kernel, mode, build_dkms(kernel), build_others(kernel)[0])
    result = machine.boot(f"{os.environ.get('JOB_ENV', '')} /ktest {' '.join(names)}", timeout=3600, echo=True)
    print(result.verdict, *result.bad_lines, sep="\n")
    if result.verdict.startswith("none"):
        print(result.console[-4000:])
    return result.verdict != "pass" or bool(result.bad_lines)


if __name__ == "__main__":
    sys.exit(main())
