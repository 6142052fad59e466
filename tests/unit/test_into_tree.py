# SPDX-License-Identifier: GPL-2.0-only
"""`make copy-builtin` and `make series`, on a tree with the few files of a kernel that they change."""

import re
import subprocess

import pytest

import rootfs
from conftest import TOP

KERNEL = {
    "Makefile": "# SPDX-License-Identifier: GPL-2.0\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\n",
    "MAINTAINERS": """List of maintainers

Maintainers List
----------------

SAMPLES
M:	Somebody <somebody@example.org>
S:	Maintained
F:	samples/

SCHEDULER
M:	Somebody <somebody@example.org>
S:	Maintained
F:	kernel/sched/

SCSI SUBSYSTEM
M:	Somebody <somebody@example.org>
S:	Maintained
F:	drivers/scsi/

THE REST
M:	Somebody <somebody@example.org>
S:	Buried alive in reporters
F:	*
F:	*/
""",
    "drivers/misc/Kconfig": 'menu "Misc devices"\n\nsource "drivers/misc/eeprom/Kconfig"\nsource "drivers/misc/mei/Kconfig"\nendmenu\n',
    "drivers/misc/Makefile": "# SPDX-License-Identifier: GPL-2.0\nobj-y\t\t\t\t+= eeprom/\nobj-y\t\t\t\t+= mei/\n",
    "Documentation/admin-guide/index.rst": ".. toctree::\n   :maxdepth: 1\n\n   svga\n   syscall-user-dispatch\n   sysrq\n",
    "Documentation/ABI/testing/sysfs-kernel-warn_count": "What:\t\t/sys/kernel/warn_count\n",
    "include/linux/list.h": "",
    "kernel/rcu/Kconfig": "config TASKS_RCU\n\tbool\n",
}
CHANGED = ("MAINTAINERS", "drivers/misc/Kconfig", "drivers/misc/Makefile", "Documentation/admin-guide/index.rst")


@pytest.fixture(name="tree")
def _tree(tmp_path):
    directory = tmp_path / "linux"
    for name, text in KERNEL.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, "utf-8")
    return directory


