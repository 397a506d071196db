# SPDX-License-Identifier: BSD-2-Clause
"""The interpreters of the comparison: the system's, and 3.15 of the Debian tree that `make
bench-deps` fetches, entered with chroot."""

import functools
import os

from harness import BUILD, PROGRAMS, ROOT, run_python

TREES = os.path.join(ROOT, BUILD, "debian")
ENTER = os.path.join(ROOT, "tests", "live", "enter_tree.sh")
SHARED = (os.path.join(ROOT, "tests"), "/var/tmp")
SYSTEM = "/usr/bin/python3"


class Python:
    """`origin` is what peers name it by, `path` where it lies in its own tree, `command` starts it
    from outside."""

    programs = PROGRAMS

    def __init__(self, origin, path, tree=None):
        self.origin, self.path = origin, path
        self.command = [path]
        if tree:
            self.command = ["unshare", "-m", ENTER, self.tree(tree), *SHARED, "--", path]

    @staticmethod
    def tree(name):
        return os.path.join(TREES, name)

    @functools.cached_property
    def version(self):
        words = run_python(self.command, "import sys; print(*sys.version_info[:3])").split()
        return tuple(map(int, words))

    @property
    def label(self):
        return ".".join(map(str, self.version)) + (
            "" if self.origin == "system" else " (Debian sid)"
        )


def find():
    """Those that are there."""
    pythons = [Python("system", SYSTEM), Python("3.15", "/usr/bin/python3.15", "bench-sid")]
    return [python for python in pythons if python.version]
