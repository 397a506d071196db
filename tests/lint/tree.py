# SPDX-License-Identifier: BSD-2-Clause
"""The files that the checks read. ROOT can be set to another tree, for the tests of the checks."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("src", "bpf", "include", "tests", "docs", "scripts", "packaging", ".ci")
TOP_FILES = ("Makefile", ".gitignore", ".editorconfig", ".clang-format")


def full(path):
    return os.path.join(ROOT, path)


def sources():
    for folder in FOLDERS:
        for path, folders, names in os.walk(full(folder)):
            folders[:] = sorted(f for f in folders if f != "__pycache__")
            for name in sorted(names):
                yield os.path.relpath(os.path.join(path, name), ROOT)
    for name in TOP_FILES:
        if os.path.exists(full(name)):
            yield name


def c_files():
    return [path for path in sources() if path.endswith((".c", ".h"))]


def pages():
    """The Markdown files that people read, those at the top first."""
    yield from sorted(name for name in os.listdir(ROOT) if name.endswith(".md"))
    yield from (path for path in sources() if path.endswith(".md") and path.startswith("docs/"))


def text(path):
    with open(full(path), errors="replace") as f:
        return f.read()


def lines(path):
    return text(path).split("\n")
