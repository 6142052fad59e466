# SPDX-License-Identifier: GPL-2.0-only
"""Static checks of all files."""

import os
import re
import subprocess

import pytest

import rootfs
import vm
from conftest import TOP

MODULE = sorted((TOP / "src").glob("*.[ch]"))
OTHERS = sorted((TOP / "tests").glob("*/modules/*.c"))
TRACKED = [TOP / name for name in subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                                                 cwd=TOP, text=True, capture_output=True, check=True).stdout.split()]
TEXTS = [path for path in TRACKED if path.is_file() and path.suffix != ".png" and "corpus" not in path.parts]
SHELL = [path for path in TEXTS if re.match(r"#!\s*/(usr/)?bin/(env )?(ba|da|busybox )?sh", path.read_text("utf-8"))]


def run(*command, **options):
    """Run a tool; return its output and exit status."""
    return subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **options)


@pytest.mark.parametrize("path", MODULE + OTHERS, ids=lambda path: path.name)
def test_checkpatch_strict(path):
    """checkpatch --strict is silent. It does not know the layout of TRACE_EVENT() that the kernel uses."""
    ignored = ["--ignore", "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT"] if path.name == "trace.h" else []
    done = run("perl", rootfs.kernel_scripts() / "checkpatch.pl", "--no-tree", "--strict", "--show-types", "--terse",
               "--no-summary", *ignored, "--file", path)
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_files_are_short():
    """No file of the module or of sched-tick has more than 500 lines."""
    files = [*MODULE, *(TOP / "tools").glob("*.[ch]")]
    assert not [path.name for path in files if len(path.read_text("utf-8").splitlines()) > 500]


def test_kernel_doc():
    """kernel-doc has no warning."""
    done = run("perl", rootfs.kernel_scripts() / "kernel-doc", "-none", "-Werror", *MODULE)
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_coccinelle():
    """The kernel's coccinelle scripts report nothing, except those that need OCaml or have a patch mode only."""
    scripts = [path for path in sorted((rootfs.kernel_scripts() / "coccinelle").rglob("*.cocci"))
               if "virtual report" in path.read_text("utf-8") and "script:ocaml" not in path.read_text("utf-8")]
    assert len(scripts) > 50
    found = []
    for script in scripts:
        options = re.search(r"^// Options: (.*)$", script.read_text("utf-8"), re.MULTILINE)
        done = run("spatch", "-D", "report", "--no-show-diff", "--very-quiet", "--cocci-file", script,
                   *(options.group(1).split() if options else []), "--dir", TOP / "src", "-I", TOP / "src")
        # Messages of spatch about a script itself are not about this module.
        said = [line for line in done.stdout.splitlines() if not line.startswith("warning: line ")]
        if done.returncode or said:
            found += [script.name, *said]
    assert not found, "\n".join(found)


# A macro of the kernel that is a loop, as cppcheck reads it without the kernel's headers.
LOOP = """<?xml version="1.0"?>
<def format="2">
  <define name="list_for_each_entry(pos, head, member)" value="for (pos = (void *)(head)->next; pos != (void *)(head); )"/>
</def>
"""


def test_cppcheck(tmp_path):
    """cppcheck reports nothing. Without the kernel's headers it cannot expand the macros of attrs.c."""
    (tmp_path / "kernel.cfg").write_text(LOOP, encoding="ascii")
    done = run("cppcheck", "-q", "--enable=warning,performance,portability", "--error-exitcode=1", f"--library={tmp_path}/kernel.cfg",
               "--suppress=preprocessorErrorDirective:*/attrs.c", TOP / "src", TOP / "tools")
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_shellcheck():
    """shellcheck reports nothing for any shell script."""
    assert len(SHELL) >= 2
    # busybox sh is an ash: shellcheck knows that as dash, plus what busybox adds to it.
    for path in SHELL:
        done = run("shellcheck", "--shell=dash" if "busybox" in path.read_text("utf-8")[:30] else "--severity=style", path)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [path for path in TEXTS if re.fullmatch(r"\.[1-9]", path.suffix)],
                         ids=lambda path: path.name)
def test_man_page(path):
    """groff formats the page without a warning."""
    done = subprocess.run(["man", "--warnings", "--encoding=UTF-8", "--local-file", str(path)], text=True, check=False,
                          capture_output=True, env=os.environ | {"MANWIDTH": "80"})
    assert done.returncode == 0 and done.stdout and not done.stderr, done.stderr


