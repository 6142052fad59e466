# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick.conf(5): files as people and editors write them. Each says what it changes, or which line is refused."""

import re

import pytest

from test_tool import _run, _tool, _tree, put  # noqa: F401  pylint: disable=unused-import

TWO = ["default: period_ms = 2000"]
STALL = ["default: stall_ms = 500"]
D = "[default]\n"

# What `apply` says of a file.
TAKEN = {
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
    "a section without keys": ("[new]\n", ["new: made"]),
    "a section without keys at the end": (D + "period = 2s\n[new]", [*TWO, "new: made"]),
    "a section without keys of one that is there": ("[backup]\n", []),
    "a section with a comment alone": ("[new]\n# later\n", ["new: made"]),
    "a section twice": (D + "period = 2s\n[backup]\nnotify = yes\n" + D + "stall = 500ms\n", [*TWO, *STALL, "backup: notify = 1"]),
    "a key twice": (D + "period = 5s\nperiod = 2s\n", TWO),
    "a name that begins with a dash": ("[-]\n", ["-: made"]),
    "two thousand lines": (D + "# x\n" * 2000 + "period = 2s\n", TWO),
}

# What it refuses: the line, and a word of the reason.
REFUSED = {
    "carriage returns alone": ("[default]\rperiod = 2s\r", 1, "carriage return"),
    "carriage returns alone after a comment": ("# x\r[default]\rperiod = 2s\r", 1, "carriage return"),
    "a carriage return in a value": (D + "period = 2s\rx\n", 2, "carriage return"),
    "no section": ("period = 2s\n", 1, "period: before the first section"),
    "an indented key before the first section": ("  period = 2s\n", 1, "before the first section"),
    "a key alone": (D + "period\n", 2, "neither [NAME] nor KEY = VALUE"),
    "a colon": (D + "period: 2s\n", 2, "neither [NAME] nor KEY = VALUE"),
    "a continuation by an indented line": (D + "period =\n  2s\n", 2, "not a length of time"),
    "a continuation by a backslash": (D + "period = \\\n2s\n", 2, "not a length of time"),
    "text after a key": (D + "period = 2s\nand more\n", 3, "neither [NAME] nor KEY = VALUE"),
    "no key": (D + "= 2s\n", 2, "neither [NAME] nor KEY = VALUE"),
    "blanks for a key": (D + "  = 2s\n", 2, "neither [NAME] nor KEY = VALUE"),
    "no value": (D + "period =\n", 2, "not a length of time"),
    "no value but a comment": (D + "period = ; 2s\n", 2, "not a length of time"),
    "quotes": (D + 'period = "2s"\n', 2, "not a length of time"),
    "a hash after a value": (D + "period = 2s # two\n", 2, "not a length of time"),
    "a semicolon without a blank": (D + "period = 2s;two\n", 2, "not a length of time"),
    "two equals signs": (D + "period == 2s\n", 2, "not a length of time"),
    "an unknown key": (D + "\nperiods = 2s\n", 3, "periods: no such setting"),
    "a key in capitals": (D + "Period = 2s\n", 2, "no such setting"),
    "a key with a blank in it": (D + "per iod = 2s\n", 2, "no such setting"),
    "an unknown key after good ones": (D + "period = 2s\n[backup]\ncolour = red\n", 4, "no such setting"),
    "a section that is not closed": ("[default\nperiod = 2s\n", 1, "no ]"),
    "a section whose end is a comment": ("[default ;]\nperiod = 2s\n", 1, "no ]"),
    "text after a section": ("[default] x\nperiod = 2s\n", 1, "no ]"),
    "a key after a section": ("[default] period = 2s\n", 1, "no ]"),
    "two brackets": ("[[default]]\n", 1, "no ticker can be called that"),
    "a section without a name": ("[]\n", 1, "no ticker can be called that"),
    "blanks in a name": ("[two words]\n", 1, "no ticker can be called that"),
    "blanks around a name": ("[ default ]\n", 1, "no ticker can be called that"),
    "a name that is too long": ("[" + "x" * 33 + "]\n", 1, "no ticker can be called that"),
    "a name with a slash": ("[a/b]\n", 1, "no ticker can be called that"),
    "a bad name without keys at the end": (D + "period = 2s\n[.x]", 3, "no ticker can be called that"),
    "a null character": (D + "period = 2s\0\n", 2, "null character"),
    "a null character in a comment": ("# \0\n" + D, 1, "null character"),
    "UTF-16": ((D + "period = 2s\n").encode("utf-16"), 1, ""),
    "an editor's mark in the midst": (D + "\ufeffperiod = 2s\n", 2, "no such setting"),
    "a control character in a key": (D + "\x1b[2Jperiod = 2s\n", 2, "control character"),
    "a form feed before a key": (D + "\fperiod = 2s\n", 2, "control character"),
    "a blank that is not ASCII": (D + "\u00a0period = 2s\n", 2, "no such setting"),
    "a very long key": (D + "x" * 5000 + " = 2s\n", 2, "no such setting"),
    "a very long value": (D + "period = " + "2" * 5000 + "s\n", 2, "not a length of time"),
    "a very long line": (D + "x" * 300000 + "\n", 2, "neither [NAME] nor KEY = VALUE"),
    "a phase that is not below the period": (D + "period = 2s\nphase = 2s\n", 3, "phase"),
}


@pytest.fixture(name="apply")
def _apply(run, tree):
    """Apply a file; there are places for two more tickers to appear in."""
    for name in ("new", "-"):
        put(tree / "sys" / "kernel" / "sched_tick" / "tickers" / name)
        (tree / "sys" / "kernel" / "sched_tick" / "tickers" / name / "stat").unlink()

    def apply(content):
        path = tree / "odd.conf"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("apply", path)
    return apply


@pytest.mark.parametrize("name", TAKEN)
def test_taken(apply, name):
    """And nothing is said but what is changed."""
    content, lines = TAKEN[name]
    done = apply(content)
    assert (done.status, done.out.splitlines(), done.err) == (0, lines, "")


@pytest.mark.parametrize("name", REFUSED)
def test_refused(apply, tree, name):
    """As a whole, with the line and the reason; no control character is printed."""
    content, line, why = REFUSED[name]
    done = apply(content)
    assert (done.status, done.out) == (1, ""), done
    assert f"{tree}/odd.conf:{line}: " in done.err and why in done.err and not re.search("[\x00-\x09\x0b-\x1f\x7f]", done.err), done.err


def test_a_directory(run, tree):
    """It is no file."""
    done = run("apply", tree)
    assert done.status == 1 and f"{tree}: Is a directory" in done.err
