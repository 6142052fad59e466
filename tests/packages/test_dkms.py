# SPDX-License-Identifier: GPL-2.0-only
"""packaging/dkms/sched-tick-dkms with the DKMS of each suite, for a kernel that the module builds for and one that it does not."""

import re
import shutil

import pytest

import debian
import rootfs
import vm

# The kernel of the root ($good), and a copy of it under another name ($other).
TWO = debian.KERNELS + """
good=$1 other=$2
cp -a "/lib/modules/$good" "/lib/modules/$other"
cp -a "/usr/src/linux-headers-$good" "/usr/src/linux-headers-$other"
ln -sfn "/usr/src/linux-headers-$other" "/lib/modules/$other/build"
sed -i "s/.*/$other/" "/lib/modules/$other/build/include/config/kernel.release"
depmod "$other" 2> /dev/null
step() {
    echo "--- $1"
    shift
    "$@" > /tmp/output 2>&1 || { echo "status: $?"; cat /tmp/output; }
    cat /tmp/output >> /tmp/all
    state
}
cd /share
export DEBIAN_FRONTEND=noninteractive
"""

STEPS = TWO + """
step first dpkg -i old/*.deb
watch & watcher=$!
step upgrade dpkg -i new/*.deb
step downgrade dpkg -i old/*.deb
step reinstall dpkg -i old/*.deb
spoil
step failing-build dpkg -i new/*.deb
step failing-build-again dpkg -i new/*.deb
mend
step mended run-parts --exit-on-error --arg="$other" /etc/kernel/header_postinst.d
kill "$watcher"
wc -l < /tmp/checks
# A power cut can truncate files.
for file in $(find /lib/modules/ /var/lib/dkms -name 'sched_tick.ko*'); do : > "$file"; done
step cut dpkg -i new/*.deb
rm -r /usr/src/sched_tick-0.1.1
step lost dpkg -i old/*.deb
step remove dpkg -r sched-tick-dkms
step purge dpkg -P sched-tick-dkms
echo '--- left'
find / -xdev -path /proc -prune -o -path /tmp -prune -o -name '*sched[_-]tick*' -print
echo '--- end'
"""

KERNELS = TWO + """
spoil
step broken dpkg -i old/*.deb
step hooks run-parts --exit-on-error --arg="$other" /etc/kernel/header_postinst.d
grep -o 'hrtimer_gone' "/var/lib/sched-tick-dkms/$other.log" | head -n 1
rm /etc/kernel/header_postinst.d/00-sched-tick-dkms "/var/lib/sched-tick-dkms/$other.log"
step without run-parts --exit-on-error --arg="$other" /etc/kernel/header_postinst.d
mend
step mended /usr/libexec/sched-tick-dkms kernel "$other"
step gone /etc/kernel/prerm.d/dkms "$other"
rm -r "/lib/modules/$other"
step old-gone /etc/kernel/prerm.d/dkms "$good"
step back run-parts --exit-on-error --arg="$good" /etc/kernel/postinst.d
echo '--- end'
"""


# Kernels of the suites that have DKMS 3.0.10, 2.8.4 and 3.2.2.
DKMS = [pytest.param("6.1", marks=pytest.mark.scope("test")), *(pytest.param(name, marks=pytest.mark.scope("long")) for name in ("5.10", "6.12"))]

# A kernel that DKMS takes for one that clang built. Each program of LLVM is a script that logs its call and runs GNU's. The line in the
# configuration is a comment to make, so that it adds no option that only clang has. DKMS 3.2 would look at vmlinux first.
CLANG = """
for pair in clang:gcc ld.lld:ld llvm-ar:ar llvm-nm:nm llvm-objcopy:objcopy llvm-objdump:objdump llvm-readelf:readelf llvm-strip:strip; do
    printf '#!/bin/sh\\necho "%s $*" >> /share/out/calls\\nexec %s "$@"\\n' "${pair%:*}" "${pair#*:}" > "/usr/bin/${pair%:*}"
    chmod +x "/usr/bin/${pair%:*}"
done
rm -f "/lib/modules/$2/build/vmlinux"
for file in .config include/config/auto.conf; do echo '# CONFIG_CC_IS_CLANG=y' >> "/lib/modules/$2/build/$file"; done
""" + vm.DKMS


