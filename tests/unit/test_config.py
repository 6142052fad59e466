# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick.conf(5): files as people and editors write them, valid and invalid."""

import re

import pytest

from conftest import TOP
from faketree import _run, _tool, _tree, put  # noqa: F401  pylint: disable=unused-import

TWO = ["default: period=2s"]
STALL = ["default: stall=500ms"]
D = "[default]\n"

# What `apply` prints for a valid file.
VALID = {
    "an empty file": ("", []),
    "blank lines": ("\n  \n\t\n", []),
    "comments": ("# one\n; two\n  # three\n\t; four\n", []),
    "no newline at the end": (D + "period = 2s", TWO),
    "lines that end as in DOS": ("[default]\r\nperiod = 2s\r\n\r\n", TWO),
    "a carriage return at the end": ("[default]\r\nperiod = 2s\r", TWO),
    "an editor's mark": ("\ufeff" + D + "period = 2s\n", TWO),
    "no blanks": (D + "period=2s\n", TWO),
    "many blanks": (D + "period \t =\t  2s \t\n", TWO),
    "an indented key": (D + "  period = 2s\n", TWO),
    "an indented key after a key": (D + "period = 2s\n    stall = 500ms\n", TWO + STALL),
    "an indented section": ("  [default]\n\tperiod = 2s\n", TWO),
    "blanks after a section": ("[default] \t\nperiod = 2s\n", TWO),
    "a comment after a section": ("[default] ; the one\nperiod = 2s\n", TWO),
    "a comment after a value": (D + "period = 2s ; two\n", TWO),
    "a comment after a tab": (D + "period = 2s\t;two\n", TWO),
    "an indented comment after a key": (D + "period = 2s\n  # two\n  ; two\nstall = 500ms\n", TWO + STALL),
    "a blank line between keys": (D + "period = 2s\n\n  \nstall = 500ms\n", TWO + STALL),
    "a long comment": (D + "# " + "x" * 300 + "\nperiod = 2s\n", TWO),
    "a very long comment": ("# " + "x" * 300000 + "\n" + D + "period = 2s\n", TWO),
    "a long comment after a value": (D + "period = 2s ; " + "x" * 3000 + "\n", TWO),
    "many blanks before a key": (D + " " * 5000 + "period = 2s\n", TWO),
    "letters that are not ASCII in a comment": (D + "# caf\u00e9 \u4e8c\nperiod = 2s\n", TWO),
    "a section without keys": ("[new]\n", ["new: created"]),
    "a section without keys at the end": (D + "period = 2s\n[new]", [*TWO, "new: created"]),
    "a section without keys of one that is there": ("[backup]\n", []),
    "a section with a comment alone": ("[new]\n# later\n", ["new: created"]),
    "a section twice": (D + "period = 2s\n[backup]\nnotify = yes\n" + D + "stall = 500ms\n", [*TWO, *STALL, "backup: notify=yes"]),
    "a key twice": (D + "period = 5s\nperiod = 2s\n", TWO),
    "a name that begins with a dash": ("[-]\n", ["-: created"]),
    "CPUs and a queue": (D + "cpus = 0,2-5\nqueue = normal\n", ["default: cpus=0,2-5", "default: queue=normal"]),
    "a setting twice, of different length": (D + "cpus = 0\ncpus = " + "1," * 1000 + "1\n", ["default: cpus=" + "1," * 1000 + "1"]),
    "two thousand lines": (D + "# x\n" * 2000 + "period = 2s\n", TWO),
}

