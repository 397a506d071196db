# SPDX-License-Identifier: BSD-2-Clause
"""`loopstall dump`: one look at loops that wait, sleep, compute, are deadlocked or stopped."""

import ctypes
import json
import os
import signal
import time

from lib import (
    PROGRAMS,
    Target,
    both_loops,
    check,
    check_ascii,
    check_equal,
    live,
    outer_pid,
    run_to_end,
    run_tool,
)
from test_containers import CONTAINER

PROGRAM = "dump_me.py"
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
MAX_CPU_S = 0.3
SETTLE_S = 0.3


def _dump(bench, pid):
    """The JSON object of one process."""
    tool = bench.tool("dump", "-p", str(pid))
    code, out, errors = run_to_end(tool)
    cost_s = tool.cpu_s
    check_equal(code, 0, "exit code (stderr: %s)" % errors.strip())
    check_ascii(out)
    dump = json.loads(out.decode("ascii"))
    check_equal((dump["schema"], dump["type"], dump["pid"]), ("loopstall/1", "dump", pid), "head")
    bench.note("%.0f ms of CPU time, %.0f ms to look" % (1e3 * cost_s, dump["took_ns"] / 1e6))
    check(cost_s < MAX_CPU_S, "it took %.0f ms of CPU time", 1e3 * cost_s)
    return dump


def _start(bench, shape, *words):
    target = bench.target(PROGRAM, shape, "--loop", bench.loop, *words)
    ready = target.hear("ready")
    time.sleep(SETTLE_S)
    return target, ready


def _loop(dump):
    check_equal(len(dump["loops"]), 1, "number of loops")
    loop = dump["loops"][0]
    thread = next(t for t in dump["threads"] if t["tid"] == loop["tid"])
    check(thread["is_loop"], "the loop's thread is not marked")
    return loop, thread


def _check_frame(frame, function, line):
    check_equal(frame["function"].split(".")[-1], function, "function of %r" % frame)
    check_equal(os.path.basename(frame["file"]), PROGRAM, "file of %r" % frame)
    check_equal(frame["line"], line, "line of %r" % frame)


def _check_step(loop, thread, coroutine):
    check_equal(loop["in"], "step", "what the loop is in")
    check_equal(loop["task"]["name"], "the-task", "task")
    check_equal(loop["coroutine"]["name"].split(".")[-1], coroutine, "coroutine")
    outermost = thread["stack"][loop["unit_frames"] - 1]
    check_equal(outermost["function"].split(".")[-1], coroutine, "outermost frame of the step")
    check(not thread["changed"] or thread["doing"] == "cpu", "it stands still, but has changed: %r",
          thread)


def _group(dump, coroutine):
    found = [g for g in dump["groups"] if g["coroutine"]["name"].split(".")[-1] == coroutine]
    check_equal(len(found), 1, "groups of %s" % coroutine)
    return found[0]


def _own_frame(group):
    return next(f for f in group["stack"] if f["file"].endswith(PROGRAM))


@live(loops=both_loops)
def waits_in_its_poll(bench):
    _, ready = _start(bench, "poll")
    dump = _dump(bench, ready["pid"])
    loop, thread = _loop(dump)
    check_equal(loop["in"], "poll", "what the loop is in")
    check_equal(loop["kind"], bench.loop, "kind of loop")
    check_equal((thread["doing"], thread["state"]), ("syscall", "S"), "what the thread does")
    check(thread["syscall"].startswith("epoll_"), "system call is %r", thread["syscall"])
    check_equal(loop["task"], None, "task")
    group = _group(dump, "wait_in_poll")
    check_equal(group["names"], ["the-task"], "names")
    check_equal((group["count"], group["state"]), (1, "waiting"), "group")
    _check_frame(_own_frame(group), "wait_in_poll", ready["line"])
    waiter = dump["groups"][group["awaited_by"]]["coroutine"]["name"]
    check_equal(waiter.split(".")[-1], "root", "who waits for it")


