# SPDX-License-Identifier: BSD-2-Clause
"""Stalls that do not end: reported while they go on, at the end of the measurement, and when they
take their process with them."""

import json
import os
import signal
import time

import cgroups
from lib import Skip, both_loops, by_host, check, check_equal, live, own_ns, run_tool

PROGRAM = "hangs.py"
SECOND = 1000000000
MS = 1000000
CAUSES = {"sleep": "sleep", "lock": "lock", "compute": "cpu"}
# The one that allocates computes as well, how long depends on the machine.
PARTS = {"allocate": ("sleep", "cpu", "pagefault")}
MEMORY_BYTES = 64 << 20
# From the line that the program prints before it hangs to the hang itself.
START_SLACK_NS = 100000000


def _begin(bench, shape, *options):
    return _attach(bench, bench.target(PROGRAM, shape, "--loop", bench.loop), *options)


def _attach(bench, target, *options):
    target.hear("ready")
    tool = bench.tool("trace", "-p", str(target.pid), *options)
    tool.wait_start()
    time.sleep(0.2)
    return target, tool, target.ask("go", "stuck")


def _check_stall(stall, shape, stuck, pid):
    check_equal((stall["unit"], stall["pid"]), ("step", pid), "unit and pid")
    check_equal(stall["task"]["name"], "the-task", "task")
    check_equal(stall["coroutine"]["name"], shape, "coroutine")
    line = stall["call"] and stall["call"]["line"]
    check_equal(line, stuck["line"], "line")
    cause = CAUSES.get(shape, "sleep")
    # A busy machine may leave the thread without a CPU, whatever it does.
    part_ns = sum(stall["causes_ns"].get(part, 0) for part in PARTS.get(shape, (cause,)))
    check(part_ns > 0.9 * own_ns(stall), "%s is %r", cause, stall["causes_ns"])
    if stall["runqueue_ns"] < stall["duration_ns"] // 3:
        check_equal(stall["cause"], cause, "cause of %r" % stall["causes_ns"])
    check(
        abs(stall["start_ns"] - stuck["start_ns"]) < START_SLACK_NS,
        "starts %.1f ms off",
        (stall["start_ns"] - stuck["start_ns"]) / 1e6,
    )


def _check_waiting(stall):
    victims = stall["victims"]
    check_equal((victims["is_known"], victims["count"]), (True, 1), "who waits")
    check_equal(len(victims["tasks"]), 1, "names")
    # Sleeps for 10 ms at a time. Looks are 250 ms apart, on a busy machine more.
    least_ns = stall["duration_ns"] - 500 * MS
    check(
        least_ns < victims["starved_ns"] <= stall["duration_ns"],
        "%d ns starved in %d",
        victims["starved_ns"],
        stall["duration_ns"],
    )


def _open_stalls(tool, stuck):
    since_ns = stuck["start_ns"] - START_SLACK_NS
    return [
        s
        for s in tool.stalls
        if s["start_ns"] >= since_ns and (s["unit"] == "step" or not by_host(s))
    ]


def _ended_stall(tool, stuck):
    """The last line of it. On a slow machine it is reported as open before it ends."""
    *before, stall = _open_stalls(tool, stuck)
    check(all(s["is_open"] and s["id"] == stall["id"] for s in before), "before it: %r", before)
    return stall


@live(loops=both_loops)
def reported_while_it_goes_on(bench):
    for n, shape in enumerate(CAUSES):
        for mode in bench.modes(n):
            with bench.part("%s-%s" % (shape, mode)):
                target, tool, stuck = _begin(bench, shape, "--mode", mode)
                tool.read_until(lambda t: _open_stalls(t, stuck), timeout=5)
                first = _open_stalls(tool, stuck)[0]
                check_equal((first["is_open"], first["end"]), (True, "running"), "first line")
                check(first["duration_ns"] >= 0.95 * SECOND, "after %d ns", first["duration_ns"])
                _check_stall(first, shape, stuck, target.pid)
                _check_waiting(first)
                tool.finish()
                last = _open_stalls(tool, stuck)[-1]
                check_equal((last["id"], last["end"]), (first["id"], "running"), "last line")
                _check_stall(last, shape, stuck, target.pid)
                _check_waiting(last)
                check(last["duration_ns"] > first["duration_ns"], "it does not grow")
                check(tool.summary["stalls"] >= 1, "it is not in the sums")
                target.close()


