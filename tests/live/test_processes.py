# SPDX-License-Identifier: BSD-2-Clause
"""`-- COMMAND` sees the first step of the program: whenever it starts, however busy the machine is."""

import os
import sys

from lib import MS, PROGRAMS, brief, check, check_equal, live

RUNS = 10
BURN = [sys.executable, "-c", "while True: pass"]


def _run_once(bench, run):
    path = os.path.join(bench.folder, "first-%d" % run)
    command = [*bench.python.command, os.path.join(PROGRAMS, "first_step.py"), path]
    tool = bench.tool("trace", "--threshold", "10ms", "--", *command, env=bench.python.env)
    summary = tool.end()
    with open(path) as file:
        start, end = (int(word) for word in file.read().split())
    found = [
        s for s in tool.stalls
        if s["start_ns"] < start + MS and s["start_ns"] + s["duration_ns"] > end - MS]
    check_equal(len(found), 1, "times the first step was reported in run %d (%d steps)" % (run, summary["steps"]))
    check_equal(found[0]["cause"], "sleep", "cause of %s" % brief(found[0]))
    check_equal(found[0]["call"]["function"], "blocking_work", "function in run %d" % run)
    # job() is one step; asyncio.run() ends with one or two tasks of one step.
    check(summary["steps"] in (2, 3), "%d steps in run %d", summary["steps"], run)


@live()
def first_step_stalls(bench):
    for run in range(RUNS):
        _run_once(bench, run)


@live(on="once")
def first_step_stalls_on_a_busy_machine(bench):
    """Two threads for each CPU want it all the time; the tool gets its turn late."""
    for _ in range(2 * os.cpu_count()):
        bench.start(BURN)
    for run in range(RUNS):
        _run_once(bench, run)
