# SPDX-License-Identifier: GPL-2.0-only
"""What all parts of the suite share: which kernels, how much of it, one boot for many tests, one last line."""

import os
import pathlib
import pickle
import sys
import time
import zlib

import pytest

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "vm"))

import claims  # noqa: E402  pylint: disable=wrong-import-position
import rootfs  # noqa: E402  pylint: disable=wrong-import-position
import vm     # noqa: E402  pylint: disable=wrong-import-position

REFERENCE = rootfs.REFERENCE
START = time.time()


def pytest_addoption(parser):
    parser.addoption("--kernels", help="which, with commas between")
    parser.addoption("--scope", choices=["check", "test", "long"], default="test",
                     help="check: minutes. test: everything that fits an hour. long: all of it, by hand")
    parser.addoption("--effort", type=int, help="how much of long in-machine tests to do, in per cent, whatever the scope")


def pytest_configure(config):
    config.addinivalue_line("markers", "scope(name): the least scope that runs this test")
    config.addinivalue_line("markers", "one_kernel: but for make test-long one is enough")


def kernels(config):
    """Those to test on."""
    if config.getoption("kernels"):
        return config.getoption("kernels").split(",")
    return rootfs.MATRIX + (rootfs.MATRIX_LONG if config.getoption("scope") == "long" else [])


def pytest_generate_tests(metafunc):
    if "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", kernels(metafunc.config), scope="session")


# Before xdist looks at the groups; and after pytest has put together what shares a fixture.
@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_collection_modifyitems(config, items):
    order = ["check", "test", "long"]
    chosen = order.index(config.getoption("scope"))
    kept, left = [], []
    for item in items:
        least = max((order.index(marker.args[0]) for marker in item.iter_markers("scope")), default=0)
        if is_once_more(item, kernels(config)):
            least = order.index("long")
        (kept if least <= chosen else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    yield
    items.sort(key=place)


def some_of(names, always):
    """Parameters of a test: all of them in `make test-long`, elsewhere but these."""
    return [pytest.param(name, marks=[] if name in always else [pytest.mark.scope("long")]) for name in names]


def parameters(item):
    """What a test is called with."""
    return item.callspec.params if hasattr(item, "callspec") else {}


def is_once_more(item, tested):
    """Whether it does once more what one of the tested kernels is enough for in `make test`: what is marked so, and with a named
    ticker what was done with the default one; and suspend knows of no names."""
    given = parameters(item)
    named = str(given.get("run", "")).startswith("named")
    elsewhere = given.get("kernel") != (REFERENCE if REFERENCE in tested else tested[0])
    return (named or bool(item.get_closest_marker("one_kernel"))) and (elsewhere or given.get("run") == "named-sleep")


def group(item):
    """What has to run one after the other: a directory of packages, or of programs, is one; of the tests on a kernel one boot serves
    many. And all that boots guests of two CPUs: two of those on two CPUs wait for each other far longer than in turns."""
    given = parameters(item)
    if item.path.name not in ("test_debug.py", "test_kernels.py"):
        return item.path.parent.name
    if item.name.startswith(("test_long", "test_soak", "test_what_is_kept")) and given.get("name") != "isolated":
        return "timelines"
    kernel = str(given.get("kernel") or given.get("checker") or item.path.stem)
    if str(given.get("run")).endswith(("virtual", "sleep", "timed", "faults")):
        return f"{kernel}-alone"
    return f"two-CPUs-{zlib.crc32(kernel.encode()) % max(1, os.cpu_count() // 2)}"


# The longest first, so that nobody waits for one in the end; and those that wait for the same debug kernel to be built not at once.
LONGEST_FIRST = ("two-CPUs", "vm", "packages", "memory", "monitoring", f"{REFERENCE}-alone", "timelines", "bench", "")
SHORT = ("tests", "unit")


def place(item):
    """Where its group comes among the others."""
    name = group(item)
    return name in SHORT, next(i for i, start in enumerate(LONGEST_FIRST) if name.startswith(start))


def effort(config, share, most=100):
    """How much of the long in-machine tests to do, in per cent: share in `make test`, most in `make test-long`."""
    return config.getoption("effort") or {"check": 2, "test": share, "long": most}[config.getoption("scope")]


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    """What is built once in a run, whichever worker needs it first: a function, called with what it takes."""
    mine = tmp_path_factory.getbasetemp()
    directory = mine if worker_id == "master" else mine.parent

    def get(build, kernel):
        kept = directory / f"{build.__name__}-{kernel}"
        with rootfs.locked(directory / f"{kept.name}.lock"):
            if not kept.exists():
                kept.write_bytes(pickle.dumps(build(kernel)))
        return pickle.loads(kept.read_bytes())
    return get


@pytest.fixture(scope="session")
def modules(once):
    """The module as DKMS builds it, by kernel."""
    return lambda kernel: once(vm.build_dkms, kernel)


@pytest.fixture(scope="session")
def others(once):
    """The modules of tests/kernel/modules, by kernel."""
    return lambda kernel: once(vm.build_others, kernel)[0]


@pytest.fixture(scope="session")
def boots(modules, others, pytestconfig):
    """Boot results by kernel and run, each booted once."""
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
    # Of a run in which something failed nothing follows.
    for line in [] if count["failed"] + count["error"] else claims.since(START):
        terminalreporter.write_line(line)
    terminalreporter.write_line(
        f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped")


def pytest_report_header(config):
    return (f"kernels {','.join(kernels(config))}, scope {config.getoption('scope')}, "
            f"{os.cpu_count()} CPUs, cache {rootfs.cache_dir()}")