@live(loops=both_loops)
def sleeps_in_a_step(bench):
    _, ready = _start(bench, "sleep")
    loop, thread = _loop(_dump(bench, ready["pid"]))
    _check_step(loop, thread, "sleep_in_step")
    _check_frame(thread["stack"][0], "nap", ready["line"])
    check_equal(thread["doing"], "syscall", "what the thread does")
    check(thread["syscall"] in ("clock_nanosleep", "select", "pselect6"), "system call is %r",
          thread["syscall"])


@live(loops=both_loops)
def is_deadlocked(bench):
    _, ready = _start(bench, "deadlock")
    loop, thread = _loop(_dump(bench, ready["pid"]))
    _check_step(loop, thread, "deadlock")
    _check_frame(thread["stack"][0], "deadlock", ready["line"])
    check_equal((thread["doing"], thread["syscall"]), ("syscall", "futex"), "what the thread does")


@live(loops=both_loops)
def computes(bench):
    _, ready = _start(bench, "cpu")
    loop, thread = _loop(_dump(bench, ready["pid"]))
    _check_step(loop, thread, "compute_in_step")
    check_equal(thread["doing"], "cpu", "what the thread does")
    frame = thread["stack"][loop["unit_frames"] - 2]
    check_equal(frame["function"], "compute", "what it computes in")
    check(abs(frame["line"] - ready["line"]) <= 1, "line is %r, expected about %d", frame["line"],
          ready["line"])


@live()
def is_deep_in_recursion(bench):
    _, ready = _start(bench, "deep")
    loop, thread = _loop(_dump(bench, ready["pid"]))
    _check_step(loop, thread, "recurse_in_step")
    _check_frame(thread["stack"][0], "nap", ready["line"])
    check(thread["frames_left_out"] > 700, "%d frames left out", thread["frames_left_out"])
    check(len(thread["stack"]) <= 128, "%d frames", len(thread["stack"]))


@live(loops=both_loops)
def sleeps_in_a_callback(bench):
    _, ready = _start(bench, "callback")
    dump = _dump(bench, ready["pid"])
    loop, thread = _loop(dump)
    _check_frame(thread["stack"][0], "nap", ready["line"])
    check_equal((loop["in"], loop["unit_frames"]), ("callback", 1), "what the loop is in")
    check_equal(loop["task"], None, "task")
    check_equal(loop["coroutine"]["name"], "nap", "callback")


@live(loops=both_loops)
def waits_for_the_gil(bench):
    """Another thread computes in C without giving it away."""
    target, ready = _start(bench, "gil")
    holder = target.hear("holder")["tid"]
    time.sleep(0.1)  # it takes the GIL back after it has said so
    dump = _dump(bench, ready["pid"])
    loop, thread = _loop(dump)
    other = next(t for t in dump["threads"] if t["tid"] == holder)
    _check_frame(other["stack"][0], "hold_gil", ready["line"])
    check_equal(other["name"], "holder", "name of the thread")
    check_equal(other["doing"], "cpu", "what the holder does")
    check(loop["in"] in ("loop", "poll"), "the loop is in %r", loop["in"])
    if dump["gil"] is not None:
        wanted = {"holder_tid": holder, "is_held": True, "changed": False}
        check_equal(dump["gil"], wanted, "GIL")
        check(other["holds_gil"], "the holder is not marked")
        check_equal(thread["doing"], "gil", "what the loop's thread does")


@live(loops=both_loops)
def is_stopped(bench):
    _, ready = _start(bench, "sleep")
    os.kill(ready["pid"], signal.SIGSTOP)
    time.sleep(0.1)
    try:
        loop, thread = _loop(_dump(bench, ready["pid"]))
    finally:
        os.kill(ready["pid"], signal.SIGCONT)
    check_equal((thread["doing"], thread["state"]), ("stopped", "T"), "what the thread does")
    _check_step(loop, thread, "sleep_in_step")
    _check_frame(thread["stack"][0], "nap", ready["line"])


