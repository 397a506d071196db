# SPDX-License-Identifier: BSD-2-Clause
"""Which processes are meant: by pid, by name, started by the tool, before and after asyncio is
there."""

import json
import os
import signal
import subprocess
import time

from lib import (
    MS,
    PROGRAMS,
    TOOL,
    both_loops,
    brief,
    by_host,
    check,
    check_cause,
    check_equal,
    check_losses,
    is_around,
    live,
    run_tool,
    wait_for,
)


def _brief(bench, *options):
    """The command line of the brief program and the file it writes."""
    path = os.path.join(bench.folder, "truth-%d.json" % len(os.listdir(bench.folder)))
    return [*bench.python.command, os.path.join(PROGRAMS, "brief.py"), path] + list(options), path


def _truth(path):
    with open(path) as file:
        return json.load(file)


def _check_stalls(tool, truth):
    """All stalls of the brief program were found."""
    for start, end in truth["stalls"]:
        mine = [s for s in tool.stalls if s["pid"] == truth["pid"]]
        found = [s for s in mine if is_around(s, start, end)]
        check_equal(len(found), 1, "times the stall at %.2f was reported" % (start / MS))
        check_cause(found[0], "sleep", "a stall")
        if not by_host(found[0]):
            check_equal(found[0]["call"]["function"], "blocking_work", "function")


@live()
def started_command(bench):
    """Watched from its first step on; its end ends the trace."""
    command, path = _brief(bench)
    tool = bench.tool("trace", "--threshold", "10ms", "--", *command, env=bench.python.env)
    summary = tool.end()
    truth = _truth(path)
    _check_stalls(tool, truth)
    # job(): 4 steps; asyncio.run() ends with one or two tasks of one step.
    check(summary["steps"] in (5, 6), "%d steps", summary["steps"])
    # Into a tree the interpreter comes by a shell, whose own children are no part of the program.
    of_shell = ("child_brief", "child_unexamined") if bench.python.root else ()
    check_losses(summary, "return_unseen", *of_shell)


@live(on="once", lane="timed")
def pid_of_a_moment_ago(bench):
    """`service & loopstall -p $!`: what was forked just now may still be the shell; what has been
    something else for long is refused at once."""
    command, path = _brief(bench, "--stalls", "30")
    early = bench.start(["sh", "-c", 'sleep 0.4; exec "$@"', "sh", *command], env=bench.python.env)
    tool = bench.tool("trace", "-p", str(early.pid), "--threshold", "10ms")
    tool.end()
    seen = [s for s in tool.stalls if s["pid"] == _truth(path)["pid"] and s["cause"] == "sleep"]
    check(len(seen) >= 15, "%d of 30 stalls", len(seen))
    shell = bench.start(["sh", "-c", "sleep 20; :"])
    time.sleep(1.1)
    asked = time.monotonic()
    code, _, errors = run_tool(bench, "trace", "-p", str(shell.pid))
    check_equal(code, 3, "exit code")
    check("holds no CPython" in errors, "%s", errors)
    check(time.monotonic() - asked < 0.5, "refused after %.2f s", time.monotonic() - asked)


@live(on="once", lane="timed")
def stall_right_before_the_end(bench):
    """Whoever is about to end must be asked for names at once. A host that has no CPU for us may
    spoil one of five."""
    unnamed = 0
    for _ in range(5):
        command, path = _brief(bench, "--stalls", "1")
        tool = bench.tool("trace", "--threshold", "10ms", "--", *command, env=bench.python.env)
        tool.end()
        try:
            _check_stalls(tool, _truth(path))
        except AssertionError:
            check_equal(len(tool.stalls), 1, "stalls reported")
            unnamed += 1
    check(unnamed <= 1, "%d of 5 stalls without their names", unnamed)


@live(on="once")
def started_command_fails(bench):
    command, path = _brief(bench, "--code", "7")
    tool = bench.tool("trace", "--", *command, env=bench.python.env)
    tool.end(code=5)
    _check_stalls(tool, _truth(path))
    check("7" in tool.stderr, "it does not name the exit status: %r", tool.stderr)


@live(on="once")
def started_command_is_missing(bench):
    code, output, errors = run_tool(bench, "trace", "--", "./no-such-program")
    check_equal(code, 5, "exit code")
    check_equal(output, b"", "stdout")
    check_equal(len(errors.splitlines()), 1, "lines of stderr in %r" % errors)
    check("no-such-program" in errors, "it does not name the program: %r", errors)


@live(on="once")
def started_command_is_stopped(bench):
    """A signal ends the command, too; nothing is left behind."""
    command, path = _brief(bench, "--linger", "60")
    tool = bench.tool("trace", "--", *command, env=bench.python.env)
    wait_for(lambda: os.path.exists(path), 10.0, "the command works")
    truth = _truth(path)
    tool.signal(signal.SIGTERM)
    tool.read_all()
    code = tool.wait()
    check(code in (0, 5), "exit code %d", code)
    check(tool.summary is not None, "no summary")
    _check_stalls(tool, truth)
    check(not os.path.exists("/proc/%d" % truth["pid"]), "the command is left behind")


