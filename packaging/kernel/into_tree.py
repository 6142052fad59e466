#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Put sched_tick into a kernel tree, or make patches for one.

Usage: into_tree.py copy TREE
       into_tree.py series TREE DIRECTORY

copy writes the files into TREE; a second run writes only what has changed. series writes patches for TREE into DIRECTORY, in the form
of git format-patch, and leaves TREE unchanged. Their author is the user.name and user.email of git. If TREE is a git tree, the patches
are for its HEAD.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
PIECES = pathlib.Path(__file__).resolve().parent
DRIVER = "drivers/misc/sched_tick"
HEADER = "include/linux/sched_tick.h"
GUIDE = "Documentation/admin-guide/sched_tick.rst"
ABI = {name: f"Documentation/ABI/testing/{prefix}{name}"
       for name, prefix in (("configfs-sched_tick", ""), ("module-sched_tick", "sysfs-"), ("sysfs-kernel-sched_tick", ""))}
# Files of the kernel that are changed.
MENU, OBJECTS, INDEX, MAINTAINERS = "drivers/misc/Kconfig", "drivers/misc/Makefile", "Documentation/admin-guide/index.rst", "MAINTAINERS"
# Files of the kernel that are only read.
RCU = "kernel/rcu/Kconfig"

# (subject, body, paths). Each patch changes MAINTAINERS, because each adds files.
PATCHES = [
    ("Documentation: ABI: describe sched_tick", """\
sched_tick runs periodic work and records how late each run was. Describe
its files in sysfs and configfs, its uevents and its module parameters.
""", ("Documentation/ABI/",)),
    ("misc: add sched_tick, periodic work with measured lateness", """\
A machine that freezes for half a second leaves no trace: the kernel's
watchdogs report CPUs that are stuck for ten seconds or more, and tools
that measure latency run for a session.

sched_tick runs a work item periodically on each CPU, all the time, and
keeps histograms of how late the timer and the worker were. It reports a
tick that is overdue while it is overdue, with the task and the function
that hold the CPU. Other kernel code can subscribe a function to a ticker.
""", ("drivers/", "include/")),
    ("Documentation: admin-guide: describe sched_tick", """\
Describe what sched_tick is for, its terms, its parameters, and how to use
it from a shell and from kernel code.
""", ("Documentation/admin-guide/",)),
]


class Failure(Exception):
    """A message for the user."""


def substitute(pattern, replacement, text, what):
    """Replace what a pattern matches; it has to match exactly once."""
    text, count = re.subn(pattern, lambda match: match.expand(replacement), text, flags=re.MULTILINE | re.DOTALL)
    if count != 1:
        raise Failure(f"{what} has changed: update {PIECES.name}/{pathlib.Path(__file__).name}")
    return text


def insert_before(text, pattern, line, what):
    """Insert a line before the first line that matches a pattern, unless the text has the line."""
    if f"\n{line}\n" in text:
        return text
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise Failure(f"{what} has no line {pattern}")
    return f"{text[:found.start()]}{line}\n{text[found.start():]}"


def makefile():
    """Return src/Kbuild in the form of a kernel tree: the configuration decides what is built."""
    text = (TOP / "src/Kbuild").read_text("ascii")
    text = substitute(r"^obj-m := (sched_tick\.o)$", r"obj-$(CONFIG_SCHED_TICK) += \1", text, "src/Kbuild")
    return substitute(r"^# KUnit tests,[^\n]*\n(?:#[^\n]*\n)*obj-[^\n]*\+= (sched_tick_kunit\.o)$",
                      r"obj-$(CONFIG_SCHED_TICK_KUNIT_TEST) += \1", text, "src/Kbuild")


def source(path):
    """Return a file of src/. It includes the header for subscribers, which is in include/linux, as <linux/sched_tick.h>."""
    text = path.read_text("ascii")
    own, included = '#include "sched_tick.h"\n', "#include <linux/sched_tick.h>\n"
    if own in text:
        text = text.replace(own, "")
        before = [line for line in re.findall(r"^#include <linux/.*\n", text, re.MULTILINE) if line < included]
        text = text.replace(before[-1], before[-1] + included)
    return text


def header():
    """Return the header for subscribers."""
    text = (TOP / "src/sched_tick.h").read_text("ascii").replace("SCHED_TICK_H", "_LINUX_SCHED_TICK_H")
    text = substitute(r"Interface for other kernel modules:", "Interface for other kernel code:", text, "src/sched_tick.h")
    return substitute(r"^ \* docs/subscribe\.md [^\n]*$", f" * {GUIDE} describes tickers.", text, "src/sched_tick.h")


def with_entry(text, entry):
    """Return MAINTAINERS with an entry, in alphabetical order; an earlier version of the entry is replaced."""
    title = entry.split("\n", 1)[0]
    text = re.sub(rf"^{re.escape(title)}\n(?:.+\n)*\n", "", text, flags=re.MULTILINE)
    for heading in re.finditer(r"(?<=\n\n)(\S.*)\n[A-Z]:\t", text):
        if heading[1][0] == title[0] and heading[1] > title:
            return f"{text[:heading.start()]}{entry}\n{text[heading.start():]}"
    raise Failure("MAINTAINERS has no entry that follows " + title)


