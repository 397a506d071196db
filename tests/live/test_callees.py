# SPDX-License-Identifier: BSD-2-Clause
"""A C function that is a callback has no frame, and is named all the same. What the interpreter
runs when an object dies is told as that. Neither can await, and the advice says so."""

from lib import MS, both_loops, brief, check, check_equal, live, overlap_ns, own_ns, trace_calls

THRESHOLD_NS = 20 * MS


def _run(bench, mode):
    return trace_calls(bench, "callees.py", mode, "20ms")


def _check_name(stall, call):
    what = stall["coroutine"]
    check(what, "no callback: %s", brief(stall))
    check_equal((what["name"], what["file"]), (call["name"], "<built-in>"), brief(stall))
    for place in ("call", "own", "entry"):
        check_equal(stall[place]["function"], call["name"], "%s of %s" % (place, brief(stall)))


def _check_callbacks(stalls, calls):
    for call in calls:
        found = [s for s in stalls if overlap_ns(s, call) > call["duration_ns"] / 2]
        check_equal(len(found), 1, "stalls that are %r" % call)
        # A busy machine may have taken nearly all of it.
        if own_ns(found[0]) >= THRESHOLD_NS:
            _check_name(found[0], call)


def _check_advice(summary):
    advice = [f["advice"] for f in summary["findings"] if f["cause"] == "sleep"]
    check(any("loop.call_later" in text for text in advice), "of callbacks: %s", advice)
    check(any("finalizer" in text for text in advice), "of a finalizer: %s", advice)


def _check_finalizer(stalls):
    (stall,) = [s for s in stalls if (s["coroutine"] or {}).get("name") == "finalized"]
    check_equal(stall["finalizer"]["function"].split(".")[-1], "__del__", "finalizer")
    check_equal(stall["finalizer"]["run_in"]["function"], "finalized", "run_in")
    check_equal(stall["own"]["function"].split(".")[-1], "__del__", "own")


def _check_nested(stalls, summary):
    """In light mode it may be a callback: the other loop is the one that is looked at then."""
    (stall,) = [s for s in stalls if (s["coroutine"] or {}).get("name") == "nests"]
    check_equal(stall["own"]["function"], "nests", "own of %s" % brief(stall))
    if stall["cause"] != "network":
        return
    said = [f for f in summary["findings"] if f["call"] == "wait of another loop"]
    check(said, "findings: %s", summary["findings"])


def _check(bench, mode):
    stalls, calls, summary = _run(bench, mode)
    callbacks = [s for s in stalls if s["unit"] == "callback"]
    check_equal([s["finalizer"] for s in callbacks if s["finalizer"]], [], "of callbacks")
    _check_callbacks(callbacks, calls)
    _check_finalizer(stalls)
    if bench.loop == "asyncio" and bench.python.version < (3, 14):
        _check_nested(stalls, summary)
    _check_advice(summary)


@live(loops=both_loops)
def c_functions_as_callbacks(bench):
    for mode in bench.modes():
        with bench.part(mode):
            _check(bench, mode)