@live()
def asyncio_after_attach(bench):
    """A Python that has not even imported asyncio when the tool attaches."""
    command, path = _brief(bench, "--wait")
    target = bench.start(command, env=bench.python.env)
    wait_for(lambda: os.path.exists(path), 10.0, "the program waits")
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "10ms")
    tool.wait_start()
    target.write("go")
    check_equal(target.wait(), 0, "exit code of the target (%s)" % target.stderr)
    tool.end()
    _check_stalls(tool, _truth(path))


@live(on="once")
def by_name(bench):
    command, path = _brief(bench, "--wait")
    target = bench.start(command, env=bench.python.env)
    wait_for(lambda: os.path.exists(path), 10.0, "the program waits")
    tool = bench.tool("trace", "-n", path, "--threshold", "10ms")
    start = tool.wait_start()
    check_equal([t["pid"] for t in start["targets"]], [target.pid], "pids found by name")
    target.write("go")
    check_equal(target.wait(), 0, "exit code of the target")
    tool.end()
    _check_stalls(tool, _truth(path))


@live(on="once")
def several_pids(bench):
    paths, targets = [], []
    for _ in range(3):
        command, path = _brief(bench, "--wait")
        targets.append(bench.start(command, env=bench.python.env))
        paths.append(path)
        wait_for(lambda: os.path.exists(path), 10.0, "the program waits")
    tool = bench.tool("trace", "-p", ",".join(str(t.pid) for t in targets), "--threshold", "10ms")
    tool.wait_start()
    for target in targets:
        target.write("go")
    for target in targets:
        check_equal(target.wait(), 0, "exit code of a target")
    tool.end()
    for path in paths:
        _check_stalls(tool, _truth(path))


@live(on="once", lane="timed")
def duration_ends_it(bench):
    target = bench.target("steady.py")
    pid = target.hear("ready")["pid"]
    begun = time.monotonic()
    tool = bench.tool("trace", "-p", str(pid), "-d", "700ms")
    summary = tool.end()
    took = time.monotonic() - begun
    check(0.7 <= took < 3.0, "it took %.2f s", took)
    check(
        abs(summary["duration_ns"] - 700 * MS) < 150 * MS, "duration_ns %r", summary["duration_ns"]
    )
    check(len(tool.stalls) >= 4, "%d stalls", len(tool.stalls))
    target.finish()


@live(on="once")
def text_output(bench):
    """The text names the same stall; results on stdout, all else on stderr."""
    target = bench.target("steady.py")
    pid = target.hear("ready")["pid"]
    code, output, errors = run_tool(bench, "trace", "-p", str(pid), "-d", "600ms")
    check_equal(code, 0, "exit code (%s)" % errors)
    text = output.decode()
    lines = [line for line in text.splitlines() if "steady.py:" in line and "sleep" in line]
    check(lines, "no stall in %r", text)
    check(
        "staller" in lines[0] and "_stall" in lines[0] and str(pid) in lines[0], "line %r", lines[0]
    )
    check("\x1b" not in text, "escape sequences in a pipe")
    target.finish()


@live(loops=both_loops)
def listed(bench):
    target = bench.target("steady.py", "--loop", bench.loop)
    pid = target.hear("ready")["pid"]
    code, output, errors = run_tool(bench, "ls", json_output=True)
    check_equal(code, 0, "exit code (%s)" % errors)
    text = output.decode()
    check(str(pid) in text, "ls does not list %d: %s", pid, text)
    lines = [json.loads(line) for line in text.splitlines()]
    mine = [line for line in lines if line.get("pid") == pid]
    check_equal(len(mine), 1, "lines about the process")
    check_equal(mine[0]["python"], bench.python.version_text, "python")
    loops = [(loop["tid"], loop["kind"]) for loop in mine[0]["loops"]]
    check_equal(loops, [(pid, bench.loop)], "loops")
    # main, the stalling one, five tickers, and the one that watches gaps
    check_equal(mine[0]["tasks"], 8, "tasks alive")
    check_equal(mine[0]["container"], bool(bench.python.root), "container")
    target.finish()


@live(loops=both_loops)
def examined_by_doctor(bench):
    target = bench.target("steady.py", "--loop", bench.loop)
    pid = target.hear("ready")["pid"]
    code, output, errors = run_tool(bench, "doctor", "-p", str(pid), json_output=True)
    check_equal(code, 0, "exit code (%s)" % errors)
    report = json.loads(output.decode())
    check_equal([p["pid"] for p in report["processes"]], [pid], "pids")
    found = report["processes"][0]
    check_equal(found["python"], bench.python.version_text, "python")
    check(found["ok"] and found["rung"] in ("symbol", "entry"), "process %r", found)
    loops = [(loop["tid"], loop["kind"]) for loop in found["loops"]]
    check_equal(loops, [(pid, bench.loop)], "loops")
    code, output, errors = run_tool(bench, "doctor", "-p", str(pid))
    check_equal(code, 0, "exit code of the text form (%s)" % errors)
    check(output.strip(), "no text")
    target.finish()


@live(on="once")
def installed_names(bench):
    """--help and --version work without privileges and without a target."""
    for args in (
        ["--help"],
        ["--version"],
        ["trace", "--help"],
        ["ls", "--help"],
        ["doctor", "--help"],
    ):
        done = subprocess.run([TOOL] + args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check_equal(done.returncode, 0, "exit code of %s" % args)
        check(done.stdout and not done.stderr, "output of %s: %r", args, done)
