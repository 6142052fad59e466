# SPDX-License-Identifier: GPL-2.0-only
"""Shared by all tests: options for kernels and scope, one boot for many tests, and the summary."""

import os
import pathlib
import pickle
import sys
import time
import zlib

import pytest

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "tests" / name) for name in ("vm", "monitoring")]

import rootfs   # noqa: E402  pylint: disable=wrong-import-position
import summary  # noqa: E402  pylint: disable=wrong-import-position
import vm       # noqa: E402  pylint: disable=wrong-import-position

REFERENCE = rootfs.REFERENCE
START = time.time()


def pytest_addoption(parser):
    parser.addoption("--kernels", help="kernels to test on, separated by commas")
    parser.addoption("--scope", choices=["check", "test", "long"], default="test",
                     help="check: minutes. test: an hour. long: every test in full, hours")
    parser.addoption("--effort", type=int, help="share of the long in-machine tests to run, in per cent; overrides the default of the scope")


def pytest_configure(config):
    config.addinivalue_line("markers", "scope(name): the smallest scope that runs this test")
    config.addinivalue_line("markers", "one_kernel: runs on one kernel, and on all of them in make test-long")


def kernels(config):
    """Return the names of the kernels to test on."""
    if config.getoption("kernels"):
        return config.getoption("kernels").split(",")
    return rootfs.MATRIX + (rootfs.MATRIX_LONG if config.getoption("scope") == "long" else [])


def pytest_generate_tests(metafunc):
    if "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", kernels(metafunc.config), scope="session")


# Runs before xdist reads the groups, and after pytest has sorted tests by shared fixtures.
@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_collection_modifyitems(config, items):
    order = ["check", "test", "long"]
    chosen = order.index(config.getoption("scope"))
    kept, left = [], []
    for item in items:
        least = max((order.index(marker.args[0]) for marker in item.iter_markers("scope")), default=0)
        if is_repetition(item, kernels(config)):
            least = order.index("long")
        (kept if least <= chosen else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    yield
    items.sort(key=place)


def some_of(names, always):
    """Return parameters for a test: all names in `make test-long`, else only those in always."""
    return [pytest.param(name, marks=[] if name in always else [pytest.mark.scope("long")]) for name in names]


def parameters(item):
    """Return the parameters of a test."""
    return item.callspec.params if hasattr(item, "callspec") else {}


def is_repetition(item, tested):
    """Return whether a test is for `make test-long` only, because another kernel or ticker covers it in `make test`.

    These are tests marked one_kernel, tests of a named ticker and torture on a stock kernel, on all kernels but one; and suspend with a
    named ticker."""
    given = parameters(item)
    named = str(given.get("run", "")).startswith("named")
    torture = given.get("run") == "torture" and "kernel" in given
    elsewhere = given.get("kernel") != (REFERENCE if REFERENCE in tested else tested[0])
    return (named or torture or bool(item.get_closest_marker("one_kernel"))) and (elsewhere or given.get("run") == "named-sleep")


def group(item):
    """Return the name of the tests that run one after the other in the same worker.

    Tests of one directory are a group. Of the tests on kernels, those that share a boot are; and, for each two CPUs of this machine,
    those that boot guests with two CPUs, because two such guests on two CPUs delay each other far more than one after the other."""
    given = parameters(item)
    if item.path.name not in ("test_debug.py", "test_kernels.py"):
        return item.path.parent.name
    if item.name.startswith(("test_long", "test_soak", "test_limits_on_users")) and not str(given.get("name")).startswith("isolated"):
        return "timelines"
    kernel = str(given.get("kernel") or given.get("checker") or item.path.stem)
    if str(given.get("run")).endswith(("virtual", "sleep", "timed", "faults")):
        return f"{kernel}-alone"
    return f"two-CPUs-{zlib.crc32(kernel.encode()) % max(1, os.cpu_count() // 2)}"


# The longest first, so that none runs alone at the end. Groups that wait for the same debug kernel to be built are apart.
LONGEST_FIRST = ("two-CPUs", "vm", "packages", "memory", "monitoring", f"{REFERENCE}-alone", "timelines", "bench", "")
SHORT = ("tests", "unit")


def place(item):
    """Return the rank of a test's group."""
    name = group(item)
    return name in SHORT, next(i for i, start in enumerate(LONGEST_FIRST) if name.startswith(start))


def effort(config, share, most=100):
    """Return the share of the long in-machine tests to run, in per cent: share in `make test`, most in `make test-long`."""
    return config.getoption("effort") or {"check": 2, "test": share, "long": most}[config.getoption("scope")]


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    """Build something once per run, by the first worker that needs it: a function that takes the build function and its argument."""
    base = tmp_path_factory.getbasetemp()
    directory = base if worker_id == "master" else base.parent

    def get(build, kernel):
        kept = directory / f"{build.__name__}-{kernel}"
        with rootfs.locked(directory / f"{kept.name}.lock"):
            if not kept.exists():
                kept.write_bytes(pickle.dumps(build(kernel)))
        return pickle.loads(kept.read_bytes())
    return get


@pytest.fixture(scope="session")
def modules(once):
    """Return the module as DKMS builds it, by kernel."""
    return lambda kernel: once(vm.build_dkms, kernel)


@pytest.fixture(scope="session")
def others(once):
    """Return the modules of tests/kernel/modules, by kernel."""
    return lambda kernel: once(vm.build_others, kernel)[0]


@pytest.fixture(scope="session")
def boots(modules, others, pytestconfig):
    """Return the result of a run on a kernel; boot it once."""
    done = {}

    def get(kernel, run):
        if (kernel, run) not in done:
            limit = "export SCHED_TICK_LATENESS_NS=5000\n" if kernel == REFERENCE else ""
            about = f"export SCHED_TICK_TICKER={run.ticker}\n" if run.ticker else ""
            share = effort(pytestconfig, run.reference_share if kernel == REFERENCE and run.reference_share else run.share)
            job = f"{limit}{about}export SCHED_TICK_EFFORT={share}\n/ktest {' '.join(run.tests)}\n"
            machine = vm.Machine(kernel, run.mode, modules(kernel), others(kernel))
            label = f"{run.mode}-{run.ticker or run.options or run.tests[0]}"
            done[kernel, run] = machine.boot(job, timeout=3600, options=run.options, label=label)
        return done[kernel, run]
    return get


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    count = {name: len(stats.get(name, [])) for name in ("passed", "failed", "error", "skipped")}
    # The bound holds only if nothing failed.
    for line in [] if count["failed"] + count["error"] else summary.summarize_since(START):
        terminalreporter.write_line(line)
    terminalreporter.write_line(
        f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped")


def pytest_report_header(config):
    return (f"kernels {','.join(kernels(config))}, scope {config.getoption('scope')}, "
            f"{os.cpu_count()} CPUs, cache {rootfs.cache_dir()}")