@live(loops=both_loops)
def many_tasks_are_one_group(bench):
    _, ready = _start(bench, "many")
    dump = _dump(bench, ready["pid"])
    group = _group(dump, "worker")
    check_equal(group["count"], 10000, "tasks in the group")
    check_equal(group["names"], ["worker-0", "worker-1", "worker-2"], "names")
    check_equal(dump["tasks"], 10001, "tasks")
    check_equal(dump["tasks_not_shown"], 0, "tasks not shown")
    _check_frame(_own_frame(group), "worker", ready["line"])
    check_equal(dump["groups"][group["awaited_by"]]["count"], 1, "who waits for them")
    check(len(dump["groups"]) < 5, "%d groups", len(dump["groups"]))


@live(on="once")
def a_hundred_thousand_tasks(bench):
    _, ready = _start(bench, "many", "--tasks", "100000")
    code, out, errors = run_tool(bench, "dump", "-p", str(ready["pid"]), json_output=True)
    check_equal(code, 0, "exit code (stderr: %s)" % errors.strip())
    dump = json.loads(out.decode("ascii"))
    bench.note("%.0f ms to look" % (dump["took_ns"] / 1e6))
    check_equal(dump["tasks"], 100001, "tasks")
    check(_group(dump, "worker")["count"] >= 99999, "tasks are missing in the group")
    check(len(out) < 20000, "%d bytes", len(out))


@live(loops=both_loops)
def shows_the_executor(bench):
    _, ready = _start(bench, "executor")
    dump = _dump(bench, ready["pid"])
    loop, _ = _loop(dump)
    check_equal(loop["executor"], {"threads": 2, "max_workers": 2, "queued": 3}, "executor")
    workers = [t for t in dump["threads"] if t["is_executor"]]
    check_equal(len(workers), 2, "its threads")
    for thread in workers:
        _check_frame(thread["stack"][0], "nap", ready["line"])
        check(thread["name"].startswith("ThreadPoolExecutor-"), "name is %r", thread["name"])


CALLERS = {
    "leaf": {"left", "right"},
    "left": {"right", "be_busy"},
    "right": {"be_busy"},
    "be_busy": {"_run", "run", None},
}


def _check_chain(stack, spans):
    """Whatever was read of a busy stack is a chain of calls that the program makes."""
    names = [frame["function"].split(".")[-1] for frame in stack]
    for frame, name, caller in zip(stack, names, names[1:] + [None]):
        check(name != "?", "a frame without a name: %r", stack)
        if not frame["file"].endswith(PROGRAM) or name not in spans:
            continue
        first, last = spans[name]
        check(first <= frame["line"] <= last, "line %r of %s", frame["line"], name)
        check(caller in CALLERS[name], "%s called by %s: %r", name, caller, stack)


@live(loops=both_loops)
def a_busy_loop_is_never_made_up(bench):
    _, ready = _start(bench, "busy")
    n_changed, seen = 0, set()
    for _ in range(20):
        loop, thread = _loop(_dump(bench, ready["pid"]))
        _check_chain(thread["stack"], ready["spans"])
        n_changed += thread["changed"]
        seen.add(loop["in"])
        if loop["in"] == "step" and loop["task"]:
            check_equal(loop["task"]["name"], "the-task", "task")
    check("step" in seen, "no step was seen, only %r", seen)
    bench.note("%d of 20 had changed" % n_changed)


@live(on="once")
def is_under_a_debugger(bench):
    """Which has stopped it."""
    _, ready = _start(bench, "sleep")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        check_equal(libc.ptrace(request, ready["pid"], None, None), 0, "ptrace")
    time.sleep(0.1)
    try:
        loop, thread = _loop(_dump(bench, ready["pid"]))
    finally:
        libc.ptrace(PTRACE_DETACH, ready["pid"], None, None)
    check_equal((thread["doing"], thread["state"]), ("traced", "t"), "what the thread does")
    _check_step(loop, thread, "sleep_in_step")
    _check_frame(thread["stack"][0], "nap", ready["line"])


