# SPDX-License-Identifier: BSD-2-Clause
"""The trace context in which a stall happened, as the program published it (OTEP 4947)."""

import os
import shutil
import subprocess
import time

from lib import BUILD_FOLDER, ROOT, both_loops, brief, by_host, check, check_equal, is_around, live

PROGRAM = "traced.py"
# How code reaches the variable: the loader fills in each in another way.
ACCESSES = ("module", "descriptor", "large", "offset")
LOOK_S = 3  # a new library is found within


def trace_library(folder, access):
    """Where interpreters of other trees find it, too."""
    path = os.path.join(BUILD_FOLDER, "live", "trace_context.%s.so" % access)
    subprocess.run(
        ["make", "-s", "-f", "tests/live/Makefile", os.path.relpath(path, ROOT)],
        cwd=ROOT,
        check=True,
    )
    return shutil.copy(path, folder)


def check_traces(stalls, truths):
    for truth in truths:
        found = [s for s in stalls if s["unit"] != "turn" and is_around(s, *truth["at"])]
        check(len(found) == 1, "%d stalls are %r", len(found), truth)
        (stall,) = found
        got = stall["trace_id"], stall["span_id"]
        # Where the host had the thread wait, half of the time may be nobody's.
        if got == (None, None) and by_host(stall):
            continue
        what = "%s: %s" % (truth["kind"], brief(stall))
        check_equal(got, (truth["trace_id"], truth["span_id"]), what)


def _run(bench, access, *options):
    target = bench.target(PROGRAM, trace_library(bench.folder, access), "--loop", bench.loop)
    target.hear("ready")
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "15ms", *options)
    tool.wait_start()
    done = target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    check_traces(tool.stalls, done["stalls"])
    return tool


@live(loops=both_loops)
def contexts(bench):
    """Those of steps and callbacks, in both modes; hostile ones are none."""
    for mode in bench.modes():
        tool = _run(bench, "module", "--mode", mode)
        check(tool.summary["lost"].get("trace_unreadable", 0) > 0, "two were unreadable")


@live(on="once")
def accesses(bench):
    """However the variable is reached."""
    for access in ACCESSES:
        with bench.part(access):
            _run(bench, access)


@live(on="once")
def late(bench):
    """A library that is loaded while the loop is watched."""
    target = bench.target(PROGRAM, trace_library(bench.folder, "module"), "--late")
    target.hear("ready")
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "15ms")
    tool.wait_start()
    target.ask("load", "loaded")
    time.sleep(LOOK_S)
    done = target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    check_traces(tool.stalls, done["stalls"])
