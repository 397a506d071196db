# SPDX-License-Identifier: BSD-2-Clause
"""A real service: uvicorn with httptools under wrk, cooperative and blocking routes side by
side."""

import os
import re
import signal
import subprocess

from lib import MS, PROGRAMS, both_loops, brief, check, check_equal, live

SECONDS = 4
# One request in 25 blocks, so that most of them wait for others' sake.
SCRIPT = """
local paths = { "/sleeping", "/computing", "/asking" }
local n = 0
request = function()
  n = n + 1
  if n % 25 == 0 then return wrk.format("GET", paths[(n / 25) % 3 + 1]) end
  return wrk.format("GET", n % 2 == 0 and "/plain" or "/cooperative")
end
"""


def _tagged_lines():
    """Route name -> line that blocks."""
    with open(os.path.join(PROGRAMS, "asgi_app.py")) as file:
        found = [(re.search("# blocks: ([a-z]+)", line), n) for n, line in enumerate(file, 1)]
    return {match.group(1): number for match, number in found if match}


def _wrk(bench, port):
    """Starts wrk."""
    script = os.path.join(bench.folder, "routes.lua")
    with open(script, "w") as file:
        file.write(SCRIPT)
    return ["wrk", "-t1", "-c8", "-d%ds" % SECONDS, "-s", script, "http://127.0.0.1:%d" % port]


def _check_load(output):
    """Requests flowed and none failed."""
    total = int(re.search(r"(\d+) requests in", output).group(1))
    check(total > 500, "only %d requests: %s", total, output)
    check("Non-2xx" not in output and "Socket errors" not in output, "errors: %s", output)


@live(on="once", loops=both_loops)
def uvicorn_under_load(bench):
    target = bench.target("asgi_app.py", "--loop", bench.loop)
    port = target.hear("ready")["port"]
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "15ms")
    tool.wait_start()
    load = subprocess.run(
        _wrk(bench, port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS + 20
    )
    summary = tool.finish()
    _check_load(load.stdout.decode())
    check(target.is_alive(), "the service died: %s", target.stderr)
    _check_stalls(tool.stalls)
    check(summary["steps"] > 500, "%d steps", summary["steps"])
    # It works on without the tool.
    after = subprocess.run(
        ["wrk", "-t1", "-c4", "-d1s", "http://127.0.0.1:%d/plain" % port],
        stdout=subprocess.PIPE,
        timeout=20,
    )
    _check_load(after.stdout.decode())
    target.signal(signal.SIGTERM)
    target.wait()


def _share(stall, cause):
    """Time of the cause, and of the wait for a CPU that may cut into it."""
    return stall["causes_ns"].get(cause, 0) + stall["runqueue_ns"]


def _check_stalls(stalls):
    lines = _tagged_lines()
    causes = {"sleeping": "sleep", "computing": "cpu", "asking": "network"}
    for route, cause in causes.items():
        found = [
            s
            for s in stalls
            if s["call"]
            and s["call"]["line"] == lines[route]
            and os.path.basename(s["call"]["file"] or "") == "asgi_app.py"
        ]
        check(
            len(found) >= 5,
            "%d stalls at the line of %s (all: %s)",
            len(found),
            route,
            [brief(s) for s in stalls[:5]],
        )
        # On a busy host, a computing step may wait for its CPU for longer than it computes.
        wrong = [s for s in found if s["cause"] not in (cause, "runqueue")]
        check(not wrong, "cause in %s: %s", route, [brief(s) for s in wrong[:3]])
        whole = [s for s in found if not (s["began_before_attach"] or s["is_open"])]
        wrong = [s for s in whole if not 28 * MS < _share(s, cause) < s["duration_ns"] + 1]
        check(not wrong, "share in %s: %s", route, [brief(s) for s in wrong[:3]])
        check(any(s["victims"]["count"] for s in found), "nobody waits for %s", route)
    for stall in stalls:
        # A cooperative route may be late because the host is busy, never for a reason of its own.
        names = {frame["function"] for frame in stall["stack"]}
        check(
            not names & {"plain", "cooperative"} or stall["cause"] == "runqueue",
            "a cooperative route is blamed: %s",
            brief(stall),
        )
    check_equal(
        [
            s
            for s in stalls
            if s["unit"] == "step"
            and s["coroutine"]["name"] != "RequestResponseCycle.run_asgi"
            and s["cause"] != "runqueue"
        ],
        [],
        "stalls of other coroutines",
    )
