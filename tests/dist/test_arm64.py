# SPDX-License-Identifier: BSD-2-Clause
"""The packages for arm64, which this machine cannot install: each is compared with that for x86-64,
and the program from it runs in an emulator of single programs. What it measures is seen in
tests/kernels/."""

import functools
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import zipfile

from places import (
    ALL,
    BUILD,
    DIST,
    DYNAMIC,
    Place,
    package,
    read,
    scratch,
    service,
    stall_line,
    version,
)
from test_debian import assert_lintian_is_silent
from test_packages import assert_sums, components, files_below, image_of, layout
from test_static import FORMATS, assert_is_small, assert_needs_nothing

TREE = os.path.join(BUILD, "arm64", "bookworm")
ARM64 = os.path.join(BUILD, "arm64", "build")
ARM64_DIST = os.path.join(ARM64, "dist")
STATIC = os.path.join(ARM64, "static", "loopstall")
EMULATOR = ["qemu-aarch64-static"]
# Names of the architecture, as x86-64 has them.
NAMES = {"x86_64": "aarch64", "amd64": "arm64"}
# The compiler's own library is from another package where it is for another machine.
COMPILER = {"libgcc-12-dev": "libgcc-12-dev-arm64-cross"}
# The names of files that differ: the program, and what names its libraries or the machine.
DIFFERENT = {"loopstall", "loopstall.spdx.json", "loopstall.spdx.json.gz", "RECORD", "WHEEL"}
PROGRAMS = ("bin/loopstall", "scripts/loopstall")
CANNOT_ATTACH = 3


def translated(text, names):
    for name, other in names.items():
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", other, text)
    return text


def for_arm64(name):
    for old, new in NAMES.items():
        name = name.replace(old, new)
    return name


def arm64_package(start, end):
    return package(start, end, ARM64_DIST)


