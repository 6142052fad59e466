# SPDX-License-Identifier: GPL-2.0-only
"""Summary of a test run: how much of the long tests it did on which kernels, and the bound on failures that follows if all passed."""

import re

import vm

# Results of in-machine tests that contain a number to sum up.
COUNTED = {
    "load/unload cycles under traffic": re.compile(r"^ +ok \d+ (\d+) load/unload cycles ", re.MULTILINE),
    "seconds of torture": re.compile(r"^ +ok \d+ in (\d+) s: created ", re.MULTILINE),
    "hours of soak": re.compile(r"^ +ok \d+ (\d+) hours: ", re.MULTILINE),
    "failures of memory injected": re.compile(r"^ +ok \d+ .*: (\d+) failures injected", re.MULTILINE),
}
SEED = re.compile(r"^ +# seed (\d+)$", re.MULTILINE)


def bound(trials):
    """Return the share of trials that may fail at most, at 95 % confidence, if none of this number failed."""
    return 1 - 0.05 ** (1 / trials)


def summarize(reports):
    """Return the lines of a summary of reports by kernel."""
    lines, sums = [], dict.fromkeys(COUNTED, 0)
    for kernel, text in sorted(reports.items()):
        done = {what: sum(map(int, pattern.findall(text))) for what, pattern in COUNTED.items()}
        seeds = SEED.findall(text)
        parts = [f"{number} {what}" for what, number in done.items() if number] + ([f"seeds {' '.join(seeds)}"] if seeds else [])
        if parts:
            lines.append(f"{kernel}: {', '.join(parts)}")
        for what, number in done.items():
            sums[what] += number
    cycles = sums["load/unload cycles under traffic"]
    if cycles:
        lines.append(f"in total {', '.join(f'{number} {what}' for what, number in sums.items() if number)}; no cycle failed, so at 95 % "
                     f"confidence at most {bound(cycles):.2%} do")
    return lines


def summarize_since(start):
    """Summarize the boots since a time, except those with a bug put in on purpose."""
    reports = {}
    for path in sorted((vm.BUILD / "logs").glob("*.report")):
        if path.stat().st_mtime >= start and "mutant-" not in path.name:
            kernel = re.match(r"(\d[^-]*(?:-rt|-clang)?|[^-]+)-", path.name).group(1)
            reports[kernel] = reports.get(kernel, "") + path.read_text("utf-8") + "\n"
    return summarize(reports)
