# SPDX-License-Identifier: BSD-2-Clause
"""Who held the GIL: a call of C, code in Python, a thread without any Python; in both modes. Who
held a lock, of Python, of the C library, of a file."""

import os
import shutil
import subprocess

from lib import BUILD_FOLDER, ROOT, both_loops, brief, check, check_cause, check_equal, live

PROGRAM = "gil_holders.py"
LOCKS = "lock_holders.py"
LIBRARY = os.path.join(BUILD_FOLDER, "live", "native_holder.so")
# So long that a stall is told while it goes on. What the lock says is known then; who releases a
# Lock is not.
LONG_S = "1.6"
LONG_KINDS = (
    "rlock_sleeping", "condition", "derived", "mutex", "flock", "lockf", "semaphore",
    "rlock_moves_on",
)  # fmt: skip
# Of a hold the loop notices what is behind its next heartbeat.
LEAST_SHARE = 0.5


def build_library(folder):
    """Where interpreters of other trees find it, too."""
    subprocess.run(
        ["make", "-s", "-f", "tests/live/Makefile", os.path.relpath(LIBRARY, ROOT)],
        cwd=ROOT,
        check=True,
    )
    return shutil.copy(LIBRARY, folder)


def _longest_within(stalls, hold):
    least_ns = LEAST_SHARE * (hold["end_ns"] - hold["start_ns"])
    for stall in stalls:
        start_ns = max(stall["start_ns"], hold["start_ns"])
        if min(stall["start_ns"] + stall["duration_ns"], hold["end_ns"]) - start_ns > least_ns:
            return stall
    return None


def _check_holder(stall, done, tid):
    check_equal(stall["gil_holder_tid"], tid, "thread that held the GIL")
    holder = stall["gil_holder"]
    check_equal(holder["name"], done["name"], "its name")
    if done["function"] is None:
        check_equal(holder["stack"], [], "stack of a thread that runs no Python")
        return
    check(holder["stack"], "no stack of the holder: %r", stall)
    innermost = holder["stack"][0]
    check_equal(innermost["function"], done["function"], "what it ran")
    check_equal(innermost["line"], done["line"], "its line")
    check_equal(os.path.basename(innermost["file"]), PROGRAM, "its file")


def _check_table(summary, done):
    """Grouped by line, or by thread where nothing else is known."""
    rows = [row for row in summary["gil_holders"] if row["function"] == done["function"]]
    rows = [row for row in rows if row["function"] or row["thread"] == done["name"]]
    check_equal(len(rows), 1, "rows of %r in %r" % (done["function"], summary["gil_holders"]))
    check_equal((rows[0]["thread"], rows[0]["line"]), (done["name"], done["line"]), "row")
    check(rows[0]["gil_ns"] > 0 and rows[0]["stalls"] > 0, "an empty row: %r", rows[0])


def _check_collector(stall, done, tid):
    """Whoever allocated when a collection was due is innocent."""
    holder = stall["gil_holder"]
    check_equal((holder["tid"], holder["name"]), (tid, done["name"]), "holder")
    check(holder["is_collecting"], "its collector ran: %r", holder)


@live(loops=both_loops)
def that_collects_garbage(bench):
    library = build_library(bench.folder)
    for mode in bench.modes():
        target = bench.target(PROGRAM, library, "--loop", bench.loop)
        target.hear("ready")
        tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms", "--mode", mode)
        tool.wait_start()
        done = target.ask("collector", "done", timeout=90)
        tool.finish()
        for hold, tid in zip(done["holds"], done["tids"]):
            stall = _longest_within(tool.stalls, hold)
            check(stall, "no stall while %r: %s", hold, list(map(brief, tool.stalls)))
            _check_collector(stall, done, tid)
        rows = [row for row in tool.summary["gil_holders"] if row["is_collecting"]]
        check_equal([row["thread"] for row in rows], [done["name"]], "rows of collectors")
        finding = next(f for f in tool.summary["findings"] if f["lint"] == "gc-pause")
        check(not finding["where"], "a line is accused: %r", finding)
        target.finish()


@live(loops=both_loops)
def named(bench):
    library = build_library(bench.folder)
    for mode in bench.modes():
        target = bench.target(PROGRAM, library, "--loop", bench.loop)
        target.hear("ready")
        tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms", "--mode", mode)
        tool.wait_start()
        kinds = {kind: target.ask(kind, "done", timeout=90) for kind in ("c", "python", "native")}
        tool.finish()
        for kind, done in kinds.items():
            with bench.part("%s-%s" % (kind, mode)):
                for hold, tid in zip(done["holds"], done["tids"]):
                    stall = _longest_within(tool.stalls, hold)
                    check(stall, "no stall while %r: %s", hold, list(map(brief, tool.stalls)))
                    _check_holder(stall, done, tid)
                _check_table(tool.summary, done)
        target.finish()


