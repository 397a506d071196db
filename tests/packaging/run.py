#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests what a packager relies on: the build's knobs and messages, the installed files, shell
completion.

Needs a finished `make dist`. Prints "N passed, N failed, N skipped" last.

    run.py [-k PART]    only tests with PART in their name
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import suite  # noqa: E402 (tests/suite.py)

MODULES = ("test_build", "test_install", "test_completion")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-k", dest="part", default="", help="only tests with this in their name")
    return suite.run("packaging", suite.selected(MODULES, parser.parse_args().part))


if __name__ == "__main__":
    sys.exit(main())
