# SPDX-License-Identifier: BSD-2-Clause
"""Between which awaits a long step ran: its stall says where it resumed and where it suspended."""

import os

from lib import both_loops, brief, check, check_equal, live, run_to_end, run_tool, wait_for


def _target(bench, *options):
    target = bench.target("step_ends.py", "--loop", bench.loop, *options)
    target.hear("ready")
    return target


def _by_task(stalls):
    found = {}
    for stall in sorted(stalls, key=lambda stall: stall["start_ns"]):
        if stall["unit"] == "step":
            found.setdefault(stall["task"]["name"], []).append(stall)
    return found


def _base(name):
    """Qualified names are known from 3.11 on."""
    return name.split(".")[-1]


def _check_end(got, truth, what):
    check(got is not None, "%s is not known, it is %r", what, truth)
    check_equal(got["state"], truth["state"], what)
    if truth["state"] != "suspended":
        check_equal(_base(got["function"]), "task", what)
        check_equal(got["line"] is None, truth["state"] != "began", "line of " + what)
        return
    check_equal(_base(got["function"]), truth["function"], what)
    check(got["line"], "line of %s is not known", what)
    check_equal(got["line"], truth.get("line", got["line"]), "line of " + what)
    wanted = os.path.basename(truth.get("file", "tasks.py"))
    check_equal(os.path.basename(got["file"]), wanted, "file of " + what)


def _check(stalls, truth):
    """All of them: only the first stall of a coroutine does not know where it resumed."""
    found = _by_task(stalls)
    check_equal(sorted(found), sorted(truth), "tasks")
    first = min((task[0] for task in found.values()), key=lambda stall: stall["start_ns"])
    for name, steps in truth.items():
        check_equal(len(found[name]), len(steps), "stalls of %s" % name)
        for i, (stall, step) in enumerate(zip(found[name], steps)):
            what = "step %d of %s" % (i, name)
            _check_end(stall["to"], step["to"], "end of " + what)
            if stall is first:
                check_equal(stall["from"], None, "beginning of " + what)
            else:
                _check_end(stall["from"], step["from"], "beginning of " + what)


@live(loops=both_loops)
def step_ends(bench):
    target = _target(bench)
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms")
    tool.wait_start()
    done = target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    _check(tool.stalls, done["tasks"])
    check_equal(tool.summary["lost"].get("await_unreadable", 0), 0, "chains not read")


@live()
def step_ends_of_python_tasks(bench):
    """Their coroutine says where it is suspended, and nothing of how it ended. Where it resumed
    cannot be read in all builds."""
    target = _target(bench, "--python-tasks")
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms")
    tool.wait_start()
    truth = target.ask("go", "done", timeout=60)["tasks"]
    tool.finish()
    target.finish()
    found = _by_task(tool.stalls)
    known = 0
    for name, steps in truth.items():
        check_equal(len(found[name]), len(steps), "stalls of %s" % name)
        for i, (stall, step) in enumerate(zip(found[name], steps)):
            what = "step %d of %s" % (i, name)
            if stall["from"] is not None:
                _check_end(stall["from"], step["from"], "beginning of " + what)
            if step["to"]["state"] != "suspended":
                check_equal(stall["to"], None, "end of " + what)
            elif stall["to"] is not None or name != "catch":
                # An exception that was thrown in leaves the outer coroutines running.
                _check_end(stall["to"], step["to"], "end of " + what)
                known += 1
    check(known > 25, "only %d ends are known", known)


@live(on="once")
def step_ends_light(bench):
    """Light mode sees neither moment."""
    target = _target(bench)
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms", "--mode", "light")
    tool.wait_start()
    target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    steps = [stall for stall in tool.stalls if stall["unit"] == "step"]
    check(len(steps) > 20, "only %d stalls", len(steps))
    for stall in steps:
        check_equal((stall["from"], stall["to"]), (None, None), "ends of %s" % brief(stall))


@live(on="once")
def step_ends_in_a_recording(bench):
    """A recording has them when the process is gone. Text has a line of them with -v alone."""
    target = _target(bench)
    path = os.path.join(bench.folder, "a.ls")
    options = ("-p", str(target.pid), "--threshold", "20ms")
    text = bench.tool("trace", "-v", *options, json_output=False)
    wait_for(lambda: "watching" in text.stderr, 15, "trace")
    tool = bench.tool("record", "-o", path, *options, json_output=False)
    wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 15, "a recording")
    truth = target.ask("go", "done", timeout=60)["tasks"]
    target.finish()
    check_equal(tool.wait(), 0, "exit code (%s)" % tool.stderr)
    reported = bench.tool("report", path, "-f", "json", json_output=False)
    reported.end()
    _check(reported.stalls, truth)
    code, output, errors = run_to_end(text)
    check_equal(code, 0, "exit code of trace (%s)" % errors)
    ends = [step for steps in truth.values() for step in steps if "line" in step["to"]]
    shown = output.count(b"suspended in ")
    check(shown >= len(ends), "%d ends of %d are shown: %s", shown, len(ends), output[-2000:])
    check_equal(output.count(b", was cancelled\n"), 1, "cancelled steps")
    output = run_tool(bench, "report", path, "-f", "text")[1]
    check(b"suspended in " not in output, "shown without -v")