def _check_lock(stall, done, has_thread_stacks, is_holder_watched=False):
    check_cause(stall, "lock", "a stall")
    if "unknown" in done:
        check_equal(stall["lock_holder"], None, "holder")
        check_equal(stall["lock_holder_unknown"], done["unknown"], "why it is not known")
        return
    holder = stall["lock_holder"]
    check(holder, "no holder: %s", stall["lock_holder_unknown"])
    check_equal(stall["lock_holder_unknown"], None, "why it is not known")
    for key in ("tid", "name", "known_by"):
        check_equal(holder[key], done[key], key)
    check_equal(holder["pid"], done.get("holder_pid", stall["pid"]), "process")
    # A process is read when the stall is looked at: a short one is only on a busy machine.
    if "holder_pid" in done and not is_holder_watched and not holder["stack"]:
        return
    if not has_thread_stacks and "holder_pid" not in done:
        check_equal(holder["stack"], [], "stack of a thread that is known by its id alone")
        return
    frame = next((f for f in holder["stack"] if os.path.basename(f["file"]) == LOCKS), None)
    check(frame, "no stack of the holder: %r", holder)
    check_equal((frame["function"], frame["line"]), (done["function"], done["line"]), "it ran")


def _check_words(summary):
    """A lock of a file is none of a thread, and a wait for a thread is no lock."""
    said = [(f["call"], f["advice"]) for f in summary["findings"] if f["cause"] == "lock"]
    of_files = [advice for call, advice in said if call == "wait for the lock of a file"]
    check(of_files and all("LOCK_NB" in advice for advice in of_files), "findings: %r", said)
    check("wait for another thread" in dict(said), "findings: %r", said)


def _check_lock_table(summary, stalls):
    """The rows say what the stalls say."""
    waited_ns = sum(s["causes_ns"]["lock"] for s in stalls if s["lock_holder"])
    rows = summary["lock_holders"]
    check_equal(sum(row["lock_ns"] for row in rows), waited_ns, "time in %r" % rows)
    check(all(row["function"] != "notify" for row in rows), "who notifies is a row: %r", rows)


@live(loops=both_loops)
def locks(bench):
    # Up to 3.10 the interpreter does not know by what id the C library knows a thread.
    knows_ids = bench.python.version >= (3, 11)
    for mode in bench.modes(1):
        target = bench.target(LOCKS, "--loop", bench.loop)
        kinds = target.hear("ready")["kinds"]
        tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms", "--mode", mode)
        tool.wait_start()
        truth = {kind: target.ask(kind, "done", timeout=90) for kind in kinds}
        target.finish()
        tool.read_all()
        ended = [stall for stall in tool.stalls if not stall["is_open"]]
        for kind, done in truth.items():
            with bench.part("%s-%s" % (kind, mode)):
                stall = _longest_within(ended, done)
                check(stall, "no stall while the loop waited: %r", done)
                _check_lock(stall, done, knows_ids or kind != "mutex")
        _check_lock_table(tool.summary, ended)
        _check_words(tool.summary)


def _end_ns(stall):
    return stall["start_ns"] + stall["duration_ns"]


def _open_line(tool, done):
    is_open = [s for s in tool.stalls if s["is_open"] and s["unit"] != "turn"]
    return next(
        (s for s in is_open if done["start_ns"] < _end_ns(s) < done["end_ns"]),
        None,
    )


@live(loops=both_loops)
def locks_of_open_stalls(bench):
    knows_ids = bench.python.version >= (3, 11)
    for mode in bench.modes(1):
        target = bench.target(LOCKS, "--loop", bench.loop, "--seconds", LONG_S)
        target.hear("ready")
        options = ("--threshold", "20ms", "--mode", mode)
        tool = bench.tool("trace", "-p", str(target.pid), *options)
        tool.wait_start()
        kinds = LONG_KINDS + ("lock",)
        truth = {kind: target.ask(kind, "done", timeout=90) for kind in kinds}
        target.finish()
        tool.read_all()
        truth["lock"]["unknown"] = "a Lock does not name its owner"
        for kind, done in truth.items():
            with bench.part("%s-%s" % (kind, mode)):
                stall = _open_line(tool, done)
                check(stall, "nothing was told while the loop waited: %r", done)
                _check_lock(stall, done, knows_ids or kind != "mutex", True)
                if "holder_pid" in done:
                    last = [s for s in tool.stalls if s["id"] == stall["id"]][-1]
                    check_equal(last["is_open"], False, "the last line is of an open stall")
                    _check_lock(last, done, True, True)
