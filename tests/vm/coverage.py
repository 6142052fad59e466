# SPDX-License-Identifier: GPL-2.0-only
"""Lines and branches of the module that the tests reach, counted by gcov in the debug kernel."""

import re
import shutil
import subprocess

import rootfs
import vm

# Not counted: the KUnit suite, the branches of lockdep's assertions, and the branches that refuse a module parameter, which run
# before the kernel begins to count for a module.
MERGE = """
lcov() {
    command lcov --rc lcov_branch_coverage=1 --rc 'lcov_excl_br_line=lockdep_assert_held|kstrtouint[(]val' "$@"
}
mkdir -p /usr/src
cp -r /share/installed/* /
src=$1/src
set --
for run in /share/runs/*; do
    cp /share/gcno/*.gcno "$run"/*.gcda "$src"
    name=/share/$(basename "$run").info
    lcov --quiet --capture --directory "$src" --output-file "$name"
    rm "$src"/*.gcda
    set -- "$@" --add-tracefile "$name"
done
lcov --quiet "$@" --output-file /share/all.info
lcov --quiet --extract /share/all.info "$src/*" --output-file /share/ours.info
lcov --quiet --remove /share/ours.info '*/kunit.c' '*/trace.h' --output-file /share/coverage.info
genhtml --quiet --branch-coverage --output-directory /share/html /share/coverage.info
lcov --list /share/coverage.info > /share/html/table
"""


def merged(files, runs):
    """Merge the counts of several runs into build/coverage; return by file its lines and branches as [(line, times reached)]."""
    with rootfs.sharing() as share:
        subprocess.run(["make", "--silent", "-C", str(vm.TOP), f"DESTDIR={share}/installed", "install-source"], check=True)
        (share / "gcno").mkdir()
        for name, content in files.items():
            if name.endswith(".gcno"):
                (share / "gcno" / name).write_bytes(content)
        for number, counts in enumerate(runs):
            run = share / "runs" / str(number)
            run.mkdir(parents=True)
            for name, content in counts.items():
                (run / name).write_bytes(content)
        done = rootfs.in_root(rootfs.root("memory"), MERGE, f"/usr/src/sched_tick-{vm.version()}", share=share)
        assert done.returncode == 0, done.stdout
        kept = vm.BUILD / "coverage"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(share / "html", kept)
        text = (share / "coverage.info").read_text("ascii")
    found = {}
    for record in text.split("end_of_record"):
        name = re.search(r"^SF:.*/(\S+)$", record, re.MULTILINE)
        if name:
            found[name.group(1)] = ([(int(line), int(times)) for line, times in re.findall(r"^DA:(\d+),(\d+)", record, re.MULTILINE)],
                                    [(int(line), int(times.replace("-", "0"))) for line, times in
                                     re.findall(r"^BRDA:(\d+),\d+,\d+,(\S+)$", record, re.MULTILINE)])
    return found
