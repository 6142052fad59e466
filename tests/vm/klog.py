# SPDX-License-Identifier: GPL-2.0-only
"""Lines that a kernel log must not contain, even if all tests passed."""

import re

_PREFIX = r"^(?:<\d+>)?(?:\[[^]]*\] ?)*"

DENIED = [re.compile(pattern) for pattern in (
    _PREFIX + r"(?:BUG|WARNING|UBSAN|KASAN|KCSAN|KFENCE|Oops|ODEBUG|kmemleak|INFO|Kernel panic)\b",
    r"kernel BUG at",
    r"Kernel panic - not syncing",
    r"general protection fault|stack segment:|divide error:|invalid opcode:|double fault:",
    r"unable to handle (?:kernel|page fault)|Unable to handle kernel",
    r"watchdog: .*(?:soft lockup|hard LOCKUP)",
    r"blocked for more than \d+ seconds",
    r"(?:self-)?detected stalls?\b",
    r"possible (?:recursive locking|circular locking|irq lock inversion)",
    r"suspicious RCU usage",
    r"sleeping function called from invalid context",
    r"scheduling while atomic",
    r"cannot create duplicate filename",
    r"(?:kobject|refcount_t|list_add|list_del|slab|workqueue): .*(?:corruption|leak|underflow|saturated|tried|still)",
    r"(?:does not have a release\(\) function|is not initialized, yet kobject)",
    r"Call Trace:|^\S* ?---\[ end trace|------------\[ cut here",
    r"sched_tick: .*(?:disagrees|Unknown symbol|no symbol version|section)",
    r"BUG kmalloc|Redzone|Poison overwritten|Object already free",
    r"cleanup_module|stuck|hung task",
)]

# Lines that match and are harmless, each with its reason.
ALLOWED = [re.compile(pattern) for pattern in (
    # The tests announce themselves, and their names may match.
    _PREFIX + r"sched_tick-test: ",
    # Messages of kmemleak about itself, not about leaks.
    _PREFIX + r"kmemleak: (?:Kernel memory leak detector initialized|Automatic memory scanning thread|Cannot allocate a scan area)",
)]

# Every complete log has this line; a log without it is missing or cut off.
SEEN = re.compile(r"Linux version \d")


def bad_lines(text):
    """Return the lines that must not be there; one line if the log is missing."""
    if not SEEN.search(text):
        return ["(no kernel log: 'Linux version' is not in it)"]
    return [line for line in text.replace("\r", "").splitlines()
            if any(pattern.search(line) for pattern in DENIED)
            and not any(pattern.search(line) for pattern in ALLOWED)]
