# SPDX-License-Identifier: GPL-2.0-only
"""The RPM packages: reproducible builds, rpmlint, versions, contents, and scripts with the macros of other distributions."""

import re
import subprocess

import pytest

import debian
from conftest import TOP

SPEC = TOP / "packaging" / "rpm" / "sched-tick.spec"
MACROS = TOP / "tests" / "packages" / "macros"
# The scripts of the packages; the same on every distribution.
SCRIPTS = ["post", "posttrans", "posttrans dkms", "postun", "pre dkms", "preun", "preun dkms"]


def contents(directory):
    """{name: content} of the packages in a directory."""
    return {path.name: path.read_bytes() for path in directory.glob("*.rpm")}


@pytest.mark.scope("test")
def test_builds_are_reproducible():
    """Two builds give identical source and binary packages, and `make srpm` gives the same source package."""
    first, second = (contents(debian.built(name, target="rpm")) for name in "ab")
    assert len(first) == 4 and first == second
    source = contents(debian.built("a", target="srpm"))
    assert len(source) == 1 and source.items() <= first.items()


@pytest.mark.scope("test")
def test_rpmlint():
    """rpmlint reports nothing but what is filtered, and each filter has a comment with its reason."""
    directory = debian.built("a", target="rpm")
    done = subprocess.run(["rpmlint", "--rpmlintrc", f"{SPEC.parent}/sched-tick.rpmlintrc", str(SPEC), *map(str, directory.glob("*.rpm"))],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr
    filters = (SPEC.parent / "sched-tick.rpmlintrc").read_text("utf-8")
    assert all(re.match(r"# .*\naddFilter|# .*\n(#.*\n)*addFilter", part) for part in filters.split("\n\n")[1:]), filters


@pytest.mark.scope("test")
def test_documents_are_in_the_package():
    """The package sched-tick contains README, ABI and the other documents for users."""
    (package,) = debian.built("a", target="rpm").glob("sched-tick-0*[!c].rpm")
    names = subprocess.run(["rpm", "--query", "--docfiles", "--package", str(package)], check=True, text=True, capture_output=True).stdout
    prefix = "/usr/share/doc/sched-tick/"
    found = {name.removeprefix(prefix) for name in names.splitlines() if name.startswith(prefix)}
    assert sorted(found - {"ABI"}) == debian.documents(), names


def test_versions_agree():
    """The spec, its changelog and the module have the same version."""
    text = SPEC.read_text("utf-8")
    conf = (TOP / "dkms.conf").read_text("utf-8")
    (version,) = re.findall(r'^PACKAGE_VERSION="(.*)"$', conf, re.MULTILINE)
    assert re.findall(r"^Version: +(.*)$", text, re.MULTILINE) == [version]
    assert re.search(r"^%changelog\n.* - " + re.escape(version) + "-", text, re.MULTILINE)


def expanded(*options):
    """Expand the spec: ({name: script}, the whole text)."""
    text = subprocess.run(["rpmspec", "-P", *options, str(SPEC)], check=True, text=True, capture_output=True).stdout
    parts = re.findall(r"^%((?:pre|post|preun|postun|posttrans)\b.*)\n((?:(?!%\w).*\n)*)", text, re.MULTILINE)
    return dict(parts), text


@pytest.mark.parametrize("distribution", ["fedora", "rhel"])
def test_scripts_with_macros_of(distribution, tmp_path):
    """With the macros of Fedora and RHEL 8 the same scripts exist, and shellcheck accepts them."""
    scripts, text = expanded(f"--load={MACROS / distribution}")
    here, _ = expanded()
    assert sorted(scripts) == sorted(here) == SCRIPTS
    assert ("systemd-update-helper install-system-units" in scripts["post"]) == (distribution == "fedora"), scripts["post"]
    assert "BuildRequires:  systemd-rpm-macros" in text and "%{" not in text, text
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}", encoding="utf-8")
    subprocess.run(["shellcheck", "--severity=warning", *map(str, tmp_path.iterdir())], check=True)


def test_scripts_without_macros(tmp_path):
    """Without systemd's macros the scripts are plain sh, and shellcheck accepts them."""
    for name, script in expanded()[0].items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    subprocess.run(["shellcheck", *map(str, tmp_path.iterdir())], check=True)
