# SPDX-License-Identifier: BSD-2-Clause
"""The life of tasks: which are stuck, cancelled, failed, or grow without end, and which are not."""

import json
import os

from lib import MS, PROGRAMS, both_loops, check, check_equal, live, run_tool

PROGRAM = "lives.py"


def _start(bench, *words):
    target = bench.target(PROGRAM, *words, "--loop", bench.loop)
    return target, target.hear("ready")["kinds"]


def _counts(rows):
    kinds = {}
    for row in rows:
        names = kinds.setdefault(row["kind"], {})
        name = (row["coroutine"] or {}).get("name")
        names[name] = names.get(name, 0) + row["count"]
    return kinds


def _dumped(bench, target):
    code, out, errors = run_tool(bench, "dump", "-p", str(target.pid), json_output=True)
    check_equal(code, 0, "exit code (stderr: %s)" % errors.strip())
    return json.loads(out.decode("ascii"))["lifecycle"]


def _row(rows, kind, name):
    return next(r for r in rows if r["kind"] == kind and r["coroutine"]["name"] == name)


@live(loops=both_loops)
def dumped(bench):
    """All that is wrong and nothing else: the innocent ones are in the same process."""
    target, truth = _start(bench, "wrong", "innocent", "--debug")
    rows = _dumped(bench, target)
    check_equal(_counts(rows), truth, "kinds of lives")
    row = _row(rows, "deadlock", "each_other_a")
    check_equal(row["other"]["name"], "each_other_b", "the task that it waits for")
    check_equal(row["created"]["function"], "deadlock_of_two", "who created it")
    check_equal(os.path.basename(row["created"]["file"]), PROGRAM, "file of who created it")
    check_equal(_row(rows, "deadlock", "takes_twice")["other"], None, "other of itself")
    if "failed" in truth:
        row = _row(rows, "failed", "fails")
        check_equal(row["type"], "LookupError", "type of the exception")
        names = [frame["function"] for frame in row["stack"]]
        check_equal(names, ["raise_it", "fails"], "where it was raised")
    row = _row(rows, "dropped", "Channel.send")
    _check_dropped(row["created"])
    target.finish()


def _check_dropped(place):
    path = os.path.join(PROGRAMS, PROGRAM)
    with open(path, encoding="utf-8") as source:
        lines = [n for n, line in enumerate(source, 1) if "# dropped" in line]
    check_equal([place["line"]], lines, "line at which it was dropped")
    check_equal(os.path.basename(place["file"]), PROGRAM, "file in which it was dropped")


@live(on="once")
def traced(bench):
    target, truth = _start(bench, "wrong", "innocent")
    target.ask("begin", "begun")
    path = os.path.join(bench.folder, "lives.lst")
    tool = bench.tool("record", "-o", path, "-d", "20s", "-p", str(target.pid))
    check_equal(tool.wait(60), 0, "exit code of record (stderr: %s)" % tool.stderr)
    target.finish()
    _, out, _ = run_tool(bench, "report", path, "-f", "json")
    summary = json.loads(out.splitlines()[-1])
    rows = [r for r in summary["lifecycle"] if r["kind"] in truth]
    queue = _row(rows, "unstarted", "job")
    check_equal((queue["count"], queue["problem_ns"]), (20, 0), "coroutines in a queue")
    rows.remove(queue)
    check_equal(_counts(rows), truth, "kinds of lives")
    found = _counts([r for r in summary["lifecycle"] if r["problem_ns"]])
    grown = found.pop("alive")
    check_equal(set(grown), {"hoarder"}, "coroutines whose tasks grow")
    del truth["generator"], truth["unstarted"]  # they do not grow
    check_equal(found, truth, "what is a problem")
    _check_findings(summary["findings"], truth)
    row = _row(summary["lifecycle"], "alive", "hoarder")
    check(row["count"] - row["count_first"] > 100, "grew from %(count_first)d to %(count)d" % row)
    check_equal(row["unawaited"], row["count"], "tasks that nobody awaits")
    check_equal(row["created"], None, "not known without the debug mode")
    check(row["problem_ns"] >= 10000 * MS, "grew for %r", row["problem_ns"])