@live(loops=both_loops)
def killed_in_it(bench):
    for shape, number in (
        ("sleep", signal.SIGKILL),
        ("lock", signal.SIGABRT),
        ("compute", signal.SIGTERM),
    ):
        with bench.part("%s-%s" % (shape, signal.Signals(number).name)):
            target, tool, stuck = _begin(bench, shape)
            time.sleep(0.6)
            os.kill(target.pid, number)
            tool.end()
            stall = _ended_stall(tool, stuck)
            check_equal(stall["end"], "signal:" + signal.Signals(number).name, "end")
            check_equal(stall["is_open"], False, "is_open")
            _check_stall(stall, shape, stuck, target.pid)
            _check_waiting(stall)
            words = "killed by %s " % signal.Signals(number).name
            check(words in tool.stderr and "1 task waited" in tool.stderr, "%r", tool.stderr)
            (row,) = [r for r in tool.summary["coroutines"] if r["name"] == shape]
            check_equal((row["steps"], row["stalls"]), (1, 1), "its row")
            check_equal(row["total_ns"], stall["duration_ns"], "time of its row")


@live(on="once", loops=both_loops)
def killed_for_lack_of_memory(bench):
    """By the kernel, at the limit of the program's cgroup, in a step that allocates and sleeps."""
    for mode in ("exact", "light"):
        with bench.part(mode):
            folder = cgroups.new_memory_limit(MEMORY_BYTES)
            if folder is None:
                raise Skip("no cgroup that limits memory can be made")
            target = bench.target(PROGRAM, "allocate", "--loop", bench.loop)
            try:
                cgroups.write(folder, "cgroup.procs", str(target.pid))
                tool, stuck = _attach(bench, target, "--mode", mode)[1:]
                tool.end()
                check_equal(cgroups.oom_kills(folder), 1, "processes killed by the kernel")
            finally:
                target.close()
                cgroups.remove(folder)
            stall = _ended_stall(tool, stuck)
            check_equal(stall["end"], "signal:SIGKILL", "end")
            check_equal(stall["is_open"], False, "is_open")
            _check_stall(stall, "allocate", stuck, target.pid)
            _check_waiting(stall)
            check("killed by SIGKILL " in tool.stderr, "%r", tool.stderr)


def _check_waiting_in_trio(stall, stuck):
    """Of those who wait, two are in the batch of the step. How long the three wait that became
    ready in it is known from the first look on, which comes with the first 250 ms."""
    passed_ns = stall["duration_ns"] - stuck["late_ns"]
    is_late = passed_ns > 0
    names = stuck["names"] + ["late"] * is_late
    victims = stall["victims"]
    check_equal((victims["is_known"], victims["is_cut"]), (True, False), "victims")
    check_equal(sorted(victims["tasks"]), sorted(names), "who waits")
    check_equal(victims["count"], len(names), "how many wait")
    most_ns = 6 * stall["duration_ns"] + is_late * (passed_ns + 200 * MS)
    least_ns = most_ns - is_late * 400 * MS - 3 * 500 * MS - stuck["sleep_ns"]
    check(
        least_ns < victims["starved_ns"] <= most_ns,
        "%.3f s starved, of %.3f s to %.3f s",
        victims["starved_ns"] / SECOND,
        least_ns / SECOND,
        most_ns / SECOND,
    )


