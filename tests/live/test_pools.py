# SPDX-License-Identifier: BSD-2-Clause
"""Threads and connections that tasks share: how full each pool is, and what its threads do."""

import json
import os
import re
import time

from lib import MS, both_loops, by_host, check, check_equal, live, run_to_end, run_tool, wait_for
from test_serve import Server

PROGRAM = "pools.py"
# Those that Debian's packages let the system's interpreter import; others have fewer.
ALL = {
    ("executor", "reports"),
    ("executor", None),
    ("limiter", "anyio.CapacityLimiter"),
    ("connections", "aiohttp.TCPConnector"),
    ("connections", "redis.BlockingConnectionPool"),
    ("connections", "asyncpg.Pool"),
    ("connections", "sqlalchemy.AsyncAdaptedQueuePool"),
}


def _start(bench, *words):
    target = bench.target(PROGRAM, *words, "--loop", bench.loop)
    truth = {(p["kind"], p["name"]): p for p in target.hear("ready")["pools"]}
    if bench.python.is_system and words:
        check_equal(set(truth), ALL, "pools of the program")
    return target, truth


def _key(pool):
    """asgiref's executor has a name with a number of its own."""
    name = pool["name"] or ""
    return pool["kind"], None if name.startswith("ThreadPoolExecutor-") else pool["name"]


def _check_numbers(pool, truth):
    for name in ("size", "busy", "waiting"):
        check_equal(pool[name], truth[name], "%s of %s" % (name, pool["name"]))


def _check_places(places, truth):
    if not truth["function"]:
        check_equal(places, [], "places of connections")
        return
    check_equal(len(places), 1, "places: %r" % places)
    place = places[0]
    got = place["function"], os.path.basename(place["file"]), place["line"], place["threads"]
    check_equal(got, (truth["function"], PROGRAM, truth["line"], truth["busy"]), "place")


def _dumped(bench, target):
    code, out, errors = run_tool(bench, "dump", "-p", str(target.pid), json_output=True)
    check_equal(code, 0, "exit code (stderr: %s)" % errors.strip())
    return json.loads(out.decode("ascii"))["pools"]


@live(loops=both_loops)
def dumped(bench):
    for words in (["full"], []):
        target, truth = _start(bench, *words)
        pools = _dumped(bench, target)
        defaults = [(p["busy"], p["waiting"]) for p in pools if p["is_default"]]
        check_equal(defaults, [(1, 0)], "the default executor, which reads")
        pools = {_key(p): p for p in pools if not p["is_default"]}
        check_equal(set(pools), set(truth), "pools")
        for key, pool in pools.items():
            with bench.part("%s-%s-%s" % ("full" if words else "free", *key)):
                _check_numbers(pool, truth[key])
                _check_places(pool["places"], truth[key])
        target.finish()


def _check_summary(bench, pools, findings, truth):
    for pool in pools:
        if pool["is_default"]:
            continue
        with bench.part("%s-%s" % _key(pool)):
            expected = truth[_key(pool)]
            _check_numbers(pool, expected)
            check_equal(pool["waiting_max"], expected["waiting"], "most that waited")
            places = [dict(p["where"], threads=p["threads"]) for p in pool["places"]]
            _check_places(places, expected)
            # Two looks, a second apart unless the machine is busy.
            check(pool["full_ns"] > 500 * MS, "full for %r", pool["full_ns"])
    said = [f for f in findings if f["lint"] == "pool-exhausted"]
    check_equal(len(said), len(truth), "findings of pools")
    lines = {f["where"]["line"] for f in said if f["where"]}
    check_equal(lines, {t["line"] for t in truth.values() if t["line"]}, "lines of findings")


@live(on="once")
def traced(bench):
    """A loop that only waits has no stall, and all the same there is something to say."""
    target, truth = _start(bench, "full")
    path = os.path.join(bench.folder, "pools.lst")
    tool = bench.tool("record", "-o", path, "-d", "3s", "-p", str(target.pid))
    check_equal(tool.wait(30), 0, "exit code of record (stderr: %s)" % tool.stderr)
    target.finish()
    _, out, _ = run_tool(bench, "report", path, "-f", "json")
    *lines, summary = map(json.loads, out.splitlines())
    stalls = [line for line in lines if line["type"] == "stall"]
    check_equal(len(stalls), summary["stalls"], "stalls")
    check(all(map(by_host, stalls)), "stalls: %r", stalls)
    _check_summary(bench, summary["pools"], summary["findings"], truth)
    _, text, _ = run_tool(bench, "report", path)
    # It has the first ones of findings that weigh the same.
    said = re.findall(
        rb"All \d (?:thread|connection)s of \S+ are busy, and up to \d (?:call|task)s wait for one",
        b" ".join(text.split()),
    )
    check(len(said) > 2, "the report does not speak of pools: %s", text)


