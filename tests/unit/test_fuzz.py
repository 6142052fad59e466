# SPDX-License-Identifier: GPL-2.0-only
"""The parsers of sched-tick(8) for stat, configuration files, and stalls: on the corpus of earlier runs, and with new input."""

import subprocess

import pytest

from conftest import TOP

FUZZ = TOP / "tests" / "unit" / "fuzz"
TOOLS = TOP / "tools"
SOURCES = [TOOLS / name for name in ("stat.c", "config.c", "settings.c", "sysfs.c", "cpulist.c", "refusal.c", "kernlog.c", "stalltext.c")]
LONGEST = {"stat": 2048, "config": 1024, "stalls": 1024}    # bytes
SECONDS = 600


def build(directory, compiler, target, *more):
    """Build a target with sanitizers, and its main program."""
    program = directory / target
    subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", '-DVERSION="fuzz"', "-O1", "-g", f"-I{TOOLS}",
                    "-fno-sanitize-recover=all", *more, "-o", program, FUZZ / f"{target}.c", *SOURCES], check=True)
    return program


@pytest.mark.parametrize("target", LONGEST)
def test_corpus(tmp_path, target):
    """No file of the corpus makes a sanitizer or an assertion fail."""
    program = build(tmp_path, "gcc", target, "-fsanitize=address,undefined", FUZZ / "replay.c")
    files = sorted((FUZZ / "corpus" / target).iterdir())
    assert len(files) > 30
    done = subprocess.run([program, *files], text=True, errors="replace", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.scope("long")
@pytest.mark.parametrize("target", LONGEST)
def test_ten_minutes(tmp_path, target):
    """New input, from the corpus on. What is found stays in build/, to be merged into the tree (docs/testing.md)."""
    program = build(tmp_path, "clang", target, "-fsanitize=fuzzer,address,undefined")
    found = TOP / "build" / "fuzz" / target
    found.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([program, f"-max_total_time={SECONDS}", f"-max_len={LONGEST[target]}", "-close_fd_mask=2",
                           f"-artifact_prefix={found}-", found, FUZZ / "corpus" / target],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
