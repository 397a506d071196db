# SPDX-License-Identifier: BSD-2-Clause
"""Processes that have children: workers, forks, other programs; those that come later, and those
that go."""

import glob
import json
import os
import signal
import socket
import sys
import time
import urllib.request

from lib import (
    MS,
    PROGRAMS,
    brief,
    by_host,
    check,
    check_cause,
    check_equal,
    check_losses,
    cpu_s_of,
    is_around,
    live,
    wait_for,
)

BURN = [sys.executable, "-c", "while True: pass"]
FIRST_STEPS = 4
STORM_S = 10
# Examinations are allowed 2 % of a core, and 0.2 s that are saved up; the rest of the tool takes 3,
# and some 0.1 s once for the child that works.
STORM_SHARE = 0.10


def _of(tool, pid):
    return [stall for stall in tool.stalls if stall["pid"] == pid]


def _check_did(tool, truth):
    """All stalls of this process were found, and no others."""
    found = _of(tool, truth["pid"])
    for start, end in truth["stalls"]:
        mine = [s for s in found if is_around(s, start, end)]
        check_equal(
            len(mine), 1, "times the stall at %.2f of %d was reported" % (start / MS, truth["pid"])
        )
        check_cause(mine[0], "sleep", "a stall")
        # If it had no CPU before or behind its sleep, that may be the longest wait.
        if not by_host(mine[0]):
            function = mine[0]["call"]["function"]
            check_equal(function, "blocking_work", "function of %s" % brief(mine[0]))
        found.remove(mine[0])
    invented = [brief(s) for s in found if not by_host(s)]
    check(not invented, "stalls that %d did not have: %s", truth["pid"], invented)


class Family:
    """The program whose children work, and the tool on it."""

    def __init__(self, bench, *options):
        self.bench = bench
        self.target = bench.target("workers.py", bench.folder)
        self.pid = self.target.hear("ready")["pid"]
        self.options = options

    def watch(self):
        self.tool = self.bench.tool(
            "trace", "-p", str(self.pid), "--threshold", "10ms", *self.options
        )
        self.tool.wait_start()

    def truths(self):
        paths = glob.glob(os.path.join(self.bench.folder, "*.json"))
        return [json.load(open(path)) for path in paths]

    def check_found(self, count, forked=()):
        """`forked` are those whose probes come a moment after their first step: it may be missing
        (docs/measuring.md)."""
        summary = self.tool.finish()
        truths = self.truths()
        check_equal(len(truths), count, "children that worked")
        steps = {loop["pid"]: loop["steps"] for loop in summary["loops"]}
        for truth in truths:
            _check_did(self.tool, truth)
            # job(): four steps; asyncio.run() ends with one or two tasks of one step.
            least = 4 if truth["pid"] in forked else 5
            check(
                least <= steps.get(truth["pid"], 0) <= 6,
                "%r steps in %d; its loops are %r",
                steps.get(truth["pid"]),
                truth["pid"],
                [loop for loop in summary["loops"] if loop["pid"] == truth["pid"]],
            )
        # A busy host makes stalls as well, also before the queue of a new loop is known.
        check_losses(summary, "return_unseen", "victim_no_queue")
        check(
            "0 steps seen" not in self.tool.stderr,
            "it says that it sees nothing: %s",
            self.tool.stderr,
        )
        self.target.finish()


@live()
def children_of_all_kinds(bench):
    """What is spawned or executed by a shell is watched from its first step on; what is forked,
    before it stalls."""
    family = Family(bench)
    family.watch()
    forked = set()
    for how in ("fork", "spawn", "forkserver", "os.fork", "shell"):
        before = {truth["pid"] for truth in family.truths()}
        family.target.ask(how, "done", timeout=60)
        if how in ("fork", "os.fork", "forkserver"):
            forked |= {truth["pid"] for truth in family.truths()} - before
    family.check_found(8, forked)


@live(on="once")
def children_that_are_there_already(bench):
    family = Family(bench)
    pids = family.target.ask("waiting 3", "waiting")["pids"]
    family.watch()
    family.target.ask("go", "done")
    family.check_found(3)
    check_equal(sorted(truth["pid"] for truth in family.truths()), sorted(pids), "children")


@live(on="once")
def no_follow(bench):
    family = Family(bench, "--no-follow")
    family.watch()
    family.target.ask("fork", "done")
    family.tool.finish(code=3)
    check_equal(family.tool.stalls, [], "stalls of children that are not watched")
    family.target.finish()


