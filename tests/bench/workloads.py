# SPDX-License-Identifier: BSD-2-Clause
"""The loads that are measured. Each yields the pid of a running program, one slice of work to
measure, its unit and its name."""

import contextlib
import re
import shutil
import sys

from harness import BenchError, command_output, run_python, start

STEPS_IN_SLICE = 80000
ECHO_CONNECTIONS = 32
ECHO_SLICE_MS = 500
WEB_CONNECTIONS = 16
WEB_SLICE_S = 1


def figures(units, warm_up, cpu_ns, wall_ns, p99_ns=None):
    return {
        "units": units,
        "all_units": units + warm_up,
        "ns": cpu_ns / units,
        "rate": units * 1e9 / wall_ns,
        "p99_ns": p99_ns,
    }


@contextlib.contextmanager
def steps(interpreter, tasks, name=None, idle=0, loops=0, threads=0):
    """sleep(0) in `tasks` tasks; beside `idle` tasks that wait, in `loops` loops of their own
    threads, beside `threads` idle threads."""
    with start(interpreter, "steps.py", idle, loops, threads) as target:
        target.answer()

        def slice_once():
            warm_up = target.ask("run", tasks, STEPS_IN_SLICE // 10)
            done = target.ask("run", tasks, STEPS_IN_SLICE)
            return figures(done["steps"], warm_up["steps"], done["cpu_ns"], done["wall_ns"])

        default_name = f"sleep(0), {tasks} task{'s' if tasks > 1 else ''}"
        yield target.pid, slice_once, "step", name or default_name


@contextlib.contextmanager
def echo(interpreter):
    with start(interpreter, "echo.py") as server:
        port = server.answer()["port"]
        with start(sys.executable, "echo_load.py", port, ECHO_CONNECTIONS) as client:
            client.answer()

            def slice_once():
                warm_up = client.ask("run", ECHO_SLICE_MS // 10)
                before = server.ask("usage")
                done = client.ask("run", ECHO_SLICE_MS)
                after = server.ask("usage")
                return figures(
                    after["requests"] - before["requests"],
                    warm_up["requests"],
                    after["cpu_ns"] - before["cpu_ns"],
                    done["wall_ns"],
                    done["p99_ns"],
                )

            yield server.pid, slice_once, "request", f"streams echo, {ECHO_CONNECTIONS} connections"


def wrk(port, seconds, connections):
    """Requests done, done per second, and the 99th percentile of the time each took."""
    output = command_output(
        "wrk",
        "--latency",
        "-t",
        "1",
        "-c",
        str(connections),
        "-d",
        f"{seconds}s",
        f"http://127.0.0.1:{port}/",
    )
    found = re.search(r"(\d+) requests in ", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", output)
    if not found or not rate or not p99 or "Non-2xx" in output:
        raise BenchError(f"wrk says:\n{output}")
    return (
        int(found.group(1)),
        float(rate.group(1)),
        float(p99.group(1)) * {"us": 1e3, "ms": 1e6, "s": 1e9}[p99.group(2)],
    )


@contextlib.contextmanager
def web(interpreter, kind, connections=WEB_CONNECTIONS, seconds=WEB_SLICE_S, lead_s=0):
    """Of the load the first `lead_s` seconds are not measured."""
    with start(interpreter, "web.py", kind) as server:
        port = server.answer()["port"]
        wrk(port, 1, connections)

        def slice_once():
            if lead_s:
                wrk(port, lead_s, connections)
            before = server.ask("usage")
            requests, rate, p99_ns = wrk(port, seconds, connections)
            after = server.ask("usage")
            return figures(
                requests, 0, after["cpu_ns"] - before["cpu_ns"], requests / rate * 1e9, p99_ns
            )

        name = f"uvicorn on {kind}, wrk with {connections} connections"
        yield server.pid, slice_once, "request", name


def can_serve(interpreter, kind):
    modules = "uvicorn, httptools" + (", uvloop" if kind == "uvloop" else "")
    return (
        shutil.which("wrk") and run_python(interpreter, f"import {modules}; print('yes')") == "yes"
    )