@live(on="once")
def checked(bench):
    """A full pool breaks no limit of the loop, but it is said."""
    target, _ = _start(bench, "full")
    path = os.path.join(bench.folder, "summary.md")
    code, out, errors = run_tool(
        *(bench, "check", "-d", "3s", "--max-step", "1s", "--min-steps", "1"),
        *("--markdown", path, "-p", str(target.pid)),
    )
    check_equal(code, 0, "exit code (stderr: %s, stdout: %s)" % (errors, out))
    words = b"pool: All 4 threads of anyio.CapacityLimiter are busy, and up to 6 calls wait"
    check(words in out, "%r is not in the output: %s", words, out)
    with open(path) as file:
        text = file.read()
    # It has the first ones of findings that weigh the same, and on a busy host something to fix.
    check("To look at" in text or "The host causes" in text, "the summary is %s", text)
    check("are busy, and up to" in text, "the summary is %s", text)
    target.finish()


@live(on="once", loops=both_loops)
def default_executor_was_full(bench):
    """What was full is said, though nothing waits any more when the measurement ends."""
    target = bench.target("health.py", "--loop", bench.loop)
    target.hear("ready")
    limits = ("--max-step", "10s", "--min-steps", "1")
    whom = ("-d", "9s", "-p", str(target.pid))
    checker = bench.tool("check", *whom, *limits, json_output=False)
    tool = bench.tool("trace", "-p", str(target.pid))
    tool.wait_start()
    target.ask("fill 3 8", "done")
    time.sleep(4)
    target.ask("free", "done")
    time.sleep(2.5)
    tool.finish()
    said = [f for f in tool.summary["findings"] if f["lint"] == "executor-saturated"]
    words = "All 3 threads of the loop's default executor are busy, and up to 5 calls wait for one"
    check_equal([f["what"] for f in said], [words], "findings of the default executor")
    check_equal(os.path.basename(said[0]["where"]["file"]), "threading.py", "what they ran")
    check(said[0]["time_ns"] > 1000 * MS, "full for %r", said[0]["time_ns"])
    (pool,) = [p for p in tool.summary["pools"] if p["is_default"]]
    check_equal((pool["waiting_max"], pool["waiting"]), (5, 0), "calls that waited, and wait")
    _, out, _ = run_to_end(checker)
    check("pool: " + words in out.decode(), "check says %s", out)
    target.finish()


@live(on="once")
def served(bench):
    target, truth = _start(bench, "full")
    server = Server(bench, "-p", str(target.pid))
    names = ("size", "busy", "waiting")
    expected = {}
    for pool in truth.values():
        sums = expected.setdefault(pool["kind"], dict.fromkeys(names, 0))
        for name in names:
            sums[name] += pool[name]

    def sums_of(kind):
        values = server.scrape()
        labels = frozenset({"service": PROGRAM, "kind": kind}.items())
        return {name: values.get(("loopstall_pool_" + name, labels)) for name in names}

    for kind, sums in expected.items():
        wait_for(lambda: sums_of(kind) == sums, 10, "%r of %s: %r" % (sums, kind, sums_of(kind)))
    target.finish()


@live(on="once")
def free_ones_are_no_finding(bench):
    target, truth = _start(bench)
    tool = bench.tool("trace", "-d", "2500ms", "-p", str(target.pid))
    check_equal(tool.wait(30), 0, "exit code (stderr: %s)" % tool.stderr)
    tool.read_all()
    said = [f["what"] for f in tool.summary["findings"] if f["lint"] == "pool-exhausted"]
    check_equal(said, [], "findings of pools of which nothing waits")
    pools = [p for p in tool.summary["pools"] if not p["is_default"]]
    check_equal(len(pools), len(truth), "pools")
    check_equal([p["full_ns"] for p in pools], [0] * len(pools), "full")
    target.finish()


@live(on="once")
def dumped_for_people(bench):
    target, truth = _start(bench, "full")
    code, out, _ = run_tool(bench, "dump", "-p", str(target.pid))
    check_equal(code, 0, "exit code")
    for words in (
        "executor reports: 3 of 3 threads busy, 5 calls wait",
        "limiter anyio.CapacityLimiter: 4 of 4 threads busy, 6 calls wait",
        "connections asyncpg.Pool: 2 of 2 connections busy, 3 tasks wait",
    ):
        check(words in out.decode(), "%r is not in the dump: %s", words, out.decode())
    target.finish()
