# SPDX-License-Identifier: BSD-2-Clause
"""Attached while the loop hangs: the stall under way is seen at once, as one that began before.
Loops that wait are never taken for stuck."""

import contextlib
import json
import os
import signal
import time

import cgroups
from lib import Skip, both_loops, by_host, check, check_equal, live, run_tool

PROGRAM = "late.py"
MS = 1000000
CAUSES = {
    "sleep": "sleep",
    "lock": "lock",
    "compute": "cpu",
    "callback": "sleep",
    "awaits": "cpu",
    "gil": "gil",
}
OLD_SHAPES = ("sleep", "lock", "compute", "callback")
# Who waits for the GIL wakes up every 5 ms, and then waits for a CPU.
COMPUTING = ("compute", "awaits", "gil")


def _start(bench, shape, *options, after=0.1):
    target = bench.target(PROGRAM, shape, "--loop", bench.loop, *options)
    stuck = target.hear("stuck")
    time.sleep(after)
    return target, stuck


def _check(stall, shape, stuck, target, least_ns=0):
    check_equal(stall["began_before_attach"], True, "began_before_attach")
    check_equal(stall["pid"], target.pid, "pid")
    check_equal(stall["unit"], "callback" if shape == "callback" else "step", "unit")
    check_equal(
        stall["coroutine"]["name"].split(".")[-1],
        "hang" if shape == "callback" else shape,
        "coroutine",
    )
    if shape != "callback":
        check_equal(stall["task"]["name"], "the-task", "task")
    lines = [frame["line"] for frame in stall["stack"]]
    # What it awaits may be on top.
    line = stuck["line"] if shape == "awaits" and stuck["line"] in lines else stall["call"]["line"]
    check_equal(line, stuck["line"], "line of %r" % stall)
    check_equal(stall["is_stack_cut"], False, "is_stack_cut")
    check(stall["start_ns"] > stuck["start_ns"], "it starts before the attach")
    check(stall["duration_ns"] >= least_ns, "%d ns are too short", stall["duration_ns"])
    # A busy machine may leave a thread that computes without a CPU.
    part_ns = stall["causes_ns"].get(CAUSES[shape], 0)
    part_ns += stall["runqueue_ns"] if shape in COMPUTING else 0
    check(part_ns > 0.9 * stall["duration_ns"], "%s is %r", CAUSES[shape], stall["causes_ns"])


def _check_row(summary, shape, stall):
    """It is a step of its coroutine in all sums."""
    (row,) = [r for r in summary["coroutines"] if r["name"].split(".")[-1] == shape]
    check_equal((row["steps"], row["stalls"]), (1, 1), "steps and stalls of its row")
    check_equal(row["max_ns"], stall["duration_ns"], "longest of its row")
    (loop,) = summary["loops"]
    check(loop["step_ns"] >= stall["duration_ns"], "the loop's steps: %r", loop)
    check(loop["callbacks_ns"] < 100 * MS, "the loop's callbacks: %r", loop)


def _late(tool):
    return [s for s in tool.stalls if s["began_before_attach"]]


def _check_only(tool):
    """It is the only stall but for those that a busy host made."""
    others = [s for s in tool.stalls if not s["began_before_attach"]]
    check(all(map(by_host, others)), "%r", tool.stalls)
    n_others = len({s["id"] for s in others})
    check_equal(tool.summary["stalls"], 1 + n_others, "stalls of the summary")


def _see(bench, shape, mode, after):
    _watch(bench, shape, mode, *_start(bench, shape, after=after))


