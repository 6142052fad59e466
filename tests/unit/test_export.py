# SPDX-License-Identifier: GPL-2.0-only
"""sched-tick export: the metrics, and where they are written: to what --file names, or where a textfile collector reads."""

import collections
import os
import pathlib
import re
import resource
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import TOP
from faketree import LONG_NAME, Done, _run, _tool, _tree, put, row, sysfs, timeless  # noqa: F401  pylint: disable=unused-import

DEFAULT = "var/lib/node_exporter/textfile_collector"
FLAG = "--collector.textfile.directory"
# A command in a PID namespace of its own, with its own /proc. All of its processes end with it.
ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] if os.geteuid() == 0 else []


def test_no_series_twice_and_no_timestamp(run):
    """No series appears twice or has a timestamp, which promtool does not check."""
    names = []
    for line in run("export", "--file", "-").out.splitlines():
        if not line.startswith("#"):
            series, value, *more = line.rsplit(" ", 1)
            assert not more and re.fullmatch(r"[0-9.e+-]+", value), line
            assert re.fullmatch(r'[a-z_]+(\{[^}]*\})?', series), line
            names.append(series)
    assert len(names) == len(set(names)) > 90


def test_buckets_add_up(run):
    """The buckets are cumulative, and the last one is the count."""
    buckets = collections.defaultdict(list)
    counts = {}
    for line in run("export", "--file", "-").out.splitlines():
        if found := re.fullmatch(r'(\w+)_bucket\{ticker="(.*)",le="(.*)"\} (\d+)', line):
            buckets[found[1], found[2]].append((float(found[3]), int(found[4])))
        elif found := re.fullmatch(r'(\w+)_count\{ticker="(.*)"\} (\d+)', line):
            counts[found[1], found[2]] = int(found[3])
    assert len(buckets) == 6
    for key, series in buckets.items():
        assert len(series) == 13 and series == sorted(series)
        assert [count for _, count in series] == sorted(count for _, count in series)
        assert series[-1] == (float("inf"), counts[key])
    assert dict(buckets["sched_tick_lateness_seconds", "default"])[0.05] == 86398


