# SPDX-License-Identifier: GPL-2.0-only
"""Root file systems: a directory per Debian suite with that suite's kernel, headers, compiler and DKMS.

mmdebstrap builds a root once. It is kept in the user's cache under a name that hashes its recipe. It
is built under another name and renamed when complete, so a later run never uses a partial root.
The mirror is the one that apt on this machine is configured with.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import struct
import subprocess
import sys
import tempfile
import time

import architectures
import debug

SUITES = {
    # name of the kernel: (suite, additional archive that has it)
    "5.10": ("bullseye", None),
    "6.1": ("bookworm", None),
    "6.12": ("trixie", None),
    "7.3": ("trixie", "trixie-backports"),
    "7.2": ("forky", None),
}
MATRIX = ["5.10", "6.1", "6.12", "7.3"]     # kernels of `make test`
# Kernels that `make test-long` adds; -rt is Debian's flavour with PREEMPT_RT.
MATRIX_LONG = ["7.2", "6.1-rt", "6.12-rt", "7.3-rt"]
# On a frozen mirror the Release file of Debian testing expires after some days.
EXPIRED = {"forky": ['--aptopt=Acquire::Check-Valid-Until "false"']}
REFERENCE = "6.1"   # the kernel of the published figures
PACKAGES = ["dkms", "gcc", "libc6-dev", "libinih-dev", "libsmartcols-dev", "make", "sparse", "xz-utils"]

# Runs in the new root. Headers first: they depend on the suite's current kernel. Then the package of that
# kernel, unpacked but not installed, so that no initramfs is generated.
UNPACK_KERNEL = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive
target=$1
apt-get install --yes --no-install-recommends ${target:+--target-release "$target"} linux-headers-amd64
release=$(basename "$(echo /usr/src/linux-headers-*-amd64)" | sed 's/^linux-headers-//')
image=linux-image-$release
mkdir /tmp/kernel
cd /tmp/kernel
parts=$(apt-cache depends "$image" | sed -nE 's/^ *Depends: (linux-(binary|modules)-.*)$/\1/p')
apt-get download "$image" $parts
for package in ./*.deb; do
    dpkg-deb --extract "$package" tree
done
test -e "tree/boot/vmlinuz-$release" || install -D "tree/usr/lib/modules/$release/vmlinuz" "tree/boot/vmlinuz-$release"
install -D "tree/boot/vmlinuz-$release" "/boot/vmlinuz-$release"
mkdir -p "/lib/modules/$release"
cp -a "$(find tree -type d -path "*/modules/$release/kernel")" "/lib/modules/$release/"
echo "$release" > /kernel-release
cd /
rm -rf /tmp/kernel
apt-get clean
"""


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "sched-tick"


def as_root(command):
    return list(command) if os.geteuid() == 0 else ["sudo", *command]


def say(text):
    print(f"    {text}", file=sys.stderr, flush=True)


def sites():
    """Return the URLs of the archive and the security archive in this machine's apt."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(SITE)", "Created-By: Packages"],
        check=True, text=True, capture_output=True).stdout
    by_release = dict(line.split() for line in listed.splitlines())
    if codename not in by_release:
        raise RuntimeError(f"apt knows no archive for {codename}: run `apt-get update` first")
    return by_release[codename], by_release.get(f"{codename}-security")


def apt_options():
    """Return proxy and date settings of this machine's apt, for the apt inside the root."""
    dump = subprocess.run(["apt-config", "dump"], check=True, text=True, capture_output=True).stdout
    wanted = ("Acquire::http::Proxy ", "Acquire::https::Proxy ", "Acquire::Check-Valid-Until ",
              "Acquire::Check-Date ", "Acquire::Retries ")
    return [f"--aptopt={line}" for line in dump.splitlines() if line.startswith(wanted)]


def sources(suite, extra):
    archive, security = sites()
    lines = [f"deb {archive} {suite} main"]
    if security:
        lines.append(f"deb {security} {suite}-security main")
    if extra:
        lines.append(f"deb {archive} {extra} main")
    return lines


