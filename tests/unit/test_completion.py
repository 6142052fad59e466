# SPDX-License-Identifier: GPL-2.0-only
"""Completion of sched-tick(8) in bash and zsh, typed at a prompt, and its lists compared with the help texts."""

import os
import pty
import re
import select
import shlex
import subprocess
import time

import pytest

from conftest import TOP
from faketree import LONG_NAME, _run, _tool, _tree  # noqa: F401  pylint: disable=unused-import

COMPLETION = TOP / "tools" / "completion"
COMMANDS = ["list", "show", "create", "set", "delete", "wait", "watch", "check", "stalls", "record", "export", "apply"]
KEYS = ["period=", "phase=", "timer=", "clock=", "cpus=", "queue=", "notify=", "stall=", "enabled="]


@pytest.fixture(name="complete")
def _complete(tool, tree):
    """A function that returns what bash offers for a line."""
    def complete(line):
        script = f'compopt() {{ :; }}; source {shlex.quote(str(COMPLETION / "sched-tick.bash"))}; COMP_LINE=$1; ' \
                 'COMP_POINT=${#COMP_LINE}; _sched_tick; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, "bash", f"sched-tick {line}"], text=True, capture_output=True, check=True,
                              env={"PATH": f"{tool.parent}:{os.environ['PATH']}", "SCHED_TICK_ROOT": str(tree)})
        assert not done.stderr
        return done.stdout.split()
    return complete


OFFERED = {
    "": [*COMMANDS, "help", "--help", "--version"],
    "sh": ["show"],
    "help ": COMMANDS,
    "show ": ["default", LONG_NAME, "backup"],
    "delete ": [LONG_NAME, "backup"],
    "wait ba": ["backup"],
    "check --max": ["--max-late", "--max-missed"],
    "stalls b": ["backup"],
    "stalls --s": ["--since", "--stack"],
    "stalls --since ": [],
    "stalls --output=TIME,C": ["TIME,CPU", "TIME,CULPRIT", "TIME,CONTEXT", "TIME,COMM"],
    "export --": ["--file", "--help", "--version"],
    "record ": ["start", "save", "list", "show", "stop"],
    "record save ": ["default", LONG_NAME, "backup"],
    "record show ": [],
    "record list --o": ["--output"],
    "record list -o co": ["context", "comm"],
    "record start --buffer-kb ": [],
    "list -o na": ["name"],
    "list -o NAME,TIMER": ["NAME,TIMER-MEAN", "NAME,TIMER-P99", "NAME,TIMER-MAX"],
    "watch --output +timer-p": ["+timer-p99"],
    "watch --output=name,m": ["name,missed", "name,mean", "name,max"],
    "watch -d ": [],
    "set default ": KEYS,
    "set default pe": ["period="],
    "set default clock=": ["monotonic", "boottime", "realtime"],
    "set default clock=re": ["realtime"],
    "create x timer=": ["hrtimer", "wheel"],
    "set default period=1s cpus=": ["any", "all", "housekeeping"],
    "set default cpus=h": ["housekeeping"],
    "create x queue=": ["highpri", "normal", "unbound", "bh"],
    "show -p -o c": ["cpu"],
    "show --percpu --output=TICKS,S": ["TICKS,STALLS"],
    "show --p": ["--percpu"],
    "set default phase=": ["none"],
    "set default stall=": ["off"],
    "set default notify=": ["yes", "no"],
    "set default enabled=n": ["no"],
    "set default period=": [],
}


@pytest.mark.parametrize("line", OFFERED)
def test_bash(complete, line):
    """bash completes commands, options, columns, settings with their values, and names of tickers."""
    assert complete(line) == OFFERED[line]


def test_options_and_columns_are_complete(complete, run):
    """Both completions know the options and columns that the help texts describe."""
    zsh = (COMPLETION / "_sched-tick").read_text("utf-8")
    for command in COMMANDS:
        described = re.findall(r"^ (?:-\w, |    )(--[\w-]+)", run(command, "--help").out, re.MULTILINE)
        assert sorted(complete(f"{command} --")) == sorted(described)
        shared = {"$help": "--help --version", "$json": "--json", "$raw": "--raw", "$noheadings": "--noheadings",
                  "$output": "--output", "$cpu_output": "--output", "$stall_output": "--output", "$recording_output": "--output",
                  "$quiet": "--quiet"}
        line = re.search(rf"^  {command}\) (.*?);;$", zsh, re.MULTILINE | re.DOTALL)[1]
        for name, options in shared.items():
            line = line.replace(name, options)
        assert sorted(set(re.findall(r"(?<![\w-])--[a-z][\w-]*", line))) == sorted(described), command
    for command in ("list", "show", "watch", "stalls", "record"):
        columns = re.findall(r"^ +([A-Z0-9-]+)  ", run(command, "--help").out, re.MULTILINE)
        assert complete(f"{command} -o ") == columns
        assert " ".join(columns) in zsh


BASH = f"PS1=; source {COMPLETION}/sched-tick.bash; echo rea''dy\n"
ZSH = f"PS1=; fpath=({COMPLETION} $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\n"

# What is typed, and what appears.
TYPED = [("sched-tick wai\t", "wait"), ("--co\t", "--count"), (" 3 b\t", "backup"), ("\x15sched-tick set b\t", "backup"),
         ("phas\t", "phase="), ("no\t", "none"), ("clo\t", "clock="), ("re\t", "realtime"), (" que\t", "queue="), ("un\t", "unbound"),
         ("\x15sched-tick list -o NAME,ENA\t", "ENABLED"), (",TIC\t", "TICKS")]


@pytest.mark.parametrize("shell,setup", [(["bash", "--norc", "-i"], BASH), (["zsh", "-f"], ZSH)], ids=["bash", "zsh"])
def test_at_a_prompt(tool, tree, shell, setup):
    """The tab key completes a word."""
    child, terminal = pty.fork()
    if not child:
        os.environ.update(PATH=f"{tool.parent}:{os.environ['PATH']}", SCHED_TICK_ROOT=str(tree), TERM="dumb")
        os.execlp(shell[0], *shell)

    def until(text):
        seen, end = "", time.monotonic() + 30
        while text not in seen:
            assert time.monotonic() < end, seen
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 4096).decode()

    os.write(terminal, setup.encode())
    until("ready")
    for typed, completed in TYPED:
        os.write(terminal, typed.encode())
        until(completed)
    os.close(terminal)
    os.waitpid(child, 0)