@pytest.mark.parametrize("name", DKMS)
def test_a_kernel_that_clang_built(name):
    """DKMS appends CC=clang or LLVM=1 to the build command, and make uses it."""
    done, files = vm.with_sources(name, vm.TOP, CLANG)
    assert done.returncode == 0 and any(file.startswith("sched_tick.ko") for file in files), done.stdout
    # DKMS 2.8.4 ignores the compiler of the kernel.
    assert re.search(b"^(clang|llvm-nm) ", files.get("calls", b""), re.MULTILINE) or name == "5.10", done.stdout


@pytest.fixture(scope="module", name="packages")
def _packages(tmp_path_factory):
    """A directory with the package, a newer one, and busybox."""
    packages = tmp_path_factory.mktemp("packages")
    shutil.copy(shutil.which("busybox"), packages)
    for name, built in (("old", debian.built("a")), ("new", debian.built("newer", "0.1.1"))):
        (package,) = built.glob("sched-tick-dkms_*.deb")
        (packages / name).mkdir()
        (packages / name / package.name).write_bytes(package.read_bytes())
    return packages


@pytest.fixture(scope="module", name="reports", params=DKMS)
def _reports(request, packages):
    """({step: output} of STEPS and of KERNELS, the names of the kernels)."""
    directory = rootfs.root(request.param)
    good = rootfs.release(request.param)
    other = good.replace("-amd64", ".other-amd64")
    outputs = [rootfs.in_root(directory, script, good, other, share=packages, timeout=900).stdout for script in (STEPS, KERNELS)]
    return [dict(re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- )", text, re.MULTILINE | re.DOTALL)) | {"all": text} for text in outputs], good, other


def state(text):
    """[(version, kernel, state)] as `dkms status` prints them."""
    return re.findall(r"^sched_tick[/,] ?([^,]+), ([^,]+), .*: (\w+)$", text, re.MULTILINE)


def test_versions_change(reports):
    """After every step both kernels have the module of the installed version, and DKMS reports that."""
    (steps, _), good, other = reports
    for name, version in (("first", "0.1.0"), ("upgrade", "0.1.1"), ("downgrade", "0.1.0"), ("reinstall", "0.1.0"),
                          ("mended", "0.1.1"), ("cut", "0.1.1"), ("lost", "0.1.0")):
        text = steps[name]
        assert "status:" not in text, steps["all"]
        assert sorted(state(text)) == sorted([(version, good, "installed"), (version, other, "installed")]), steps["all"]
        assert f"{good} has {version}\n{other} has {version}\n" in text, steps["all"]
    assert state(steps["remove"]) == [] and f"{good} has \n" in steps["remove"], steps["all"]
    assert steps["left"] == "", steps["all"]


def test_never_without_a_module(reports):
    """A continuous check finds no moment at which a kernel has no module."""
    (steps, _), _, _ = reports
    checks = int(re.search(r"^(\d+)\n--- cut", steps["all"], re.MULTILINE).group(1))
    assert checks > 200 and "gap" not in steps["all"], steps["all"]


def test_a_version_that_does_not_build(reports):
    """The kernel for which the build fails keeps its module, the other one gets the new one, and a log is written."""
    (steps, _), good, other = reports
    for name in ("failing-build", "failing-build-again"):
        text = steps[name]
        assert "status:" not in text, text
        assert f"{good} has 0.1.1\n{other} has 0.1.0\n{other}.log\n" in text, text
        assert ("0.0.0+0.1.0", other, "installed") in state(text) and ("0.1.1", good, "installed") in state(text), text


def test_a_kernel_that_cannot_have_the_module(reports):
    """A kernel that the module cannot be built for is installed; with DKMS's hook alone the installation fails."""
    (_, steps), good, other = reports
    for name in ("broken", "hooks"):
        assert "status:" not in steps[name] and f"{good} has 0.1.0\n{other} has \n{other}.log\n" in steps[name], steps["all"]
    assert "hrtimer_gone" in steps["hooks"], steps["all"]
    # The hook of DKMS 2.8 succeeds all the same.
    assert "status:" in steps["without"] or good.startswith("5.10"), steps["all"]
    assert f"{other} has 0.1.0\n" in steps["mended"], steps["all"]


def test_kernels_are_removed_and_installed(reports):
    """The module is removed and installed with its kernel, also if that is the only kernel."""
    (_, steps), good, other = reports
    assert state(steps["gone"]) == [("0.1.0", good, "installed")], steps["all"]
    assert f"{good} has \n" in steps["old-gone"] and state(steps["back"]) == [("0.1.0", good, "installed")], steps["all"]


# Functions for a root with one kernel, which uname -r names as the running one. step prints the exit status and duration of a command,
# its messages, the state that DKMS reports, the version of the installed file, and the logs.
SITUATION = r"""
export DEBIAN_FRONTEND=noninteractive
kernel=$1
printf '#!/bin/sh\nif [ "$*" = -r ]; then echo %s; else exec /usr/bin/uname "$@"; fi\n' "$kernel" > /usr/local/bin/uname
chmod +x /usr/local/bin/uname
printf '#!/bin/sh\nexec /etc/kernel/postinst.d/00-sched-tick-dkms "$@"\n' > /bin/hook
chmod +x /bin/hook
tree=/var/lib/dkms
module() { find /lib/modules -name 'sched_tick.ko*'; }
step() {
    echo "--- $1"
    shift
    begin=$(date +%s%3N)
    "$@" > /tmp/output 2>&1 && status=0 || status=$?
    echo "status $status after $(($(date +%s%3N) - begin)) ms"
    grep -E '^sched_tick [0-9.]+: |^usage' /tmp/output || true
    dkms status 2> /dev/null | sed -E 's,^(sched_tick)[/,] ?([^,]+),dkms \2,; s/, [^,]*: /: /' | sort
    echo "file $(modinfo -F version "$(module)" 2> /dev/null)"
    ls /var/lib/sched-tick-dkms 2> /dev/null | sed "s/^$kernel/a log/" || true
}
truncate_module() { : > "$(module)"; }
# Kill a run of the hook as soon as a build has begun.
interrupted() {
    setsid hook "$kernel" > /dev/null 2>&1 & hook=$!
    until [ -e "$tree/sched_tick/$1/build/src/main.o" ] || ! kill -0 "$hook"; do sleep 0.01; done
    kill -KILL "-$hook"
}
end() {
    step purge dpkg -P sched-tick-dkms
    echo '--- left'
    find / -xdev \( -path /proc -o -path /tmp -o -path /share \) -prune -o -name '*sched[_-]tick*' -print
    find "$tree" -name '*sched_tick*' || true
    echo '--- end'
}
cd /share
"""

GOOD, FAILED = "dkms {0}, {1}: installed\nfile {0}\n", "status 0 .*\nsched_tick 0.1.[01]: building .*\nsched_tick 0.1.[01]: the build .* failed.*\n"

# The expected output of a step, as a regular expression; @ is the kernel.
BUILT = {version: f"status 0 .*\nsched_tick {version}: building .*\n" + GOOD.format(version, "@") for version in ("0.1.0", "0.1.1")}
IDLE = {version: "status 0 .*\n" + GOOD.format(version, "@") for version in ("0.1.0", "0.1.1")}
PURGED = "status 0 .*\nfile \n"
EXCLUDED = ("status 0 .*\nsched_tick 0.1.0: building .*\nsched_tick 0.1.0: not built .* lacks an option .*\n"
            "dkms 0.1.0: added\nfile \na log.log\n")
REJECTED = "status 0 .*\nsched_tick 0.1.0: building .*\nsched_tick 0.1.0: cannot be built .*\ndkms 0.1.0: added\nfile \na log.log\n"

SITUATIONS = {
    "plain": ("""
step install dpkg -i old/*.deb
step idle hook "$kernel"
step upgrade dpkg -i new/*.deb
truncate_module
step interrupted interrupted 0.1.1
step mended hook "$kernel"
step again hook "$kernel"
truncate_module
mv "$(command -v make)" /tmp
step no-make hook "$kernel"
end
""", {"install": BUILT["0.1.0"], "idle": IDLE["0.1.0"], "upgrade": BUILT["0.1.1"],
      "interrupted": "status .*\ndkms 0.1.1, @: installed.*\nfile \n|status .*\ndkms 0.1.1: added\nfile \n", "mended": BUILT["0.1.1"],
      "again": IDLE["0.1.1"], "no-make": FAILED + "dkms 0.1.1, @: installed .*\nfile \na log.failed\n", "purge": PURGED}),
    "another tree": ("""
tree=/srv/dkms
mkdir -p "$tree"
echo 'dkms_tree="/srv/dkms"' >> /etc/dkms/framework.conf
step install dpkg -i old/*.deb
step idle hook "$kernel"
step upgrade dpkg -i new/*.deb
step again hook "$kernel"
end
""", {"install": BUILT["0.1.0"], "idle": IDLE["0.1.0"], "upgrade": BUILT["0.1.1"], "again": IDLE["0.1.1"], "purge": PURGED}),
    "no headers": ("""
mv "/lib/modules/$kernel/build" /tmp/build
step install dpkg -i old/*.deb
step idle hook "$kernel"
mv /tmp/build "/lib/modules/$kernel/build"
step mended hook "$kernel"
end
""", {"install": "status 0 .*\nsched_tick 0.1.0: not built for Linux @, whose headers are not installed. Install linux-headers-@\n"
                 "dkms 0.1.0: added\nfile \n",
      "idle": "status 0 .*\nsched_tick 0.1.0: not built .*\ndkms 0.1.0: added\nfile \n", "mended": BUILT["0.1.0"], "purge": PURGED}),
    "no make": ("""
make=$(command -v make)
mv "$make" /tmp
umask 077
step install dpkg -i old/*.deb
stat -c 'mode %a' /var/lib/sched-tick-dkms /var/lib/sched-tick-dkms/*
dkms autoinstall -k "$kernel" > /tmp/output 2>&1 || true
grep -cE "Error|Bad return status|failed" /tmp/output | sed 's/^[1-9].*/DKMS has tried/'
mv /tmp/make "$make"
step mended env MAKEFLAGS=--dry-run TMPDIR=/nonexistent ARCH=arm64 CROSS_COMPILE=no- KBUILD_OUTPUT=/nowhere hook "$kernel"
stat -c 'mode %a' "$(module)"
step again hook "$kernel"
end
""", {"install": FAILED + "dkms 0.1.0: added\nfile \na log.failed\nmode 755\nmode 644\nDKMS has tried\n",
      "mended": BUILT["0.1.0"] + "mode 644\n", "again": IDLE["0.1.0"], "purge": PURGED}),
    "no room": ("""
./busybox mount -t tmpfs -o size=400k none /var/lib/dkms
step install dpkg -i old/*.deb
./busybox mount -o remount,size=200m /var/lib/dkms
step mended hook "$kernel"
dd if=/dev/zero of=/var/lib/dkms/fill 2> /dev/null || true
step refused dpkg -i new/*.deb
rm /var/lib/dkms/fill
step upgrade dpkg -i new/*.deb
step again hook "$kernel"
end
""", {"install": FAILED + "(dkms 0.1.0: added\n)?file \na log.failed\n", "mended": BUILT["0.1.0"],
      "refused": "status 1 .*\ndkms 0.1.0, @: installed.*\nfile 0.1.0\n|status 1 .*\nfile 0.1.0\n", "upgrade": BUILT["0.1.1"], "again": IDLE["0.1.1"], "purge": PURGED}),
    "no autoinstall": ("""
step install dpkg -i old/*.deb
touch /etc/dkms/no-autoinstall
step upgrade dpkg -i new/*.deb
step downgrade dpkg -i old/*.deb
step upgrade-again dpkg -i new/*.deb
rm /etc/dkms/no-autoinstall
step idle hook "$kernel"
step usage /usr/libexec/sched-tick-dkms kernel
end
""", {"install": BUILT["0.1.0"], **{step: f"status 0 .*\ndkms 0.0.0.0.1.0, @: installed\ndkms {version}: added\nfile 0.1.0\n"
                                    for step, version in (("upgrade", "0.1.1"), ("downgrade", "0.1.0"), ("upgrade-again", "0.1.1"))},
      "idle": BUILT["0.1.1"], "usage": "status 2 .*\nusage: .*\n" + GOOD.format("0.1.1", "@"), "purge": PURGED}),
    # A kernel without configfs.
    "no configfs": (r"""
headers=$(readlink -f "/lib/modules/$kernel/build")
cp -a "$headers" /tmp/headers
sed -i '/^CONFIG_CONFIGFS_FS=/d' "$headers/.config" "$headers/include/config/auto.conf"
sed -i -E '/\t(configfs_|config_(item|group)_)/d' "$headers/Module.symvers"
step install dpkg -i old/*.deb
step hooks run-parts --exit-on-error --arg="$kernel" /etc/kernel/header_postinst.d
grep '^BUILD_EXCLUSIVE' "/var/lib/sched-tick-dkms/$kernel.log" || true
cp -a /tmp/headers/. "$headers"
step mended hook "$kernel"
end
""", {"install": EXCLUDED, "hooks": EXCLUDED + 'BUILD_EXCLUSIVE_CONFIG="CONFIG_SYSFS CONFIG_CONFIGFS_FS"\n', "mended": BUILT["0.1.0"], "purge": PURGED}),
    "clang": (re.sub(r"(?ms)^dkms .*", "", CLANG.replace("$2", "$kernel").replace("/share/out/calls", "/tmp/calls")) + """
step install dpkg -i old/*.deb
step idle hook "$kernel"
end
""", {"install": BUILT["0.1.0"], "idle": IDLE["0.1.0"], "purge": PURGED}),
}


@pytest.mark.parametrize("name,situation", [
    pytest.param(name, situation, marks=pytest.mark.scope("test" if (name, situation) == ("6.12", "plain") else "long"))
    for name in ("5.10", "6.1", "6.12") for situation in SITUATIONS])
def test_situation(packages, name, situation):
    """A repeated run does not build again, a failed build removes nothing, and a purge leaves no files."""
    script, expected = SITUATIONS[situation]
    kernel = rootfs.release(name)
    output = rootfs.in_root(rootfs.root(name), SITUATION + script, kernel, share=packages, timeout=600).stdout
    steps = dict(re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- )", output, re.MULTILINE | re.DOTALL))
    print(f"| DKMS of {name} | {situation} | " + " | ".join(f"{step}: {' '.join(text.split())}" for step, text in steps.items()) + " |")
    assert list(steps) == [*expected, "left"], output
    for step, words in expected.items():
        # DKMS 2.8.4 ignores BUILD_EXCLUSIVE_CONFIG; then modpost rejects the module.
        words = re.sub(f"^{re.escape(EXCLUDED)}.*", REJECTED, words, flags=re.DOTALL) if name == "5.10" else words
        assert re.fullmatch(words.replace("@", re.escape(kernel)), steps[step]), f"{step}: {words}\n{output}"
    assert steps["left"] == "", output
