# SPDX-License-Identifier: GPL-2.0-only
"""What all parts of the suite share: which kernels, how much of it, one boot for many tests, one last line."""

import os
import pathlib
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "vm"))

import roots  # noqa: E402  pylint: disable=wrong-import-position
import vm     # noqa: E402  pylint: disable=wrong-import-position

REFERENCE = roots.REFERENCE


def pytest_addoption(parser):
    parser.addoption("--kernels", default=",".join(roots.MATRIX), help="which, with commas between")
    parser.addoption("--scope", choices=["check", "test", "long"], default="test",
                     help="check: minutes. test: everything that fits an hour. long: all of it, by hand")


def pytest_configure(config):
    config.addinivalue_line("markers", "scope(name): the least scope that runs this test")


def pytest_generate_tests(metafunc):
    if "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", metafunc.config.getoption("kernels").split(","), scope="session")


# Before xdist looks at the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    order = ["check", "test", "long"]
    chosen = order.index(config.getoption("scope"))
    kept, left = [], []
    for item in items:
        least = max((order.index(marker.args[0]) for marker in item.iter_markers("scope")), default=0)
        (kept if least <= chosen else left).append(item)
    config.hook.pytest_deselected(items=left)
    # The longest first, so that nobody waits for one in the end.
    items[:] = sorted(kept, key=lambda item: (item.path.name != "test_kernels.py", REFERENCE not in group(item)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))


def group(item):
    """What has to run one after the other: a folder of packages, or of programs, is one; of the tests on a kernel one boot serves
    many."""
    if item.path.name != "test_kernels.py":
        return item.path.parent.name
    kernel = item.callspec.params.get("kernel") if hasattr(item, "callspec") else None
    return f"kernels-{kernel or 'timelines'}"


def effort(config, full):
    """How much of the long in-machine tests to do, in per cent; full says whether `make test` does all of them."""
    return {"check": 2, "test": 100 if full else 10, "long": 100}[config.getoption("scope")]


@pytest.fixture(scope="session")
def modules():
    """The module as DKMS builds it, by kernel, each built once."""
    built = {}

    def get(kernel):
        if kernel not in built:
            built[kernel] = vm.build_dkms(kernel)
        return built[kernel]
    return get


@pytest.fixture(scope="session")
def others():
    """The modules of tests/kernel/modules, by kernel, each built once."""
    built = {}

    def get(kernel):
        if kernel not in built:
            built[kernel], _ = vm.build_others(kernel)
        return built[kernel]
    return get


@pytest.fixture(scope="session")
def boots(modules, others, pytestconfig):
    """Boot results by kernel and run, each booted once."""
    done = {}

    def get(kernel, run):
        if (kernel, run) not in done:
            limit = "export SCHED_TICK_LATENESS_NS=5000\n" if kernel == REFERENCE else ""
            about = f"export SCHED_TICK_TICKER={run.ticker}\n" if run.ticker else ""
            share = effort(pytestconfig, run.full and kernel == REFERENCE)
            job = f"{limit}{about}export SCHED_TICK_EFFORT={share}\n/ktest {' '.join(run.tests)}\n"
            machine = vm.Machine(kernel, run.mode, modules(kernel), others(kernel))
            label = f"{run.mode}-{run.ticker or run.tests[0]}"
            done[kernel, run] = machine.boot(job, timeout=2400, label=label)
        return done[kernel, run]
    return get


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    count = {name: len(stats.get(name, [])) for name in ("passed", "failed", "error", "skipped")}
    terminalreporter.write_line(
        f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped")


def pytest_report_header(config):
    return (f"kernels {config.getoption('kernels')}, scope {config.getoption('scope')}, "
            f"{os.cpu_count()} CPUs, cache {roots.cache_dir()}")