def _watch(bench, shape, mode, target, stuck):
    tool = bench.tool("trace", "-p", str(target.pid), "--mode", mode)
    tool.wait_start()
    started_ns = time.monotonic_ns()
    tool.read_until(_late, timeout=5)
    check(time.monotonic_ns() - started_ns < 1000 * MS, "it took a second to be seen")
    first = _late(tool)[0]
    check_equal((first["is_open"], first["end"]), (True, "running"), "first line")
    _check(first, shape, stuck, target)
    time.sleep(0.5)
    tool.finish()
    last = _late(tool)[-1]
    check_equal((last["id"], last["end"]), (first["id"], "running"), "last line")
    _check(last, shape, stuck, target, 500 * MS)
    _check_only(tool)
    target.close()


@live(loops=both_loops)
def seen_while_it_goes_on(bench):
    for n, shape in enumerate(CAUSES):
        for mode in bench.modes(n):
            with bench.part("%s-%s" % (shape, mode)):
                _see(bench, shape, mode, 0.1)


@live(on="once", loops=both_loops)
def seen_in_mode_auto(bench):
    for shape in CAUSES:
        with bench.part(shape):
            _see(bench, shape, "auto", 0.1)


def _see_all_late(bench, shapes_and_modes):
    """All of them hang at the same time, so that five seconds pass once."""
    begun = [(shape, mode, _start(bench, shape, after=0)) for shape, mode in shapes_and_modes]
    time.sleep(5)
    for shape, mode, (target, stuck) in begun:
        with bench.part("%s-%s" % (shape, mode)):
            _watch(bench, shape, mode, target, stuck)


@live(on="once", loops=both_loops)
def seen_five_seconds_into_it(bench):
    for mode in ("exact", "light"):
        _see_all_late(bench, [(shape, mode) for shape in ("lock", "compute", "sleep")])


@live(loops=both_loops)
def seen_late_on_each_interpreter(bench):
    """The modes take turns."""
    modes = ("exact", "light", "auto", "light", "exact", "auto")
    turn = bench.python.version[1]
    shapes = ("sleep", "lock", "gil", "callback")
    _see_all_late(bench, [(s, modes[(turn + n) % len(modes)]) for n, s in enumerate(shapes)])


def _ends(tool, shape, stuck, target):
    over = target.hear("over")
    time.sleep(0.5)
    tool.finish()
    last = _late(tool)[-1]
    check_equal((last["is_open"], last["end"]), (False, "return"), "last line")
    _check(last, shape, stuck, target, 200 * MS)
    off_ns = last["start_ns"] + last["duration_ns"] - over["end_ns"]
    check(abs(off_ns) < 50 * MS, "it ends %.1f ms off", off_ns / 1e6)
    _check_only(tool)
    check_equal(tool.summary["lost"].get("step_unmatched", 0), 0, "unmatched steps")
    if shape != "callback":
        _check_row(tool.summary, shape, last)
    target.close()


@live(loops=both_loops)
def told_once_when_it_ends(bench):
    """All of them hang at the same time."""
    begun = []
    for n, shape in enumerate(OLD_SHAPES):
        for mode in bench.modes(n):
            target, stuck = _start(bench, shape, "--for", "5" if bench.python.is_system else "4")
            tool = bench.tool("trace", "-p", str(target.pid), "--mode", mode)
            begun.append((shape, mode, tool, stuck, target))
    for _, _, tool, _, _ in begun:
        tool.wait_start()
    for shape, mode, tool, stuck, target in begun:
        with bench.part("%s-%s" % (shape, mode)):
            _ends(tool, shape, stuck, target)


def _accused(bench, target, *options):
    _, output, errors = run_tool(
        bench, "trace", "-p", str(target.pid), "--json", "-d", "1500ms", *options
    )
    lines = [json.loads(line) for line in output.splitlines()]
    check_equal([line for line in lines if line["type"] == "stall"], [], "stalls")
    return errors


@live(loops=both_loops)
def a_loop_that_waits_is_not_stuck(bench):
    shapes = ("pause", "polls") if bench.loop == "asyncio" else ("pause",)
    for n, shape in enumerate(shapes):
        for mode in bench.modes(n):
            with bench.part("%s-%s" % (shape, mode)):
                target, _ = _start(bench, shape, after=0.3)
                _accused(bench, target, "--mode", mode)
                target.close()