def files(read, maintainer):
    """Return the new text of each file by its path. read() returns the present text of a file of the kernel."""
    version = re.match(r"(?:#.*\n)*VERSION = (\d+)\nPATCHLEVEL = (\d+)\n", read("Makefile"))
    if not version:
        raise Failure("its Makefile names no version of Linux")
    rcu = "NEED_TASKS_RCU" if "\nconfig NEED_TASKS_RCU\n" in read(RCU) else "TASKS_RCU if PREEMPTION"
    new = {f"{DRIVER}/{path.name}": source(path) for path in sorted((TOP / "src").glob("*.[ch]")) if path.name != "sched_tick.h"}
    new[f"{DRIVER}/Makefile"] = makefile()
    new[f"{DRIVER}/Kconfig"] = (PIECES / "Kconfig").read_text("ascii").replace("@TASKS_RCU@", rcu)
    new[HEADER] = header()
    new[GUIDE] = (PIECES / "sched_tick.rst").read_text("ascii")
    for name, path in ABI.items():
        text = (TOP / "docs/ABI" / name).read_text("ascii")
        text = re.sub(r"^(KernelVersion:\t).*$", rf"\g<1>{version[1]}.{version[2]}", text, flags=re.MULTILINE)
        new[path] = re.sub(r"^(Contact:\t).*$", lambda match: match[1] + maintainer, text, flags=re.MULTILINE)

    new[MENU] = insert_before(read(MENU), r"^endmenu$", f'source "{DRIVER}/Kconfig"', MENU)
    objects, hook = read(OBJECTS), "obj-$(CONFIG_SCHED_TICK)\t+= sched_tick/\n"
    new[OBJECTS] = objects if hook in objects else objects + hook
    new[INDEX] = insert_before(read(INDEX), r"^   (syscall-user-dispatch|sysrq)$", "   sched_tick", INDEX)
    entry = (PIECES / "MAINTAINERS").read_text("ascii").replace("@MAINTAINER@", maintainer)
    new[MAINTAINERS] = with_entry(read(MAINTAINERS), entry)
    return new


def reader(tree):
    """Return a function that reads a file of a kernel tree."""
    def read(path):
        try:
            return (tree / path).read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise Failure(f"{tree} is no kernel tree: it has no {path}") from None
    return read


def copy(tree):
    """Write the files into a kernel tree."""
    maintainer = re.search(r"^Maintainer: (.*)$", (TOP / "packaging/debian/control").read_text("utf-8"), re.MULTILINE)[1]
    new = files(reader(tree), maintainer)
    for path in (tree / DRIVER).glob("*.[ch]"):
        if f"{DRIVER}/{path.name}" not in new:
            path.unlink()
    for path, text in new.items():
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # make builds what is newer.
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            print(path)


def git(directory, *words, **options):
    """Run git; return its output."""
    return subprocess.run(["git", "-C", str(directory), *words], check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def identity(tree, key):
    """Return a setting of git that names its user."""
    place = tree if (tree / ".git").exists() else TOP
    value = subprocess.run(["git", "-C", str(place), "config", key], check=False, text=True, stdout=subprocess.PIPE).stdout.strip()
    if not value:
        raise Failure(f"git has no {key}, which the patches need: run `git config --global {key} ...`")
    return value


def committed(tree):
    """Return a function that reads a file of HEAD of a git tree."""
    def read(path):
        done = subprocess.run(["git", "-C", str(tree), "show", f"HEAD:{path}"], check=False, capture_output=True)
        if done.returncode:
            raise Failure(f"{tree} is no kernel tree: HEAD has no {path}")
        return done.stdout.decode("utf-8")
    return read


def series(tree, directory):
    """Write patches for a kernel tree into a directory."""
    read = committed(tree) if (tree / ".git").exists() else reader(tree)
    name, email = identity(tree, "user.name"), identity(tree, "user.email")
    if DRIVER in read(MENU):
        raise Failure(f"{tree} already has sched_tick")
    new = files(read, f"{name} <{email}>")
    entry_files = [line[3:] for line in (PIECES / "MAINTAINERS").read_text("ascii").splitlines() if line.startswith("F:")]
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.patch"):
        old.unlink()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        git(work, "init", "--quiet")
        git(work, "config", "user.name", name)
        git(work, "config", "user.email", email)
        git(work, "config", "commit.gpgsign", "false")

        def commit(texts, *words):
            for path, text in texts.items():
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                (work / path).write_text(text, "utf-8")
            git(work, "add", "--all")
            git(work, "commit", "--quiet", "--no-verify", *words)

        commit({path: read(path) for path in (MENU, OBJECTS, INDEX, MAINTAINERS)}, "--message=base")
        done = ()
        for subject, body, paths in PATCHES:
            done += paths
            left = [line for line in entry_files if not line.startswith(done)]
            texts = {path: text for path, text in new.items() if path.startswith(paths)}
            texts[MAINTAINERS] = "".join(line for line in new[MAINTAINERS].splitlines(True) if line[3:-1] not in left)
            commit(texts, "--signoff", f"--message={subject}", f"--message={body}")
        print(git(work, "format-patch", "--output-directory", str(directory.resolve()), f"-{len(PATCHES)}"), end="")


def main():
    """Run a command."""
    words = sys.argv[1:]
    try:
        if words[:1] == ["copy"] and len(words) == 2:
            copy(pathlib.Path(words[1]))
        elif words[:1] == ["series"] and len(words) == 3:
            series(pathlib.Path(words[1]), pathlib.Path(words[2]))
        else:
            sys.exit("Usage: into_tree.py copy TREE | series TREE DIRECTORY")
    except Failure as failure:
        sys.exit(f"into_tree.py: {failure}")


if __name__ == "__main__":
    main()
