# SPDX-License-Identifier: BSD-2-Clause
"""What to fix first, on real web services: the endpoints behind the server's one coroutine, their
lines and their rank, and the calm sentence of a service that has none."""

import os
import re
import subprocess

from lib import MS, PROGRAMS, check, check_equal, live, run_tool, wait_for

SECONDS = 3
SCRIPT = """
local slow = { "/sleepy", "/calm", "/busy", "/calm" }
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", %s)
end
"""


def _lines():
    """Endpoint -> the line that holds up the loop."""
    with open(os.path.join(PROGRAMS, "endpoints.py")) as file:
        found = [(re.search("# line: ([a-z]+)", line), n) for n, line in enumerate(file, 1)]
    return {match.group(1): number for match, number in found if match}


def _load(bench, port, path):
    """Requests for some seconds; none may fail."""
    script = os.path.join(bench.folder, "load.lua")
    with open(script, "w") as file:
        file.write(SCRIPT % path)
    output = subprocess.run(
        ["wrk", "-t1", "-c4", "-d%ds" % SECONDS, "-s", script, "http://127.0.0.1:%d" % port],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS + 20,
    ).stdout.decode()
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    check(requests > 30, "only %d requests: %s", requests, output)
    check("Non-2xx" not in output, "errors: %s", output)


def _run(bench, framework, path, *options):
    """The summary, and what the program knows of itself."""
    target = bench.target("endpoints.py", framework)
    port = target.hear("ready")["port"]
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "10ms", *options)
    tool.wait_start()
    _load(bench, port, path)
    held = target.ask("report", "report")["held"]
    summary = tool.finish()
    target.finish()
    return summary, held


def _of_program(summary):
    return [f for f in summary["findings"] if f["subject"] == "line"]


def _base(name):
    return name.split(".")[-1]


def _check_finding(finding, lint, line, entries, truth):
    check_equal(finding["lint"], lint, "lint of %r" % finding["what"])
    check_equal(finding["where"]["line"], line, "line of %r" % finding["what"])
    check_equal(os.path.basename(finding["where"]["file"]), "endpoints.py", "file")
    check_equal([_base(e["name"]) for e in finding["entries"]], entries, "entries")
    # What came before the attach, or while the tool ended, is in the program's count alone.
    check(finding["stalls"] <= truth["count"], "%d of %r", finding["stalls"], truth)
    check(finding["stalls"] >= 0.8 * truth["count"], "%d of %r", finding["stalls"], truth)
    check(finding["time_ns"] <= 1.05 * truth["ms"] * MS, "%d of %r", finding["time_ns"], truth)
    check(finding["sureness"] == "sure", "%r", finding)
    check(finding["first_ns"] < finding["last_ns"], "%r", finding)
    check(finding["worst"]["start_ns"] >= finding["first_ns"], "%r", finding)


def _check_sums(summary):
    """No time is in two findings."""
    findings = summary["findings"]
    stalled = sum(f["time_ns"] for f in findings if f["stalls"])
    spent = sum(loop["step_ns"] + loop["callbacks_ns"] for loop in summary["loops"])
    check(stalled <= spent, "findings of %d ns, %d ns were spent", stalled, spent)
    shares = sum(f["starved_share"] or 0 for f in findings)
    check(shares <= 1.001, "shares add up to %f", shares)


def _check_rows(summary, entries):
    """The server's coroutine has nothing left that is not its own, and the rows add up."""
    rows = summary["groups"]["rows"]
    by_name = {_base(row["name"]): row for row in rows if row["is_entry"]}
    check_equal(summary["groups"]["key"], "auto", "key")
    for entry in entries:
        check(entry in by_name, "no row of %s: %r", entry, sorted(by_name))
        check(by_name[entry]["steps"] is None, "steps of an entry: %r", by_name[entry])
        check(by_name[entry]["stalls"] > 0, "stalls of %s", entry)
    stalls = sum(row["stalls"] for row in rows)
    counted = summary["stalls"]
    check(abs(stalls - counted) <= 2, "rows of %d of %d stalls", stalls, counted)


def _check_slow(bench, framework, entries):
    summary, held = _run(bench, framework, "slow[n % 4 + 1]")
    lines = _lines()
    first, second = _of_program(summary)[:2]
    _check_finding(first, "blocking-call", lines["sleepy"], entries[:1], held["sleepy"])
    _check_finding(second, "cpu-hog", lines["busy"], entries[1:], held["busy"])
    check(first["starved_ns"] > second["starved_ns"] > 0, "%r %r", first, second)
    check("line" in summary["headline"], "headline %r", summary["headline"])
    place = "sleepy endpoints.py:%d" % lines["sleepy"]
    check(place in summary["headline"], "headline %r", summary["headline"])
    _check_sums(summary)
    _check_rows(summary, entries)


@live(on="once")
def fastapi(bench):
    _check_slow(bench, "fastapi", ["sleepy", "busy"])


@live(on="once")
def starlette(bench):
    _check_slow(bench, "starlette", ["answer_sleepy", "answer_busy"])


@live(on="once")
def aiohttp(bench):
    # Its two handlers have one name and only call others: those are named.
    _check_slow(bench, "aiohttp", ["sleepy", "busy"])


@live(on="once")
def calm_service(bench):
    # Before all others, so that a busy machine has a CPU for it whenever it wakes up.
    target = bench.target("endpoints.py", "fastapi", wrap=("chrt", "--fifo", "1"))
    port = target.hear("ready")["port"]
    path = os.path.join(bench.folder, "calm.ls")
    tool = bench.tool(
        "record", "-p", str(target.pid), "--threshold", "1s", "-o", path, json_output=False)
    wait_for(lambda: os.path.exists(path) and os.path.getsize(path), 15, "a recording")
    _load(bench, port, '"/calm"')
    tool.signal(2)
    check_equal(tool.wait(), 0, "exit code (%s)" % tool.stderr)
    target.finish()
    code, text, _ = run_tool(bench, "report", path)
    check_equal(code, 0, "exit code")
    calm = rb"^Nothing stalled: no turn of the loop took longer than (\S+ \S+) in "
    match = re.search(calm, text, re.M)
    check(match is not None, "no calm sentence: %r", text[:300])
    _, json_text, _ = run_tool(bench, "report", path, "--group", "process", "-f", "json")
    check(b'"headline":null,"findings":[]' in json_text, "findings of a calm service")
    check(b'"groups":{"key":"process"' in json_text, "groups")
