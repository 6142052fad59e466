# SPDX-License-Identifier: GPL-2.0-only
"""The source package of akmod-sched-tick. Fedora's kmodtool and akmods are not here: a kmodtool of this file writes packages with the
names, dependencies, macros and scripts of theirs."""

import os
import re
import subprocess

import pytest

import debian
import headers
from conftest import REFERENCE, TOP

SPEC = TOP / "packaging" / "rpm" / "sched-tick-kmod.spec"
MACROS = TOP / "tests" / "packages" / "macros" / "fedora"
KERNEL = headers.RPM

# Write what the spec was called with to a file, and a package for one kernel or the package for akmods.
KMODTOOL = r"""#!/bin/bash
echo "$*" >> %(log)s
while [ $# -gt 0 ]; do
    case $1 in
    --kmodname) name=${2%%-kmod}; shift ;;
    --for-kernels) kernels=$2; shift ;;
    --target | --repo) shift ;;
    --akmod) ;;
    *) echo '%%define kmodtool_check echo "kmodtool error: unknown option"; exit 2;'; exit 2 ;;
    esac
    shift
done
both="Requires: $name-kmod-common >= %%{version}
Provides: $name-kmod = %%{version}-%%{release}"
if [ -z "$kernels" ]; then
    cat << END
%%define akmod_install mkdir -p \$RPM_BUILD_ROOT/%%{_usrsrc}/akmods/; \
rpmbuild --define "_sourcedir %%{_sourcedir}" --define "_srcrpmdir \$RPM_BUILD_ROOT/%%{_usrsrc}/akmods/" \
-bs --nodeps %%{_specdir}/%%{name}.spec; \
ln -s "\$(ls \$RPM_BUILD_ROOT/%%{_usrsrc}/akmods/)" \$RPM_BUILD_ROOT/%%{_usrsrc}/akmods/$name-kmod.latest
%%package -n akmod-$name
Summary: Akmod package
Requires: akmods kmodtool
$both
%%description -n akmod-$name
None.
%%files -n akmod-$name
%%{_usrsrc}/akmods/*
END
    exit
fi
cat << END
%%define kmodinstdir_prefix /lib/modules/
%%define kmodinstdir_postfix /extra/$name/
%%define kernel_versions ${kernels}___%(tree)s
%%package -n kmod-$name-$kernels
Summary: Module
Requires: kernel-uname-r = $kernels
$both
%%post -n kmod-$name-$kernels
/sbin/depmod -aeF /boot/System.map-$kernels $kernels > /dev/null || :
%%description -n kmod-$name-$kernels
None.
%%files -n kmod-$name-$kernels
%%defattr(644,root,root,755)
/lib/modules/$kernels/extra/$name/
END
"""


@pytest.fixture(name="fedora")
def _fedora(tmp_path):
    """An environment with kmodtool, for a kernel in tmp_path/tree; tmp_path/log has the arguments of kmodtool."""
    tool = tmp_path / "bin" / "kmodtool"
    tool.parent.mkdir()
    tool.write_text(KMODTOOL % {"log": tmp_path / "log", "tree": tmp_path / "tree"}, encoding="ascii")
    tool.chmod(0o755)
    return os.environ | {"PATH": f"{tool.parent}:{os.environ['PATH']}"}


def query(option, package):
    """Query an RPM package: the set of lines."""
    return set(subprocess.run(["rpm", "--query", option, "--package", str(package)], check=True, text=True,
                              capture_output=True).stdout.splitlines())


def test_versions_agree():
    """The specs have the same version, release and changelog."""
    specs = [SPEC, SPEC.with_name("sched-tick.spec"), TOP / "packaging" / "kmod" / "kmod-sched-tick.spec"]
    found = {tuple(re.findall(r"^(?:Version|Release): +.*|^%changelog\n(?s:.*)", path.read_text("utf-8"), re.MULTILINE)) for path in specs}
    assert len(found) == 1 and len(found.pop()) == 3


