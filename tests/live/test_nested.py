# SPDX-License-Identifier: BSD-2-Clause
"""A callback or a step that runs another loop to its end: a stall of the outer loop, at the line
that runs the inner one, behind which the tasks of the outer loop wait."""

from lib import (
    MS,
    both_loops,
    brief,
    by_host,
    check,
    check_cause,
    check_equal,
    live,
    overlap_ns,
    trace_done,
)

THRESHOLD = "15ms"


def _run(bench, mode, outer, inner):
    stalls, done, summary = trace_done(bench, mode, THRESHOLD, "nested.py", outer, inner)
    return stalls, done["runs"], summary


def _check_place(stall, true):
    check_equal(stall["unit"], true["by"], "unit of %s" % brief(stall))
    # A machine that is busy decides where most of the time is spent.
    if by_host(stall):
        return
    check_equal(stall["coroutine"]["name"], true["by"], "name of %s" % brief(stall))
    check_equal(
        (stall["own"]["function"], stall["own"]["line"]),
        ("run_inner", true["line"]),
        "own of %s" % brief(stall),
    )
    check_cause(stall, "network", "a wait of another loop")


def _check_victims(stall, true):
    check(stall["victims"]["is_known"], "victims of %s", brief(stall))
    check_equal(sorted(stall["victims"]["tasks"]), true["victims"], "victims of %s" % brief(stall))


def _check_outer(stall, true, held_ns):
    """All of it but the step of the inner loop, which has a stall of its own."""
    _check_place(stall, true)
    off_ns = stall["duration_ns"] - (true["duration_ns"] - held_ns)
    late_ns = stall["runqueue_ns"]
    check(-5 * MS < off_ns < 5 * MS + late_ns, "%.3f ms off: %s", off_ns / MS, brief(stall))


def _check_inner(stall, true):
    check_equal((stall["unit"], stall["coroutine"]["name"]), ("step", "holds"), brief(stall))
    check_equal(stall["own"]["function"], "_hold", "own of %s" % brief(stall))
    check(stall["duration_ns"] >= true["held_ns"], "%r is %s", true, brief(stall))


def _check_run(stalls, true, mode, has_queue):
    found = [s for s in stalls if overlap_ns(s, true) > 5 * MS]
    if true["by"] == "again":
        check_equal([brief(s) for s in found if not by_host(s)], [], "the loop runs on")
        return
    inner = [s for s in found if s["own"] and s["own"]["function"] == "_hold"]
    outer = [s for s in found if s not in inner]
    check_equal(len(outer), 1, "stalls that are %r: %s" % (true, [brief(s) for s in found]))
    check_equal(len(inner), true["held_ns"] > 0 and mode == "exact", "of the inner loop's step")
    _check_outer(outer[0], true, true["held_ns"] if mode == "exact" else 0)
    for stall in inner:
        _check_inner(stall, true)
    if has_queue:
        _check_victims(outer[0], true)


def _check(bench, mode, outer, inner):
    stalls, runs, summary = _run(bench, mode, outer, inner)
    for true in runs:
        # Sleepers behind a future written in Python are not found.
        _check_run(stalls, true, mode, outer != "nest_asyncio")
    for stall in stalls:
        is_one = any(overlap_ns(stall, true) > 5 * MS for true in runs)
        check(is_one or by_host(stall), "an innocent: %s", brief(stall))
    said = [f["call"] for f in summary["findings"] if f["cause"] == "network"]
    check_equal(set(said), {"wait of another loop"}, "findings: %s" % summary["findings"])


@live(loops=both_loops)
def another_loop(bench):
    for n, inner in enumerate(bench.python.loops()):
        for mode in bench.modes(n):
            with bench.part("%s/%s" % (inner, mode)):
                _check(bench, mode, bench.loop, inner)


@live(needs="nest_asyncio")
def reentrant_loop(bench):
    for mode in bench.modes():
        # Up to 3.10 it replaces the functions at which steps are seen.
        if mode == "light" or bench.python.version >= (3, 11):
            with bench.part(mode):
                _check(bench, mode, "nest_asyncio", "nest_asyncio")
