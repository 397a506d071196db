#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Packs the static program: archive, wheel, image, chart, list of contents. dist.mk calls this in
the folder of the sources.

    pack.py make KIND... OPTIONS     writes the packages of these kinds
    pack.py tree FOLDER OPTIONS      writes the files that they all install, below FOLDER
    pack.py built-using OPTIONS      prints the sources of what is linked in (deb-control(5))
    pack.py join FOLDER... OPTIONS   copies the packages of several architectures into one folder
    pack.py sums FOLDER              writes SHA256SUMS of the files in FOLDER
"""

import argparse
import functools
import hashlib
import os
import sys

sys.dont_write_bytecode = True

import archives  # noqa: E402 (after the line above)
import image  # noqa: E402
import linked  # noqa: E402
import sbom  # noqa: E402
import tree  # noqa: E402
import wheel  # noqa: E402

SUMS = "SHA256SUMS"


class Release:
    """What is packed: the options of the command line."""

    def __init__(self, options):
        self.version, self.machine, self.epoch = options.version, options.machine, options.epoch
        self.program, self.map, self.completions = options.program, options.map, options.completions
        self.sysroot = options.sysroot

    @functools.cached_property
    def components(self):
        return linked.components(self.map, self.sysroot)


def make_tar(release):
    name = f"loopstall-{release.version}-{release.machine}-linux"
    entries = [e._replace(path=f"{name}/{e.path}") for e in tree.entries(release)]
    yield name + ".tar.gz", archives.gz(archives.tar(entries, release.epoch))


def make_chart(release):
    """As `helm package` does, which names it by the chart's version."""
    folder = os.path.join("packaging", "helm")
    paths = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
    entries = [tree.Entry(os.path.relpath(p, folder), 0o644, tree.read(p)) for p in paths]
    yield f"loopstall-{release.version}.tgz", archives.gz(archives.tar(entries, release.epoch))


def make_sbom(release):
    yield f"loopstall-{release.version}-{release.machine}.spdx.json", sbom.text(release).encode()


KINDS = {
    "tar": make_tar,
    "wheel": wheel.make,
    "image": image.make,
    "chart": make_chart,
    "sbom": make_sbom,
}


def write(path, data, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def write_sums(folder):
    names = [name for name in sorted(os.listdir(folder)) if name != SUMS]
    digests = [hashlib.sha256(tree.read(os.path.join(folder, name))).hexdigest() for name in names]
    lines = [f"{digest}  {name}\n" for digest, name in zip(digests, names)]
    write(os.path.join(folder, SUMS), "".join(lines).encode())


def join(folders, release, out):
    """What is the same for all architectures must have the same bytes."""
    found, layouts = {}, []
    for folder in folders:
        for name in sorted(set(os.listdir(folder)) - {SUMS}):
            data = tree.read(os.path.join(folder, name))
            if found.setdefault(name, data) != data:
                raise SystemExit(f"{name} differs between {' and '.join(folders)}")
            if name.endswith(image.SUFFIX):
                layouts.append(data)
    for name, data in [*found.items(), *image.join(layouts, release)]:
        write(os.path.join(out, name), data)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("make", "tree", "built-using", "join", "sums"))
    parser.add_argument("words", nargs="*")
    for name in ("version", "machine", "program", "map", "completions", "out"):
        parser.add_argument("--" + name)
    parser.add_argument("--epoch", type=int)
    parser.add_argument("--sysroot", default="")
    return parser.parse_args()


def main():
    options = arguments()
    release = Release(options)
    if options.action == "make":
        for kind in options.words:
            for name, data in KINDS[kind](release):
                write(os.path.join(options.out, name), data)
    elif options.action == "tree":
        for entry in tree.entries(release):
            write(os.path.join(options.words[0], entry.path), entry.data, entry.mode)
    elif options.action == "built-using":
        print(linked.built_using(options.map, options.sysroot))
    elif options.action == "join":
        join(options.words, release, options.out)
    else:
        write_sums(options.words[0])


if __name__ == "__main__":
    main()
