# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of task: written in Python, derived from the C class, trio's; nested and eager steps;
loops one after the other."""

import json

from lib import (
    MS,
    both_loops,
    brief,
    by_host,
    check,
    check_cause,
    check_equal,
    is_around,
    live,
    run_tool,
)
from test_counts import count

THRESHOLD = "20ms"


@live(loops=both_loops)
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


def _run(bench, *kind, mode="auto"):
    """(the tool, its summary, what the program says it did)"""
    target = bench.target("kinds.py", *kind)
    pid = target.hear("ready")["pid"]
    tool = bench.tool("trace", "-p", str(pid), "--threshold", THRESHOLD, "--mode", mode)
    tool.wait_start()
    truth = target.ask("go", "done")
    summary = tool.finish()
    target.finish()
    return tool, summary, truth


def _check_no_callback(tool):
    found = [brief(s) for s in tool.stalls if s["unit"] != "step" and not by_host(s)]
    check_equal(found, [], "stalls of no task")


def _is_planned(stall, truths):
    """A host that takes the CPU away makes stalls of its own."""
    return not by_host(stall) or any(
        is_around(stall, true["start_ns"], true["start_ns"] + true["duration_ns"])
        for true in truths
    )


def _check_kind(bench, *kind):
    tool, summary, truth = _run(bench, *kind)
    rows = {row["name"].rsplit(".", 1)[-1]: row for row in summary["coroutines"]}
    for name, steps in truth["steps"].items():
        check_equal(rows.get(name, {}).get("steps"), steps, "steps of %s" % name)
    stalls = [s for s in tool.stalls if s["unit"] == "step" and _is_planned(s, truth["stalls"])]
    check_equal(len(stalls), len(truth["stalls"]), "stalls (%r)" % [s["coroutine"] for s in stalls])
    for stall, true in zip(sorted(stalls, key=lambda s: s["start_ns"]), truth["stalls"]):
        check_cause(stall, "sleep", "a stall")
        check_equal(stall["call"]["line"], true["line"], "line")
        off_ns = stall["duration_ns"] - stall["stolen_ns"] - true["duration_ns"]
        slack_ns = MS + stall["runqueue_ns"]
        check(abs(off_ns) < slack_ns, "duration is %.3f ms off", off_ns / MS)
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


@live(since=(3, 12))
def eager_steps_of_python_tasks(bench):
    _check_eager(bench, "python-eager")


@live()
def runners_one_after_the_other(bench):
    tool, summary, _, _, _ = _check_kind(bench, "runners")
    _check_no_callback(tool)
    check(summary["idle_ns"] > 6 * 15 * MS, "the loops' waits are %.1f ms", summary["idle_ns"] / MS)


@live()
def nested_loop(bench):
    tool, _, _, rows, _ = _check_kind(bench, "nested")
    _check_no_callback(tool)
    check(
        rows["outer"]["max_ns"] < 15 * MS,
        "the outer step's own time is %.1f ms",
        rows["outer"]["max_ns"] / MS,
    )


def _check_victims(bench, *kind):
    """Each stall has the task's name and the tasks that had to wait, with the time they did."""
    tool, summary, truth, rows, stalls = _check_kind(bench, *kind)
    for stall, true in zip(sorted(stalls, key=lambda s: s["start_ns"]), truth["stalls"]):
        check_equal(stall["task"]["name"], true["task"], "name of the task")
        check_equal(
            sorted(stall["victims"]["tasks"]), true["victims"], "victims of %s" % true["task"]
        )
        check_equal(stall["victims"]["count"], len(true["victims"]), "number of victims")
        check(
            stall["victims"]["is_known"] and not stall["victims"]["is_cut"],
            "flags: %r",
            stall["victims"],
        )
        # Who sleeps has slept up to 20 ms of the stall; everybody else waits through it.
        sleepers = sum(name.startswith("sleeper") for name in true["victims"])
        most = len(true["victims"]) * stall["duration_ns"]
        least = most - sleepers * 21 * MS
        check(
            least <= stall["victims"]["starved_ns"] <= most,
            "starved: %.3f ms of %.3f to %.3f ms",
            stall["victims"]["starved_ns"] / MS,
            least / MS,
            most / MS,
        )
    suffered = sum(row["suffered"] for row in summary["coroutines"])
    all_victims = [stall["victims"] for stall in tool.stalls]
    check_equal(suffered, sum(v["count"] or 0 for v in all_victims), "victims by coroutine")
    unknown = [stall for stall in tool.stalls if not stall["victims"]["is_known"]]
    lost = summary["lost"].get("victim_no_queue", 0)
    check_equal(lost, len(unknown), "stalls without a known queue")
    # Only before the tool knows the loop, and only where a busy machine had no CPU for it.
    by_host = [s for s in unknown if s["unit"] != "step" and s["cause"] == "runqueue"]
    check_equal([brief(s) for s in unknown], [brief(s) for s in by_host], "who waited")
    return rows


