# SPDX-License-Identifier: GPL-2.0-only
"""What the package has DKMS do, with each suite's: for one kernel that it can be built for and one that it can't."""

import re
import shutil

import pytest

import debian
import rootfs
import vm

# That of the root, and one more with the same headers.
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
    "$@" > /tmp/said 2>&1 || { echo "status: $?"; cat /tmp/said; }
    cat /tmp/said >> /tmp/all
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
step spoilt dpkg -i new/*.deb
step spoilt-again dpkg -i new/*.deb
mend
step mended run-parts --exit-on-error --arg="$other" /etc/kernel/header_postinst.d
kill "$watcher"
wc -l < /tmp/looks
# As a power cut may leave it.
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


# 2.8.4, 3.0.10 and 3.2.2, by the kernel of the suite that has it.
DKMS = [pytest.param("6.1", marks=pytest.mark.scope("test")), *(pytest.param(name, marks=pytest.mark.scope("long")) for name in ("5.10", "6.12"))]

# A kernel that was built by clang, as far as DKMS can see: each program of LLVM notes its call and runs GNU's. To make the line is a
# comment, so that it adds no option that only clang has.
# DKMS 3.2 would believe a vmlinux first.
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
    """DKMS appends CC=clang or LLVM=1 to the command that builds, and make gets it."""
    done, files = vm.with_sources(name, vm.TOP, CLANG)
    assert done.returncode == 0 and any(file.startswith("sched_tick.ko") for file in files), done.stdout
    # 2.8.4 does not look at the compiler.
    assert re.search(b"^(clang|llvm-nm) ", files.get("calls", b""), re.MULTILINE) or name == "5.10", done.stdout


@pytest.fixture(scope="module", name="packages")
def _packages(tmp_path_factory):
    """A directory with the package, a newer one, and programs that not every root has."""
    packages = tmp_path_factory.mktemp("packages")
    shutil.copy(shutil.which("busybox"), packages)
    for name, built in (("old", debian.built("a")), ("new", debian.built("newer", "0.1.1"))):
        (package,) = built.glob("sched-tick-dkms_*.deb")
        (packages / name).mkdir()
        (packages / name / package.name).write_bytes(package.read_bytes())
    return packages


@pytest.fixture(scope="module", name="reports", params=DKMS)
def _reports(request, packages):
    """What the steps of both scripts said, and the kernels' names."""
    directory = rootfs.root(request.param)
    good = rootfs.release(request.param)
    other = good.replace("-amd64", ".other-amd64")
    said = [rootfs.in_root(directory, script, good, other, share=packages, timeout=900).stdout for script in (STEPS, KERNELS)]
    return [dict(re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- )", text, re.MULTILINE | re.DOTALL)) | {"all": text} for text in said], good, other


def state(text):
    """What DKMS says of versions and kernels, less architecture."""
    return re.findall(r"^sched_tick[/,] ?([^,]+), ([^,]+), .*: (\w+)$", text, re.MULTILINE)


def test_versions_come_and_go(reports):
    """DKMS knows what is so, both kernels have the version that is installed, at every step."""
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
    """Looked at all the time."""
    (steps, _), _, _ = reports
    looks = int(re.search(r"^(\d+)\n--- cut", steps["all"], re.MULTILINE).group(1))
    assert looks > 200 and "gap" not in steps["all"], steps["all"]


def test_a_version_that_does_not_build(reports):
    """The kernel keeps the module that it has, the other gets the new one, and the log is there."""
    (steps, _), good, other = reports
    for name in ("spoilt", "spoilt-again"):
        text = steps[name]
        assert "status:" not in text, text
        assert f"{good} has 0.1.1\n{other} has 0.1.0\n{other}.log\n" in text, text
        assert ("0.0.0+0.1.0", other, "installed") in state(text) and ("0.1.1", good, "installed") in state(text), text


def test_a_kernel_that_it_can_not_be_built_for(reports):
    """Is installed all the same; it would not be without us."""
    (_, steps), good, other = reports
    for name in ("broken", "hooks"):
        assert "status:" not in steps[name] and f"{good} has 0.1.0\n{other} has \n{other}.log\n" in steps[name], steps["all"]
    assert "hrtimer_gone" in steps["hooks"], steps["all"]
    # DKMS 2.8 does not say so.
    assert "status:" in steps["without"] or good.startswith("5.10"), steps["all"]
    assert f"{other} has 0.1.0\n" in steps["mended"], steps["all"]


def test_kernels_come_and_go(reports):
    """Also the only one."""
    (_, steps), good, other = reports
    assert state(steps["gone"]) == [("0.1.0", good, "installed")], steps["all"]
    assert f"{good} has \n" in steps["old-gone"] and state(steps["back"]) == [("0.1.0", good, "installed")], steps["all"]


# One kernel, which is the running one, and a situation that DKMS is in. A step says how it ended, what it said that matters, what
# DKMS says and what lies about; an idle run says how long it took.
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
    "$@" > /tmp/said 2>&1 && status=0 || status=$?
    echo "status $status after $(($(date +%s%3N) - begin)) ms"
    grep -E '^sched_tick [0-9.]+: |^usage' /tmp/said || true
    dkms status 2> /dev/null | sed -E 's,^(sched_tick)[/,] ?([^,]+),dkms \2,; s/, [^,]*: /: /' | sort
    echo "file $(modinfo -F version "$(module)" 2> /dev/null)"
    ls /var/lib/sched-tick-dkms 2> /dev/null | sed "s/^$kernel/a log/" || true
}
break_it() { : > "$(module)"; }
# Ends a run of the hook as soon as there is something to interrupt.
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

# What a step has to say, as an expression; {0} and {1} of GOOD are the version and the kernel.
BUILT = {version: f"status 0 .*\nsched_tick {version}: building .*\n" + GOOD.format(version, "@") for version in ("0.1.0", "0.1.1")}
IDLE = {version: "status 0 .*\n" + GOOD.format(version, "@") for version in ("0.1.0", "0.1.1")}
PURGED = "status 0 .*\nfile \n"

SITUATIONS = {
    "plain": ("""
step install dpkg -i old/*.deb
step idle hook "$kernel"
step upgrade dpkg -i new/*.deb
break_it
step interrupted interrupted 0.1.1
step mended hook "$kernel"
step again hook "$kernel"
break_it
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
""", {"install": "status 0 .*\nsched_tick 0.1.0: not built for Linux @, whose headers are not installed: install linux-headers-@\n"
                 "dkms 0.1.0: added\nfile \n",
      "idle": "status 0 .*\nsched_tick 0.1.0: not built .*\ndkms 0.1.0: added\nfile \n", "mended": BUILT["0.1.0"], "purge": PURGED}),
    "no make": ("""
make=$(command -v make)
mv "$make" /tmp
umask 077
step install dpkg -i old/*.deb
stat -c 'mode %a' /var/lib/sched-tick-dkms /var/lib/sched-tick-dkms/*
dkms autoinstall -k "$kernel" > /tmp/said 2>&1 || true
grep -cE "Error|Bad return status|failed" /tmp/said | sed 's/^[1-9].*/DKMS has tried/'
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
    """A run that has nothing to do does nothing, a build that fails takes nothing away, and a purge leaves nothing."""
    script, expected = SITUATIONS[situation]
    kernel = rootfs.release(name)
    said = rootfs.in_root(rootfs.root(name), SITUATION + script, kernel, share=packages, timeout=600).stdout
    steps = dict(re.findall(r"^--- ([\w-]+)\n(.*?)(?=^--- )", said, re.MULTILINE | re.DOTALL))
    print(f"| DKMS of {name} | {situation} | " + " | ".join(f"{step}: {' '.join(text.split())}" for step, text in steps.items()) + " |")
    assert list(steps) == [*expected, "left"], said
    for step, words in expected.items():
        assert re.fullmatch(words.replace("@", re.escape(kernel)), steps[step]), f"{step}: {words}\n{said}"
    assert steps["left"] == "", said
