# SPDX-License-Identifier: BSD-2-Clause
"""Runs make for the tests of this folder, on copies of the sources."""

import atexit
import functools
import os
import shlex
import shutil
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
# All that `make dist` reads.
SOURCES = (
    *("Makefile", "LICENSE", "CHANGELOG.md", "README.md"),
    *("src", "bpf", "include", "docs", "scripts", "packaging"),
)


def user_variables():
    """CC=..., CFLAGS=... and the like, as the make above us was given them."""
    _, _, variables = os.environ.get("MAKEFLAGS", "").partition("-- ")
    return [word for word in shlex.split(variables) if not word.startswith("BUILD=")]


def make(*arguments, folder=ROOT, **env):
    """Runs make, without what a make above us tells its children. Returns the finished process."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={**clean, **env},
        capture_output=True,
        text=True,
        errors="replace",
    )


@functools.cache
def temporary_folder():
    path = tempfile.mkdtemp(prefix="loopstall-packaging-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def new_folder(name):
    path = os.path.join(temporary_folder(), name)
    os.makedirs(path)
    return path


def copy_sources(name):
    folder = new_folder(name)
    for source in SOURCES:
        path = os.path.join(ROOT, source)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(folder, source))
        else:
            # With its time: a newer Makefile would have everything built again.
            shutil.copy2(path, folder)
    return folder
