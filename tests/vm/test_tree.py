# SPDX-License-Identifier: GPL-2.0-only
"""`make test-tree`: the module compiles against kernel trees, and an error names what a tree lacks."""

import re
import shutil
import subprocess

import pytest

import rootfs
import tree
import vm

# Runs in a root, with that suite's gcc. $1 is the tree. The output of each check follows a line with its name.
CHECK = """
if ! command -v python3 > /dev/null; then
    { apt-get update && apt-get install --yes --no-install-recommends python3-minimal; } > /tmp/apt 2>&1 || cat /tmp/apt
fi
cd /share/project
check() {
    echo "--- $1"
    make --silent test-tree TREE="$2" COMPILER="${3-}" 2>&1 || echo "status $?"
}
linux=/usr/src/linux/include/linux
"""

# Each change is undone, except the last ones. The tree is one of linux-source.
LACKING = CHECK + r"""
mv "$linux/configfs.h" /tmp
check header "$1"
mv /tmp/configfs.h "$linux"
sed -i.old 's/\bsysfs_add_file_to_group\b/sysfs_gone/' "$linux/sysfs.h"
check function "$1"
mv "$linux/sysfs.h.old" "$linux/sysfs.h"
sed -i.old '/\thrtimer_cancel\t/d' "$1/Module.symvers"
check export "$1"
mv "$1/Module.symvers.old" "$1/Module.symvers"
check compiler "$1" gcc-999
echo 'int unused(void) { return 0; }' >> src/cpus.c
check warning "$1"
sed -i /CONFIG_CONFIGFS_FS=/d "$1/include/config/auto.conf"
check option "$1"
"""

# The smallest configuration that dkms.conf admits, after `make modules_prepare` alone.
SMALLEST = CHECK + """
out=/tmp/smallest
mkdir "$out"
for option in 64BIT=y EXPERT=y MODULES=y PRINTK=n KALLSYMS=n PROC_FS=n $(sed -n 's/^BUILD_EXCLUSIVE_CONFIG="\\(.*\\)"/\\1/p' dkms.conf); do
    case $option in CONFIG_*) echo "$option=y" ;; *) echo "CONFIG_$option" ;; esac
done > "$out/options"
KCONFIG_ALLCONFIG="$out/options" make -s -C /usr/src/linux O="$out" allnoconfig modules_prepare
if grep -E '^CONFIG_(SMP|PRINTK|KALLSYMS|PROC_FS|HIGH_RES_TIMERS|NET|MODULE_UNLOAD|TRACEPOINTS)=' "$out/.config"; then exit 1; fi
check smallest "$out"
"""


def checks(kernel, script):
    """Run a script in the root of a kernel, with a copy of the project; return the output of each check."""
    with rootfs.sharing() as share:
        project = share / "project"
        (project / "tests" / "vm").mkdir(parents=True)
        (project / "src").mkdir()
        sources = [f"src/{path.name}" for path in (vm.TOP / "src").glob("*.[ch]")]
        for name in ("Makefile", "dkms.conf", "tests/vm/tree.py", "src/Kbuild", *sources):
            shutil.copy(vm.TOP / name, project / name)
        build = f"/lib/modules/{rootfs.release(kernel)}/build"
        done = rootfs.in_root(rootfs.root(kernel), f"{script}echo '--- end'\n", build, share=share, timeout=1200)
        built = [path.name for path in (project / "src").iterdir() if not path.name.endswith((".c", ".h", "Kbuild"))]
    assert done.returncode == 0 and not built, (built, done.stdout)
    print(done.stdout)
    return dict(re.findall(r"^--- (.*)\n((?:.*\n)*?)(?=^--- )", done.stdout, re.MULTILINE))


BUILT = r"Linux {}, gcc .*\b{}\.\d\.\d.*: the module builds with W=1 without a warning\.\n"
EXPORTED = r"{}\.ko imports [1-9]\d* symbols\. The tree exports them all, [1-9]\d* of them to GPL modules only\.\n"


@pytest.mark.scope("long")
@pytest.mark.parametrize("name,compiler", [("5.10", 10), ("6.1", 12), ("6.12", 14), ("7.3", 14), ("memory", 12), ("races", 14)])
def test_trees(name, compiler):
    """The module compiles against Debian's headers and against built source trees, which export what it imports."""
    expected = BUILT.format(re.escape(rootfs.release(name)), compiler) + EXPORTED.format("sched_tick")
    # Of these, only this one has CONFIG_KUNIT.
    expected += EXPORTED.format("sched_tick_kunit") * (name == "memory")
    output = checks(name, CHECK + 'check whole "$1"\n')["whole"]
    assert re.fullmatch(expected, output), output


@pytest.mark.scope("long")
def test_smallest_configuration():
    """The module compiles for a kernel that has only what dkms.conf requires; without Module.symvers no export is checked."""
    output = checks("memory", SMALLEST)["smallest"]
    assert re.fullmatch(BUILT.format(r"\S+", 12) + r"sched_tick\.ko imports [1-9]\d* symbols\. They were not checked: "
                        r"the tree has no Module\.symvers\.\n", output), output


