# SPDX-License-Identifier: GPL-2.0-only
"""Host unit tests of the pure files of src/: their results, coverage, sanitizers and divisions."""

import re
import subprocess

import pytest

from conftest import TOP

UNIT = TOP / "tests" / "unit"
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", f"-I{UNIT}/include", f"-I{TOP}/src"]
PURE = {"timeline.h", "lateness.h", "lateness.c"}


def gcc(directory, *arguments):
    """Compile with the flags of the unit tests."""
    subprocess.run(["gcc", *FLAGS, *arguments], check=True, cwd=directory)


@pytest.fixture(scope="module", name="built")
def _built(tmp_path_factory):
    directory = tmp_path_factory.mktemp("unit")
    gcc(directory, "-O0", "-g", "--coverage", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
        str(UNIT / "unit.c"), "-o", "unit", "-lcmocka")
    return directory


def test_unit(built):
    """The cmocka tests pass with the address and undefined-behaviour sanitizers."""
    done = subprocess.run(["./unit"], cwd=built, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout


def test_every_line_is_covered(built):
    """gcov reports 100 % of the lines of both files."""
    subprocess.run(["./unit"], cwd=built, check=True, capture_output=True)
    report = subprocess.run(["gcov", *(path.name for path in built.glob("*.gcda"))], cwd=built, text=True, check=True,
                            capture_output=True).stdout
    found = {path.rsplit("/", 1)[-1]: float(share)
             for path, share in re.findall(r"^File '(.*)'\nLines executed:([\d.]+)%", report, re.MULTILINE)}
    assert {name: found.get(name) for name in PURE} == {name: 100.0 for name in PURE}


def test_only_div64_u64_divides(tmp_path):
    """On 32 bits, `/` on u64 calls libgcc, which the kernel does not have."""
    source = tmp_path / "all.c"
    source.write_text('#include "timeline.h"\n'
                      "void *all[] = { ticker_timeline_start, ticker_timeline_count_missed, ticker_timeline_advance,\n"
                      "ticker_timeline_skip, ticker_timeline_end, ticker_timeline_rewind, ticker_timeline_reached };\n", encoding="ascii")
    missing = set()
    for path in (source, TOP / "src" / "lateness.c"):
        gcc(tmp_path, "-m32", "-O2", "-ffreestanding", "-fno-pic", "-c", str(path),
            "-o", "object.o")
        symbols = subprocess.run(["nm", "--undefined-only", "object.o"], cwd=tmp_path, check=True, text=True,
                                 capture_output=True).stdout
        missing |= {line.split()[-1] for line in symbols.splitlines()}
    assert missing == {"div64_u64"}
