# SPDX-License-Identifier: BSD-2-Clause
"""The steps the tool saw are the steps the program took: not one more, not one less."""

from lib import both_loops, check, check_equal, check_losses, live


def count(bench, *args, n_loops=1, unseen=0):
    """`unseen` steps are known to be out of the tool's sight."""
    target = bench.target("counts.py", "--loop", bench.loop, *args)
    pid = target.hear("ready")["pid"]
    # Nothing here lasts a second: only the count matters.
    tool = bench.tool("trace", "-p", str(pid), "--threshold", "1s")
    tool.wait_start()
    steps = target.ask("go", "done", timeout=60)["steps"] - unseen
    summary = tool.finish()
    target.finish()
    check_equal(summary["steps"], steps, "steps seen (losses: %r)" % summary["lost"])
    # Samples of threads not known yet, or between two frames: they have no part in counting.
    check_losses(summary, "stack_no_thread", "stack_unreadable", "return_unseen")
    rows = sum(row["steps"] for row in summary["coroutines"])
    check_equal(rows, steps, "steps of all coroutines")
    # uvloop ends with a coroutine of its own that is not Python's.
    most = n_loops if bench.loop == "uvloop" else 0
    check(summary["unattributed_steps"] <= most, "unattributed: %d", summary["unattributed_steps"])
    check_equal(tool.stalls, [], "stalls")
    return summary


@live(loops=both_loops)
def loop_after_attach(bench):
    summary = count(bench)
    rows = {row["name"]: row["steps"] for row in summary["coroutines"]}
    for name in ("sleep_zero", "futures", "nested_awaits", "async_generator", "bad_yields"):
        check_equal(rows.get(name), 51, "steps of %s" % name)
    check_equal(rows.get("done_future"), 1, "steps of done_future")


@live(loops=both_loops)
def loop_before_attach(bench):
    count(bench, "--inside")


@live(loops=both_loops)
def loops_in_threads(bench):
    count(bench, "--threads", "3", n_loops=3)


@live(loops=both_loops)
def two_tools_count_alike(bench):
    target = bench.target("counts.py", "--loop", bench.loop)
    pid = target.hear("ready")["pid"]
    tools = [bench.tool("trace", "-p", str(pid), "--threshold", "1s") for _ in range(2)]
    for tool in tools:
        tool.wait_start()
    steps = target.ask("go", "done", timeout=60)["steps"]
    for tool in tools:
        check_equal(tool.finish()["steps"], steps, "steps seen")
    check(target.is_alive(), "the target died")
    target.finish()