@live(needs="trio", since=(3, 11))
def trio_knows_who_waits(bench):
    """Light mode does not see steps of trio."""
    with bench.part("goes-on"):
        target, tool, stuck = _attach(bench, bench.target("hangs_trio.py"), "--mode", "exact")
        tool.read_until(lambda t: _open_stalls(t, stuck), timeout=5)
        first = _open_stalls(tool, stuck)[0]
        check_equal((first["is_open"], first["task"]["name"]), (True, "the-task"), "first line")
        check_equal(first["call"] and first["call"]["line"], stuck["line"], "line")
        check(first["duration_ns"] < stuck["late_ns"], "it comes after %d ns", first["duration_ns"])
        _check_waiting_in_trio(first, stuck)
        # And a look later.
        time.sleep((stuck["late_ns"] - first["duration_ns"]) / SECOND + 0.8)
        tool.finish()
        last = _open_stalls(tool, stuck)[-1]
        check_equal((last["id"], last["end"]), (first["id"], "running"), "last line")
        check(last["duration_ns"] > stuck["late_ns"], "it ends at %d ns", last["duration_ns"])
        _check_waiting_in_trio(last, stuck)
        target.close()
    with bench.part("killed"):
        target, tool, stuck = _attach(bench, bench.target("hangs_trio.py"), "--mode", "exact")
        time.sleep(1)
        os.kill(target.pid, signal.SIGKILL)
        tool.end()
        stall = _ended_stall(tool, stuck)
        check_equal(stall["end"], "signal:SIGKILL", "end")
        _check_waiting_in_trio(stall, stuck)
        check("%d tasks waited" % len(stuck["names"]) in tool.stderr, "%r", tool.stderr)


@live(on="once")
def breaks_a_limit(bench):
    target = bench.target(PROGRAM, "lock", "--loop", bench.loop)
    target.hear("ready")
    tool = bench.tool(
        "check", "-p", str(target.pid), "--max-step", "200ms", "--min-steps", "1", "-d", "3s"
    )
    time.sleep(1.5)
    stuck = target.ask("go", "stuck")
    verdict = json.loads(tool.read_line(20))
    check_equal(tool.wait(), 1, "exit code (stderr: %s)" % tool.stderr)
    (finding,) = [f for f in verdict["findings"] if f["rule"] == "max-step"]
    check_equal(finding["line"], stuck["line"], "line of the finding %r" % finding)


@live(on="once")
def is_in_a_recording(bench):
    target = bench.target(PROGRAM, "sleep", "--loop", bench.loop)
    target.hear("ready")
    path = os.path.join(bench.folder, "stuck.lstall")
    tool = bench.tool("record", "-p", str(target.pid), "-o", path, "-d", "4s", json_output=False)
    time.sleep(1.5)
    stuck = target.ask("go", "stuck")
    tool.wait(20)
    code, output, errors = run_tool(bench, "report", path, "-f", "json")
    check_equal(code, 0, "exit code (stderr: %s)" % errors)
    lines = [json.loads(line) for line in output.splitlines()]
    stalls = [s for s in lines if s["type"] == "stall" and s["unit"] == "step"]
    found = [s for s in stalls if s["task"]["name"] == "the-task"]
    check_equal({s["end"] for s in found}, {"running"}, "ends")
    check(all(s["wall_time"] for s in found), "no time of day: %r", found)
    _check_stall(found[-1], "sleep", stuck, target.pid)
    code, output, _ = run_tool(bench, "report", path, "-f", "folded")
    check(b"sleep" in output, "it is in no flame graph: %r", output)


@live(on="once")
def silence_says_what_the_loop_is_in(bench):
    """Attached late: a loop that is stuck, stopped or waiting is said to be just that."""
    for shape, number, words in (
        ("lock", None, "began before attach"),
        ("sleep", signal.SIGSTOP, "stopped by a signal"),
        (None, None, "only waits"),
    ):
        with bench.part(shape or "waits"):
            if shape:
                target = bench.target(PROGRAM, shape, "--loop", bench.loop)
                target.hear("ready")
                target.ask("go", "stuck")
            else:
                target = bench.target("waits.py")
                target.hear("ready")
            time.sleep(0.3)
            if number:
                os.kill(target.pid, number)
            code, output, errors = run_tool(bench, "trace", "-p", str(target.pid), "-d", "1s")
            said = output.decode() + errors
            check(words in said, "%r is not said: %r", words, said)
            target.close()