WORDS = TOP / "tests" / "words.txt"
REPLACED = [line.split("->")[0] for line in WORDS.read_text("utf-8").splitlines()]
# A phrase of words.txt, or a word. A phrase at the end of a line may go on with "item".
PHRASES = "|".join(word for word in REPLACED if " " in word)
WORD = rf"\b(?i:{PHRASES})\b(?![-\w]| item| queue|(?<= work)\s*$)|\w(?:[\w\-'’]*\w)?"
# Uses of these words that stay: alarm(2), to turn off, in turn.
EXEMPT = r"\balarm\(|\b([Tt]urns?( it)? (on|off)|in [Tt]urn)\b"


def codespell(*paths):
    """Look for typing errors, and for the words that words.txt replaces."""
    # .TE ends a table.
    return run("codespell", "--check-hidden", "--dictionary=-", f"--dictionary={WORDS}", f"--regex={WORD}",
               f"--ignore-regex={EXEMPT}", "--ignore-words-list=te", *paths)


def test_codespell():
    """No text except the licence has a typing error or a word that the dictionary replaces."""
    done = codespell(*[path for path in TEXTS if path not in (WORDS, TOP / "LICENSE")])
    assert done.returncode == 0, done.stdout


def test_codespell_reports_the_words_of_the_dictionary(tmp_path):
    """Each word of the dictionary makes the check fail, also in a hidden file."""
    assert len(REPLACED) > 30
    planted = tmp_path / ".planted"
    planted.write_text("".join(f"{word.capitalize()} is planted.\n" for word in REPLACED), "utf-8")
    done = codespell(planted)
    reported = [line.split(": ")[1].split(" ==> ")[0].lower() for line in done.stdout.splitlines()]
    assert done.returncode != 0 and reported == REPLACED


def test_codespell_lets_pass(tmp_path):
    """Names that contain such a word, and the exempt uses, pass."""
    passing = tmp_path / "passing"
    passing.write_text("bad-manual-page-folder, wakealarm, alarmtimer, alarm(10), a work item, turn off, turn it on, in turn\n", "utf-8")
    done = codespell(passing)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [path for path in TEXTS if path.suffix in (".c", ".h", ".py", ".sh")
                                  or path.name in ("Makefile", "Kbuild", "dkms.conf", "init")],
                         ids=lambda path: str(path.relative_to(TOP)))
def test_licence_is_named_first(path):
    """Each file has an SPDX line: line 1, or line 2 after an interpreter's name."""
    head = path.read_text("utf-8").splitlines()[:2]
    assert any("SPDX-License-Identifier: GPL-2.0-only" in line for line in head)


def test_one_version():
    """MODULE_VERSION is the version in dkms.conf."""
    assert f'MODULE_VERSION("{vm.version()}")' in (TOP / "src" / "main.c").read_text("ascii")


def body(text, function):
    """Return the body of a C function."""
    return re.search(rf"^static int {function}\(.*?^\{{(.*?)^\}}", text, re.MULTILINE | re.DOTALL)[1]


def test_fields_of_stat():
    """Fields have the same names, order and numbers of values in docs/ABI, in the module and in the tool."""
    entry = (TOP / "docs" / "ABI" / "sysfs-kernel-sched_tick").read_text("utf-8").split("sched_tick/stat\n")[1].split("What:")[0]
    documented, following = [], 1
    for first, last, name in re.findall(r"^\t\t *(\d+)(?:-(\d+))?\t(\S+)$", entry, re.MULTILINE):
        assert int(first) == following, name
        following = int(last or first) + 1
        documented.append((name, following - int(first)))

    sources = {name: (TOP / name).read_text("utf-8") for name in ("src/attrs.c", "src/lateness.h", "tools/stat.c", "tools/stat.h")}
    numbers = {int(re.search(r"LATENESS_BOUNDS\s+(\d+)", sources[name])[1]) + 1 for name in ("src/lateness.h", "tools/stat.h")}
    assert len(numbers) == 1
    buckets = numbers.pop()
    row = re.findall(r"\blateness->(\w+)", body(sources["src/attrs.c"], "ticker_show_stat_lateness"))
    printed = []
    for name in re.findall(r"(?:config\.|counts->|snapshot->(?=cpus\b|late\b))([\w.]+)", body(sources["src/attrs.c"], "ticker_show_stat")):
        name = re.sub(r"^late\.(\w+)_ns$", r"late_ns/\1", name)
        printed += [f"{name}/{part}" for part in row] if name.endswith("lateness") else [name]
    parsed = [name.replace(".", "/") for name in re.findall(r"\tFIELD\((.*)\),", sources["tools/stat.c"])]
    for names in (printed, parsed):
        assert [(name, buckets if name.endswith("histogram") else 1) for name in names] == documented