@live(on="once")
def forks_in_a_running_loop(bench):
    """The loop of the parent is counted as exactly as ever, and its children without a loop are not
    worth a word."""
    family = Family(bench)
    family.watch()
    family.target.ask("beside", "done")
    summary = family.tool.finish()
    rows = {row["name"]: row["steps"] for row in summary["coroutines"]}
    check_equal(rows["beside"], 6, "steps of beside()")
    check_equal([loop["pid"] for loop in summary["loops"]], [family.pid], "processes with loops")
    family.target.finish()


@live(on="once")
def many_short_children(bench):
    """300 children that are no Python leave no descriptor, no word and no row behind, and cost
    little."""
    family = Family(bench)
    family.watch()
    fds = "/proc/%d/fd" % family.tool.pid
    before = len(os.listdir(fds))
    family.target.ask("storm", "done", timeout=60)
    wait_for(lambda: len(os.listdir(fds)) <= before, 5.0, "its descriptors are closed again")
    family.target.ask("fork", "done")
    lines = family.tool.stderr.splitlines()
    family.check_found(2)
    check(len(lines) <= 3, "a word for each child: %r", lines[:5])


def _fork_storm(bench, mode, life_s):
    """Of one that lives among children that end, all is found; the others are counted."""
    family = Family(bench, "--mode", mode)
    family.watch()
    before, began = cpu_s_of(family.tool.pid), time.monotonic()
    family.target.write("forks %g %g" % (STORM_S, life_s))
    storm = family.target.hear("forked", timeout=STORM_S + 30)
    share = (cpu_s_of(family.tool.pid) - before) / (time.monotonic() - began)
    family.target.hear("done")
    summary = family.tool.finish()
    truths = family.truths()
    check_equal(len(truths), 1, "children that worked")
    _check_did(family.tool, truths[0])
    lost = summary["lost"]
    counted = lost.get("child_brief", 0) + lost.get("child_unexamined", 0)
    check(storm["count"] >= 20 * STORM_S, "only %d forks: no storm", storm["count"])
    check(counted >= storm["count"] / 2, "%d forks, of which %r", storm["count"], lost)
    check(counted <= storm["count"], "%d forks, of which %r", storm["count"], lost)
    check(share < STORM_SHARE, "the tool takes %.1f %% of a core", 100 * share)
    check_losses(
        summary, "return_unseen", "look_unreadable", "child_brief", "child_unexamined"
    )
    family.target.finish()


@live(on="once", lane="timed")
def storm_of_forks(bench):
    _fork_storm(bench, "exact", 0)


@live(on="once", lane="timed")
def storm_of_forks_in_light_mode(bench):
    _fork_storm(bench, "light", 0)


@live(on="once", lane="timed")
def storm_of_short_lives(bench):
    """Children that live long enough to be examined, but are too many for that."""
    _fork_storm(bench, "exact", 0.05)


@live(on="once")
def later_by_name(bench):
    """With -n a process that starts later is taken up as well."""
    folder = os.path.join(bench.folder, "later-by-name")
    os.mkdir(folder)
    command = [*bench.python.command, os.path.join(PROGRAMS, "brief.py")]
    first = bench.start(
        command + [os.path.join(folder, "first"), "--linger", "60"], env=bench.python.env
    )
    wait_for(lambda: os.path.exists(os.path.join(folder, "first")), 10.0, "the first one runs")
    tool = bench.tool("trace", "-n", folder, "--threshold", "10ms")
    start = tool.wait_start()
    check_equal([t["pid"] for t in start["targets"]], [first.pid], "pids found by name")
    second = bench.start(command + [os.path.join(folder, "second")], env=bench.python.env)
    check_equal(second.wait(), 0, "exit code of the second")
    tool.finish()
    with open(os.path.join(folder, "second")) as file:
        _check_did(tool, json.load(file))


def _first_step(bench, run):
    path = os.path.join(bench.folder, "first-%d" % run)
    command = [*bench.python.command, os.path.join(PROGRAMS, "first_step.py"), path]
    tool = bench.tool("trace", "--threshold", "10ms", "--", *command, env=bench.python.env)
    summary = tool.end()
    with open(path) as file:
        start, end = (int(word) for word in file.read().split())
    found = [s for s in tool.stalls if is_around(s, start, end)]
    check_equal(
        len(found),
        1,
        "times the first step was reported in run %d (%d steps)" % (run, summary["steps"]),
    )
    check_cause(found[0], "sleep", "the first step")
    if not by_host(found[0]):
        check_equal(found[0]["call"]["function"], "blocking_work", "function in run %d" % run)
    # job() is one step; asyncio.run() ends with one or two tasks of one step.
    check(summary["steps"] in (2, 3), "%d steps in run %d", summary["steps"], run)


