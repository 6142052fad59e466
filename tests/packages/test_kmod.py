# SPDX-License-Identifier: GPL-2.0-only
"""The packages of `make kmod`, each with the module for one kernel: contents, dependencies, and what they do on a booted Debian without
compiler and headers, also if the kernel loads signed modules only."""

import re
import shutil
import subprocess

import pytest

import debian
import headers
import rootfs
import system
from conftest import REFERENCE, TOP

PACKAGING = TOP / "packaging" / "kmod"


def make(directory, *variables, **options):
    """Run `make kmod` in a directory."""
    return subprocess.run(["make", "--silent", "kmod", *variables], cwd=directory, text=True, capture_output=True, check=False, **options)


def build(name, release, tree, *variables, **options):
    """Run `make kmod` in a copy of this tree: ({format: package}, messages)."""
    directory = debian.copied(f"kmod-{name}")
    done = make(directory, f"KVER={release}", f"KDIR={tree}", *variables, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(done.stdout.split()) == sorted(path.name for path in (directory / "dist").iterdir())
    return {path.suffix[1:]: path for path in (directory / "dist").iterdir()}, done.stderr


def output(*command):
    """Run a command and return its output."""
    return subprocess.run([str(word) for word in command], check=True, text=True, capture_output=True).stdout


@pytest.fixture(scope="module", name="trees")
def _trees(modules, tmp_path_factory):
    """Build trees without a compiler, of the reference kernel and of one with a name like RHEL's."""
    top = tmp_path_factory.mktemp("trees")
    for release in (rootfs.release(REFERENCE), headers.RPM):
        headers.fake(top / release, release, modules(REFERENCE))
    return {path.name: path for path in top.iterdir()}


@pytest.fixture(scope="module", name="packages")
def _packages(trees):
    """The packages for the reference kernel: {format: package}."""
    release = rootfs.release(REFERENCE)
    return build("a", release, trees[release])[0]


@pytest.mark.scope("test")
def test_deb(packages):
    """The .deb depends on exactly its kernel, replaces DKMS for the package sched-tick, and contains the module; lintian accepts it."""
    release = rootfs.release(REFERENCE)
    fields = dict(re.findall(r"^(\w[\w-]*): (.*)$", output("dpkg-deb", "--field", packages["deb"]), re.MULTILINE))
    assert fields["Package"] == f"kmod-sched-tick-{release}" and fields["Version"] == "0.1.0-1", fields
    assert fields["Depends"] == \
        f"kmod, linux-image-{release} | linux-image-{release}-unsigned | linux-image-unsigned-{release}", fields
    assert fields["Provides"] == "sched-tick-kmod (= 0.1.0-1)" and fields["Conflicts"] == "sched-tick-dkms", fields
    (tool,) = debian.built("a").glob("sched-tick_*.deb")
    assert "sched-tick-dkms | sched-tick-kmod" in output("dpkg-deb", "--field", tool, "Recommends")
    files = re.findall(r"^(\S+) \S+ .* \.(/.*[^/\n])$", output("dpkg-deb", "--contents", packages["deb"]), re.MULTILINE)
    documents = f"/usr/share/doc/kmod-sched-tick-{release}"
    assert files == [("-rw-r--r--", f"/lib/modules/{release}/updates/sched_tick.ko"),
                     ("-rw-r--r--", f"{documents}/changelog.Debian.gz"), ("-rw-r--r--", f"{documents}/copyright"),
                     ("-rw-r--r--", f"/usr/share/lintian/overrides/kmod-sched-tick-{release}")]
    assert not output("lintian", "-EI", "--pedantic", "--allow-root", packages["deb"])


@pytest.mark.scope("test")
def test_rpm(packages):
    """The .rpm requires what its kernel provides, and contains the module of the .deb, stripped; rpmlint accepts it."""
    release = rootfs.release(REFERENCE)
    ask = ["rpm", "--query", "--package", packages["rpm"]]
    assert output(*ask, "--queryformat", "%{name} %{version}-%{release}") == f"kmod-sched-tick-{release} 0.1.0-1"
    assert {f"kernel-{release}", "sched-tick-kmod-common >= 0.1.0"} <= set(output(*ask, "--requires").splitlines())
    assert "sched-tick-kmod = 0.1.0-1\n" in output(*ask, "--provides")
    assert output(*ask, "--conflicts") == "sched-tick-dkms\n"
    path = f"lib/modules/{release}/extra/sched-tick/sched_tick.ko"
    assert f"-rw-r--r-- root root /{path}\n" in output(*ask, "--queryformat", "[%{filemodes:perms} %{fileusername} %{filegroupname} %{filenames}\n]")
    unpack = "rpm2cpio %s | cpio --quiet --to-stdout -i ./%s" % (packages["rpm"], path)
    content = subprocess.run(["sh", "-c", unpack], check=True, capture_output=True).stdout
    unpack = "dpkg-deb --fsys-tarfile %s | tar -xO ./lib/modules/%s/updates/sched_tick.ko" % (packages["deb"], release)
    assert content == subprocess.run(["sh", "-c", unpack], check=True, capture_output=True).stdout
    assert b".symtab\0" in content and b".debug_info\0" not in content
    done = subprocess.run(["rpmlint", "--rpmlintrc", f"{PACKAGING}/kmod-sched-tick.rpmlintrc", f"{PACKAGING}/kmod-sched-tick.spec",
                           str(packages["rpm"])], text=True, capture_output=True, check=False)
    assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout, done.stdout


STUB = """
Name: kernel-core
Version: 1
Release: 1
Summary: What a kernel provides
License: none
BuildArch: noarch
Provides: kernel-uname-r = %s
Provides: sched-tick-kmod-common = 0.1.0
Provides: /bin/sh
Provides: kmod
%%description
None.
%%files
"""


@pytest.mark.scope("test")
@pytest.mark.parametrize("provided", [headers.RPM, "5.14.0-8.el9_5"])
def test_rpm_for_a_kernel_of_rhel(trees, provided, tmp_path):
    """A package for a kernel with a name like RHEL's is an .rpm alone. rpm installs it only if a kernel provides that kernel-uname-r."""
    built, messages = build("rhel", headers.RPM, trees[headers.RPM])
    assert list(built) == ["rpm"] and f"no .deb: the name of a Debian package cannot contain {headers.RPM}\n" == messages
    (tmp_path / "stub.spec").write_text(STUB % provided, encoding="ascii")
    subprocess.run(["rpmbuild", "-bb", "--define", f"_topdir {tmp_path}", "stub.spec"], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(["rpm", "--dbpath", f"{tmp_path}/db", "--install", "--test", "--force-debian",
                           f"{tmp_path}/RPMS/noarch/kernel-core-1-1.noarch.rpm", str(built["rpm"])],
                          text=True, capture_output=True, check=False)
    missing = f"kernel-uname-r = {headers.RPM} is needed by kmod-sched-tick-{headers.RPM}-0.1.0-1.x86_64"
    assert (done.returncode == 0) == (provided == headers.RPM) != (missing in done.stderr), done.stderr


@pytest.mark.scope("test")
def test_scripts(packages, tmp_path):
    """The scripts of the .rpm pass shellcheck, as do those of the .deb with what debhelper added."""
    output("dpkg-deb", "--control", packages["deb"], tmp_path / "deb")
    scripts = re.findall(r"^(\w+) scriptlet .*\n((?:(?!\w+ scriptlet).*\n)*)",
                         output("rpm", "--query", "--scripts", "--package", packages["rpm"]), re.MULTILINE)
    assert [name for name, _ in scripts] == ["postinstall", "postuninstall", "posttrans"]
    for name, script in scripts:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    subprocess.run(["shellcheck", *(str(tmp_path / name) for name, _ in scripts), f"{tmp_path}/deb/postinst", f"{tmp_path}/deb/postrm"],
                   check=True)


@pytest.mark.scope("test")
def test_wrong_arguments(trees):
    """Without a build tree, with that of another kernel, or with half a key, `make kmod` fails with status 2 and names what is wrong."""
    release = rootfs.release(REFERENCE)
    tree = f"KDIR={trees[release]}"
    for variables, message in (
            (["KVER=5.0.0-none"], "/lib/modules/5.0.0-none/build is no build tree of a kernel. Install the headers of 5.0.0-none, or set KDIR"),
            (["KVER=5.0.0-none", tree], f"{trees[release]} is the build tree of {release}, not of 5.0.0-none: set KVER={release}, or KDIR"),
            ([f"KVER={release}", tree, "KEY=key"], "KEY is set and CERT is not"),
            ([f"KVER={release}", tree, "CERT=cert"], "CERT is set and KEY is not"),
            ([f"KVER={release}", tree, "KEY=key", "CERT=cert"], f"neither {trees[release]}/scripts/sign-file nor kmodsign")):
        done = make(TOP, *variables)
        assert done.returncode == 2 and f"make kmod: {'there is no program' if 'neither' in message else ''}" in done.stderr, done.stderr
        assert message in done.stderr and not done.stdout, done.stderr


# The rest compiles and boots. `older` and `newest` are kernels of the rig; the key is made for the test.
@pytest.fixture(scope="module", name="built")
def _built(tmp_path_factory):
    """(the older kernel, the newest, {release: {format: package}}, {format: package} signed for the older kernel, certificate)."""
    directory = tmp_path_factory.mktemp("key")
    older = (system.directory(REFERENCE, "older") / "older-release").read_text(encoding="ascii").strip()
    newest = rootfs.release(REFERENCE)
    assert older != newest
    trees = headers.real(older, newest)
    subprocess.run(["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "36500", "-subj", "/CN=sched_tick test/",
                    "-keyout", "key.pem", "-out", "cert.pem"], cwd=directory, check=True, capture_output=True)
    built = {release: build(release, release, tree)[0] for release, tree in trees.items()}
    signed, _ = build("signed", older, trees[older], f"KEY={directory}/key.pem", f"CERT={directory}/cert.pem")
    return older, newest, built, signed, directory / "cert.pem"


@pytest.mark.scope("long")
def test_builds_are_reproducible(built):
    """A second build, with another umask, gives identical packages, with the signature."""
    older, newest, _, first, certificate = built
    second, _ = build("again", older, headers.real(older, newest)[older], f"KEY={certificate.parent}/key.pem", f"CERT={certificate}",
                      umask=0o077)
    assert {name: path.read_bytes() for name, path in first.items()} == {name: path.read_bytes() for name, path in second.items()}


PRELUDE = debian.EXPORT + """
cd /run/job
step() {
    echo "--- $1"
    shift
    "$@" > /run/output 2>&1 || { echo "status $?"; cat /run/output; }
}
state() {
    dpkg -l '*sched-tick*' 2> /dev/null | awk '/^[a-z][a-zA-Z] / && !/^un/ { print $1, $2 }'
    modinfo -F filename sched_tick 2> /dev/null
    ls -d "/lib/modules/$other" 2> /dev/null
    [ -e /sys/kernel/sched_tick/counter ] || return
    i=0
    until systemctl --quiet is-active sched-tick.service || [ $((i += 1)) -gt 60 ]; do sleep 1; done
    before=$(cat /sys/kernel/sched_tick/counter)
    sleep 2
    [ "$(cat /sys/kernel/sched_tick/counter)" -gt "$before" ] && echo ticking
    sched-tick list --raw --noheadings -o name,enabled,period
    sched-tick check > /dev/null; echo "check $?"
}
echo '--- compilers'
for program in cc dkms gcc make; do command -v "$program"; done
ls -d /usr/src/linux-headers-* /lib/modules/*/build 2> /dev/null
"""

# First try the package of a kernel that this machine does not have.
INSTALL = PRELUDE + """
step apt apt-get install --yes ./sched-tick.deb ./other.deb
state
step dpkg dpkg --install ./other.deb
step purged dpkg --purge kmod-sched-tick-$other
state
step installed apt-get install --yes ./sched-tick.deb ./this.deb
state
"""

REMOVE = """
modprobe -r sched_tick
step removed apt-get purge --yes kmod-sched-tick-$(uname -r)
state
step again apt-get install --yes ./this.deb
state
"""

# The firmware is in setup mode, in which it accepts any key.
SIGN = """
echo '--- enroll'
cert-to-efi-sig-list cert.pem /run/key.esl
efi-updatevar -e -f /run/key.esl db && echo enrolled
step signed apt-get install --yes --reinstall ./signed.deb
modinfo -F signer sched_tick
"""

ENFORCED = PRELUDE + """
cat /sys/module/module/parameters/sig_enforce
state
modprobe -r sched_tick
dpkg-deb --extract this.deb /run/unsigned
insmod /run/unsigned/lib/modules/*/updates/sched_tick.ko
modprobe sched_tick
state
"""


# Virtual time passes quickly while the guest waits for this machine's disk, so a task that waits is not hung.
VIRTUAL = "sysctl.kernel.hung_task_timeout_secs=0"


def steps(report):
    """[output] of the steps, in order."""
    return re.findall(r"^--- \w+\n(.*?)(?=^--- |^verdict|\Z)", report, re.MULTILINE | re.DOTALL)


def files(this, other):
    """The files of a job: the tool, the package for the machine's kernel, and that for another kernel."""
    (tool,) = debian.built("a").glob("sched-tick_*.deb")
    return {"sched-tick.deb": tool.read_bytes(), "this.deb": this["deb"].read_bytes(), "other.deb": other["deb"].read_bytes()}


def check_installation(report, this, other):
    """Check the output of INSTALL."""
    compilers, apt, dpkg, purged, installed = steps(report)[:5]
    assert compilers == "", compilers
    # Both refuse the package; dpkg leaves it unconfigured.
    assert "status 100" in apt and f"kmod-sched-tick-{other} : Depends: linux-image-{other} but it is not" in apt, apt
    assert f"kmod-sched-tick-{other} depends on linux-image-{other} | " in dpkg and "status 1" in dpkg, dpkg
    # Nothing of it is left.
    assert purged == "", purged
    assert installed.splitlines() == ["ii kmod-sched-tick-" + this, "ii sched-tick", f"/lib/modules/{this}/updates/sched_tick.ko",
                                      "ticking", "default 1 250000000", "check 0"], installed


@pytest.mark.scope("long")
def test_newest_kernel(built):
    """On a machine without compiler and headers, apt and dpkg refuse the package of another kernel. That of its kernel is installed, and the
    module ticks; after its removal the machine has no module, and it can be installed again."""
    older, newest, packages, _, _ = built
    machine = system.System(REFERENCE, files(packages[newest], packages[older]), mode="virtual")
    result = machine.boot(f"other={older}\n{INSTALL}{REMOVE}:\n", timeout=1800, options=VIRTUAL, label="kmod-newest")
    assert result.verdict == "pass" and not result.bad_lines, result.explain()
    check_installation(result.report, newest, older)
    removed, again = steps(result.report)[5:]
    assert removed == "ii sched-tick\n" and again == steps(result.report)[4], removed + again


@pytest.mark.scope("long")
def test_signed(built, tmp_path):
    """The same on an older kernel. Booted with module.sig_enforce=1, it loads the signed module of the same package and rejects the
    unsigned one."""
    older, newest, packages, signed, certificate = built
    variables = tmp_path / "variables"
    shutil.copyfile(f"{system.UEFI}/OVMF_VARS_4M.fd", variables)
    content = files(packages[older], packages[newest]) | {"signed.deb": signed["deb"].read_bytes(), "cert.pem": certificate.read_bytes()}
    machine = system.System(REFERENCE, content, mode="virtual", kind="older", disk=tmp_path / "disk.qcow2", variables=variables)
    first = machine.boot(f"other={newest}\n{INSTALL}{SIGN}:\n", timeout=1800, options=VIRTUAL, label="kmod-older")
    second = machine.boot(f"other={newest}\n{ENFORCED}:\n", timeout=1800, options=f"{VIRTUAL} module.sig_enforce=1", label="kmod-signed")
    shutil.rmtree(tmp_path)
    for result in (first, second):
        assert result.verdict == "pass" and not result.bad_lines, result.explain()
    check_installation(first.report, older, newest)
    assert steps(first.report)[5:] == ["enrolled\n", "sched_tick test\n"], first.explain()
    loaded = steps(first.report)[4]
    enforced = second.report.split("--- compilers\n")[1]
    assert enforced.startswith(f"Y\n{loaded}") and f"\n{loaded}" in enforced[len(loaded):], second.explain()
    assert "could not insert module /run/unsigned/lib/modules/" in enforced and "Key was rejected by service" in enforced, enforced