@contextlib.contextmanager
def _stopped(_bench, target):
    os.kill(target.pid, signal.SIGSTOP)
    yield "stopped by a signal"
    os.kill(target.pid, signal.SIGCONT)


@contextlib.contextmanager
def _traced(bench, target):
    tracer = bench.target("tracer.py")
    tracer.hear("ready")
    tracer.ask(str(target.pid), "traces")
    yield "stopped by a debugger"
    # One that is killed while it is traced stays a zombie until its tracer has ended.
    tracer.close()


@contextlib.contextmanager
def _frozen(_bench, target):
    folder = cgroups.new_freezer()
    if folder is None:
        raise Skip("no freezer of cgroups that can be used")
    try:
        cgroups.write(folder, "cgroup.procs", str(target.pid))
        cgroups.write(folder, "cgroup.freeze", "1")
        yield "its cgroup is frozen"
        cgroups.write(folder, "cgroup.freeze", "0")
    finally:
        target.close()
        cgroups.remove(folder)


@live(on="once")
def a_loop_that_is_stopped_is_not_stuck(bench):
    for how in (_stopped, _traced, _frozen):
        for shape in ("sleep", "pause"):
            with bench.part("%s-%s" % (how.__name__[1:], shape)):
                target, _ = _start(bench, shape, after=0.3)
                with how(bench, target) as words:
                    time.sleep(0.1)
                    errors = _accused(bench, target)
                check(words in errors, "said is %r", errors)
                check("only waits" not in errors, "said is %r", errors)
                target.close()


@live(on="once")
def killed_in_it(bench):
    target, stuck = _start(bench, "lock")
    tool = bench.tool("trace", "-p", str(target.pid))
    tool.wait_start()
    time.sleep(0.6)
    os.kill(target.pid, signal.SIGKILL)
    tool.end()
    last = _late(tool)[-1]
    check_equal(last["end"], "signal:SIGKILL", "end")
    _check(last, "lock", stuck, target, 500 * MS)


@live(on="once")
def breaks_a_limit(bench):
    target, stuck = _start(bench, "lock")
    code, output, errors = run_tool(
        bench, "check", "-p", str(target.pid), "--max-step", "200ms", "-d", "2s", "--json"
    )
    check_equal(code, 1, "exit code (stderr: %s)" % errors)
    verdict = json.loads(output)
    (finding,) = [f for f in verdict["findings"] if f["rule"] == "max-step"]
    check_equal(finding["line"], stuck["line"], "line of the finding %r" % finding)


@live(on="once")
def is_in_a_recording_and_in_each_report(bench):
    target, stuck = _start(bench, "sleep")
    path = os.path.join(bench.folder, "late.lstall")
    tool = bench.tool("record", "-p", str(target.pid), "-o", path, "-d", "2s", json_output=False)
    tool.wait(20)
    _, output, _ = run_tool(bench, "report", path, "-f", "json")
    lines = [json.loads(line) for line in output.splitlines()]
    stalls = [line for line in lines if line["type"] == "stall"]
    check_equal(len({stall["id"] for stall in stalls}), 1, "number of stalls")
    _check(stalls[-1], "sleep", stuck, target, 1500 * MS)
    _, output, _ = run_tool(bench, "report", path, "-f", "text")
    check(b"began before attach, at least" in output, "text: %r", output)
    _, output, _ = run_tool(bench, "report", path, "-f", "csv-stalls")
    check(b"began_before_attach" in output, "csv: %r", output)


@live(on="once")
def silence_names_what_holds_the_loop(bench):
    target, _ = _start(bench, "lock")
    _, _, errors = run_tool(bench, "trace", "-p", str(target.pid), "-d", "4s")
    check("only waits" not in errors and "not in its poll" in errors, "said is %r", errors)
