# SPDX-License-Identifier: BSD-2-Clause
"""Each package is installed as docs/install.md says, used, and removed without a leftover."""

import hashlib
import io
import json
import os
import subprocess
import tarfile

from places import (
    DIST,
    STATIC,
    Place,
    assert_documented,
    assert_works,
    debian,
    package,
    read,
    scratch,
    version,
)

# Libraries that the Makefile names; what they need themselves comes besides.
DIRECT = (
    "libbpf-dev libdw-dev libelf-dev libjansson-dev libzstd-dev zlib1g-dev libcap-ng-dev "
    "libncurses-dev libinih-dev liblzma-dev libiberty-dev libc6-dev libmicrohttpd-dev "
    "libgnutls28-dev nettle-dev libyaml-dev libcrypt-dev libseccomp-dev"
)


def files_below(folder):
    """Without what Python compiled on the way."""
    return {
        os.path.relpath(os.path.join(path, name), folder)
        for path, _, names in os.walk(folder)
        for name in names
        if not name.endswith(".pyc")
    }


def assert_licensed(names, folder):
    """The licences of the libraries, and those that these refer to."""
    for name in ("licenses/libbpf-dev", "licenses/libc6-dev", "licenses/common/LGPL-2.1"):
        assert f"{folder}/{name}" in names, (name, names)


def assert_sums(folder):
    """Of all files that are there."""
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == set(os.listdir(folder)) - {
        "SHA256SUMS"
    }


def test_sums():
    assert_sums(DIST)


def test_archive():
    place = Place("archive", debian("bookworm"))
    before = place.files()
    archive = package("loopstall-", "-linux.tar.gz")
    place.put(archive, "/tmp/loopstall.tar.gz")
    words = ("tar", "-C", "/usr/local", "--strip-components=1", "-xzf", "/tmp/loopstall.tar.gz")
    place.run(*words)
    assert_works(place.run)
    assert_documented(place)
    assert_licensed({path.lstrip("./") for path in place.files()}, "usr/local/share/doc/loopstall")
    script = (
        "cd /usr/local && "
        "tar -tzf /tmp/loopstall.tar.gz | cut -d/ -f2- | grep -v '/$' | xargs rm && "
        "find share/doc/loopstall share/bash-completion share/zsh share/fish share/man/man8 "
        "-depth -type d -empty -delete"
    )
    place.run("sh", "-c", script)
    left = place.files() - before
    assert not [path for path in left if "loopstall" in path], left


def test_wheel():
    folder = os.path.join(scratch(), "venv")
    subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
    before = files_below(folder)
    pip = os.path.join(folder, "bin", "pip")
    quiet = ["-q", "--disable-pip-version-check"]

    def run(*command, **env):
        path = os.path.join(folder, "bin") + ":" + os.environ["PATH"]
        environment = {**os.environ, "PATH": path, **env}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    run(pip, "install", *quiet, "--no-index", package("loopstall-", ".whl"))
    assert run("which", "loopstall").stdout.strip() == os.path.join(folder, "bin", "loopstall")
    assert_works(run)
    assert read(os.path.join(folder, "bin", "loopstall")) == read(STATIC)
    page = run("man", "-w", "loopstall", MANPATH=os.path.join(folder, "share/man")).stdout
    assert page.startswith(folder)
    shown = run(pip, "show", "-f", "loopstall").stdout
    assert f"Version: {version()}" in shown and "License: BSD-2-Clause" in shown, shown
    assert_licensed(
        {line.strip() for line in shown.splitlines()}, f"loopstall-{version()}.dist-info"
    )
    run(pip, "uninstall", *quiet, "-y", "loopstall")
    assert files_below(folder) == before


def layout(path):
    """The files of an image's layout, by name."""
    with tarfile.open(path) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}


def blob(files, descriptor):
    """What a descriptor of the layout points to."""
    kind, digest = descriptor["digest"].split(":")
    data = files[f"blobs/{kind}/{digest}"]
    assert len(data) == descriptor["size"] and hashlib.sha256(data).hexdigest() == digest
    assert descriptor["mediaType"].startswith("application/vnd.oci.image."), descriptor
    return data


def image_of(files, name):
    """As a container engine reads it: from the index to the layers, each checked by its digest. Its
    descriptor, its configuration, and the place where it was unpacked."""
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (described,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(blob(files, described))
    config = json.loads(blob(files, manifest["config"]))
    place = Place(name)
    for descriptor, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        with tarfile.open(fileobj=io.BytesIO(blob(files, descriptor))) as archive:
            archive.fileobj.seek(0)
            digest = hashlib.sha256(archive.fileobj.read()).hexdigest()
            assert diff_id == "sha256:" + digest
            archive.extractall(place.root)
    return described, config, place


def test_image():
    described, config, place = image_of(layout(package("loopstall-", "-oci.tar")), "image")
    entry_point = config["config"]["Entrypoint"]
    environment = dict(word.split("=", 1) for word in config["config"]["Env"])

    def run(program, *words):
        return place.run(*(entry_point if program == "loopstall" else [program]), *words)

    assert_works(run)
    # `kubectl debug` replaces the entry point by its command, which is looked for in PATH.
    assert version() in place.run("loopstall", "--version", **environment).stdout
    assert (described["platform"]["os"], config["os"]) == ("linux", "linux")
    names = files_below(place.root)
    assert {name for name in names if "/doc/" not in name} == {"usr/bin/loopstall"}, names
    assert_licensed(names, "usr/share/doc/loopstall")


def components(path, root, program=STATIC):
    """The packages that a list of contents says are linked in. What it says of each is what dpkg
    says: that of the tree below `root`, if it has the package, else that of this machine."""
    with open(path) as f:
        document = json.load(f)
    assert (document["spdxVersion"], document["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    packages = {p["SPDXID"]: p for p in document["packages"]}
    assert len(packages) == len(document["packages"])
    (file,) = document["files"]
    sums = {c["algorithm"]: c["checksumValue"] for c in file["checksums"]}
    assert sums["SHA256"] == hashlib.sha256(read(program)).hexdigest()
    linked = set()
    for relation in document["relationships"]:
        ends = {relation["spdxElementId"], relation["relatedSpdxElement"]}
        assert ends <= {*packages, file["SPDXID"], "SPDXRef-DOCUMENT"}, relation
        if relation["relationshipType"] == "STATIC_LINK":
            linked.add(packages[relation["relatedSpdxElement"]]["name"])
    for name in sorted(linked):
        found = [
            subprocess.run(
                ["dpkg-query", f"--admindir={at}/var/lib/dpkg", "-W", "-f", "${Version}", name],
                capture_output=True,
                text=True,
            )
            for at in dict.fromkeys((root, ""))
        ]
        (entry,) = [p for p in packages.values() if p["name"] == name]
        known = next(f.stdout for f in found if f.returncode == 0)
        assert entry["versionInfo"] == known and entry["licenseDeclared"], entry
    assert set(DIRECT.split()) <= linked, linked
    return linked


def test_list_of_contents():
    """What is linked in is what the linker took."""
    components(package("loopstall-", ".spdx.json"), "")