def _check_findings(findings, truth):
    lints = [f["lint"] for f in findings if f["loop_share"] is None]
    for kind, lint in (
        ("deadlock", "deadlock"),
        ("cancelled", "cancel-ignored"),
        ("failed", "exception-lost"),
        ("forgotten", "wait-forgotten"),
        ("dropped", "coroutine-dropped"),
    ):
        check(lints.count(lint) >= len(truth.get(kind, ())), "findings: %r", lints)
    said = [f["what"] for f in findings]
    for words in (
        "1 task of each_other_a() waits for each_other_b(), which waits for it",
        "3 tasks of waits_for_parent() wait for gathers(), which waits for them",
        "1 task of takes_twice() waits for itself",
        "3 tasks of fails() ended with exceptions that nobody has retrieved",
    ):
        check(words in said, "%r is not among %r", words, said)
    grown = next(f for f in findings if f["lint"] == "tasks-grow")
    check("none ended; nobody awaits them" in grown["what"], "it says %r", grown["what"])
    check_equal(grown["sureness"], "unsure", "how sure growth is after so short a time")


@live(needs="trio")
def dumped_of_trio(bench):
    target = bench.target("lives_trio.py")
    truth = target.hear("ready")["kinds"]
    seen = {}
    for _ in range(10):
        rows = _dumped(bench, target)
        counts = _counts(rows)
        found = counts.get("deadlock", truth["deadlock"])
        check_equal(found, truth["deadlock"], "tasks in a deadlock")
        # A busy loop is not found at each look, and the collector may be at work.
        seen.update(counts)
    check_equal(seen, truth, "kinds of lives")
    row = _row(rows, "deadlock", "waits_for_children")
    check_equal(row["other"]["name"], "wants_lock_of_parent", "the task that it waits for")
    target.finish()


@live(needs="trio", on="once")
def traced_of_trio(bench):
    target = bench.target("lives_trio.py")
    truth = target.hear("ready")["kinds"]
    target.ask("begin", "begun")
    tool = bench.tool("trace", "-d", "20s", "-p", str(target.pid))
    check_equal(tool.wait(60), 0, "exit code (stderr: %s)" % tool.stderr)
    tool.read_all()
    target.finish()
    found = _counts([r for r in tool.summary["lifecycle"] if r["problem_ns"]])
    check_equal(set(found.pop("alive")), {"hoarder"}, "coroutines whose tasks grow")
    truth.pop("generator", None)  # of those dump tells alone
    truth.pop("unstarted", None)  # it stays one
    check_equal(found, truth, "what is a problem")
    row = _row(tool.summary["lifecycle"], "alive", "hoarder")
    check_equal(row["unawaited"], 0, "tasks that nobody awaits")
    check_equal(row["where"]["function"], "hoarder", "where they wait")


@live(on="once")
def innocent(bench):
    """Nothing to say of tasks that wait for long, and of those that come and go."""
    target, truth = _start(bench, "innocent")
    check_equal(truth, {}, "truth")
    tool = bench.tool("trace", "-d", "6s", "-p", str(target.pid))
    check_equal(tool.wait(60), 0, "exit code (stderr: %s)" % tool.stderr)
    tool.read_all()
    lives = tool.summary["lifecycle"]
    check_equal({r["kind"] for r in lives}, {"alive"}, "kinds")
    check_equal([r for r in lives if r["problem_ns"]], [], "problems")
    check_equal(_row(lives, "alive", "wants_lock")["count"], 3, "tasks that wait for a lock")
    target.finish()


@live(on="once")
def told_to_people(bench):
    target, _ = _start(bench, "wrong")
    code, out, errors = run_tool(
        *(bench, "check", "-d", "3s", "--max-step", "1s", "--min-steps", "1"),
        *("-p", str(target.pid)),
    )
    check_equal(code, 0, "exit code (stderr: %s)" % errors)
    words = b"tasks: 1 task of takes_twice() waits for itself, for "
    check(words in out, "%r is not in the output: %s", words, out)
    code, out, _ = run_tool(bench, "dump", "-p", str(target.pid))
    check_equal(code, 0, "exit code of dump")
    for words in (
        "1 task of each_other_a waits for a task that waits for it: each_other_b",
        "3 tasks of fails ended with exceptions that nobody has retrieved: LookupError",
        "2 tasks of stubborn were asked to cancel and have not ended",
        "1 task of takes_twice waits for itself",
        "3 coroutines of never_begun were made and have not begun",
        "1 coroutine of Channel.send was never awaited",
        "1 task of waits_for_nothing waits for what nothing else refers to",
    ):
        check(words in out.decode(), "%r is not in the dump: %s", words, out.decode())
    target.finish()
