#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Shows the golden reports (tests/golden/, which the unit tests hold equal to what the program writes) to programs that
were not written here. A program that is missing is a failure. Prints "N passed, N failed, N skipped" last.

    run.py [-k PART]    only tests whose name contains PART
"""

import argparse
import importlib
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ("test_tables", "test_profiles", "test_page", "test_verdicts")


def tests(part):
    sys.path.insert(0, HERE)
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            # "make deps" installs it; a check that cannot run has not passed.
            def missing(error=error):
                raise error
            yield name, missing
            continue
        for test, function in vars(module).items():
            if test.startswith("test_") and part in test:
                yield f"{name[5:]}.{test[5:]}", function


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-k", dest="part", default="", help="only tests whose name contains this")
    passed = failed = 0
    for name, test in tests(parser.parse_args().part):
        try:
            test()
        except Exception:
            failed += 1
            print(f"FAIL formats {name}")
            traceback.print_exc(file=sys.stdout)
        else:
            passed += 1
            print(f"ok   formats {name}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
