# SPDX-License-Identifier: BSD-2-Clause
"""Runs named tests, prints a line for each, and "N passed, N failed, N skipped" last, which
tests/run.py adds up."""

import importlib
import sys
import traceback


def tests_of(namespace, prefix=""):
    """The functions called test_... of a module's globals, by their names without that."""
    return [
        (prefix + name[5:], test) for name, test in namespace.items() if name.startswith("test_")
    ]


def selected(modules, part):
    """Those of several modules, "test_NAME" each, whose names contain `part`."""
    for name in modules:
        found = tests_of(vars(importlib.import_module(name)), name[5:] + ".")
        yield from ((test, function) for test, function in found if part in test)


def run(suite, tests):
    """Returns the exit code: 1 as well if there was no test."""
    passed = failed = 0
    for name, test in tests:
        try:
            test()
        except Exception:
            failed += 1
            print(f"FAIL {suite} {name}")
            traceback.print_exc(file=sys.stdout)
        else:
            passed += 1
            print(f"ok   {suite} {name}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0
