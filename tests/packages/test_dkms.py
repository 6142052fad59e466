# SPDX-License-Identifier: GPL-2.0-only
"""What the package has DKMS do, with each suite's: for one kernel that it can be built for and one that it can't."""

import re

import pytest

import debian
import roots
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


@pytest.fixture(scope="module", name="reports", params=DKMS)
def _reports(request, tmp_path_factory):
    """What the steps of both scripts said, and the kernels' names."""
    folder = roots.root(request.param)
    good = roots.release(request.param)
    other = good.replace("-amd64", ".other-amd64")
    packages = tmp_path_factory.mktemp("packages")
    for name, built in (("old", debian.built("a")), ("new", debian.built("newer", "0.1.1"))):
        (package,) = built.glob("sched-tick-dkms_*.deb")
        (packages / name).mkdir()
        (packages / name / package.name).write_bytes(package.read_bytes())
    said = [roots.in_root(folder, script, good, other, share=packages, timeout=900).stdout for script in (STEPS, KERNELS)]
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