def series_of(text):
    """{series: value}."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_series_of_each_cpu(run):
    """The series of each CPU add up to those of the ticker."""
    text = run("export", "--file", "-").out
    each = {name: value for name, value in series_of(text).items() if name.startswith("sched_tick_cpu_")}
    assert each == {f'sched_tick_cpu_{name}{{ticker="{LONG_NAME}",cpu="{cpu}"}}': value for name, cpu, value in [
        ("ticks_total", 0, "86000"), ("ticks_total", 10, "400"), ("missed_ticks_total", 0, "0"), ("missed_ticks_total", 10, "0"),
        ("stalls_total", 0, "0"), ("stalls_total", 10, "1"), ("max_lateness_seconds", 0, "0.000009876"),
        ("max_lateness_seconds", 10, "0.061234567"), ("late_ticks_total", 0, "0"), ("late_ticks_total", 10, "2")]}
    merged = series_of(text)
    for name in ("ticks_total", "stalls_total", "missed_ticks_total"):
        assert int(merged[f'sched_tick_{name}{{ticker="{LONG_NAME}"}}']) == sum(
            int(value) for series, value in each.items() if series.startswith(f"sched_tick_cpu_{name}"))


def test_no_series_of_cpus_without_cpus(run, tree):
    """Without percpu/, the metrics are those of the tickers alone, without an empty family."""
    before = timeless(run("export", "--file", "-").out)
    shutil.rmtree(sysfs(tree) / "tickers" / LONG_NAME / "percpu")
    assert timeless(run("export", "--file", "-").out) \
        == before[:before.index("# HELP sched_tick_late_")] + before[before.index("# HELP sched_tick_export_"):]


@pytest.mark.parametrize("bucket,late", [(11, 0), (12, 0), (13, 1), (25, 1)])
def test_late_ticks_of_a_cpu(run, tree, bucket, late):
    """Ticks in the buckets up to 10 ms are not counted as late."""
    assert row({bucket: 1})[bucket] == 1
    put(sysfs(tree), percpu={3: {"counter": 1, "late": {bucket: 1}}})
    assert series_of(run("export", "--file", "-").out)['sched_tick_cpu_late_ticks_total{ticker="default",cpu="3"}'] == str(late)


def test_families_are_whole(run):
    """Each family has its HELP and TYPE once, in front of all of its samples, and no sample is apart from the others."""
    text = run("export", "--file", "-").out
    families = re.findall(r"^# HELP (\w+) .+\n# TYPE (\w+) (?:gauge|counter|histogram)$", text, re.MULTILINE)
    names = [name for name, _ in families]
    assert text.count("#") == 2 * len(names) and len(names) == len(set(names)) > 15 and all(a == b for a, b in families)
    current = None
    for line in text.splitlines():
        if line.startswith("# HELP"):
            current = line.split()[2]
        elif not line.startswith("#"):
            assert re.fullmatch(rf"{current}(_bucket|_sum|_count)?", re.split("[{ ]", line)[0]), line


def test_settings(run, tree):
    """The number of CPUs and the threshold of stalls have series."""
    put(sysfs(tree), cpus="housekeeping", ticking=3, stall_ms=500)
    series = series_of(run("export", "--file", "-").out)
    assert series['sched_tick_cpus{ticker="default"}'] == "3"
    assert series['sched_tick_stall_threshold_seconds{ticker="default"}'] == "0.500000000"
    assert series['sched_tick_stall_threshold_seconds{ticker="backup"}'] == "0.000000000"


def test_a_setting_that_an_old_module_lacks(run, tree):
    """Without a file stall_ms there is no series of the threshold."""
    for path in sysfs(tree).rglob("stall_ms"):
        path.unlink()
    done = run("export", "--file", "-")
    assert done.status == 0 and not done.err and "stall_threshold" not in done.out


@pytest.mark.parametrize("name", ["stall_ms", "tickers", "tickers/backup/percpu"])
def test_what_cannot_be_read_is_an_error(run, tree, tmp_path, name):
    """If a file is there and cannot be read, no metrics are written. Series would be missing from them."""
    path = sysfs(tree) / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(path)
    done = run("export", "--file", tmp_path / "x.prom")
    ticker, _, file = name.removeprefix("tickers/").rpartition("/")
    assert done == (1, "", f"sched-tick: {ticker or 'default'}: {file}: Too many levels of symbolic links\n")
    assert not (tmp_path / "x.prom").exists()


def test_causes(run, tree):
    """Tickers with CPUs have the time that each cause took, in seconds; other tickers, and those of an old module, have no such series."""
    put(sysfs(tree), late_ns=(1, 2, 3, 4))
    put(sysfs(tree) / "tickers" / LONG_NAME, late_ns=(1500000000, 20, 0, 18446744073709551615))
    text = run("export", "--file", "-").out
    assert {name: value for name, value in series_of(text).items() if "_late_seconds" in name} == {
        f'sched_tick_late_seconds_total{{ticker="{LONG_NAME}",cause="{cause}"}}': value for cause, value in [
            ("steal", "1.500000000"), ("irq", "0.000000020"), ("softirq", "0.000000000"), ("other", "18446744073.709551615")]}
    stat = sysfs(tree) / "tickers" / LONG_NAME / "stat"
    for missing in (4, 5):
        stat.write_text(" ".join(stat.read_text("ascii").split()[:68 - missing]) + "\n", encoding="ascii")
        assert "late_seconds" not in run("export", "--file", "-").out


def test_its_own_cost(run):
    """The duration of the export is in its metrics, and is less than that of the process."""
    begin = time.monotonic()
    text = run("export", "--file", "-").out
    assert 0 < float(series_of(text)["sched_tick_export_duration_seconds"]) < time.monotonic() - begin
    assert text.splitlines()[-1].startswith("sched_tick_export_duration_seconds ")


def test_the_number_of_series_is_limited(run, tree):
    """The series of CPUs are exported for 4096 pairs of a ticker and a CPU; the others are counted."""
    shutil.rmtree(sysfs(tree) / "tickers")
    put(sysfs(tree), ticking=3, percpu={cpu: {"counter": cpu} for cpu in range(3)})
    many = sysfs(tree) / "tickers" / "a"
    put(many, ticking=1, percpu={0: {}})
    for cpu in range(1, 4094):
        (many / "percpu" / str(cpu)).hardlink_to(many / "percpu" / "0")
    put(sysfs(tree) / "tickers" / "b", ticking=2, percpu={0: {}, 1: {}})

    def exported():
        series = series_of(run("export", "--file", "-").out)
        names = [re.search('ticker="(.*?)"', name)[1] for name in series if name.startswith("sched_tick_cpu_ticks_total")]
        return collections.Counter(names), int(series["sched_tick_export_skipped_cpus"])
    assert exported() == ({"default": 3, "b": 2}, 4094)
    (many / "percpu" / "4093").unlink()
    assert exported() == ({"default": 3, "a": 4093}, 2)


def test_256_cpus(run, tree):
    """One ticker on 256 CPUs has the number of series that packaging/monitoring/README.md states, in less than a second."""
    shutil.rmtree(sysfs(tree) / "tickers")
    put(sysfs(tree), ticking=256, percpu={cpu: {"counter": cpu} for cpu in range(256)})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    series = series_of(run("export", "--file", "-").out)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    readme = (TOP / "packaging" / "monitoring" / "README.md").read_text("utf-8")
    assert f"One ticker on 256 CPUs has {len(series):,} series" in readme and len(series) == 3 + 38 + 4 + 5 * 256
    assert all(series[f'sched_tick_cpu_ticks_total{{ticker="default",cpu="{cpu}"}}'] == str(cpu) for cpu in range(256))
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_export_is_whole_or_not_at_all(run, tmp_path):
    """If the file can't be written, the old one stays and no other is left."""
    directory = tmp_path / "out"
    done = run("export", "--file", directory / "x.prom")
    assert done.status == 1 and str(directory) in done.err
    directory.mkdir()
    assert run("export", "--file", directory / "x.prom") == (0, "", "")
    assert (directory / "x.prom").stat().st_mode & 0o777 == 0o644
    old = (directory / "x.prom").read_text("ascii")
    assert timeless(old) == timeless(run("export", "--file", "-").out)
    # The limit of a file's size has the effect of a full disk.
    done = run("export", "--file", directory / "x.prom", restore_signals=False,
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
    assert (done.status, done.err) == (1, f"sched-tick: {directory / 'x.prom'}: File too large\n")
    assert [path.name for path in directory.iterdir()] == ["x.prom"]
    assert (directory / "x.prom").read_text("ascii") == old


def test_a_reader_never_sees_half_a_file(tool, tree, tmp_path):
    """10,000 reads see a complete file while it is written again and again."""
    path = tmp_path / "out" / "sched_tick.prom"
    path.parent.mkdir()
    environment = {"SCHED_TICK_ROOT": str(tree)}
    write = [tool, "export", "--file", path]
    subprocess.run(write, check=True, env=environment)
    whole = timeless(path.read_text("ascii"))
    seen, reads = set(), 0
    with subprocess.Popen(["sh", "-c", 'while "$@"; do :; done', "sh", *write], env=environment,
                          start_new_session=True) as writer:
        while reads < 10000 or len(seen) < 100:
            with open(path, encoding="ascii") as file:
                seen.add(os.fstat(file.fileno()).st_ctime_ns)
                assert timeless(file.read()) == whole
            reads += 1
        os.killpg(writer.pid, signal.SIGKILL)
    # The collector does not read what a killed writer leaves.
    assert [each.name for each in path.parent.glob("*.prom")] == [path.name]


def test_a_directory_that_can_not_be_written(tool, tree, tmp_path):
    """A directory that cannot be written to is an error, also for root without capabilities."""
    directory = tmp_path / "out"
    directory.mkdir()
    (directory / "x.prom").write_text("old\n", encoding="ascii")
    directory.chmod(0o555)
    powerless = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    done = subprocess.run([*powerless, tool, "export", "--file", directory / "x.prom"], check=False, text=True,
                          capture_output=True, env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(tree)})
    directory.chmod(0o755)
    assert done.returncode == 1 and str(directory) in done.stderr and "Permission denied" in done.stderr, done.stderr
    assert [each.name for each in directory.iterdir()] == ["x.prom"]
    assert (directory / "x.prom").read_text("ascii") == "old\n"


