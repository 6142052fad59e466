# SPDX-License-Identifier: GPL-2.0-only
"""Compile the module against a kernel tree: tree.py TREE [COMPILER].

TREE is a source tree after `make modules_prepare`, its build directory (O=...), or the header package of a distribution. A warning in a
file of the module is an error, and so is an imported symbol that the tree does not export. This file imports only what Debian's
python3-minimal has.
"""

import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
OUT = TOP / "build" / "tree"

# Messages of the compiler and of modpost (in the C locale) about what a tree lacks.
LACKS = [
    (r"fatal error: ([\w/.-]+): No such file", "lacks the header {}"),
    (r"error: implicit declaration of function '(\w+)'", "lacks the function {}"),
    (r"error: '(\w+)' undeclared", "lacks {}"),
    (r"error: unknown type name '(\w+)'", "lacks the type {}"),
    (r"error: '?((?:struct|const struct|union) \w+)'? has no member named '(\w+)'", "lacks the member {1} of {0}"),
    (r"(?:ERROR|WARNING): (?:modpost: )?\"(\w+)\" \[.*\] undefined!", "does not export {}"),
]
# Without Module.symvers modpost warns of every imported symbol. BTF needs a vmlinux.
UNRESOLVED = re.compile(r" undefined!$|unresolved symbol|Module\.symvers|[Ss]ymbol version")
# The linker defines these.
LINKED = re.compile(r"_GLOBAL_OFFSET_TABLE_|\..*")


class Failure(Exception):
    """What is wrong, in one line or a few."""


def required():
    """Return the options of a kernel that dkms.conf names."""
    return re.search(r'^BUILD_EXCLUSIVE_CONFIG="(.*)"$', (TOP / "dkms.conf").read_text(encoding="ascii"), re.MULTILINE).group(1).split()


def configuration(tree):
    """Return the options that are set in a tree, after a check that the tree is prepared and has those that the module needs."""
    if not (tree / "Makefile").is_file():
        raise Failure(f"{tree} is not a kernel tree: it has no Makefile")
    for name in ("include/config/auto.conf", "include/generated/autoconf.h"):
        if not (tree / name).is_file():
            raise Failure(f"{tree} has no {name}: run `make modules_prepare` there")
    options = set(re.findall(r"^(CONFIG_\w+)=[ym]$", (tree / "include/config/auto.conf").read_text(encoding="utf-8"), re.MULTILINE))
    missing = [name for name in ["CONFIG_MODULES", *required()] if name not in options]
    if missing:
        raise Failure(f"the configuration of {tree} lacks {' and '.join(missing)}")
    return options


def build(tree, compiler, options, source):
    """Build a copy of the module's source; return the output of make and whether it succeeded."""
    command = ["make", f"-j{os.cpu_count()}", "-C", str(tree), f"M={source}", "W=1"]
    command += ["SCHED_TICK_KUNIT=m"] if "CONFIG_KUNIT" in options else []
    command += [f"CC={compiler}"] if compiler else []
    # Variables of the make that started this program are not for the kernel's, which unsets LC_ALL.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "LC_", "LANG"))}
    done = subprocess.run([*command, "modules"], check=False, universal_newlines=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", env={**environment, "LANG": "C"})
    return done.stdout, done.returncode == 0


def lacks(log):
    """Return what the tree lacks, by the output of a build."""
    found = [words.format(*match.groups()) for line in log.splitlines() for pattern, words in LACKS
             for match in [re.search(pattern, line)] if match]
    return list(dict.fromkeys(found))


def warnings_of_ours(log, source):
    """Return the warnings in files of the module, and those of modpost. Warnings in headers of the kernel are not returned."""
    found = []
    for line in log.splitlines():
        match = re.match(r"([^\s:]+\.[ch]):\d+:(?:\d+:)? warning: ", line)
        ours = match and (source / match.group(1)).resolve().parent == source.resolve()
        if ours or re.match(r"WARNING: (?!.*BTF)", line) and not UNRESOLVED.search(line):
            found.append(line)
    return found


def check_log(tree, log, succeeded, source):
    """Fail if a build failed, or if it had a warning in a file of the module."""
    if not succeeded:
        errors = [line for line in log.splitlines() if re.search(r"\berror: |ERROR: ", line)] or log.splitlines()[-5:]
        raise Failure("\n".join([*(f"{tree} {what}" for what in lacks(log)[:5]), *errors[:5]]))
    warnings = warnings_of_ours(log, source)
    if warnings:
        raise Failure("\n".join(["the build has warnings:", *warnings]))


def imports(module):
    """Return the symbols that a module imports."""
    nm = subprocess.run([os.environ.get("CROSS_COMPILE", "") + "nm", "-u", str(module)], check=True, universal_newlines=True,
                        stdout=subprocess.PIPE)
    return {name for name in re.findall(r"^ *U (\S+)$", nm.stdout, re.MULTILINE) if not LINKED.match(name)}


def exports(symvers):
    """Return the symbols in a Module.symvers, with the macro that exports each."""
    rows = [line.split("\t") for line in symvers.read_text(encoding="ascii").splitlines()]
    return {row[1]: row[3] for row in rows}


def check_imports(tree, module):
    """Fail if the tree does not export what a module imports; return a sentence otherwise."""
    wanted, symvers = imports(module), tree / "Module.symvers"
    if not symvers.is_file():
        return f"{module.name} imports {len(wanted)} symbols. They were not checked: the tree has no Module.symvers."
    exported = exports(symvers)
    missing = sorted(wanted - set(exported))
    if missing:
        raise Failure("\n".join(f"{tree} does not export {name}" for name in missing))
    gpl_only = sum(exported[name].startswith("EXPORT_SYMBOL_GPL") for name in wanted)
    return f"{module.name} imports {len(wanted)} symbols. The tree exports them all, {gpl_only} of them to GPL modules only."


def compiler_of(module):
    """Return the name of the compiler in a module."""
    found = re.search(rb"GCC: \([^\0]*|[\w ]*clang version [^\0]*", module.read_bytes())
    return found.group().decode().replace("GCC:", "gcc") if found else "an unknown compiler"


def check(tree, compiler=None):
    """Compile against a tree. Return what was checked, in lines; raise Failure otherwise."""
    subprocess.run(["rm", "-rf", str(OUT)], check=True)
    options = configuration(tree)
    if compiler and subprocess.run(["sh", "-c", 'command -v "$1" > /dev/null', "sh", compiler], check=False).returncode:
        raise Failure(f"there is no program {compiler}")
    source = OUT / "src"
    source.mkdir(parents=True)
    for path in [TOP / "src" / "Kbuild", *(TOP / "src").glob("*.[ch]")]:
        (source / path.name).write_bytes(path.read_bytes())
    log, succeeded = build(tree, compiler, options, source)
    (OUT / "log").write_text(log, encoding="utf-8")
    check_log(tree, log, succeeded, source)
    modules = sorted(source.glob("*.ko"))
    release = re.search('UTS_RELEASE "(.*)"', (tree / "include/generated/utsrelease.h").read_text(encoding="ascii")).group(1)
    return [f"Linux {release}, {compiler_of(modules[0])}: the module builds with W=1 without a warning.",
            *(check_imports(tree, module) for module in modules)]


def main():
    """Check one tree, print the result."""
    tree, *compiler = sys.argv[1:]
    try:
        print("\n".join(check(pathlib.Path(tree).absolute(), *compiler)))
    except Failure as failure:
        print(failure, file=sys.stderr)
        if (OUT / "log").exists():
            print(f"The output of the build is {OUT / 'log'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
