# SPDX-License-Identifier: BSD-2-Clause
"""The HTTP request, and the test, in whose step a stall happened."""

import concurrent.futures
import http.client
import json
import os
import signal
import socket
import sys

from lib import PROGRAMS, brief, check, check_equal, live, run_tool, wait_for

sys.path.append(PROGRAMS)
import web_services  # noqa: E402

THRESHOLD = "8ms"
PHASES = (" (setup)", " (call)", " (teardown)")


def _shown_test(value):
    for phase in PHASES:
        if value and value.endswith(phase):
            return value[: -len(phase)]
    return value


def _covering(stalls, at):
    """The stall in which this time lies, None if there is none."""
    middle = sum(at) // 2
    for stall in stalls:
        if stall["start_ns"] <= middle <= stall["start_ns"] + stall["duration_ns"]:
            return stall
    return None


def _check_request(stall, truth):
    request = stall["request"] or {"method": None, "route": None}
    check_equal(request["method"], truth["method"], "method of %s" % brief(stall))
    route = request["route"]
    # A long one is cut, and says so.
    if route and truth["route"] and len(truth["route"]) == 128:
        route = route[:128]
    check_equal(route, truth["route"], "route of %s" % brief(stall))


def _check(tool, truths, least):
    """A stall whose stack was not read while it lasted is counted as such, and has no request."""
    steps = [stall for stall in tool.stalls if stall["unit"] == "step"]
    unseen = tool.summary["lost"].get("request_unseen", 0)
    found = 0
    for truth in truths:
        stall = _covering(steps, truth["at"])
        if not stall:
            continue
        if truth["method"] and not stall["request"] and unseen:
            unseen -= 1
            continue
        found += 1
        _check_request(stall, truth)
        check_equal(stall["test"], _shown_test(truth.get("test")), "test of %s" % brief(stall))
    check(found >= least, "only %d of %d stalls were seen", found, len(truths))


def _run(bench, *options):
    target = bench.target("routed.py", "--loop", bench.loop)
    target.hear("ready")
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", THRESHOLD, *options)
    tool.wait_start()
    done = target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    return tool, done["stalls"]


@live()
def requests(bench):
    """Each stall has the method and the route of its own request, in every layout, while others are
    in flight."""
    tool, truths = _run(bench)
    _check(tool, truths, len(truths))
    # Scopes with nothing to be read, and each of those twice.
    lost = tool.summary["lost"]
    check("request_unseen" not in lost, "lost %s", lost)
    unreadable = sum(truth["is_strange"] for truth in truths)
    check_equal(lost.get("request_unreadable", 0), unreadable, "requests not read")


@live(on="once")
def requests_light(bench):
    """Looks find the same as uprobes."""
    tool, truths = _run(bench, "--mode", "light")
    _check(tool, truths, len(truths) * 3 // 4)


@live(on="once")
def no_requests(bench):
    tool, truths = _run(bench, "--no-request")
    check(len(tool.stalls) >= len(truths), "%d stalls", len(tool.stalls))
    for stall in tool.stalls:
        check_equal((stall["request"], stall["test"]), (None, None), "of %s" % brief(stall))
    lost = set(tool.summary["lost"])
    check(not lost & {"request_unseen", "request_unreadable"}, "lost %s", lost)


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def _lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def _ask(port, wanted, times):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(times):
        for method, path in wanted:
            connection.request(method, path + "?secret=1")
            answer = connection.getresponse()
            answer.read()
            check_equal(answer.status, 200, "status of %s %s" % (method, path))


CLIENTS = 3


def _serve(bench, kind):
    """Several clients ask for each route in another order, so that requests overlap."""
    port, log = _free_port(), os.path.join(bench.folder, "log")
    target = bench.target("web_services.py", kind, str(port), log)
    wait_for(lambda: _answers(port), 30, kind)
    tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "10ms")
    tool.wait_start()
    wanted = web_services.REQUESTS[kind]
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        orders = (wanted[i % len(wanted) :] + wanted[: i % len(wanted)] for i in range(CLIENTS))
        for done in [pool.submit(_ask, port, order, 3) for order in orders]:
            done.result()
    tool.finish()
    target.signal(signal.SIGKILL)
    return tool, _lines(log)


def _check_service(bench, kind):
    tool, truths = _serve(bench, kind)
    check_equal(len({truth["route"] for truth in truths}) > 1, True, "several routes")
    _check(tool, truths, len(truths) - 1)
    text = json.dumps([stall["request"] for stall in tool.stalls])
    check("471" not in text and "secret" not in text, "a part of a path was shown: %s", text)


@live(on="once")
def fastapi_on_uvicorn(bench):
    _check_service(bench, "fastapi")


@live(on="once")
def aiohttp_server(bench):
    _check_service(bench, "aiohttp")


@live(on="once")
def quart_on_hypercorn(bench):
    _check_service(bench, "quart")


@live(on="once")
def django_on_daphne(bench):
    _check_service(bench, "django")


def _pytest(bench, *options):
    """pytest under the tool; the stalls, and what the tests say of theirs."""
    truth = os.path.join(bench.folder, "truth")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    command += [*options, os.path.join(PROGRAMS, "pytest_cases.py")]
    path = os.path.join(bench.folder, "a.ls")
    code, _, errors = run_tool(
        bench,
        *("record", "-o", path, "--threshold", "15ms", "--", *command),
        env=dict(os.environ, TRUTH=truth, PYTHONDONTWRITEBYTECODE="1"),
        timeout=60,
    )
    check_equal(code, 0, "exit code: %s" % errors)
    _, report, _ = run_tool(bench, "report", path, "--format", "json")
    lines = [json.loads(line) for line in report.decode().splitlines()]
    return [line for line in lines if line["type"] == "stall"], _lines(truth), path


def _check_tests(stalls, truths):
    steps = [stall for stall in stalls if stall["unit"] == "step"]
    for truth in truths:
        stall = _covering([s for s in steps if s["pid"] == truth["pid"]], truth["at"])
        check(stall, "no stall at %s", truth)
        check_equal(stall["test"], truth["test"], "test of %s" % brief(stall))
        check_equal(stall["request"], None, "request of %s" % brief(stall))


@live(on="once")
def tests_under_pytest(bench):
    """With parameters, in classes, in fixtures; the recording has them when pytest is gone."""
    stalls, truths, path = _pytest(bench)
    check_equal(len({truth["test"] for truth in truths}), 5, "tests")
    _check_tests(stalls, truths)
    _, rows, _ = run_tool(bench, "report", path, "--group", "test", "--format", "csv")
    rows = rows.decode()
    for test in {truth["test"] for truth in truths}:
        check(test.split("::")[-1].split("[")[0] in rows, "no row for %s in %s", test, rows)
    limit = ("--threshold", "15ms", "--max-step", "*::test_with_fixture=16ms")
    code, verdict, errors = run_tool(bench, "check", path, *limit, "--json")
    check_equal(code, 1, "exit code: %s" % errors)
    findings = json.loads(verdict)["findings"]
    check(findings, "no finding")
    for finding in findings:
        check(finding["worst"]["test"].endswith("::test_with_fixture"), "%s", finding)


@live(on="once")
def tests_under_xdist(bench):
    """Each worker is a process with a test of its own."""
    stalls, truths, _ = _pytest(bench, "-n", "2")
    check_equal(len({truth["pid"] for truth in truths}), 2, "workers")
    _check_tests(stalls, truths)
