#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Shows the golden reports (tests/golden/, which the unit tests hold equal to what the program
writes) to programs that were not written here. A program that is missing is a failure. Prints "N
passed, N failed, N skipped" last.

    run.py [-k PART]    only tests whose name contains PART
"""

import argparse
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import suite  # noqa: E402 (tests/suite.py)

MODULES = (
    "test_tables",
    "test_profiles",
    "test_page",
    "test_page_selection",
    "test_verdicts",
    "test_rules",
    "test_manifests",
)


def tests(part):
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            # "make deps" installs it; a check that cannot run has not passed.
            def missing(error=error):
                raise error

            yield name, missing
            continue
        yield from (
            (test, function)
            for test, function in suite.tests_of(vars(module), f"{name[5:]}.")
            if part in test
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-k", dest="part", default="", help="only tests whose name contains this")
    return suite.run("formats", tests(parser.parse_args().part))


if __name__ == "__main__":
    sys.exit(main())
