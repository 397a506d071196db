#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the live tests: real interpreters, real loops, the real tool. Needs root.

    run.py [-v] [-k PATTERN]... [--list] [--times] [--matrix FILE] [--quiet-after FD]

Cases that judge no times run beside those that do (lanes.py). The last line is "N passed, N failed,
N skipped"; the exit code is 1 if any failed.
"""

import argparse
import collections
import importlib
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters
import lanes
import lib
import matrix

# Each with the lane of its cases (lanes.py).
TOPICS = {
    "truth": "timed",
    "light": "timed",
    "causes": "timed",
    "advice": "timed",
    "own": "beside",
    "awaits": "beside",
    "requests": "beside",
    "traces": "beside",
    "native": "timed",
    "counts": "beside",
    "turns": "timed",
    "kinds": "timed",
    "polls": "beside",
    "callees": "beside",
    "own_calls": "beside",
    "nested": "beside",
    "tasks": "beside",
    "dump": "beside",
    "pools": "beside",
    "lives": "beside",
    "open": "beside",
    "holder": "beside",
    "late": "beside",
    "record": "beside",
    "flight": "beside",
    "follow": "beside",
    "processes": "beside",
    "safety": "beside",
    "hostile": "beside",
    "signals": "beside",
    "bad_input": "beside",
    "privileges": "beside",
    "containers": "beside",
    "service": "timed",
    "findings": "beside",
    "frameworks": "beside",
    "cost": "alone",
    "top": "beside",
    "terminal": "beside",
    "demo": "beside",
    "check": "beside",
    "recipes": "beside",
    "serve": "beside",
    "units": "beside",
    "otlp": "beside",
    "soak": "beside",
    "scale": "alone",
    "clock": "alone",
}


def _obstacle():
    """Why nothing can run here, or None."""
    if not os.access(lib.TOOL, os.X_OK):
        return "the tool is not built: %s" % os.path.relpath(lib.TOOL)
    if os.geteuid() != 0:
        return "not root: probes on other processes need privileges"
    return None


def _arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument(
        "-k", metavar="PATTERN", action="append", help="only cases with PATTERN in the name"
    )
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--times", action="store_true", help="say how long each case took")
    parser.add_argument("--matrix", metavar="FILE", help="write the matrix as Markdown, too")
    parser.add_argument(
        "--quiet-after",
        metavar="FD",
        type=int,
        help="other work goes on until this pipe ends: what failed is run again then",
    )
    return parser.parse_args()


def topic_of(run):
    return run[1].topic


def main():
    args = _arguments()
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    for topic in TOPICS:
        importlib.import_module("test_" + topic)
    runner = lib.Runner(args.verbose)
    pythons = interpreters.find()
    for python in pythons:
        extra = ", ".join(sorted(python.modules)) or "no uvloop, no greenlet"
        print("python %s: %s (%s)" % (python.label, python.path, extra))
    runs = [
        (name, case, python, loop)
        for case in lib.CASES
        for name, python, loop in case.variants(pythons)
        if not args.k or any(pattern in name for pattern in args.k)
    ]
    if args.list:
        for name, _, _, _ in runs:
            print(name)
        return 0
    obstacle = _obstacle()
    if obstacle:
        # Only a lack of privilege outside CI is no failure.
        if os.geteuid() != 0 and not runner.is_ci:
            runner.skip("all", obstacle)
        else:
            runner.fail("all", obstacle)
        runs = []
    else:
        for sentence in interpreters.missing(pythons):
            runner.fail("all", sentence)
    table = matrix.Matrix(pythons)
    results = {}

    def perform(run):
        results[run[0]] = runner.run(*run)

    def perform_again(run):
        results[run[0]] = runner.run_again(*run)

    lanes.run(runs, lambda run: run[1].lane or TOPICS[run[1].topic], topic_of, perform)
    failed = [run for run in runs if not results[run[0]]]
    if failed and args.quiet_after is not None:
        os.read(args.quiet_after, 1)
    lanes.run(failed, lambda run: "alone", topic_of, perform_again)
    for run in runs:
        table.add(*run, results[run[0]])
    table.print(sys.stdout)
    by_topic = collections.Counter()
    for seconds, name in runner.times:
        by_topic[name.split(".")[0]] += seconds
    print("seconds: " + ", ".join("%s %.0f" % total for total in by_topic.most_common()))
    if args.times:
        for seconds, name in sorted(runner.times, reverse=True):
            print("%7.1f s  %s" % (seconds, name))
    if args.matrix:
        with open(args.matrix, "w", encoding="utf-8") as file:
            table.write_markdown(file)
    if runner.repeated:
        print("%d cases were run twice, because they failed once" % runner.repeated)
    print("%d passed, %d failed, %d skipped" % (runner.passed, runner.failed, runner.skipped))
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
