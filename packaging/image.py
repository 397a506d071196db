# SPDX-License-Identifier: BSD-2-Clause
"""A container image with the program alone, as the OCI's image layout in a tar file."""

import hashlib
import json
import time

import archives
import tree

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
TYPE = "application/vnd.oci.image."
INDEX = TYPE + "index.v1+json"
MANIFEST = TYPE + "manifest.v1+json"
CONFIG = TYPE + "config.v1+json"
SUFFIX = "-oci.tar"
LAYER = TYPE + "layer.v1.tar+gzip"


def _json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """The files of a layout: what is stored is named by its digest."""

    def __init__(self):
        self.entries = []

    def add(self, path, data):
        self.entries.append(tree.Entry(path, 0o644, data))

    def store(self, media_type, data):
        """Returns the descriptor."""
        digest = _digest(data)
        self.add("blobs/" + digest.replace(":", "/"), data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _layer(release):
    """Tar file of the program and its licences. It is in PATH, because `kubectl debug` puts its
    command in the place of the entry point."""
    entries = [tree.program(release), *tree.documents(release)]
    moved = [entry._replace(path="usr/" + entry.path) for entry in entries]
    return archives.tar(moved, release.epoch)


def _config(release, layer):
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(release.epoch))
    return {
        "created": created,
        "architecture": ARCHITECTURES[release.machine],
        "os": "linux",
        "config": {
            "User": "0",
            "Env": ["PATH=/usr/bin"],
            "Entrypoint": ["/usr/bin/loopstall"],
            "Cmd": ["--help"],
            "Labels": {
                "org.opencontainers.image.title": "loopstall",
                "org.opencontainers.image.version": release.version,
                "org.opencontainers.image.licenses": "BSD-2-Clause",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "history": [{"created": created, "created_by": "loopstall packaging"}],
    }


def _manifest(layout, release):
    """Stores the image of one architecture; returns its descriptor."""
    layer = _layer(release)
    config = layout.store(CONFIG, _json(_config(release, layer)))
    stored = layout.store(LAYER, archives.gz(layer))
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [stored]}
    described = layout.store(MANIFEST, _json(manifest))
    described["platform"] = {"architecture": ARCHITECTURES[release.machine], "os": "linux"}
    return described


def _index(manifests):
    return _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


def _finish(layout, described, version):
    """The two files by which a layout is read. It has one image, named by the version."""
    described["annotations"] = {"org.opencontainers.image.ref.name": version}
    layout.add("index.json", _index([described]))
    layout.add("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
    return layout.entries


def make(release):
    """Yields its name and its bytes."""
    layout = Layout()
    entries = _finish(layout, _manifest(layout, release), release.version)
    name = f"loopstall-{release.version}-{release.machine}{SUFFIX}"
    yield name, archives.tar(entries, release.epoch)


def join(layouts, release):
    """One image for several architectures, from the bytes of an archive of each. Its layout names
    an index of their manifests, from which an engine takes that of its machine."""
    layout, manifests = Layout(), []
    for data in layouts:
        files = archives.files(data)
        (described,) = json.loads(files["index.json"])["manifests"]
        del described["annotations"]
        manifests.append(described)
        blobs = [path for path in files if path.startswith("blobs/")]
        layout.entries += [tree.Entry(path, 0o644, files[path]) for path in blobs]
    described = layout.store(INDEX, _index(manifests))
    entries = _finish(layout, described, release.version)
    yield f"loopstall-{release.version}{SUFFIX}", archives.tar(entries, release.epoch)