@contextlib.contextmanager
def locked(path):
    """Hold a lock, so that two runs do not build the same entry twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove(path):
    subprocess.run(as_root(["rm", "-rf", "--one-file-system", str(path)]), check=True)


def run_quietly(command, log, what):
    """Run a long command with its output in a file; print a line every ten seconds."""
    start = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while True:
            try:
                code = process.wait(timeout=10)
                break
            except subprocess.TimeoutExpired:
                say(f"{what}: {int(time.monotonic() - start)} s")
    if code:
        tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-20:]
        raise RuntimeError(f"{what} failed ({code}), see {log}:\n" + "\n".join(tail))


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def recipe_key(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


# Only the system's programs: mmdebstrap starts python for each package, and another python in a user's PATH may be slow to start.
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

# Mounts and processes of the command end with it.
APART = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]


def make(name, suite, extra, packages, script):
    """Return the directory of the root with this recipe; build it if it does not exist. script runs in the new root."""
    directory = cache_dir() / "roots" / f"{name}-{recipe_key(suite, extra, packages, script)}"
    with locked(beside(directory, ".lock")):
        if directory.is_dir():
            return directory
        partial = beside(directory, ".partial")
        remove(partial)
        say(f"fetching {name} ({extra or suite}), once")
        unpack = 'chroot "$1" sh -s -- "$TARGET" < "$SCRIPT"'
        recipe = beside(directory, ".sh")
        recipe.write_text(script, encoding="ascii")
        run_quietly(
            as_root(["env", PATH, f"SCRIPT={recipe}", f"TARGET={extra or ''}", *APART, "--mount-proc", "mmdebstrap", "--mode=root",
                     "--variant=apt", f"--include={','.join(packages)}", *apt_options(),
                     "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
                     f"--customize-hook={unpack}", *EXPIRED.get(suite, []), suite, str(partial), *sources(suite, extra)]),
            beside(directory, ".log"), f"root of {name}")
        os.rename(partial, directory)
    return directory


def root(kernel):
    """Return the root for a kernel: one of SUITES, optionally with "-" and a flavour, or with "-clang" for a root that also has clang;
    or one of debug.KERNELS; or one of architectures.ARCHITECTURES."""
    if kernel in architectures.ARCHITECTURES:
        source, packages, script = architectures.recipe(kernel)
        return make(kernel, *SUITES[source], packages, script)
    if kernel in debug.KERNELS:
        source, packages, script = debug.recipe(kernel)
        return make(f"debug-{kernel}", *SUITES[source], packages, script)
    series, _, flavour = kernel.partition("-")
    if flavour == "clang":
        return make(kernel, *SUITES[series], [*PACKAGES, "clang"], UNPACK_KERNEL)
    headers = f"linux-headers-{flavour}-amd64" if flavour else "linux-headers-amd64"
    return make(kernel, *SUITES[series], PACKAGES, UNPACK_KERNEL.replace("linux-headers-amd64", headers))


def image(directory):
    """Return a file system image of a root; build it once."""
    file = beside(directory, ".ext4")
    with locked(beside(directory, ".ext4.lock")):
        if not file.exists():
            partial = beside(directory, ".ext4.partial")
            remove(partial)
            run_quietly(as_root(["mke2fs", "-q", "-t", "ext4", "-d", str(directory), str(partial), "4G"]),
                        beside(directory, ".ext4.log"), f"image of {directory.name}")
            os.rename(partial, file)
    return file


# First bytes of a packed kernel: program that unpacks it.
UNPACKERS = {b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


def kernel_image(directory, version, firmware=False):
    """Return the kernel image of a root to boot. It is unpacked once, because an emulator takes seconds to unpack it at each boot. For
    firmware, which starts only a packed kernel, return the packed one.

    Documentation/arch/x86/boot.rst defines the offset of the payload; its last word is the unpacked length. An image that is packed
    in another way, or not at all, is returned unchanged.
    """
    packed = directory / "boot" / f"vmlinuz-{version}"
    content = packed.read_bytes()
    offset, length = struct.unpack_from("<II", content, 0x248)
    offset += 512 * (content[0x1f1] + 1)
    payload = content[offset:offset + length - 4]
    tool = next((tool for magic, tool in UNPACKERS.items() if payload.startswith(magic)), None)
    if firmware or not tool or content[0x202:0x206] != b"HdrS":
        return packed
    file = beside(directory, f".vmlinux-{hashlib.sha256(content).hexdigest()[:16]}")
    with locked(beside(file, ".lock")):
        if not file.exists():
            kernel = subprocess.run([tool, "-dc"], input=payload, check=True, capture_output=True).stdout
            if len(kernel) != int.from_bytes(content[offset + length - 4:offset + length], "little"):
                raise RuntimeError(f"{packed}: the unpacked length is not the one in its header")
            partial = beside(file, ".partial")
            partial.write_bytes(kernel)
            os.rename(partial, file)
    return file


def release(kernel):
    return (root(kernel) / "kernel-release").read_text(encoding="ascii").strip()


# A root below a temporary overlay, with /proc and with the shared directory at /share.
ASIDE = """mount -t tmpfs tmpfs /mnt && mkdir /mnt/new /mnt/work /mnt/root &&
mount -t overlay -o "lowerdir=$0,upperdir=/mnt/new,workdir=/mnt/work" overlay /mnt/root && mount -t proc proc /mnt/root/proc &&
mkdir /mnt/root/share && mount --bind "$SHARE" /mnt/root/share && exec chroot /mnt/root "$@"
"""


def inside(directory, script, *arguments, share):
    """Return the command that runs a shell script inside a root. Its changes are discarded, except in /share (the directory share)."""
    return as_root(["env", f"SHARE={share}", *APART, "sh", "-c", ASIDE, str(directory), "sh", "-euc", script, "sh", *arguments])


def in_root(directory, script, *arguments, share, **options):
    """Run a shell script inside a root and wait for it."""
    return subprocess.run(inside(directory, script, *arguments, share=share), check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


@contextlib.contextmanager
def sharing():
    """Create a directory to share with a root; remove it afterwards."""
    share = pathlib.Path(tempfile.mkdtemp(prefix="sched-tick-share-"))
    try:
        yield share
    finally:
        remove(share)


# Checks from the kernel tree: checkpatch.pl, kernel-doc, the coccinelle scripts.
FETCH_SCRIPTS = """
cd /share
apt-get update -q
apt-get download linux-source-6.1
rm -rf /var/lib/apt/lists/*
dpkg-deb --fsys-tarfile linux-source-6.1_*.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz |
    tar -xJ --strip-components=1 --wildcards 'linux-source-6.1/scripts'
rm linux-source-6.1_*.deb
mv scripts out
"""


FETCH_EXPORTER = """
cd /share
apt-get update -q
apt-get download prometheus-node-exporter
rm -rf /var/lib/apt/lists/*
mkdir out
dpkg-deb --fsys-tarfile prometheus-node-exporter_*.deb | tar -xO ./usr/bin/prometheus-node-exporter > out/node_exporter
chmod +x out/node_exporter
rm prometheus-node-exporter_*.deb
"""


def fetched(name, script, what):
    """Return the directory that a script in the reference root wrote to /share/out; run it once."""
    directory = cache_dir() / f"{name}-{recipe_key(script)}"
    with locked(beside(directory, ".lock")):
        if directory.is_dir():
            return directory
        base = root(REFERENCE)
        say(f"fetching {what}, once")
        partial = beside(directory, ".partial")
        remove(partial)
        partial.mkdir()
        done = in_root(base, script, share=partial)
        if done.returncode:
            raise RuntimeError(f"could not fetch {what}:\n{done.stdout}")
        subprocess.run(as_root(["mv", str(partial / "out"), str(directory)]), check=True)
        remove(partial)
    return directory


def kernel_scripts():
    """Return the directory scripts/ of the kernel source."""
    return fetched("scripts", FETCH_SCRIPTS, "the kernel's own checks")


def node_exporter():
    """Return the path of the node exporter."""
    return fetched("exporter", FETCH_EXPORTER, "the node exporter") / "node_exporter"
