# SPDX-License-Identifier: GPL-2.0-only
"""What a run of the tests may claim: how much of the long ones it did, on which kernels, and what follows from all of it having passed."""

import re

import vm

# What one kernel's in-machine tests say that they did.
COUNTED = {
    "load/unload cycles under traffic": re.compile(r"^ +ok \d+ (\d+) load/unload cycles ", re.MULTILINE),
    "seconds of torture": re.compile(r"^ +ok \d+ in (\d+) s: made ", re.MULTILINE),
    "hours of soak": re.compile(r"^ +ok \d+ (\d+) hours: ", re.MULTILINE),
    "failures of memory injected": re.compile(r"^ +ok \d+ .*: (\d+) failures injected", re.MULTILINE),
}
SEED = re.compile(r"^ +# seed (\d+)$", re.MULTILINE)


def bound(trials):
    """What share of such trials may go wrong at the most, if none of so many did: at 95 % confidence."""
    return 1 - 0.05 ** (1 / trials)


def of_reports(reports):
    """Lines, of reports by kernel."""
    lines, sums = [], dict.fromkeys(COUNTED, 0)
    for kernel, text in sorted(reports.items()):
        done = {what: sum(map(int, pattern.findall(text))) for what, pattern in COUNTED.items()}
        seeds = SEED.findall(text)
        said = [f"{number} {what}" for what, number in done.items() if number] + ([f"seeds {' '.join(seeds)}"] if seeds else [])
        if said:
            lines.append(f"{kernel}: {', '.join(said)}")
        for what, number in done.items():
            sums[what] += number
    cycles = sums["load/unload cycles under traffic"]
    if cycles:
        lines.append(f"in all {', '.join(f'{number} {what}' for what, number in sums.items() if number)}; no cycle failed, so at 95 % "
                     f"confidence at most {bound(cycles):.2%} do")
    return lines


def since(start):
    """Of what was booted since then, and had no bug put in on purpose."""
    reports = {}
    for path in sorted((vm.BUILD / "logs").glob("*.report")):
        if path.stat().st_mtime >= start and "mutant-" not in path.name:
            kernel = re.match(r"(\d[^-]*(?:-rt|-clang)?|[^-]+)-", path.name).group(1)
            reports[kernel] = reports.get(kernel, "") + path.read_text("utf-8") + "\n"
    return of_reports(reports)