def make(target, tree):
    """Run make copy-builtin or make series."""
    return subprocess.run(["make", "--silent", "-C", str(TOP), target, f"TREE={tree}"], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def contents(tree):
    """Return the text of each file and when it was written."""
    return {str(path.relative_to(tree)): (path.read_text("utf-8"), path.stat().st_mtime_ns)
            for path in tree.rglob("*") if path.is_file() and ".git" not in path.parts}


def lines_added(tree):
    """Return the lines that a file of the kernel has more than before, by file; none may be missing."""
    added = {}
    for name in CHANGED:
        before, after = KERNEL[name].splitlines(), (tree / name).read_text("utf-8").splitlines()
        rest = iter(after)
        assert all(line in rest for line in before), name
        added[name] = len(after) - len(before)
    return added


def test_copies_once(tree):
    """A copy adds the module, its header and its documents, and one line or entry to each list; a second one changes nothing."""
    done = make("copy-builtin", tree)
    assert done.returncode == 0, done.stdout
    first = contents(tree)
    names = {path.name for path in (TOP / "src").glob("*.[ch]")} - {"sched_tick.h"} | {"Kconfig", "Makefile"}
    assert {path.name for path in (tree / "drivers/misc/sched_tick").iterdir()} == names
    assert lines_added(tree) == {"MAINTAINERS": 8, "drivers/misc/Kconfig": 1, "drivers/misc/Makefile": 1,
                                 "Documentation/admin-guide/index.rst": 1}
    assert {"include/linux/sched_tick.h", "Documentation/admin-guide/sched_tick.rst", "Documentation/ABI/testing/configfs-sched_tick",
            "Documentation/ABI/testing/sysfs-kernel-sched_tick", "Documentation/ABI/testing/sysfs-module-sched_tick"} <= first.keys()
    done = make("copy-builtin", tree)
    assert done.returncode == 0 and not done.stdout, done.stdout
    assert contents(tree) == first


def test_copies_in_the_form_of_the_kernel(tree):
    """The copy names no file of this project, asks for no version of it, and is built as the configuration says."""
    make("copy-builtin", tree)
    new = {name: text for name, (text, _) in contents(tree).items() if "sched_tick" in name}
    for name, text in new.items():
        assert not re.search(r'docs/|\.md\b|"sched_tick\.h"|sched_tick \d+\.\d|@\w+@', text), name
    assert re.findall(r"^obj-.*", new["drivers/misc/sched_tick/Makefile"], re.MULTILINE) == [
        "obj-$(CONFIG_SCHED_TICK) += sched_tick.o", "obj-$(CONFIG_SCHED_TICK_KUNIT_TEST) += sched_tick_kunit.o"]
    assert "select TASKS_RCU if PREEMPTION" in new["drivers/misc/sched_tick/Kconfig"]
    assert "KernelVersion:\t6.1\n" in new["Documentation/ABI/testing/configfs-sched_tick"]
    titles = re.findall(r"(?<=\n\n)(S.*)\n[A-Z]:\t", (tree / "MAINTAINERS").read_text("utf-8"))
    assert len(titles) == 4 and titles == sorted(titles)
    (tree / "kernel/rcu/Kconfig").write_text("\nconfig NEED_TASKS_RCU\n\tbool\n", "utf-8")
    make("copy-builtin", tree)
    assert "\tselect NEED_TASKS_RCU\n" in (tree / "drivers/misc/sched_tick/Kconfig").read_text("utf-8")


def test_a_copy_follows_the_source(tree):
    """A copy removes a source file that the module no longer has, and restores one that differs; objects stay."""
    make("copy-builtin", tree)
    driver = tree / "drivers/misc/sched_tick"
    for name, text in (("old.c", ""), ("tick.c", "changed"), ("tick.o", "object")):
        (driver / name).write_text(text, "utf-8")
    assert make("copy-builtin", tree).stdout == "drivers/misc/sched_tick/tick.c\n"
    assert not (driver / "old.c").exists() and (driver / "tick.o").exists()
    assert "ticker" in (driver / "tick.c").read_text("utf-8")


@pytest.mark.parametrize("target", ["copy-builtin", "series"])
def test_refuses_what_is_no_kernel_tree(target, tree, tmp_path):
    """A directory that is no kernel tree, and none at all, are refused with a message, and nothing is written."""
    (tree / "MAINTAINERS").unlink()
    before = contents(tree)
    done = make(target, tree)
    assert done.returncode and f"{tree} is no kernel tree: it has no MAINTAINERS\n" in done.stdout, done.stdout
    assert "Traceback" not in done.stdout and contents(tree) == before
    done = make(target, tmp_path / "missing")
    assert done.returncode and "missing is no kernel tree" in done.stdout
    done = make(target, "")
    assert done.returncode and f"make {target}: TREE is missing: a kernel tree\n" in done.stdout


def git(tree, *words):
    """Run git in the tree."""
    return subprocess.run(["git", "-C", str(tree), "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", *words],
                          check=True, text=True, stdout=subprocess.PIPE).stdout


@pytest.fixture(name="patches")
def _patches(tree, tmp_path):
    git(tree, "init", "--quiet")
    git(tree, "config", "user.name", "Some Author")
    git(tree, "config", "user.email", "author@example.org")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=base")
    done = subprocess.run([str(TOP / "packaging/kernel/into_tree.py"), "series", str(tree), str(tmp_path / "series")], check=False,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and not git(tree, "status", "--porcelain"), done.stdout
    return sorted((tmp_path / "series").iterdir())


def test_series_applies(tree, patches, tmp_path):
    """git am applies the series; the result is that of a copy, except for the maintainer. Author and sign-off are those of git."""
    git(tree, "am", "--quiet", *map(str, patches))
    log = git(tree, "log", "--format=%an <%ae>|%B", "HEAD~3..")
    person = "Some Author <author@example.org>"
    assert len(patches) == 3 == log.count(f"{person}|") == log.count(f"Signed-off-by: {person}\n")
    applied = contents(tree)
    git(tree, "reset", "--hard", "--quiet", "HEAD~3")
    make("copy-builtin", tree)
    developers = "The sched_tick developers <sched-tick@sched-tick.invalid>"
    copied = {name: text.replace(developers, person) for name, (text, _) in contents(tree).items()}
    assert {name: text for name, (text, _) in applied.items()} == copied
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=copied")
    done = make("series", tree)
    assert done.returncode and "already has sched_tick" in done.stdout


def test_each_patch_has_its_entry(tree, patches):
    """After each patch MAINTAINERS names the files that exist, and no others."""
    for patch in patches:
        git(tree, "am", "--quiet", str(patch))
        entry = (tree / "MAINTAINERS").read_text("utf-8").split("SCHED_TICK ")[1].split("\n\n")[0]
        for pattern in re.findall(r"^F:\t(.*?)/?$", entry, re.MULTILINE):
            assert list(tree.glob(pattern)), (patch.name, pattern)
    assert len(re.findall(r"^F:", entry, re.MULTILINE)) == 4


def test_checkpatch_accepts_the_series(patches):
    """checkpatch --strict reports nothing in the patches. It does not know the layout of TRACE_EVENT() that the kernel uses."""
    for patch in patches:
        done = subprocess.run(["perl", str(rootfs.kernel_scripts() / "checkpatch.pl"), "--no-tree", "--strict", "--show-types", "--terse",
                               "--showfile", "--no-summary", str(patch)], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        left = [line for line in done.stdout.splitlines()
                if not re.search(r"trace\.h:\d+: CHECK:(OPEN_ENDED_LINE|PARENTHESIS_ALIGNMENT):", line)]
        assert not left, "\n".join(left)