@live(on="once")
def in_a_container(bench):
    """With a pid namespace of its own: pids and threads are named as we see them."""
    command = [*CONTAINER, *bench.python.command, "-u", os.path.join(PROGRAMS, PROGRAM), "executor"]
    target = bench.own(Target(command, bench.python.env))
    ready = target.hear("ready")
    time.sleep(SETTLE_S)
    pid = outer_pid(target.pid, ready["pid"])
    dump = _dump(bench, pid)
    loop, thread = _loop(dump)
    check_equal((thread["tid"], dump["container_pid"]), (pid, ready["pid"]), "pids")
    check_equal(loop["in"], "poll", "what the loop is in")
    workers = [t for t in dump["threads"] if t["is_executor"]]
    check_equal(len(workers), 2, "threads of the executor")
    for worker in workers:
        check(os.path.exists("/proc/%d/task/%d" % (pid, worker["tid"])), "no such thread")
        _check_frame(worker["stack"][0], "nap", ready["line"])


@live()
def polls_without_epoll(bench):
    """Such a loop has no descriptor to be known by."""
    for kind in ("select", "poll"):
        target = bench.target(PROGRAM, "poll", "--loop", kind)
        ready = target.hear("ready")
        time.sleep(SETTLE_S)
        with bench.part(kind):
            loop, thread = _loop(_dump(bench, ready["pid"]))
            check_equal((loop["in"], loop["kind"]), ("poll", "asyncio"), "what the loop is in")
            check(kind in thread["syscall"], "system call is %r", thread["syscall"])


def _look(bench, kind, shape):
    """The loop of a program that has none of asyncio's, and its thread."""
    target = bench.target("dump_loops.py", kind, shape)
    ready = target.hear("ready")
    time.sleep(SETTLE_S)
    dump = _dump(bench, ready["pid"])
    loop, thread = _loop(dump)
    check_equal((loop["tid"], loop["kind"]), (ready["tid"], "poll"), "the loop")
    check_equal((loop["task"], loop["tasks"]), (None, None), "tasks")
    return loop, thread, ready


def _check_poll(bench, kind):
    with bench.part("%s in its poll" % kind):
        loop, thread, _ = _look(bench, kind, "poll")
        check_equal(loop["in"], "poll", "what the loop is in")
        check("poll" in thread["syscall"] or "select" in thread["syscall"], "%r", thread)


def _check_nap(loop, thread, ready):
    check_equal(loop["in"], "callback", "what the loop is in")
    check_equal(thread["stack"][0]["function"].split(".")[-1], "nap", "what it runs")
    check_equal(thread["stack"][0]["line"], ready["line"], "line")


def _check_nap_of(bench, kind, function):
    with bench.part("%s in a callback" % kind):
        loop, thread, ready = _look(bench, kind, "callback")
        _check_nap(loop, thread, ready)
        check_equal(loop["coroutine"]["name"].split(".")[-1], function, "callback")
        check(0 < loop["unit_frames"] < len(thread["stack"]), "unit_frames: %r", loop)


@live()
def loops_known_by_their_poll(bench):
    for kind in ("select", "server"):
        _check_poll(bench, kind)
    _check_nap_of(bench, "server", "do_GET")
    with bench.part("select between its polls"):
        # It is looked for again and again, where no loop is found at once.
        loop, thread, ready = _look(bench, "select", "turns")
        check(loop["in"] in ("callback", "poll"), "it is in %r", loop["in"])
        if loop["in"] == "callback":
            _check_nap(loop, thread, ready)


