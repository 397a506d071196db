# SPDX-License-Identifier: BSD-2-Clause
"""The files that every package installs below its prefix."""

import collections
import os

import linked
import sbom

Entry = collections.namedtuple("Entry", "path mode data")
DOC = "share/doc/loopstall"
COMPLETIONS = {
    "bash": "share/bash-completion/completions/loopstall",
    "zsh": "share/zsh/site-functions/_loopstall",
    "fish": "share/fish/vendor_completions.d/loopstall.fish",
}
NOTE = """\
loopstall itself is licensed as LICENSE says. The program in this package has parts of the libraries
whose licences are in this folder, one file for each Debian package; common/ has the licences that
they refer to. loopstall.spdx.json lists their versions.

The sources of loopstall and its Makefile are public, so it can be linked with other versions of
these libraries: `make static`.
"""


def read(path):
    with open(path, "rb") as f:
        return f.read()


def licenses(components):
    """Name in the folder of licences to text."""
    texts = {component.name: component.copyright() for component in components}
    common = linked.common_licenses(texts.values())
    return {
        "README": NOTE.encode(),
        **texts,
        **{f"common/{name}": text for name, text in common.items()},
    }


def program(release):
    return Entry("bin/loopstall", 0o755, read(release.program))


def documents(release, folder=DOC):
    """The licences and the list of contents."""
    yield Entry(f"{folder}/LICENSE", 0o644, read("LICENSE"))
    yield Entry(f"{folder}/loopstall.spdx.json", 0o644, sbom.text(release).encode())
    for name, text in licenses(release.components).items():
        yield Entry(f"{folder}/licenses/{name}", 0o644, text)


def entries(release):
    """Sorted by path."""
    found = [program(release), *documents(release)]
    found.append(Entry("share/man/man8/loopstall.8", 0o644, read("docs/loopstall.8")))
    for shell, path in COMPLETIONS.items():
        found.append(Entry(path, 0o644, read(os.path.join(release.completions, shell))))
    return sorted(found)