@pytest.mark.scope("long")
def test_lacking_trees():
    """An error names the header, function, export or option that a tree lacks; a warning of the module's files is an error."""
    outputs = checks("memory", LACKING)
    for name, words in {
            "header": "/build lacks the header linux/configfs.h\n",
            "function": "/build lacks the function sysfs_add_file_to_group\n",
            "export": "/build does not export hrtimer_cancel\n",
            "compiler": "^there is no program gcc-999\n",
            "warning": "cpus.c:\\d+:\\d+: warning: no previous prototype for 'unused'",
            "option": "the configuration of \\S+/build lacks CONFIG_CONFIGFS_FS\n"}.items():
        output = outputs[name]
        assert re.search(words, output) and output.endswith("status 2\n") and len(output.splitlines()) <= 12, output


def error(*words):
    """Run `make test-tree`, which must fail; return the first line of its message."""
    done = subprocess.run(["make", "--silent", "test-tree", *words], cwd=vm.TOP, text=True, capture_output=True, check=False)
    assert done.returncode == 2 and not done.stdout
    return done.stderr.splitlines()[0]


def test_trees_that_cannot_be_compiled_against(tmp_path):
    """An error names what is missing: TREE, a Makefile, `make modules_prepare`, an option. Variables are passed to the tree's make."""
    assert error() == "make test-tree: TREE is missing: a kernel tree to compile against"
    assert error(f"TREE={tmp_path}") == f"{tmp_path} is not a kernel tree: it has no Makefile"
    (tmp_path / "Makefile").touch()
    assert error(f"TREE={tmp_path}") == f"{tmp_path} has no include/config/auto.conf: run `make modules_prepare` there"
    for name in ("include/config/auto.conf", "include/generated/autoconf.h"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("CONFIG_MODULES=y\nCONFIG_SYSFS=y\n", encoding="ascii")
    assert error(f"TREE={tmp_path}") == f"the configuration of {tmp_path} lacks CONFIG_CONFIGFS_FS"
    (tmp_path / "include/config/auto.conf").write_text("=m\n".join(["CONFIG_MODULES", *tree.required(), ""]), encoding="ascii")
    (tmp_path / "Makefile").write_text("modules:\n\t@echo 'error: $(ARCH) $(CROSS_COMPILE) $(CC) $(W)'\n\t@false\n", encoding="ascii")
    assert error(f"TREE={tmp_path}", "ARCH=arm64", "CROSS_COMPILE=aarch64-", "COMPILER=sh") == f"error: arm64 aarch64- sh 1"


def test_imports_are_compared_with_exports(tmp_path):
    """Each symbol that a module imports must be in Module.symvers; weak ones need not."""
    rows = "0x0\tone\tvmlinux\tEXPORT_SYMBOL\t\n0x0\ttwo\tvmlinux\tEXPORT_SYMBOL_GPL\t\n"
    (tmp_path / "Module.symvers").write_text(rows, encoding="ascii")
    module = tmp_path / "module.ko"

    def compile_module(body):
        subprocess.run(["gcc", "-x", "c", "-c", "-", "-o", str(module)], input=f"int one(void), two(void), three(void);"
                       f"int weak(void) __attribute__((weak)); int run(void) {{ return {body}; }}", text=True, check=True)

    compile_module("one() + two() + weak()")
    assert tree.check_imports(tmp_path, module) == "module.ko imports 2 symbols. The tree exports them all, 1 of them to GPL modules only."
    compile_module("one() + three()")
    with pytest.raises(tree.Failure, match="does not export three$"):
        tree.check_imports(tmp_path, module)


LOG = {
    "ERROR: modpost: \"kthread_gone\" [/build/src/sched_tick.ko] undefined!": ["does not export kthread_gone"],
    "/src/ticker.c:5:10: fatal error: linux/kstrtox.h: No such file or directory": ["lacks the header linux/kstrtox.h"],
    "a.c:1:2: error: implicit declaration of function 'f' [-Werror=implicit-function-declaration]": ["lacks the function f"],
    "a.c:1:2: error: 'WQ_NEW' undeclared (first use in this function)": ["lacks WQ_NEW"],
    "a.c:1:2: error: unknown type name 'gone_t'": ["lacks the type gone_t"],
    "a.c:1:2: error: 'struct kobj_type' has no member named 'get_ownership'": ["lacks the member get_ownership of struct kobj_type"],
    "a.c:1:2: error: 'const struct kobj_type' has no member named 'x'; did you mean 'y'?": ["lacks the member x of const struct kobj_type"],
    "  CC [M]  /build/src/main.o": [],
}


def test_messages_of_compilers():
    """A message of the compiler or of modpost names what a tree lacks."""
    for line, words in LOG.items():
        assert tree.lacks(f"{line}\n{line}\n") == words


def test_warnings_of_ours(tmp_path):
    """Warnings in files of the module and of modpost count; those in headers of the kernel and about a missing Module.symvers do not."""
    (tmp_path / "src").mkdir()
    ours = [f"{tmp_path}/src/main.c:1:2: warning: unused variable 'x'", "main.c:12: warning: Function parameter not described",
            "WARNING: modpost: missing MODULE_DESCRIPTION() in main.o", "WARNING: main.o(.text+0x1): Section mismatch in reference"]
    others = ["./include/linux/list.h:1:2: warning: unused variable 'x'", "/usr/src/include/linux/a.h:3:1: warning: old",
              "WARNING: Symbol version dump \"Module.symvers\" is missing.", "WARNING: modpost: \"printk\" [sched_tick.ko] undefined!",
              "WARNING: modpost: suppressed 85 unresolved symbol warnings because there were too many)"]
    assert tree.warnings_of_ours("\n".join(ours + others), tmp_path / "src") == ours
