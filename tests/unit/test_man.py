# SPDX-License-Identifier: GPL-2.0-only
"""The man pages: their form, and whether parameters, files and exit statuses are complete."""

import os
import re
import subprocess

import pytest

from conftest import TOP

TOOLS = TOP / "tools"
PAGES = sorted(TOOLS.glob("*.[1-9]"))
SECTIONS = {
    "sched-tick.8": ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "REPORTING BUGS", "SEE ALSO"],
    "sched-tick.conf.5": ["NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "EXAMPLES", "REPORTING BUGS", "SEE ALSO"],
    "sched_tick.4": ["NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "EXAMPLES", "REPORTING BUGS", "SEE ALSO"],
}


def render(path):
    """The text of a page, one paragraph in each line."""
    done = subprocess.run(["man", "--encoding=UTF-8", "--local-file", str(path)], text=True, check=True, capture_output=True,
                          env=os.environ | {"MANWIDTH": "1000"})
    return done.stdout


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_mandoc(path):
    """mandoc -T lint finds nothing, not even a matter of style."""
    done = subprocess.run(["mandoc", "-T", "lint", str(path)], text=True, check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_sections(path):
    """Every section exists, in this order, and the date is of the form YYYY-MM-DD."""
    text = path.read_text("utf-8")
    found = re.findall(r"^\.SH (.*)$", text, re.MULTILINE)
    assert [name for name in found if name in SECTIONS[path.name]] == SECTIONS[path.name]
    assert re.search(r'^\.TH \S+ \d \d{4}-\d{2}-\d{2} "sched_tick [\d.]+" "', text, re.MULTILINE)


def test_parameters_of_the_module():
    """sched_tick(4) has every parameter of src/main.c, in the synopsis and with a description."""
    declared = re.findall(r"^MODULE_PARM_DESC\((\w+),", (TOP / "src" / "main.c").read_text("ascii"), re.MULTILINE)
    assert len(declared) == 5
    text = render(TOOLS / "sched_tick.4")
    synopsis = re.search(r"SYNOPSIS\n +(.*)\n", text)[1]
    assert sorted(re.findall(r"\[(\w+)=(?:N|0\|1)\]", synopsis)) == sorted(declared)
    assert synopsis.count("[") == synopsis.count("]") == len(declared) and '"' not in synopsis
    described = re.findall(r"^ +(\w+)=(?:N|0\|1)\b", text.split("PARAMETERS\n")[1].split("FILES\n")[0], re.MULTILINE)
    assert sorted(described) == sorted(declared)


def test_files_of_a_ticker():
    """sched_tick(4) has every file that docs/ABI has."""
    entries = (TOP / "docs" / "ABI" / "sysfs-kernel-sched_tick").read_text("utf-8")
    documented = set(re.findall(r"^What:\s+/sys/kernel/sched_tick/(\w+)", entries, re.MULTILINE)) - {"tickers"}
    page = (TOOLS / "sched_tick.4").read_text("utf-8")
    table = page[page.index("\nFile|"):page.index(".TE")]
    assert set(re.findall(r"^([a-z_]+)/?\|", table, re.MULTILINE)) == documented


def test_metrics():
    """sched-tick(8) has every metric that `export` writes, with its labels."""
    text = (TOP / "tests" / "unit" / "tool" / "export.txt").read_text("utf-8")
    names = re.findall(r"^# TYPE sched_tick_(\w+)", text, re.MULTILINE)
    labels = {name: re.search(rf"^sched_tick_{name}(?:_bucket)?(?:\{{(.*)\}})? ", text, re.MULTILINE)[1] or "" for name in names}
    exported = [(name, [each for each in re.findall(r"(\w+)=", labels[name]) if each != "le"]) for name in names]
    page = (TOOLS / "sched-tick.8").read_text("utf-8")
    table = page[page.index("\nMetric|"):]
    documented = [(name, found.split(", ") if found else []) for name, found in
                  re.findall(r"^([a-z_]+)\|(.*)\|.*$", table[:table.index(".TE")], re.MULTILINE)]
    assert documented == exported


def test_exit_statuses():
    """sched-tick(8) has every exit status of tools/sysfs.h."""
    page = (TOOLS / "sched-tick.8").read_text("utf-8")
    section = page[page.index(".SH EXIT STATUS"):page.index(".SH ENVIRONMENT")]
    statuses = re.findall(r"^\tSTATUS_\w+ = (\d+),", (TOOLS / "sysfs.h").read_text("ascii"), re.MULTILINE)
    assert re.findall(r"^\.B (\d+)$", section, re.MULTILINE) == statuses and len(statuses) == 5


def test_the_version():
    """Every page has the version of dkms.conf."""
    version = re.search(r'PACKAGE_VERSION="(.*)"', (TOP / "dkms.conf").read_text("ascii"))[1]
    assert all(f'"sched_tick {version}"' in path.read_text("utf-8") for path in PAGES)