def test_a_pipe_is_written_in_place(run, tmp_path):
    """A pipe is written to and not replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("ascii")), daemon=True)
    reader.start()
    assert run("export", "--file", pipe) == (0, "", "")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    reader.join(timeout=10)
    assert [timeless(text) for text in read] == [timeless(run("export", "--file", "-").out)]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a device")
def test_a_device_is_written_in_place(run, tmp_path):
    """A device that refuses the data is an error."""
    for name, minor in (("null", 3), ("full", 7)):
        os.mknod(tmp_path / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
    assert run("export", "--file", tmp_path / "null") == (0, "", "")
    done = run("export", "--file", tmp_path / "full")
    assert done.status == 1 and "No space left on device" in done.err
    assert all(stat.S_ISCHR((tmp_path / name).stat().st_mode) for name in ("null", "full"))


def test_links_are_followed(run, tmp_path):
    """Links are followed: to a file, to a file that does not exist yet, through another link, and to an open file without a path."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old").touch()
    links = {"absolute": tmp_path / "there" / "old", "relative": "there/new", "twice": "relative", "output": "/proc/self/fd/1"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    whole = timeless(run("export", "--file", "-").out)
    for name in ("absolute", "relative", "twice"):
        assert run("export", "--file", tmp_path / name) == (0, "", "")
        assert timeless((tmp_path / name).read_text("ascii")) == whole
    done = run("export", "--file", tmp_path / "output")
    assert (done.status, timeless(done.out), done.err) == (0, whole, "")
    assert all((tmp_path / name).is_symlink() for name in links)
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["new", "old"]


def test_links_without_an_end(run, tmp_path):
    """A loop of links is an error."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    done = run("export", "--file", tmp_path / "a")
    assert done.status == 1 and "Too many levels of symbolic links" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a link of another user")
def test_a_link_of_another_user_is_not_followed(run, tmp_path):
    """A symbolic link of another user is replaced: it could point to a file that only root may write."""
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    (tmp_path / "link").symlink_to("secret")
    os.chown(tmp_path / "link", 65534, 65534, follow_symlinks=False)
    assert run("export", "--file", tmp_path / "link") == (0, "", "")
    assert (tmp_path / "secret").read_text("ascii") == "secret" and not (tmp_path / "link").is_symlink()


def test_a_directory_is_an_error(run, tmp_path):
    """A directory is an error, also at the end of a link."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    for name in ("directory", "link"):
        done = run("export", "--file", tmp_path / name)
        assert done.status == 1 and f"{tmp_path / name}: Is a directory" in done.err
    assert not list((tmp_path / "directory").iterdir())


@pytest.fixture(name="place")
def _place():
    """A directory that every user may enter, with a program of the exporter's name that ignores its arguments after a script."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        shutil.copy("/usr/bin/perl", place / "node_exporter")
        shutil.copy("/usr/bin/perl", place / "other")
        (place / "sleep").write_text("sleep 60", encoding="ascii")
        for directory in ("a1", "a2", "b", "hidden"):
            (place / directory).mkdir()
        yield place


# $1 is the exporter's program. The tool is run once the shell in the background has become that.
BESIDE = """
"$@" &
until [ "$(head -zc 9999 "/proc/$!/cmdline" | tr '\\0' ' ' | cut -d ' ' -f 1)" = "$PROGRAM" ]; do :; done
exec "$TOOL" export
"""


@pytest.fixture(name="export_beside")
def _export_beside(tool, tree, place):
    """A function that runs `sched-tick export` beside a process of a user, in a PID namespace of their own: processes of other
    tests, and of the machine, are not seen. A directory may be hidden from that process by a file system."""
    def export(*words, user="daemon", program="node_exporter", hidden=None, **environment):
        command = ["setpriv", f"--reuid={user}", "--clear-groups", place / program, place / "sleep", *map(str, words)]
        if hidden:
            command = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', hidden, *command]
        done = subprocess.run([*ALONE, "sh", "-c", BESIDE, "sh", *command], text=True, capture_output=True, check=False, timeout=60,
                              env={"PATH": os.environ["PATH"], "SCHED_TICK_ROOT": str(tree), "TOOL": str(tool),
                                   "PROGRAM": str(place / program), **environment})
        return Done(done.returncode, done.stdout, done.stderr)
    return export


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="starts processes of other users")

# The arguments of a node exporter, and the directory that is written to. {} is the place.
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
def test_what_a_node_exporter_reads(export_beside, tree, place, name):
    """Its directory is used if it is the same one in both mount namespaces, or else a default one. What is skipped is printed."""
    default = tree / DEFAULT
    default.mkdir(parents=True)
    words, written = EXPORTERS[name]
    done = export_beside(*(word.format(place) for word in words), hidden=place / "hidden")
    assert done.status == 0, done.err
    expected = pathlib.Path((written or str(default)).format(place), "sched_tick.prom")
    assert list(place.rglob("*.prom")) + list(default.iterdir()) == [expected]
    assert ("skipping node exporter" in done.err) == (name in ("glob without a match", "twice, the first is not there", "a file",
                                                               "relative", "empty", "hidden")), done.err


@AS_ROOT
@pytest.mark.parametrize("user,program", [("nobody", "node_exporter"), ("1000", "node_exporter"), ("daemon", "other"), ("nobody", "other")])
def test_others_change_nothing(export_beside, tree, place, user, program):
    """A process of an ordinary user, and a system program of another name, are ignored."""
    default = tree / DEFAULT
    default.mkdir(parents=True)
    assert export_beside(f"{FLAG}={place}/b", user=user, program=program) == (0, "", "")
    assert export_beside(f"{FLAG}=/nonexistent", user=user, program=program) == (0, "", "")
    assert list(place.rglob("*.prom")) + list(default.iterdir()) == [default / "sched_tick.prom"]


def test_default_directories(run, tree):
    """The first usable default directory is used; without one there is an error."""
    done = run("export", prefix=ALONE)
    assert done.status == 1 and "no directory of a textfile collector found" in done.err and "SCHED_TICK_COLLECTOR" in done.err
    default = tree / DEFAULT
    default.mkdir(parents=True)
    (tree / "var/lib/prometheus").mkdir()
    (tree / "var/lib/prometheus/node-exporter").touch()
    done = run("export", prefix=ALONE)
    assert done.status == 0 and "skipping" in done.err and "Not a directory" in done.err
    assert [path.name for path in default.iterdir()] == ["sched_tick.prom"]


@AS_ROOT
def test_the_configuration_comes_first(export_beside, tree, place):
    """With SCHED_TICK_COLLECTOR no other directory is used, even if that one is not usable."""
    default = tree / DEFAULT
    default.mkdir(parents=True)
    assert export_beside(f"{FLAG}={place}/b", SCHED_TICK_COLLECTOR=str(place / "a2")) == (0, "", "")
    done = export_beside(f"{FLAG}={place}/b", SCHED_TICK_COLLECTOR=str(place / "nowhere"))
    assert done.status == 1 and str(place / "nowhere") in done.err
    assert list(place.rglob("*.prom")) + list(default.iterdir()) == [place / "a2" / "sched_tick.prom"]
