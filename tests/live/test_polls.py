# SPDX-License-Identifier: BSD-2-Clause
"""Programs with a loop of their own, of which nothing but the poll is known: what they do between
two polls is timed as callbacks, with cause and line. asyncio's loop with select or poll."""

from lib import MS, brief, by_host, check, check_cause, check_equal, live, overlap_ns, own_ns

THRESHOLD = "10ms"


def _check_callback(stall, true):
    check_equal(stall["unit"], "callback", "unit")
    check_equal(stall["tid"], true["tid"], "thread")
    check_cause(stall, true["cause"], "a callback")
    # A host that takes the CPU away decides where most of the time is spent.
    if not by_host(stall):
        check_equal(stall["coroutine"]["name"].rsplit(".", 1)[-1], true["function"], "callback")
        check_equal(stall["call"]["line"], true["line"], "line")
    # Around what the program logs are the loop's own steps. It does not see how long its thread
    # waited for a CPU after the wake-up.
    off_ns = stall["duration_ns"] - stall["stolen_ns"] - true["duration_ns"]
    late_ns = max(0, stall["runqueue_ns"] - stall["stolen_ns"])
    check(-2 * MS < off_ns < 2 * MS + late_ns, "%.3f ms off: %s", off_ns / MS, brief(stall))


def _check_stall(stall, true):
    _check_callback(stall, true)
    check_equal(stall["victims"]["is_known"], False, "victims")


def _check_stalls(tool, done, check_one):
    # A machine that is busy makes a stall of a short callback; the CPU was somebody else's then.
    stalls = [s for s in tool.stalls if own_ns(s) >= 10 * MS]
    check_equal(len(stalls), len(done["stalls"]), "stalls: %s" % [brief(s) for s in stalls])
    for true in done["stalls"]:
        found = [s for s in stalls if overlap_ns(s, true) > true["duration_ns"] / 2]
        check_equal(len(found), 1, "stalls that are %r" % true)
        check_one(found[0], true)


def _check_all(tool, summary, done):
    _check_stalls(tool, done, _check_stall)
    (loop,) = summary["loops"]
    stalled_ns = sum(true["duration_ns"] for true in done["stalls"])
    check(loop["callbacks_ns"] > stalled_ns, "%r of %d ns", loop, stalled_ns)
    check_equal(loop["step_ns"], 0, "time in steps")
    lost = summary["lost"].get("victim_no_queue", 0)
    check_equal(lost, 0, "a loop without a queue loses nothing")


def _trace(bench, program, *arguments):
    target = bench.target(program, *arguments)
    target.hear("ready")
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", THRESHOLD)
    tool.wait_start()
    done = target.ask("go", "done")
    summary = tool.finish()
    target.write("end")
    target.finish()
    return tool, summary, done


@live()
def own_poll_loops(bench):
    for kind in ("selectors", "epoll", "thread", "busy", "select", "poll", "poll_selector",
                 "select_busy"):
        with bench.part(kind):
            _check_all(*_trace(bench, "polling.py", kind))


@live()
def asyncio_without_epoll(bench):
    for kind in ("asyncio_select", "asyncio_poll"):
        with bench.part(kind):
            tool, summary, done = _trace(bench, "polling.py", kind)
            _check_stalls(tool, done, _check_callback)
            (loop,) = summary["loops"]
            check(loop["turns"] >= len(done["stalls"]), "turns: %r", loop)
            unaccounted = loop["unaccounted_ns"] / loop["watched_ns"]
            check(unaccounted < 0.05, "%.0f %% unaccounted for: %r", 100 * unaccounted, loop)


@live(on="once", needs="twisted")
def twisted(bench):
    _check_all(*_trace(bench, "polling.py", "twisted"))


@live(needs="greenlet")
def greenlets(bench):
    _check_all(*_trace(bench, "polling.py", "greenlet"))


@live(on="once", needs="gevent")
def gevent(bench):
    _check_all(*_trace(bench, "polling.py", "gevent"))


@live()
def waits_of_no_loop(bench):
    """What a thread of an executor does after it has waited in select for a while is no stall of
    anything, and the wait of a subprocess's output is no loop."""
    tool, summary, done = _trace(bench, "waits_of_no_loop.py")
    stalls = [s for s in tool.stalls if own_ns(s) >= 10 * MS]
    waited = [s for s in stalls if s["tid"] == done["waiter"] and s["unit"] == "callback"
              and s["call"] and s["call"]["line"] == done["inside_line"]]
    check(waited, "what it does between two of its waits: %s", [brief(s) for s in stalls])
    others = [s for s in stalls if s not in waited]
    check_equal(others, [], "stalls: %s" % [brief(s) for s in others])
    threads = {loop["tid"] for loop in summary["loops"]}
    check(done["reader"] not in threads, "the reader of a child is a loop: %r", summary["loops"])


@live(on="once", needs="trio")
def light_mode_says_that_it_sees_none(bench):
    """Not "0 stalls" alone."""
    for program, *arguments in (("polling.py", "select"), ("kinds.py", "trio")):
        with bench.part(program):
            target = bench.target(program, *arguments)
            target.hear("ready")
            tool = bench.tool("trace", "-p", str(target.pid), "--threshold", THRESHOLD, "--mode",
                              "light")
            tool.wait_start()
            done = target.ask("go", "done")
            summary = tool.finish()
            said = "light mode does not see the loop of thread %d" % target.pid
            check(said in tool.stderr, "%r is not in %r", said, tool.stderr)
            target.write("end")
            if program == "kinds.py":  # the step in which it is found is seen
                continue
            check_equal(tool.stalls, [], "stalls")
            stalled_ns = sum(true["duration_ns"] for true in done["stalls"])
            check(summary["unaccounted_ns"] > stalled_ns / 2, "unaccounted for: %r", summary)
            reason = summary["no_steps_reason"] or ""
            check("light mode does not see" in reason, "reason: %r", reason)


@live()
def supervisors(bench):
    """Nobody waits for what starts processes and waits for their ends."""
    target = bench.target("fork_server.py")
    server = target.hear("ready")["server"]
    tool = bench.tool("trace", "-p", "%d,%d" % (target.pid, server), "--threshold", "1ms")
    tool.wait_start()
    target.ask("go", "done")
    threads = {loop["tid"] for loop in tool.finish()["loops"]}
    check(target.pid in threads, "the program's own loop: %r", threads)
    check(server not in threads, "the fork server is a loop: %r", threads)
    target.write("end")
    target.finish()