@live()
def first_step_of_a_command(bench):
    """`-- COMMAND` sees it, although nothing is imported before asyncio."""
    for run in range(FIRST_STEPS):
        _first_step(bench, run)


@live(on="once", lane="alone")
def first_step_on_a_busy_machine(bench):
    """Two threads for each CPU want it all the time; the tool gets its turn late."""
    for _ in range(2 * os.cpu_count()):
        bench.start(BURN)
    for run in range(FIRST_STEPS):
        _first_step(bench, run)


# --- servers


APP = """import os, time

def blocking_work():
    time.sleep(0.03)

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        blocking_work()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % os.getpid()})
"""


class Server:
    """A server with two workers on a port of its own."""

    def __init__(self, bench, *command):
        with open(os.path.join(bench.folder, "shop.py"), "w") as file:
            file.write(APP)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        words = [word.format(port=self.port) for word in command]
        self.process = bench.start(
            [bench.python.path, *words], env=bench.python.env, cwd=bench.folder
        )
        self.pid = self.process.pid
        wait_for(lambda: len(self.workers(30)) == 2, 20.0, "both workers answer")

    def get(self, path="/"):
        """The worker's pid, or None."""
        try:
            with urllib.request.urlopen(
                "http://127.0.0.1:%d%s" % (self.port, path), timeout=5
            ) as answer:
                return int(answer.read())
        except OSError:
            return None

    def workers(self, tries):
        return {self.get() for _ in range(tries)} - {None}

    def slow(self):
        """Asks for the blocking page until both workers have answered it. Returns how often each
        did."""
        counts = {}
        deadline = time.monotonic() + 20
        while len(counts) < 2 and time.monotonic() < deadline:
            pid = self.get("/slow")
            if pid:
                counts[pid] = counts.get(pid, 0) + 1
        check_equal(len(counts), 2, "workers that answered")
        return counts


def _check_worker(tool, pid, count):
    found = [s for s in _of(tool, pid) if s["cause"] == "sleep"]
    check_equal(len(found), count, "stalls of worker %d" % pid)
    for stall in found:
        check(stall["call"]["file"], "no place of %r", stall)
        check_equal(
            (stall["call"]["function"], os.path.basename(stall["call"]["file"])),
            ("blocking_work", "shop.py"),
            "place of %s" % brief(stall),
        )


def _measure_server(bench, server):
    """Both workers, one that dies and the one that takes its place."""
    tool = bench.tool("trace", "-p", str(server.pid), "--threshold", "10ms")
    start = tool.wait_start()
    check_equal(start["targets"][0]["pid"], server.pid, "the first target")
    before = server.slow()
    victim = sorted(before)[0]
    # The names of its code are in its memory: they are read before it is gone.
    tool.read_until(lambda tool: len(_of(tool, victim)) >= before[victim])
    os.kill(victim, signal.SIGKILL)
    wait_for(
        lambda: len(server.workers(10) - {victim}) == 2, 20.0, "another worker takes its place"
    )
    after = server.slow()
    summary = tool.finish()
    total = {pid: before.get(pid, 0) + after.get(pid, 0) for pid in {**before, **after}}
    check_equal(len(total), 3, "workers that were seen")
    for pid, count in total.items():
        _check_worker(tool, pid, count)
    check(
        set(total) <= {loop["pid"] for loop in summary["loops"]},
        "the totals of a worker are missing: %r",
        total,
    )
    masters = [loop for loop in summary["loops"] if loop["pid"] == server.pid]
    check_equal(masters, [], "what waits for the ends of workers is no loop")
    stalls = {loop["pid"]: loop["stalls"] for loop in summary["loops"]}
    check_equal(
        stalls[victim], len(_of(tool, victim)), "stalls in the totals of the worker that died"
    )


@live(on="once")
def gunicorn(bench):
    _measure_server(
        bench,
        Server(
            bench,
            "-m",
            "gunicorn",
            "-w",
            "2",
            "-k",
            "uvicorn.workers.UvicornWorker",
            "-b",
            "127.0.0.1:{port}",
            "shop:app",
        ),
    )


@live(on="once")
def uvicorn_with_workers(bench):
    server = Server(
        bench,
        "-m",
        "uvicorn",
        "--workers",
        "2",
        "--port",
        "{port}",
        "--log-level",
        "error",
        "shop:app",
    )
    tool = bench.tool("trace", "-p", str(server.pid), "--threshold", "10ms")
    tool.wait_start()
    counts = server.slow()
    tool.finish()
    for pid, count in counts.items():
        _check_worker(tool, pid, count)
