# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of task: written in Python, derived from the C class, trio's; nested and eager steps; loops one after the other."""

from lib import MS, both_loops, check, check_equal, live
from test_counts import count

THRESHOLD = "20ms"
# 3.15 resumes coroutines behind coroutine.throw() where no spot was found: their tasks are not seen at all, which is said.
NEWEST_PYTHON_TASKS = (3, 14)


@live(loops=both_loops, until=NEWEST_PYTHON_TASKS)
def python_tasks_counted(bench):
    for how in ([], ["--inside"], ["--threads", "3"]):
        n_loops = 3 if "--threads" in how else 1
        # A coroutine that is not Python's, of which uvloop has one, is resumed by itself.
        unseen = n_loops if bench.loop == "uvloop" else 0
        with bench.part(" ".join(how) or "after attach"):
            count(bench, "--tasks", "python", *how, n_loops=n_loops, unseen=unseen)


@live(loops=both_loops)
def derived_tasks_counted(bench):
    count(bench, "--tasks", "subclass")


def _run(bench, kind):
    """(the tool, its summary, what the program says it did)"""
    target = bench.target("kinds.py", kind)
    pid = target.hear("ready")["pid"]
    tool = bench.tool("trace", "-p", str(pid), "--threshold", THRESHOLD)
    tool.wait_start()
    truth = target.ask("go", "done")
    summary = tool.finish()
    target.finish()
    return tool, summary, truth


def _check_kind(bench, kind):
    tool, summary, truth = _run(bench, kind)
    rows = {row["name"].rsplit(".", 1)[-1]: row for row in summary["coroutines"]}
    for name, steps in truth["steps"].items():
        check_equal(rows.get(name, {}).get("steps"), steps, "steps of %s" % name)
    stalls = [s for s in tool.stalls if s["unit"] == "step"]
    check_equal(len(stalls), len(truth["stalls"]), "stalls (%r)" % [s["coroutine"] for s in stalls])
    for stall, true in zip(sorted(stalls, key=lambda s: s["start_ns"]), truth["stalls"]):
        check_equal(stall["cause"], "sleep", "cause")
        check_equal(stall["call"]["line"], true["line"], "line")
        off_ns = stall["duration_ns"] - stall["stolen_ns"] - true["duration_ns"]
        check(abs(off_ns) < MS, "duration is %.3f ms off", off_ns / MS)
    return tool, summary, truth, rows, stalls


def _check_eager(bench, *kinds):
    for kind in kinds:
        with bench.part(kind):
            _, _, _, rows, stalls = _check_kind(bench, kind)
            # The parent's own time does not contain its child's.
            names = [s["coroutine"]["name"].rsplit(".", 1)[-1] for s in stalls]
            check_equal(names.count("child"), rows["child"]["steps"], "stalls of the child")


@live(since=(3, 12))
def eager_steps(bench):
    _check_eager(bench, "eager", "eager-factory")


@live(since=(3, 12), until=NEWEST_PYTHON_TASKS)
def eager_steps_of_python_tasks(bench):
    _check_eager(bench, "python-eager")


@live()
def runners_one_after_the_other(bench):
    tool, summary, _, _, _ = _check_kind(bench, "runners")
    check_equal([s for s in tool.stalls if s["unit"] != "step"], [], "stalls of no task")
    check(summary["idle_ns"] > 6 * 15 * MS, "the loops' waits are %.1f ms", summary["idle_ns"] / MS)


@live()
def nested_loop(bench):
    tool, _, _, rows, _ = _check_kind(bench, "nested")
    check_equal([s for s in tool.stalls if s["unit"] != "step"], [], "stalls of no task")
    check(rows["outer"]["max_ns"] < 15 * MS, "the outer step's own time is %.1f ms", rows["outer"]["max_ns"] / MS)


@live(on="once")
def trio_tasks(bench):
    _check_kind(bench, "trio")


@live(on="once")
def anyio_tasks(bench):
    for kind in ("anyio-trio", "anyio-asyncio"):
        with bench.part(kind):
            _check_kind(bench, kind)
