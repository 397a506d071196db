# SPDX-License-Identifier: BSD-2-Clause
"""Whatever happens to the tool or to the target, the target is unharmed and the tool says what
happened."""

import os
import signal
import time

from lib import (
    MS,
    PROGRAMS,
    Tool,
    both_loops,
    brief,
    changed_code,
    check,
    check_cause,
    check_equal,
    code_mappings,
    is_around,
    live,
    own_ns,
    status_of,
    threads_of,
    wait_for,
)

INT3 = 0xCC


def _steady(bench, *args, spinners=2):
    target = bench.target("steady.py", "--loop", bench.loop, "--spinners", str(spinners), *args)
    return target, target.hear("ready")["pid"]


def _trace(bench, pid):
    tool = bench.tool("trace", "-p", str(pid), "--threshold", "10ms")
    tool.wait_start()
    return tool


def _check_found(stalls, truths, what):
    """Each true sleep (start, end) is found exactly once. Returns the stalls of these."""
    matched = []
    for start, end in truths:
        found = [s for s in stalls if is_around(s, start, end)]
        near = [brief(s) for s in stalls if abs(s["start_ns"] - start) < 300 * MS]
        check_equal(
            len(found),
            1,
            "times a stall of %s at %.2f was reported, near it %r" % (what, start / MS, near),
        )
        stall = found[0]
        check_cause(stall, "sleep", what)
        # The step takes a bit longer than the sleep in it, more if the host is busy.
        waited_ns = stall["blocked_ns"] + stall["runqueue_ns"]
        check(
            waited_ns > end - start - MS and own_ns(stall) < end - start + 10 * MS,
            "a sleep of %.2f ms in %s is %s",
            (end - start) / MS,
            what,
            brief(stall),
        )
        matched.append(stall)
    return matched


def _sleeps(tool):
    """What is not a hiccup of a busy host, and was seen from its beginning on."""
    return [s for s in tool.stalls if s["cause"] == "sleep" and not s["began_before_attach"]]


def _check_goes_on(target, what):
    """The service works as before."""
    before = target.ask("report", "report")
    time.sleep(0.4)
    after = target.ask("report", "report")
    check(after["ticks"] > before["ticks"] + 50, "ticks stop %s", what)
    check(len(after["stalls"]) > len(before["stalls"]), "the service stops %s", what)


def _wait_clean(pid):
    wait_for(lambda: not changed_code(pid), 3.0, "all breakpoints are gone")


@live(loops=both_loops)
def kill_nine(bench):
    target, pid = _steady(bench)
    threads = threads_of(pid)
    mappings = code_mappings(pid)
    check_equal(changed_code(pid), [], "changed code before attach")
    tool = _trace(bench, pid)
    changed = changed_code(pid)
    check(changed and all(byte == INT3 for _, byte in changed), "code while traced: %r", changed)
    check_equal(status_of(pid)["TracerPid"], "0", "TracerPid")
    _check_goes_on(target, "while it is traced")
    tool.signal(signal.SIGKILL)
    check_equal(tool.wait(), -signal.SIGKILL, "exit code of the killed tool")
    _wait_clean(pid)
    _check_goes_on(target, "after the tool was killed")
    check_equal(threads_of(pid), threads, "threads of the target")
    check_equal(code_mappings(pid), mappings, "code mappings of the target")
    # And it can be traced again.
    tool = _trace(bench, pid)
    first = len(target.ask("report", "report")["stalls"])
    time.sleep(0.4)
    truths = target.ask("report", "report")["stalls"][first + 1 :]
    tool.finish()
    _wait_clean(pid)
    check(truths, "no stall happened")
    _check_found(tool.stalls, truths, "the second trace")
    target.finish()


@live(on="once")
def attach_again_and_again(bench):
    target, pid = _steady(bench)
    threads = threads_of(pid)
    for number in range(8):
        tool = _trace(bench, pid)
        time.sleep(0.1)
        tool.finish([signal.SIGINT, signal.SIGTERM][number % 2])
    _wait_clean(pid)
    check_equal(threads_of(pid), threads, "threads of the target")
    _check_goes_on(target, "after eight traces")
    target.finish()


def _signal_ends(bench, number):
    target, pid = _steady(bench)
    tool = _trace(bench, pid)
    tool.read_until(lambda t: _sleeps(t))
    start = time.monotonic()
    summary = tool.finish(number)
    check(time.monotonic() - start < 3.0, "the end took %.1f s", time.monotonic() - start)
    check(summary["steps"] > 100 and summary["stalls"] >= 1, "summary %r", summary)
    _check_goes_on(target, "after the trace")
    target.finish()


@live(on="once")
def sigint(bench):
    _signal_ends(bench, signal.SIGINT)


@live(on="once")
def sigterm(bench):
    _signal_ends(bench, signal.SIGTERM)


def _close_stdout(bench, json_output):
    target, pid = _steady(bench)
    read_fd, write_fd = os.pipe()
    tool = bench.own(Tool(["trace", "-p", str(pid)], json_output=json_output, stdout=write_fd))
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as output:
        check(output.readline().endswith(b"\n"), "no first line")
    check_equal(tool.wait(5.0), 0, "exit code when stdout is closed (stderr: %s)" % tool.stderr)
    _wait_clean(pid)
    _check_goes_on(target, "after the trace")
    target.finish()


@live(on="once")
def stdout_closed_json(bench):
    _close_stdout(bench, True)


