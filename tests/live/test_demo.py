# SPDX-License-Identifier: BSD-2-Clause
"""`make demo`: with a terminal it opens the dashboard, without one it prints stalls."""

import os
import signal
import subprocess

import lib
from lib import check, check_equal, live
from terminal import terminal_of

DEMO = os.path.join(lib.HERE, "..", "demo", "run.sh")


def _demo_processes(pid):
    """The service and what else runs in a session."""
    return [
        line
        for line in subprocess.run(["ps", "-s", str(pid), "-o", "args="], stdout=subprocess.PIPE)
        .stdout.decode()
        .splitlines()
        if "demo" in line or "loopstall" in line
    ]


@live(on="once")
def opens_the_dashboard_and_leaves_nothing(bench):
    build = os.path.dirname(os.path.abspath(lib.TOOL))
    for key in ("q", "C-c", None):
        with bench.part(str(key or "SIGTERM")), terminal_of(bench, (120, 32)) as terminal:
            shell = terminal.state("pane_pid")
            terminal.type(
                "env -u CI -u DEMO BUILD=%s PYTHON=%s %s; echo END$?"
                % (build, bench.python.path, os.path.relpath(DEMO, bench.folder))
            )
            terminal.wait("orders_page")
            check(len(_demo_processes(shell)) >= 4, "processes: %s", _demo_processes(shell))
            if key:
                terminal.keys(key)
            else:
                os.kill(terminal.tool_pid(), signal.SIGTERM)
            terminal.wait_end(0)
            check("q ends it" in terminal.screen(), "no hint:\n%s", terminal.screen())
            check_equal(_demo_processes(shell), [], "processes left")


@live(on="once")
def prints_stalls_without_a_terminal(bench):
    build = os.path.dirname(os.path.abspath(lib.TOOL))
    env = dict(os.environ, BUILD=build, PYTHON=bench.python.path, SECONDS_WATCHED="2")
    env.pop("DEMO", None)
    demo = bench.start([DEMO], env=env)
    output = b""
    while True:
        line = demo.read_line()
        if line is None:
            break
        output += line
    check_equal(demo.wait(), 0, "exit code (stderr: %s)" % demo.stderr)
    check(b" steps in 2.0" in output and b"service.py:" in output, "output: %s", output.decode())
