# SPDX-License-Identifier: GPL-2.0-only
"""packaging/need.sh, which installs the packages that `make` needs."""

import os
import subprocess

import pytest

import vm

# Fake programs: apt-get finds its lock held $left times, or fails with $FAULT; sleep returns at once.
PROGRAMS = {
    "apt-get": """
echo "apt-get $*" >> "$FAKE/calls"
if [ -n "${FAULT-}" ]; then echo "E: $FAULT" >&2; exit 100; fi
left=$(cat "$FAKE/left")
if [ "$left" -gt 0 ]; then
    echo $((left - 1)) > "$FAKE/left"
    echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 612 (unattended-upgr)" >&2
    echo "E: Unable to lock directory /var/lib/apt/lists/" >&2
    exit 100
fi
""",
    "dpkg-query": 'for last; do :; done\n[ "$last" != there ] || echo installed\n',
    "sudo": 'exec "$@"\n',
    "sleep": 'echo "sleep $*" >> "$FAKE/calls"\n',
}


@pytest.fixture(name="need")
def _need(tmp_path):
    """Run packaging/need.sh: (status, output, errors, calls)."""
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}", encoding="ascii")
        (tmp_path / name).chmod(0o755)

    def run(*packages, locked=0, **environment):
        (tmp_path / "left").write_text(str(locked), encoding="ascii")
        (tmp_path / "calls").touch()
        done = subprocess.run([vm.TOP / "packaging" / "need.sh", *packages], check=False, text=True, capture_output=True, timeout=60,
                              env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAKE": str(tmp_path)} | environment)
        return done.returncode, done.stdout, done.stderr, (tmp_path / "calls").read_text("ascii").splitlines()
    return run


INSTALL = ["apt-get -qq update", "apt-get -qq install --no-install-recommends one two"]


def test_installed_packages_are_skipped(need):
    """If all packages are installed, the script calls nothing and prints nothing."""
    assert need("there", "there") == (0, "", "", [])


def test_missing_packages_are_installed(need):
    """The script installs the missing packages and no others."""
    assert need("one", "there", "two") == (0, "installing missing packages: one two\n", "", INSTALL)


def test_waits_for_another_apt(need):
    """While another process holds apt's lock, the script names it once and tries again."""
    status, output, errors, calls = need("one", "two", locked=3)
    assert (status, errors) == (0, "") and output.count("waiting for process 612 (unattended-upgr)") == 1
    assert calls == ["apt-get -qq update", "sleep 5"] * 3 + INSTALL


def test_gives_up_after_five_minutes(need):
    """If apt's lock is not released within 300 s, the error names the process that holds it."""
    status, _, errors, calls = need("one", locked=1000)
    assert status == 1 and calls.count("sleep 5") == 60
    assert "waited 300 s for process 612 (unattended-upgr) (/var/lib/apt/lists/lock)" in errors and "Could not get lock" in errors


def test_other_errors_are_reported_at_once(need):
    """Any other error of apt is printed without a wait."""
    assert need("one", FAULT="Unable to locate package one") == \
        (1, "installing missing packages: one\n", "E: Unable to locate package one\n", INSTALL[:1])