@live(loops=both_loops, since=(3, 11))
def victims_of_python_tasks(bench):
    rows = _check_victims(bench, "victims", bench.loop)
    check_equal(
        {name: rows[name]["suffered"] for name in ("sleeper", "waiter", "one_turn", "child")},
        {"sleeper": 6, "waiter": 4, "one_turn": 10, "child": 0},
        "who suffered",
    )


@live()
def victims_of_python_tasks_in_light_mode(bench):
    """Nothing shows such a task while it runs. The queue does, with those that wait in it."""
    tool, _, truth = _run(bench, "light-victims", bench.loop, mode="light")
    for true in truth["stalls"]:
        around = [s for s in tool.stalls if is_around(s, true["start_ns"],
                                                      true["start_ns"] + true["duration_ns"])]
        check_equal(len(around), 1, "stalls that are %r" % true)
        victims = around[0]["victims"]
        check(victims["is_known"], "not known: %s", brief(around[0]))
        check_equal(victims["count"], len(true["victims"]), "victims of %s" % brief(around[0]))


@live(since=(3, 11))
def victims_of_an_unknown_scheduler(bench):
    """Nothing is known of its queue, and that is said: their number is null."""
    _, summary, _, _, stalls = _check_kind(bench, "own")
    for stall in stalls:
        check_equal(stall["victims"]["is_known"], False, "victims are known")
        check_equal((stall["victims"]["count"], stall["task"]["name"]), (None, None), "who")
    check_equal(summary["lost"].get("victim_no_queue"), len(stalls), "stalls without a known queue")


@live(on="once")
def trio_tasks(bench):
    _check_kind(bench, "trio")


@live(needs="trio", since=(3, 11))
def victims_of_trio(bench):
    rows = _check_victims(bench, "trio-victims")
    check_equal(
        {name: rows[name]["suffered"] for name in ("sleeper", "waiter", "one_turn", "racer")},
        {"sleeper": 6, "waiter": 4, "one_turn": 0, "racer": 10},
        "who suffered",
    )


@live(needs="trio")
def trio_is_listed(bench):
    target = bench.target("kinds.py", "trio-tasks")
    pid = target.hear("ready")["pid"]
    target.ask("go", "waiting")
    code, output, _ = run_tool(bench, "ls", json_output=True)
    check_equal(code, 0, "exit code")
    (row,) = [row for row in map(json.loads, output.splitlines()) if row.get("pid") == pid]
    check_equal([loop["kind"] for loop in row["loops"]], ["trio"], "kinds")
    # 20 sleepers and main; trio's own: the first of all, and one that waits for other threads.
    check_equal(row["tasks"], 23, "tasks alive")
    target.write("go on")
    target.hear("done")
    target.finish()


@live(on="once")
def anyio_tasks(bench):
    for kind in ("anyio-trio", "anyio-asyncio"):
        with bench.part(kind):
            _check_kind(bench, kind)