# An invalid file: the number of the line, and a part of the message.
INVALID = {
    "carriage returns alone": ("[default]\rperiod = 2s\r", 1, "carriage return"),
    "carriage returns alone after a comment": ("# x\r[default]\rperiod = 2s\r", 1, "carriage return"),
    "a carriage return in a value": (D + "period = 2s\rx\n", 2, "carriage return"),
    "no section": ("period = 2s\n", 1, "setting 'period' before the first section (valid: [NAME] in front of it)"),
    "an indented key before the first section": ("  period = 2s\n", 1, "before the first section"),
    "a key alone": (D + "period\n", 2, "invalid line 'period' (valid: [NAME] and KEY = VALUE)"),
    "a colon": (D + "period: 2s\n", 2, "invalid line '"),
    "a continuation by an indented line": (D + "period =\n  2s\n", 2, "invalid period '"),
    "a continuation by a backslash": (D + "period = \\\n2s\n", 2, "invalid period '"),
    "text after a key": (D + "period = 2s\nand more\n", 3, "invalid line '"),
    "no key": (D + "= 2s\n", 2, "invalid line '"),
    "blanks for a key": (D + "  = 2s\n", 2, "invalid line '"),
    "no value": (D + "period =\n", 2, "invalid period '' (valid: 1ms to 2147483647ms, such as 250ms, 10s or 1h)"),
    "no value but a comment": (D + "period = ; 2s\n", 2, "invalid period '"),
    "quotes": (D + 'period = "2s"\n', 2, "invalid period '"),
    "a hash after a value": (D + "period = 2s # two\n", 2, "invalid period '"),
    "a semicolon without a blank": (D + "period = 2s;two\n", 2, "invalid period '"),
    "two equals signs": (D + "period == 2s\n", 2, "invalid period '"),
    "an unknown key": (D + "\nperiods = 2s\n", 3, "unknown setting 'periods' (valid: period, phase, timer, clock, cpus, queue,"),
    "a key in capitals": (D + "Period = 2s\n", 2, "unknown setting '"),
    "a key with a blank in it": (D + "per iod = 2s\n", 2, "unknown setting '"),
    "an unknown key after good ones": (D + "period = 2s\n[backup]\ncolour = red\n", 4, "unknown setting '"),
    "a section that is not closed": ("[default\nperiod = 2s\n", 1, "invalid section '[default' (valid: [NAME])"),
    "a section whose end is a comment": ("[default ;]\nperiod = 2s\n", 1, "invalid section '"),
    "text after a section": ("[default] x\nperiod = 2s\n", 1, "invalid section '"),
    "a key after a section": ("[default] period = 2s\n", 1, "invalid section '"),
    "two brackets": ("[[default]]\n", 1, "invalid name '"),
    "a section without a name": ("[]\n", 1, "invalid name '"),
    "blanks in a name": ("[two words]\n", 1, "invalid name 'two words' (valid: 1 to 32 of A-Z a-z 0-9 _ . -, without a dot in front)"),
    "blanks around a name": ("[ default ]\n", 1, "invalid name '"),
    "a name that is too long": ("[" + "x" * 33 + "]\n", 1, "invalid name '"),
    "a name with a slash": ("[a/b]\n", 1, "invalid name '"),
    "a bad name without keys at the end": (D + "period = 2s\n[.x]", 3, "invalid name '"),
    "a null character": (D + "period = 2s\0\n", 2, "null character"),
    "a null character in a comment": ("# \0\n" + D, 1, "null character"),
    "UTF-16": ((D + "period = 2s\n").encode("utf-16"), 1, ""),
    "an editor's mark in the midst": (D + "\ufeffperiod = 2s\n", 2, "unknown setting '"),
    "a control character in a key": (D + "\x1b[2Jperiod = 2s\n", 2, "control character"),
    "a form feed before a key": (D + "\fperiod = 2s\n", 2, "control character"),
    "a blank that is not ASCII": (D + "\u00a0period = 2s\n", 2, "unknown setting '"),
    "a very long key": (D + "x" * 5000 + " = 2s\n", 2, "unknown setting '"),
    "a very long value": (D + "period = " + "2" * 5000 + "s\n", 2, "invalid period '"),
    "a very long line": (D + "x" * 300000 + "\n", 2, "invalid line '"),
    "blanks in a list": (D + "cpus = 0, 2\n", 2, "invalid cpus '0, 2' (valid: any, all, housekeeping, or a list such as 0,2-5)"),
    "the former name of a setting": (D + "cpu = 0\n", 2, "unknown setting 'cpu' (valid: period, "),
    "a phase that is not below the period": (D + "period = 2s\nphase = 2s\n", 3, "invalid phase '2s' (valid: less than the period, 2s)"),
}


@pytest.fixture(name="apply")
def _apply(run, tree):
    """A function that applies a file. The tree has files for two tickers that do not exist yet."""
    for name in ("new", "-"):
        put(tree / "sys" / "kernel" / "sched_tick" / "tickers" / name)
        (tree / "sys" / "kernel" / "sched_tick" / "tickers" / name / "stat").unlink()

    def apply(content):
        path = tree / "odd.conf"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("apply", path)
    return apply


@pytest.mark.parametrize("name", VALID)
def test_valid(apply, name):
    """A valid file is applied, and only the changes are printed."""
    content, lines = VALID[name]
    done = apply(content)
    assert (done.status, done.out.splitlines(), done.err) == (0, lines, "")


@pytest.mark.parametrize("name", INVALID)
def test_invalid(apply, tree, name):
    """An invalid file is ignored as a whole; the message has the line and the reason, and no control character."""
    content, line, why = INVALID[name]
    done = apply(content)
    assert (done.status, done.out) == (1, ""), done
    assert f"{tree}/odd.conf:{line}: " in done.err and why in done.err and not re.search("[\x00-\x09\x0b-\x1f\x7f]", done.err), done.err


def test_a_directory(run, tree):
    """A directory is an error."""
    done = run("apply", tree)
    assert done.status == 1 and f"{tree}: Is a directory" in done.err


SHIPPED = TOP / "packaging" / "sched-tick.d" / "10-default.conf"
SHIPPED_SETTINGS = ["default: period=250ms", "default: cpus=housekeeping", "default: stall=250ms"]


@pytest.mark.parametrize("before,mine,lines", [
    ({}, None, SHIPPED_SETTINGS),
    ({"enabled": 0}, None, SHIPPED_SETTINGS),
    ({}, "cpus = any\nstall = 1s\n", [*SHIPPED_SETTINGS, "default: cpus=any", "default: stall=1s"]),
    ({}, "enabled = no\n", [*SHIPPED_SETTINGS, "default: enabled=no"]),
], ids=["as installed", "a disabled ticker stays disabled", "other settings", "switched off"])
def test_settings_of_the_administrator_win(run, tree, before, mine, lines):
    """apply reads the shipped file first: a file of the administrator with a later name overrides it."""
    put(tree / "sys" / "kernel" / "sched_tick", **before)
    directory = tree / "etc" / "sched-tick.d"
    directory.mkdir(parents=True)
    (directory / SHIPPED.name).write_bytes(SHIPPED.read_bytes())
    if mine:
        (directory / "50-local.conf").write_text(D + mine, encoding="ascii")
    assert run("apply") == (0, "".join(f"{line}\n" for line in lines), "")


@pytest.mark.parametrize("path", ["docs/install.md", "docs/design.md", "tools/sched-tick.conf.5"])
def test_documents_have_the_shipped_settings(path):
    """Each document that describes the shipped file has its settings."""
    text, settings = (TOP / path).read_text("utf-8"), re.findall(r"^\w+ = \w+$", SHIPPED.read_text("ascii"), re.MULTILINE)
    assert len(settings) == 3 and all(setting in text for setting in settings), settings