def extracted(*command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def tar_files(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            m.name.removeprefix("./"): (m.mode, archive.extractfile(m).read())
            for m in archive
            if m.isfile()
        }


def deb_files(path):
    return tar_files(extracted("dpkg-deb", "--fsys-tarfile", path))


def rpm_files(path):
    return tar_files(extracted("rpm2archive", "-", stdin=read(path)))


def wheel_files(path):
    with zipfile.ZipFile(path) as wheel:
        return {i.filename: (i.external_attr >> 16, wheel.read(i)) for i in wheel.infolist()}


KINDS = {
    ("loopstall-", "-linux.tar.gz"): lambda path: tar_files(read(path)),
    ("loopstall-", ".whl"): wheel_files,
    ("loopstall-", ".rpm"): rpm_files,
    ("loopstall-static_", ".deb"): deb_files,
    ("loopstall_", ".deb"): deb_files,
}


def assert_is_for_arm64(program):
    done = extracted("readelf", "-h", program).decode()
    assert re.search(r"Machine: +AArch64\n", done), done


def emulated(*command, code=0, text=True):
    done = subprocess.run(command, capture_output=True, text=text)
    assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_program():
    assert_is_for_arm64(STATIC)
    assert_needs_nothing(STATIC)
    assert_is_small(STATIC)


def test_all_kinds_are_made():
    assert set(os.listdir(ARM64_DIST)) == {for_arm64(name) for name in os.listdir(DIST)}


def test_packages_have_what_those_for_x86_have():
    """The same files with the same modes; besides the program and what lists its libraries the same
    bytes."""
    for (start, end), files_of in KINDS.items():
        here, there = files_of(package(start, end)), files_of(arm64_package(start, end))
        expected = {translated(for_arm64(name), COMPILER): name for name in here}
        assert set(expected) == set(there), (end, set(expected) ^ set(there))
        differ = set()
        for name, (mode, data) in there.items():
            assert mode == here[expected[name]][0], (end, name)
            if data != here[expected[name]][1]:
                differ.add(os.path.basename(name))
        assert "loopstall" in differ and differ <= DIFFERENT, (end, differ)
        (program,) = [data for name, (_, data) in there.items() if name.endswith(PROGRAMS)]
        if start != "loopstall_":
            assert program == read(STATIC), end


def test_lintian_has_nothing_to_say():
    assert_lintian_is_silent(os.path.join(ARM64, "deb"))


def deb_fields(path):
    text = extracted("dpkg-deb", "--field", path).decode()
    return dict(re.findall(r"^([\w-]+): (.*)$", text, re.M))


def test_fields_of_the_debian_packages():
    """The libraries of the package that uses Debian's are those of the other architecture's."""
    for start in ("loopstall_", "loopstall-static_"):
        here, there = deb_fields(package(start, ".deb")), deb_fields(arm64_package(start, ".deb"))
        assert there["Architecture"] == "arm64" and there["Version"] == here["Version"]
        names = [re.findall(r"([a-z][\w.+-]+) \(", f.get("Depends", "")) for f in (here, there)]
        assert names[0] == names[1], names
    assert "libbpf1" in deb_fields(arm64_package("loopstall_", ".deb"))["Depends"]
    assert "gcc-12-cross (= " in there["Built-Using"] and "glibc (= " in there["Built-Using"]


def test_fields_of_the_rpm():
    path = arm64_package("loopstall-", ".rpm")
    asked = extracted("rpm", "-qp", "--qf", "%{ARCH} %{OS} %{VERSION}", path).decode()
    assert asked == f"aarch64 linux {version()}", asked
    requires = extracted("rpm", "-qp", "--requires", path).decode().splitlines()
    assert all(line.startswith("rpmlib(") for line in requires), requires


def test_wheel_is_taken_for_such_machines():
    """By pip, as one that looks for a wheel for another machine."""
    wheel = arm64_package("loopstall-", ".whl")
    for platform, is_fit in (
        ("manylinux2014_aarch64", True),
        ("musllinux_1_1_aarch64", True),
        ("manylinux2014_x86_64", False),
    ):
        folder = os.path.join(scratch(), "wheel-" + platform)
        command = ["/usr/bin/python3", "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
        done = subprocess.run(
            [*command, "--only-binary=:all:", "--platform", platform, "--target", folder, wheel],
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) == is_fit, (platform, done.stderr)
        if is_fit:
            assert read(os.path.join(folder, "bin", "loopstall")) == read(STATIC)


def test_image():
    files = layout(arm64_package("loopstall-", "-oci.tar"))
    described, config, place = image_of(files, "image-arm64")
    assert described["platform"] == {"architecture": "arm64", "os": "linux"}
    assert (config["architecture"], config["os"]) == ("arm64", "linux")
    assert read(os.path.join(place.root, "usr/bin/loopstall")) == read(STATIC)


def test_image_for_both():
    """An engine reads the index that the layout names, takes the manifest for its machine from it,
    and finds the image that the layout for that machine alone has."""
    files = layout(package("loopstall-" + version() + "-oci", ".tar", ALL))
    (named,) = json.loads(files["index.json"])["manifests"]
    assert named["mediaType"] == "application/vnd.oci.image.index.v1+json", named
    assert named["annotations"]["org.opencontainers.image.ref.name"] == version()
    index = files["blobs/" + named["digest"].replace(":", "/")]
    assert named["digest"] == "sha256:" + hashlib.sha256(index).hexdigest()
    assert named["size"] == len(index)
    manifests = {m["platform"]["architecture"]: m for m in json.loads(index)["manifests"]}
    assert set(manifests) == {"amd64", "arm64"}
    for folder, name in ((DIST, "amd64"), (ARM64_DIST, "arm64")):
        alone = layout(package("loopstall-", "-oci.tar", folder))
        (described,) = json.loads(alone["index.json"])["manifests"]
        assert manifests[name]["digest"] == described["digest"]
        blobs = {path for path in alone if path.startswith("blobs/")}
        assert all(files[path] == alone[path] for path in blobs) and len(blobs) == 3


def test_sums():
    assert_sums(ARM64_DIST)
    assert_sums(ALL)
    names = {*os.listdir(DIST), *os.listdir(ARM64_DIST), f"loopstall-{version()}-oci.tar"}
    assert set(os.listdir(ALL)) == names


def test_list_of_contents():
    """What is linked in is from the packages of the tree, but for the compiler's own library."""
    here = components(package("loopstall-", ".spdx.json"), "")
    there = components(arm64_package("loopstall-", ".spdx.json"), TREE, STATIC)
    assert set(there) == {translated(name, COMPILER) for name in here}, (here, there)


@functools.cache
def recording():
    """Made on this machine, where there is something to measure."""
    path = os.path.join(scratch(), "arm64.ls")
    words = [DYNAMIC, "record", "-p", str(service()), "-d", "1s", "-o", path]
    subprocess.run(words, check=True, capture_output=True)
    return path


def test_static_program_runs():
    assert emulated(*EMULATOR, STATIC, "--version") == f"loopstall {version()}\n"
    # It knows everything about the machine but how to load programs, which the emulator lacks.
    doctor = json.loads(emulated(*EMULATOR, STATIC, "doctor", "--json", code=CANNOT_ATTACH))
    features = {feature["name"]: feature["ok"] for feature in doctor["features"]}
    assert doctor["machine"] == "aarch64" and features["btf"] and not features["bpf"], doctor
    for name in FORMATS:
        words = ["report", recording(), "-f", name]
        there = emulated(*EMULATOR, STATIC, *words, text=False)
        assert there and there == emulated(DYNAMIC, *words, text=False), name
    words = ["report", recording(), "-f", "json"]
    report = emulated(*EMULATOR, STATIC, *words)
    assert f'"line": {stall_line()}' in report or f'"line":{stall_line()}' in report, report[:500]


def test_program_with_debians_libraries_runs():
    """That of the package, with libraries of Debian 12 from the tree."""
    program = os.path.join(scratch(), "loopstall-arm64")
    _, data = deb_files(arm64_package("loopstall_", ".deb"))["usr/bin/loopstall"]
    with open(program, "wb") as f:
        f.write(data)
    os.chmod(program, 0o755)
    assert_is_for_arm64(program)
    command = [*EMULATOR, "-L", TREE, program]
    assert emulated(*command, "--version") == f"loopstall {version()}\n"
    words = ["report", recording(), "-f", "text"]
    assert emulated(*command, *words) == emulated(DYNAMIC, *words)
