# SPDX-License-Identifier: BSD-2-Clause
"""The packages of distributions, by the tools of distributions."""

import os
import subprocess
import tarfile

from places import (
    BUILD,
    DIST,
    STATIC,
    Place,
    assert_documented,
    assert_works,
    debian,
    package,
    read,
)

QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


def assert_lintian_is_silent(folder):
    (changes,) = [name for name in os.listdir(folder) if name.endswith(".changes")]
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", changes],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr


def test_lintian_has_nothing_to_say():
    assert_lintian_is_silent(os.path.join(BUILD, "deb"))


def test_package_with_debians_libraries():
    """apt brings the libraries, and takes them away again."""
    place = Place("deb", debian("bookworm"))
    before = place.files()
    place.put(package("loopstall_", ".deb"), "/tmp/loopstall.deb")
    place.run("apt-get", "install", "-y", "--no-install-recommends", "/tmp/loopstall.deb", **QUIET)
    assert "/libbpf1" in place.run("sh", "-c", "ls -d /usr/share/doc/libbpf1").stdout
    assert_works(place.run)
    assert_documented(place)
    place.run("apt-get", "purge", "-y", "--autoremove", "loopstall", **QUIET)
    left = {path for path in place.files() - before if not path.startswith("./root/")}
    assert not left, left


def test_static_package_on_a_newer_release():
    """dpkg alone: there is nothing that it depends on."""
    place = Place("deb-static", debian("sid"))
    before = place.files()
    place.put(package("loopstall-static_", ".deb"), "/tmp/loopstall.deb")
    place.run("dpkg", "-i", "/tmp/loopstall.deb", **QUIET)
    assert_works(place.run)
    fields = place.run("dpkg", "-s", "loopstall-static").stdout
    assert "glibc (= " in fields and "libbpf (= " in fields, fields
    names = place.run("dpkg", "-L", "loopstall-static").stdout.split("\n")
    assert "/usr/share/doc/loopstall-static/licenses/libgnutls28-dev.gz" in names, names
    place.run("dpkg", "-P", "loopstall-static", **QUIET)
    assert place.files() == before


def test_rpm():
    """Installed by rpm with a database of its own, in a root that has nothing else."""
    place = Place("rpm")
    path = package("loopstall-", ".rpm")
    database = ["--root", place.root, "--dbpath", "/var/lib/rpm"]

    def rpm(*words):
        done = subprocess.run(["rpm", *database, *words], capture_output=True, text=True)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    # Debian's rpm asks first whether the user means it; the architecture it knows by itself.
    rpm("-i", "--force-debian", path)
    assert_works(place.run)
    assert read(os.path.join(place.root, "usr/bin/loopstall")) == read(STATIC)
    files = rpm("-ql", "loopstall").split("\n")
    assert "/usr/share/man/man8/loopstall.8" in files, files
    assert rpm("-q", "--requires", "loopstall").count("\n") == rpm(
        "-q", "--requires", "loopstall"
    ).count("rpmlib(")
    rpm("-e", "--force-debian", "loopstall")
    assert not os.path.exists(os.path.join(place.root, "usr/bin/loopstall"))
    assert not [n for _, _, names in os.walk(place.root + "/usr") for n in names]


def test_all_kinds_are_made():
    ends = [name[name.rindex(".") :] for name in os.listdir(DIST) if "." in name]
    kinds = [".deb"] * 3 + [".gz", ".json", ".rpm", ".tar", ".tgz", ".whl"]
    assert sorted(ends) == sorted(kinds), ends


def test_chart_is_whole_and_of_this_version():
    """What `helm install` reads: the folder named by the chart, with its own file first to find."""
    (name,) = [name for name in os.listdir(DIST) if name.endswith(".tgz")]
    with tarfile.open(os.path.join(DIST, name)) as archive:
        names = archive.getnames()
        chart = archive.extractfile("loopstall/Chart.yaml").read().decode()
    assert "loopstall/values.yaml" in names and "loopstall/templates/daemonset.yaml" in names, names
    version = name[len("loopstall-") : -len(".tgz")]
    assert f"\nversion: {version}\n" in chart and f"\nappVersion: {version}\n" in chart, chart
