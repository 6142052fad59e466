# SPDX-License-Identifier: GPL-2.0-only
"""Where sched-tick(8) writes metrics: to what --output names, or where a textfile collector reads."""

import contextlib
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import threading
import time

import pytest

from test_tool import _run, _tool, _tree  # noqa: F401  pylint: disable=unused-import

USUAL = "var/lib/node_exporter/textfile_collector"
FLAG = "--collector.textfile.directory"


def test_a_pipe_is_written_in_place(run, tmp_path):
    """It is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("ascii")), daemon=True)
    reader.start()
    assert run("export", "--output", pipe) == (0, "", "")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    reader.join(timeout=10)
    assert read == [run("export", "--output", "-").out]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a device")
def test_a_device_is_written_in_place(run, tmp_path):
    """As is /dev/null; and what a device does not take is an error."""
    for name, minor in (("null", 3), ("full", 7)):
        os.mknod(tmp_path / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
    assert run("export", "--output", tmp_path / "null") == (0, "", "")
    done = run("export", "--output", tmp_path / "full")
    assert done.status == 1 and "No space left on device" in done.err
    assert all(stat.S_ISCHR((tmp_path / name).stat().st_mode) for name in ("null", "full"))


def test_links_are_followed(run, tmp_path):
    """To a file, to one that is not there yet, through another link; and to an open file that has no path."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old").touch()
    links = {"absolute": tmp_path / "there" / "old", "relative": "there/new", "twice": "relative", "output": "/proc/self/fd/1"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    whole = run("export", "--output", "-").out
    for name in ("absolute", "relative", "twice"):
        assert run("export", "--output", tmp_path / name) == (0, "", "")
        assert (tmp_path / name).read_text("ascii") == whole
    assert run("export", "--output", tmp_path / "output") == (0, whole, "")
    assert all((tmp_path / name).is_symlink() for name in links)
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["new", "old"]


def test_links_without_an_end(run, tmp_path):
    """They are an error."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    done = run("export", "--output", tmp_path / "a")
    assert done.status == 1 and "Too many levels of symbolic links" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a link of another user")
def test_a_link_of_another_user_is_not_followed(run, tmp_path):
    """It might lead to a file that only root may write to: it is replaced."""
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    (tmp_path / "link").symlink_to("secret")
    os.chown(tmp_path / "link", 65534, 65534, follow_symlinks=False)
    assert run("export", "--output", tmp_path / "link") == (0, "", "")
    assert (tmp_path / "secret").read_text("ascii") == "secret" and not (tmp_path / "link").is_symlink()


def test_a_directory_is_an_error(run, tmp_path):
    """Also behind a link."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    for name in ("directory", "link"):
        done = run("export", "--output", tmp_path / name)
        assert done.status == 1 and f"{tmp_path / name}: Is a directory" in done.err
    assert not list((tmp_path / "directory").iterdir())


@pytest.fixture(name="place")
def _place():
    """A directory that every user may enter, with a program that has the exporter's name and takes any words after a script."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        shutil.copy("/usr/bin/perl", place / "node_exporter")
        shutil.copy("/usr/bin/perl", place / "other")
        (place / "sleep").write_text("sleep 60", encoding="ascii")
        for directory in ("a1", "a2", "b", "hidden"):
            (place / directory).mkdir()
        yield place


@contextlib.contextmanager
def running(place, *words, user="daemon", program="node_exporter", hidden=None):
    """Such a process of a user, while it runs; a directory may be hidden from it by a file system."""
    command = ["setpriv", f"--reuid={user}", "--clear-groups", place / program, place / "sleep", *map(str, words)]
    if hidden:
        command = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', hidden, *command]
    with subprocess.Popen(command) as process:
        try:
            end = time.monotonic() + 20
            while not pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(bytes(place / program)):
                assert process.poll() is None and time.monotonic() < end
            yield
        finally:
            process.kill()


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="starts processes of other users")

# Of a process that is a node exporter: its words, and the directory that is written to. {} is the place.
EXPORTERS = {
    "one word": ([f"{FLAG}={{}}/b"], "{}/b"),
    "two words": ([FLAG, "{}/b"], "{}/b"),
    "the last word": ([f"{FLAG}={{}}/b", FLAG], "{}/b"),
    "glob": ([f"{FLAG}={{}}/a*"], "{}/a1"),
    "glob without a match": ([f"{FLAG}={{}}/x*"], None),
    "twice": ([f"{FLAG}={{}}/a2", f"{FLAG}={{}}/b"], "{}/a2"),
    "twice, the first is not there": ([f"{FLAG}={{}}/x", f"{FLAG}={{}}/b"], "{}/b"),
    "a file": ([f"{FLAG}={{}}/sleep"], None),
    "relative": ([f"{FLAG}=b"], None),
    "empty": ([f"{FLAG}="], None),
    "after the options": (["--", f"{FLAG}={{}}/b"], None),
    "another option": ([f"{FLAG}s={{}}/b"], None),
    "hidden": ([f"{FLAG}={{}}/hidden"], None),
}


@AS_ROOT
@pytest.mark.parametrize("name", EXPORTERS)
def test_what_a_node_exporter_reads(run, tree, place, name):
    """Its directory if it can be used, as its own file system has it, or else a usual one; and what is skipped is said."""
    usual = tree / USUAL
    usual.mkdir(parents=True)
    words, written = EXPORTERS[name]
    with running(place, *(word.format(place) for word in words), hidden=place / "hidden"):
        done = run("export")
    assert done.status == 0, done.err
    assert list(place.rglob("*.prom")) + list(usual.iterdir()) == [pathlib.Path((written or str(usual)).format(place), "sched_tick.prom")]
    assert ("skipping node exporter" in done.err) == (name in ("glob without a match", "twice, the first is not there", "a file",
                                                               "relative", "empty", "hidden")), done.err


@AS_ROOT
@pytest.mark.parametrize("user,program", [("nobody", "node_exporter"), ("1000", "node_exporter"), ("daemon", "other"), ("nobody", "other")])
def test_others_change_nothing(run, tree, place, user, program):
    """Neither a user's process, whatever its name and its words, nor a program of the system with such words."""
    usual = tree / USUAL
    usual.mkdir(parents=True)
    with running(place, f"{FLAG}={place}/b", user=user, program=program):
        assert run("export") == (0, "", "")
    with running(place, f"{FLAG}=/nonexistent", user=user, program=program):
        assert run("export") == (0, "", "")
    assert list(place.rglob("*.prom")) + list(usual.iterdir()) == [usual / "sched_tick.prom"]


def test_usual_directories(run, tree):
    """The first that can be used; what is no directory is skipped. With none there is an error."""
    done = run("export")
    assert done.status == 1 and "no directory of a textfile collector was found" in done.err and "SCHED_TICK_COLLECTOR" in done.err
    usual = tree / USUAL
    usual.mkdir(parents=True)
    (tree / "var/lib/prometheus").mkdir()
    (tree / "var/lib/prometheus/node-exporter").touch()
    done = run("export")
    assert done.status == 0 and "skipping" in done.err and "Not a directory" in done.err
    assert [path.name for path in usual.iterdir()] == ["sched_tick.prom"]


@AS_ROOT
def test_the_configuration_comes_first(run, tree, place):
    """SCHED_TICK_COLLECTOR: no other directory is used, even where that one can not be."""
    usual = tree / USUAL
    usual.mkdir(parents=True)
    with running(place, f"{FLAG}={place}/b"):
        assert run("export", more={"SCHED_TICK_COLLECTOR": str(place / "a2")}) == (0, "", "")
        done = run("export", more={"SCHED_TICK_COLLECTOR": str(place / "nowhere")})
    assert done.status == 1 and str(place / "nowhere") in done.err
    assert list(place.rglob("*.prom")) + list(usual.iterdir()) == [place / "a2" / "sched_tick.prom"]
