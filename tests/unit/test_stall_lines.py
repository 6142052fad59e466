# SPDX-License-Identifier: GPL-2.0-only
"""The sample lines about stalls, compared with the words of the module."""

import re

import pytest

import stalllines
from conftest import TOP


@pytest.mark.parametrize("line", stalllines.LINES)
def test_the_module_logs_this_line(line):
    """The format strings of src/event.c make this line of its fields."""
    assert stalllines.logged(stalllines.LINES[line]) == line


def test_every_word_has_a_line():
    """Each cause, context and kind of function of the module is in a sample line, and no other one is."""
    words = stalllines.words()
    assert [len(found) for found in words.values()] == [6, 5, 2]
    lines = stalllines.LINES.values()
    assert {line.how for line in lines} == set(words["hows"])
    assert {line.context for line in lines} == set(words["contexts"])
    assert {line.function for line in lines if "+0x" not in line.function} == set(words["functions"])
    assert {line.again for line in lines} == {False, True}


def test_suppressed_lines():
    """The module logs the number of suppressed lines with these words."""
    form = re.search(r'pr_warn\("(%u .*)\\n", suppressed\)', stalllines.source("event.c"))[1]
    assert "sched_tick: " + form.replace("%u", "17") == stalllines.SUPPRESSED


def test_the_escape_of_a_comm():
    r"""The module escapes a byte of a comm as \xHH, and prints ? for an empty one."""
    function = stalllines.source("culprit.c").split("\nconst char *ticker_culprit_format_comm(")[1].split("\n}\n")[0]
    assert r'"\\x%02x"' in function and 'strcpy(text, "?")' in function and "isprint(*comm)" in function


def test_the_level_of_the_lines():
    """All lines are warnings, which sched-tick(8) asks journalctl for."""
    assert not re.findall(r"pr_(?!warn\(|fmt\b)\w+\(", stalllines.source("event.c"))
    assert '"PRIORITY=4"' in (TOP / "tools" / "kernlog.c").read_text("ascii")