@pytest.mark.parametrize("options, expected", [
    ([], "--akmod"),
    (["--define", "kernels 5.14.0-1.el9.x86_64"], "--akmod --for-kernels 5.14.0-1.el9.x86_64"),
], ids=["akmod", "kernels"])
def test_expansion(options, expected, fedora, tmp_path):
    """The spec calls kmodtool with the arguments of RPM Fusion's template and has no main package; its scripts pass shellcheck."""
    text = subprocess.run(["rpmspec", "-P", f"--load={MACROS}", *options, str(SPEC)], check=True, text=True, capture_output=True, env=fedora).stdout
    assert f"--repo rpmfusion --kmodname sched-tick-kmod {expected}\n" in (tmp_path / "log").read_text("ascii")
    assert "BuildRequires:  kmodtool\n" in text and "buildsys-build" not in text and not re.search(r"^%files\s*$", text, re.MULTILINE), text
    parts = re.findall(r"^%((?:check|install|prep|post)\b.*)\n((?:(?!%\w).*\n)*)", text, re.MULTILINE)
    assert len(parts) == (4 if options else 3), text
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name, script in parts:
        (scripts / name.replace(" ", "")).write_text(f"#!/bin/bash -e\n{script}", encoding="utf-8")
    done = subprocess.run(["shellcheck", "--severity=warning", "--exclude=SC2043", *map(str, scripts.iterdir())], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_headers_of_all_kernels_are_required():
    """For the kernels of RPM Fusion, which are not chosen with `kernels`, the spec requires their headers."""
    text = subprocess.run(["rpmspec", "-P", "--define", "buildforkernels newest", str(SPEC)], check=True, text=True, capture_output=True).stdout
    assert re.search(r"^BuildRequires: buildsys-build-rpmfusion-kerneldevpkgs-newest-\w+$", text, re.MULTILINE), text


@pytest.mark.scope("test")
def test_akmod(fedora, modules, tmp_path):
    """`make akmod` builds an akmod; the source package in it is rebuilt for a kernel, as akmods does. rpmlint accepts the sources."""
    directory = debian.copied("akmod")
    subprocess.run(["make", "--silent", "akmod"], cwd=directory, check=True, capture_output=True, env=fedora)
    source, akmod = sorted((directory / "dist").iterdir(), reverse=True)
    assert (source.name, akmod.name) == ("sched-tick-kmod-0.1.0-1.src.rpm", "akmod-sched-tick-0.1.0-1.x86_64.rpm")
    assert query("--list", akmod) == {f"/usr/src/akmods/{name}" for name in (source.name, "sched-tick-kmod.latest")}
    linted = subprocess.run(["rpmlint", "--rpmlintrc", f"{SPEC.parent}/sched-tick-kmod.rpmlintrc", str(SPEC), str(source)], text=True,
                            capture_output=True, check=False)
    assert linted.returncode == 0 and "0 errors, 0 warnings" in linted.stdout, linted.stdout

    headers.fake(tmp_path / "tree", KERNEL, modules(REFERENCE))
    subprocess.run(["rpmbuild", "--rebuild", "--nodeps", "--define", f"kernels {KERNEL}", "--define", f"_topdir {tmp_path}/rpm", str(source)],
                   check=True, capture_output=True, env=fedora)
    (package,) = (tmp_path / "rpm").rglob(f"kmod-sched-tick-{KERNEL}-0.1.0-1.x86_64.rpm")
    (tool,) = debian.built("a", target="rpm").glob("sched-tick-0*[!c].rpm")
    assert {f"kernel-uname-r = {KERNEL}", "sched-tick-kmod-common >= 0.1.0"} <= query("--requires", package)
    assert "sched-tick-kmod = 0.1.0-1" in query("--provides", package) and "sched-tick-kmod >= 0.1.0" in query("--requires", tool)
    assert "sched-tick-kmod-common = 0.1.0" in query("--provides", tool)
    assert f"/lib/modules/{KERNEL}/extra/sched-tick/sched_tick.ko" in query("--list", package)
