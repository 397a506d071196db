# SPDX-License-Identifier: BSD-2-Clause
"""Services whose framework calls user code by machinery of its own: tornado, dask's worker."""

import json
import os
import urllib.request

from lib import (
    MS,
    PROGRAMS,
    brief,
    by_host,
    check,
    check_cause,
    check_equal,
    is_around,
    live,
    run_tool,
)

TORNADO = "tornado_service.py"
PATHS = ("/native/4711", "/plain", "/generated", "/sending", "/threaded")
DASK = "dask_worker.py"


def _fetch(port, path):
    with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=20) as answer:
        check_equal(answer.status, 200, "status of %s" % path)
        answer.read()


def _base(name):
    return name.rsplit(".", 1)[-1]


def _check_block(stall, true):
    check_cause(stall, true["cause"], true["entry"])
    check_equal(stall["unit"], true["unit"], "unit of %s" % brief(stall))
    check_equal(_base(stall["entry"]["function"]), _base(true["entry"]), "entry")
    if true["unit"] == "callback":
        check_equal(_base(stall["coroutine"]["name"]), _base(true["entry"]), "callback")
    if true["cause"] == "sleep":
        check_equal(stall["own"]["line"], true["line"], "line of %s" % brief(stall))


def _check_findings(findings, blocks):
    """Who can await is told to; who cannot, what helps there."""
    by_line = {f["where"]["line"]: f for f in findings if f["where"]}
    for true in blocks:
        if true["cause"] != "sleep":
            continue
        found = by_line.get(true["line"])
        check(found, "no finding of line %d (%s)", true["line"], true["entry"])
        check_equal(found["lint"], "blocking-call", "finding of %s" % true["entry"])
        says_no = "cannot await" in found["advice"]
        check_equal(says_no, not true["can_await"], "%s: %s" % (true["entry"], found["advice"]))


@live(on="once")
def tornado(bench):
    """Each way in which it calls user code: handlers, generators, callbacks, timers."""
    target = bench.target(TORNADO)
    port = target.hear("ready")["port"]
    for mode in bench.modes():
        tool = bench.tool(
            "trace", "-p", str(target.pid), "--threshold", "15ms", "--mode", mode
        )
        tool.wait_start()
        before = len(target.ask("report", "report")["blocks"])
        for path in PATHS * 3:
            _fetch(port, path)
        blocks = target.ask("report", "report")["blocks"][before:]
        summary = tool.finish()
        stalls = [s for s in tool.stalls if not by_host(s)]
        with bench.part(mode):
            _check_stalls(stalls, blocks)
            _check_findings(summary["findings"], blocks)
    target.finish()


def _check_stalls(stalls, blocks):
    seen = set()
    for true in blocks:
        found = [s for s in stalls if is_around(s, *true["at"])]
        # Callbacks of one turn are one stall, named after the one that took most of it.
        if len(found) != 1 or found[0]["duration_ns"] > 1.5 * (true["at"][1] - true["at"][0]):
            continue
        seen.add((true["entry"], true["unit"]))
        _check_block(found[0], true)
    wanted = {(true["entry"], true["unit"]) for true in blocks}
    check_equal(seen, wanted, "what was seen alone at least once")


def _pools(bench, target):
    code, out, errors = run_tool(bench, "dump", "-p", str(target.pid), json_output=True)
    check_equal(code, 0, "exit code (stderr: %s)" % errors.strip())
    dump = json.loads(out.decode("ascii"))
    check_equal(dump["lifecycle"], [], "tasks with a problem")
    return dump["pools"]


def _check_pool(pool, size, busy, waiting, line, program):
    numbers = pool["size"], pool["busy"], pool["waiting"]
    check_equal(numbers, (size, busy, waiting), "size, busy, waiting")
    places = [(os.path.basename(p["file"]), p["line"], p["threads"]) for p in pool["places"]]
    check_equal(places, [(program, line, busy)], "places of its threads")


@live(on="once")
def tornado_pool(bench):
    target = bench.target(TORNADO)
    target.hear("ready")
    calls = target.ask("fill", "filled")["calls"]
    (pool,) = [p for p in _pools(bench, target) if p["name"] == "reports"]
    _check_pool(pool, 2, 2, calls - 2, _line(TORNADO, "fill"), TORNADO)
    target.finish()


