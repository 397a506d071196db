#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Installs what `make dist` made, uses it and removes it: in a root without any library, in Debian
trees, in a virtual environment. Needs root and a finished `make dist`. Prints "N passed, N failed,
N skipped" last.

    run.py [-k PART]    only tests with PART in their name
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import suite  # noqa: E402 (tests/suite.py)

MODULES = (
    "test_static",
    "test_serve",
    "test_packages",
    "test_debian",
    "test_arm64",
    "test_action",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-k", dest="part", default="", help="only tests with this in their name")
    part = parser.parse_args().part
    if os.geteuid() != 0:
        print("SKIP dist: not root\n0 passed, 0 failed, 1 skipped")
        return 0
    return suite.run("dist", suite.selected(MODULES, part))


if __name__ == "__main__":
    sys.exit(main())
