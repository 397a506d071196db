# SPDX-License-Identifier: BSD-2-Clause
"""What the interpreter calls by itself is told as that: handlers of signals, callbacks of weak
references. A function that was called with the same arguments is not."""

from lib import MS, both_loops, brief, check, check_equal, live, overlap_ns, own_ns, trace_calls

THRESHOLD_NS = 15 * MS
ADVICE = {
    "signal": "A signal handler cannot await",
    "death": "The callback of a weak reference cannot await",
    "finalizer": "Nobody can await in a finalizer",
}


def _run(bench, mode):
    return trace_calls(bench, "own_calls.py", mode, "15ms")


def _name(frame):
    return frame["function"].split(".")[-1]


def _kind(stall):
    """As the program writes it, with the function."""
    if stall["signal_handler"]:
        return "signal", _name(stall["signal_handler"])
    what = stall["finalizer"]
    if not what:
        return "", None
    return "death" if what["is_weakref_callback"] else "finalizer", _name(what)


def _check_call(stall, call):
    kind, function = _kind(stall)
    what = "%s at %s" % (call, brief(stall))
    wanted = call["function"] if call["kind"] else None
    if call["kind"] == "finalizer":
        wanted = "__call__"  # of weakref.finalize
    check_equal((kind, function), (call["kind"], wanted), what)
    if kind and stall["unit"] == "step":
        run_in = (stall["signal_handler"] or stall["finalizer"])["run_in"]
        check_equal(run_in["function"], stall["coroutine"]["name"], "run_in of " + what)


def _check_advice(summary, calls):
    """Those that the interpreter called are told so, all others are not."""
    kinds = {call["function"]: call["kind"] for call in calls}
    for finding in summary["findings"]:
        if finding["cause"] != "sleep" or _name(finding["where"]) not in kinds:
            continue
        kind = kinds[_name(finding["where"])]
        said = [k for k, words in ADVICE.items() if words in finding["advice"]]
        check_equal(said, [kind] if kind else [], "advice on %s" % finding)


def _check(bench, mode):
    stalls, calls, summary = _run(bench, mode)
    for call in calls:
        found = [s for s in stalls if overlap_ns(s, call) > call["duration_ns"] / 2]
        check(found, "no stall is %r", call)
        # A busy machine may have taken nearly all of it.
        if len(found) == 1 and own_ns(found[0]) >= THRESHOLD_NS:
            _check_call(found[0], call)
    _check_advice(summary, calls)


@live(loops=both_loops)
def by_the_interpreter_itself(bench):
    for mode in bench.modes():
        with bench.part(mode):
            _check(bench, mode)