@live(on="once")
def stdout_closed_text(bench):
    _close_stdout(bench, False)


@live(on="once")
def memory_is_bounded(bench):
    """40 MiB while it watches all steps of a busy loop."""
    target, pid = _steady(bench, spinners=50)
    tool = _trace(bench, pid)
    time.sleep(1.5)
    rss_kib = int(status_of(tool.pid)["VmHWM"].split()[0])
    tool.finish()
    check(rss_kib < 40 * 1024, "the tool takes %d KiB", rss_kib)
    target.finish()


@live()
def target_exits(bench):
    target, pid = _steady(bench)
    tool = _trace(bench, pid)
    tool.read_until(lambda t: len(_sleeps(t)) >= 2)
    target.process.stdin.close()
    truths = target.hear("done")["stalls"]
    check_equal(target.wait(), 0, "exit code of the target")
    summary = tool.end()
    check("exited" in tool.stderr or "ended" in tool.stderr, "it does not say so: %r", tool.stderr)
    check(summary["steps"] > 100, "summary %r", summary)
    seen = [t for t in truths if t[0] > _sleeps(tool)[0]["start_ns"] + MS]
    _check_found(tool.stalls, seen, "a target that exits")


@live(on="once")
def target_killed(bench):
    target, pid = _steady(bench)
    tool = _trace(bench, pid)
    tool.read_until(lambda t: _sleeps(t))
    target.signal(signal.SIGKILL)
    summary = tool.end()
    check("exited" in tool.stderr or "ended" in tool.stderr, "it does not say so: %r", tool.stderr)
    check(summary["steps"] > 100, "summary %r", summary)


@live()
def target_execs(bench):
    """The same process becomes another Python with another loop: both are measured."""
    program = os.path.join(PROGRAMS, "steady.py")
    target, pid = _steady(bench, "--becomes", bench.python.path, "-u", program)
    tool = _trace(bench, pid)
    tool.read_until(lambda t: len(_sleeps(t)) >= 2)
    before = target.ask("report", "report")["stalls"]
    ready = target.ask("exec", "ready")
    check_equal(ready["pid"], pid, "pid after exec")
    # It must be found and probed again, which may take a moment. Lines of before are on their way.
    executed_ns = time.monotonic_ns()
    tool.read_until(lambda t: sum(s["start_ns"] > executed_ns for s in _sleeps(t)) >= 3, timeout=20)
    after = target.ask("report", "report")["stalls"]
    tool.finish()
    first, last = _sleeps(tool)[0]["start_ns"], _sleeps(tool)[-1]["start_ns"]
    _check_found(tool.stalls, [t for t in before if t[0] > first + MS], "the first program")
    late = [t for t in after if t[0] <= last + MS][1:]
    check(late, "no stall after exec")
    _check_found(tool.stalls, late[1:], "the second program")
    check("exec" in tool.stderr, "it does not say so: %r", tool.stderr)
    _wait_clean(pid)
    target.finish()


@live(on="once")
def target_execs_no_python(bench):
    target, pid = _steady(bench, "--becomes", "/bin/sleep", "2")
    tool = _trace(bench, pid)
    tool.read_until(lambda t: _sleeps(t))
    target.write("exec")
    wait_for(lambda: status_of(pid)["Name"] == "sleep", 3.0, "exec")
    check_equal(target.wait(), 0, "exit code of the new program")
    tool.end()
    check("exec" in tool.stderr, "it does not say so: %r", tool.stderr)


@live(on="once", loops=both_loops)
def two_tools(bench):
    """Both are right, also when one leaves early."""
    target, pid = _steady(bench)
    tools = [_trace(bench, pid), _trace(bench, pid)]
    for tool in tools:
        tool.read_until(lambda t: len(_sleeps(t)) >= 3)
    tools[0].signal(signal.SIGKILL)
    known = len(_sleeps(tools[1]))
    tools[1].read_until(lambda t: len(_sleeps(t)) >= known + 3)
    tools[1].finish()
    _wait_clean(pid)
    target.process.stdin.close()
    truths = target.hear("done")["stalls"]
    for tool in tools:
        first, last = _sleeps(tool)[0]["start_ns"] - MS, _sleeps(tool)[-1]["start_ns"] + MS
        seen = [t for t in truths if first < t[0] < last]
        check(len(seen) >= 3, "only %d stalls", len(seen))
        _check_found(tool.stalls, seen, "one of two tools")
    check_equal(target.wait(), 0, "exit code of the target")


def _greenlets(bench, *args):
    target = bench.target("greenlets.py", "--loop", bench.loop, *args)
    pid = target.hear("ready")["pid"]
    tool = _trace(bench, pid)
    done = target.ask("go", "done")
    tool.finish()
    target.finish()
    check_equal(
        (done["right"], done["failed"], done["light"]), (8, 2, 200), "results of the target"
    )
    for stall in _check_found(tool.stalls, done["stalls"], "greenlets"):
        check(stall["call"] is not None, "no call in %s", brief(stall))
        check_equal(stall["call"]["function"].split(".")[-1], "_stall_in_greenlet", "function")


@live(loops=both_loops, needs="greenlet")
def greenlet_in_steps(bench):
    _greenlets(bench)


@live(loops=both_loops, needs="greenlet")
def loop_in_greenlet(bench):
    _greenlets(bench, "--wrapped")