def _line(program, mark):
    with open(os.path.join(PROGRAMS, program)) as file:
        return next(n for n, line in enumerate(file, 1) if line.rstrip().endswith("# " + mark))


def _traced(bench, target, mode, order):
    """The stalls and findings of what the worker is told three times, and when it did it."""
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "4ms", "--mode", mode)
    tool.wait_start()
    done = [target.ask(order, "done") for _ in range(3)]
    return tool.finish(), tool.stalls, done


def _of_program(summary):
    return [f for f in summary["findings"] if f["subject"] in ("line", "holder")]


def _check_holder(summary, stalls, done):
    """The loop waits for the GIL while a task computes: of the worker's threads and at its line."""
    waits = [s for s in stalls if not by_host(s) and 2 * s["gil_ns"] > s["duration_ns"]]
    waits = [s for s in waits if any(d["start_ns"] <= s["start_ns"] < d["end_ns"] for d in done)]
    check(len(waits) >= 3, "%d waits for the GIL", len(waits))
    known = [s["gil_holder"] for s in waits if s["gil_holder"] and s["gil_holder"]["stack"]]
    check(2 * len(known) > len(waits), "%d of %d holders are known", len(known), len(waits))
    for holder in known:
        names = [frame["function"] for frame in holder["stack"]]
        check("compute" in names, "the holder runs %r", names)
        # The kernel's name of a thread is short.
        check(holder["name"].startswith("Dask-Default-Th"), "the holder is %r", holder["name"])
    # Other threads of dask may hold it as well, for a moment.
    first = [f for f in _of_program(summary) if f["subject"] == "holder" and f["where"]][0]
    where = first["where"]
    check_equal(first["lint"], "gil-contended", "first finding of a holder")
    check_equal((where["function"], where["line"]), ("compute", done[0]["line"]), "holder's line")


def _check_handler(summary, stalls, done):
    for true in done:
        around = (true["start_ns"], true["start_ns"] + 50 * MS)
        (stall,) = [s for s in stalls if is_around(s, *around)]
        check_cause(stall, "sleep", "a handler of the worker")
        check_equal(stall["own"]["line"], true["line"], "line of %s" % brief(stall))
        check_equal(_base(stall["entry"]["function"]), "block", "entry")
        check_equal(stall["coroutine"]["name"], "Server._handle_comm", "coroutine")
        check(stall["victims"]["count"] > 0, "nobody waits: %s", brief(stall))
    first = _of_program(summary)[0]
    check_equal((first["lint"], first["where"]["line"]), ("blocking-call", done[0]["line"]), "rank")


@live(on="once")
def dask_worker(bench):
    """What computes in its threads, and its handlers on the loop, hold up the loop."""
    target = bench.target(DASK, bench.folder)
    target.hear("ready")
    for mode in bench.modes():
        with bench.part("compute-" + mode):
            _check_holder(*_traced(bench, target, mode, "compute"))
        with bench.part("handler-" + mode):
            _check_handler(*_traced(bench, target, mode, "handler"))
    target.finish()


@live(on="once")
def dask_pool(bench):
    """More tasks than threads: they wait in the worker. One that has left is no thread of it."""
    for leaves in (False, True):
        target = bench.target(DASK, bench.folder)
        size = target.hear("ready")["threads"]
        if leaves:
            target.ask("leave", "done")
        done = target.ask("fill", "done")
        with bench.part("left" if leaves else "full"):
            (pool,) = [p for p in _pools(bench, target) if p["name"] == "Dask-Default-Threads"]
            waiting = done["tasks"] - size
            if leaves:
                check_equal((pool["busy"], pool["waiting"]), (size, waiting), "busy, waiting")
                check_equal(pool["places"], [], "places: which thread has left is not known")
            else:
                _check_pool(pool, size, size, waiting, done["line"], DASK)
        target.finish()


@live(on="once")
def dask_pool_is_found(bench):
    """A loop that only waits, and tasks that wait for threads."""
    target = bench.target(DASK, bench.folder)
    target.hear("ready")
    done = target.ask("fill", "done")
    tool = bench.tool("trace", "-d", "3s", "-p", str(target.pid), "--threshold", "50ms")
    summary = tool.end(timeout=30)
    target.finish()
    (found,) = [f for f in summary["findings"] if f["lint"] == "pool-exhausted"]
    check("All 2 threads of Dask-Default-Threads are busy" in found["what"], found["what"])
    check_equal(found["where"]["line"], done["line"], "what its threads do")
