# SPDX-License-Identifier: GPL-2.0-only
"""The files for COPR, the Open Build Service, Arch Linux, Salsa and Kubernetes: linters, and what they say about this project."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

import pytest
import yaml

import vm
from conftest import TOP
from test_static import run

VERSION = vm.version()
ARCHIVE = f"sched-tick-{VERSION}"
PUBLISH = TOP / "packaging/publish"
FILES = {path.name: path for path in (TOP / ".packit.yaml", TOP / "packaging/debian/salsa-ci.yml", PUBLISH / "kmm.yaml", PUBLISH / "_service",
                                      PUBLISH / "PKGBUILD")}


def text(name):
    """Return the text of a file."""
    return FILES[name].read_text("utf-8")


@pytest.fixture(scope="module", name="clone")
def _clone(tmp_path_factory):
    """A clone with the files that git lists, changed or not."""
    clone = tmp_path_factory.mktemp("publish") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(TOP), str(clone)], check=True)
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TOP, check=True, text=True,
                            stdout=subprocess.PIPE).stdout.splitlines()
    for name in listed:
        if (TOP / name).is_file() and not (TOP / name).is_symlink():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, clone / name)
    return clone


def test_all_files_are_known():
    """Each file in packaging/publish is checked here, and each one says that it is untested."""
    assert {path.name for path in PUBLISH.iterdir()} <= FILES.keys()
    assert all("Untested: " in text(name) for name in FILES)


def test_one_version():
    """Each version of sched-tick in these files is the one in dkms.conf."""
    found = {name: re.findall(r"\b\d+\.\d+\.\d+\b", text(name)) for name in FILES}
    assert all(version == VERSION for versions in found.values() for version in versions), found
    assert all(found[name] for name in ("PKGBUILD", "_service", "kmm.yaml"))


def test_one_address():
    """The project has no public URL: these files have one example for it."""
    urls = re.findall(r"https://example\.org[^\s<\"]*", "".join(map(text, FILES)))
    assert len(urls) >= 3 and all(url.startswith("https://example.org/sched-tick") for url in urls), urls


def test_yamllint():
    """yamllint has no warning."""
    names = [path for name, path in FILES.items() if name.endswith((".yaml", ".yml"))]
    assert len(names) == 3
    done = run("yamllint", "--strict", "-d", "{extends: default, rules: {line-length: {max: 140}, document-start: disable}}", *names)
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_packit_makes_the_archive_of_the_spec(clone):
    """The actions of .packit.yaml print the version and the path of the archive, which the spec file names as its source."""
    config = yaml.safe_load(text(".packit.yaml"))
    spec = clone / config["specfile_path"]
    environment = os.environ | {"PACKIT_PROJECT_VERSION": VERSION}
    # Packit splits each command into words and runs it without a shell.
    printed = {action: [subprocess.run(shlex.split(command), cwd=clone, env=environment, check=True, text=True,
                                       stdout=subprocess.PIPE).stdout.strip() for command in commands]
               for action, commands in config["actions"].items()}
    assert printed["get-current-version"] == [VERSION]
    archive = clone / printed["create-archive"][-1]
    source = re.search(r"^Source0: +(\S+)$", spec.read_text("utf-8"), re.MULTILINE)[1]
    assert archive.parent == spec.parent and archive.name == source.replace("%{version}", VERSION)
    names = subprocess.run(["tar", "-tf", str(archive)], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    assert f"{ARCHIVE}/{config['specfile_path']}" in names
    archive.unlink()


def test_service_of_obs(clone):
    """_service is well-formed XML. It extracts a spec file that exists, whose source has the name of the archive that it makes."""
    done = run("xmllint", "--noout", FILES["_service"])
    assert done.returncode == 0 and not done.stdout, done.stdout
    given = dict(re.findall(r'<param name="([\w-]+)">([^<]*)</param>', text("_service")))
    spec = (clone / given["extract"]).read_text("utf-8")
    assert f"\nSource0:        {given['filename']}-%{{version}}.tar.{given['compression']}\n" in spec
    assert f"\nVersion:        {given['versionformat']}\n" in spec


def test_pkgbuild_is_clean():
    """shellcheck has no warning, except about variables of makepkg, and cd, which makepkg runs with set -e."""
    done = run("shellcheck", "--shell=bash", "--exclude=SC2034,SC2154,SC2164", FILES["PKGBUILD"])
    assert done.returncode == 0, done.stdout


@pytest.mark.scope("test")
def test_makepkg_builds_the_packages(clone):
    """makepkg builds both packages of PKGBUILD from an archive; they contain tool and source, and nothing below /usr/sbin or /lib."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1764547200", "PKGEXT": ".pkg.tar", "CARCH": "x86_64", "PACMAN": "true"}
    # There is no pacman, which makepkg would ask for dependencies. makepkg refuses to run as root, and another user cannot enter the
    # directories of pytest.
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    listed = {}
    with tempfile.TemporaryDirectory(prefix="sched-tick-makepkg-") as work:
        subprocess.run([str(clone / "packaging/tarball.sh"), ARCHIVE, f"{work}/{ARCHIVE}.tar.xz"], cwd=clone, env=environment, check=True)
        shutil.copy(FILES["PKGBUILD"], work)
        if user:
            shutil.chown(work, 65534, 65534)
        done = subprocess.run([*user, "makepkg", "--nodeps", "--noconfirm"], cwd=work, env=environment | {"HOME": work}, check=False,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        for path in pathlib.Path(work).glob("*.pkg.tar"):
            listed[path.name] = subprocess.run(["tar", "-tf", str(path)], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    assert set(listed) == {f"sched-tick-{VERSION}-1-x86_64.pkg.tar", f"sched-tick-dkms-{VERSION}-1-any.pkg.tar"}
    tool, dkms = (listed[name] for name in sorted(listed))
    assert {"usr/bin/sched-tick", "etc/sched-tick.d/10-default.conf", "usr/share/zsh/site-functions/_sched-tick"} <= set(tool)
    assert {f"usr/src/sched_tick-{VERSION}/dkms.conf", f"usr/src/sched_tick-{VERSION}/src/main.c"} <= set(dkms)
    assert not [name for name in tool + dkms if name.startswith(("usr/sbin/", "lib/", "sbin/", "bin/"))]


def test_module_for_kubernetes():
    """The Module builds by the Dockerfile beside it, which copies the module to where the Module looks for it."""
    files, module = yaml.safe_load_all(text("kmm.yaml"))
    container = module["spec"]["moduleLoader"]["container"]
    mapping, = container["kernelMappings"]
    assert mapping["build"]["dockerfileConfigMap"]["name"] == files["metadata"]["name"]
    assert re.fullmatch(mapping["regexp"], "6.1.0-50-amd64")
    dockerfile = files["data"]["dockerfile"]
    copied = f"COPY --from=build /usr/src/{ARCHIVE}/src/{container['modprobe']['moduleName']}.ko {container['modprobe']['dirName']}/lib/modules/"
    assert copied in dockerfile and dockerfile.count(f"{ARCHIVE}.tar.xz") == 2
    for name in container["modprobe"]["parameters"]:
        assert f"({name.split('=')[0]}," in (TOP / "src/main.c").read_text("ascii")
    target = re.search(r"make -C \S+ (\w+) KVER=", dockerfile)[1]
    assert re.search(rf"^{target}:", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_pipeline_of_salsa():
    """salsa-ci.yml includes the pipeline for Debian packages."""
    include, = yaml.safe_load(text("salsa-ci.yml"))["include"]
    assert include.endswith("/salsa-ci-team/pipeline/raw/master/recipes/debian.yml")