@live(on="once", needs="gevent")
def loops_of_libraries(bench):
    for kind in ("twisted", "gevent", "eventlet"):
        _check_poll(bench, kind)
        _check_nap_of(bench, kind, "nap")
    for kind in ("gevent", "eventlet"):
        with bench.part("%s in a greenlet" % kind):
            loop, thread, ready = _look(bench, kind, "greenlet")
            _check_nap(loop, thread, ready)
            check_equal(loop["unit_frames"], len(thread["stack"]), "frames of %r" % loop)
            check_equal(loop["coroutine"]["name"], "nap", "callback")


def _check_c_callback(bench, shape):
    _, ready = _start(bench, shape)
    loop, _ = _loop(_dump(bench, ready["pid"]))
    check_equal((loop["in"], loop["unit_frames"]), ("callback", 0), "what the loop is in")
    check_equal(loop["task"], None, "task")
    check_equal(loop["coroutine"]["name"], "time.sleep", "callback")


@live(loops=both_loops)
def sleeps_in_a_callback_in_c(bench):
    for shape in ("c-callback", "c-timer"):
        with bench.part(shape):
            _check_c_callback(bench, shape)


@live(needs="greenlet")
def is_on_another_stack(bench):
    _, ready = _start(bench, "greenlet")
    loop, thread = _loop(_dump(bench, ready["pid"]))
    check_equal(loop["in"], "step", "what the loop is in")
    check_equal(loop["task"]["name"], "the-task", "task")
    check_equal(loop["coroutine"]["name"], "switch_stacks", "coroutine")
    _check_frame(thread["stack"][0], "nap", ready["line"])


@live(needs="trio")
def trio_loops(bench):
    for shape in ("sleep", "poll"):
        target = bench.target(PROGRAM, shape, "--loop", "trio")
        ready = target.hear("ready")
        time.sleep(SETTLE_S)
        with bench.part(shape):
            loop, thread = _loop(_dump(bench, ready["pid"]))
            check_equal(loop["kind"], "trio", "kind of loop")
            if shape == "poll":
                check_equal(loop["in"], "poll", "what the loop is in")
                continue
            check_equal(loop["in"], "step", "what the loop is in")
            _check_frame(thread["stack"][0], "nap", ready["line"])


@live(on="once")
def text_says_it_in_words(bench):
    _, ready = _start(bench, "deadlock")
    code, out, errors = run_tool(bench, "dump", "-p", str(ready["pid"]))
    check_equal((code, errors), (0, ""), "exit code and messages")
    text = out.decode()
    for words in (
            "process %d, CPython " % ready["pid"],
            "asyncio loop of thread %d (MainThread): in a step of task the-task, deadlock() " %
            ready["tid"],
            "blocked in futex",
            "%s:%d" % (PROGRAM, ready["line"]),
            "1 x deadlock() runs at "):
        check(words in text, "%r is not in %s", words, text)


@live(on="once")
def refuses_with_a_reason(bench):
    code, out, errors = run_tool(bench, "dump", "-p", "2147483647")
    check_equal((code, out), (3, b""), "no such process")
    check("there is no process" in errors, "message is %r", errors)
    code, _, errors = run_tool(bench, "dump", "-p", str(os.getpid()))
    check_equal(code, 3, "no loop")
    check("no event loop runs in process" in errors, "message is %r", errors)
    code, _, errors = run_tool(bench, "dump")
    check_equal(code, 2, "no target")
    check("-p PID or -n NAME" in errors, "message is %r", errors)


@live(on="once")
def by_name(bench):
    readies = [_start(bench, shape)[1] for shape in ("poll", "sleep")]
    code, out, errors = run_tool(bench, "dump", "-n", PROGRAM, json_output=True)
    check_equal(code, 0, "exit code (stderr: %s)" % errors.strip())
    dumps = [json.loads(line) for line in out.decode("ascii").splitlines()]
    check_equal(sorted(d["pid"] for d in dumps), sorted(r["pid"] for r in readies), "processes")
