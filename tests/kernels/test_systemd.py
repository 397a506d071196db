# SPDX-License-Identifier: BSD-2-Clause
"""The units in packaging/systemd as they are, started by systemd, beside a service with a known
stall (managed/shop.py)."""

import contextlib
import json
import os
import re
import socket
import subprocess
import time

from lib import MS, check, check_equal, live, run_tool, status_of, wait_for
from privileges import caps_of
from test_flight import _files as files_of
from test_flight import _stalls as stalls_of
from test_flight import _wait_file as wait_file

SERVE = "loopstall.service"
RECORDER = "loopstall-recorder@shop.py.service"
SHOP = "shop.service"
SAID_BY_SHOP = "/run/shop"
ADDRESS = ("127.0.0.1", 9487)
STATE = "/var/lib/loopstall"
# From the line that the service prints before it hangs to the hang itself.
START_SLACK_NS = 100 * MS
# Loading the programs takes five of the guest's seconds.
PATIENCE_S = 30
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def _systemctl(*words):
    done = subprocess.run(
        ["systemctl", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    check_equal(done.returncode, 0, "exit code of systemctl %s (%s)" % (words, done.stdout))
    return done.stdout


def _property(unit, name):
    return _systemctl("show", "--value", "-p", name, unit).strip()


def _wait(condition, what):
    """Looking costs what it looks at more CPU than waiting does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        check(time.monotonic() < deadline, "not within %g s: %s", PATIENCE_S, what)
        time.sleep(0.5)


def _main_pid(unit):
    """0 without a process."""
    return int(_property(unit, "MainPID"))


def _heard(event):
    """When the service last said this, or None."""
    with open(SAID_BY_SHOP) as file:
        said = [json.loads(line) for line in file]
    return ([message["ns"] for message in said if message["event"] == event] or [None])[-1]


def _line_of(text):
    with open("/home/shop/shop.py") as file:
        return next(n for n, line in enumerate(file, 1) if line.strip() == text)


@contextlib.contextmanager
def _shop():
    _systemctl("start", SHOP)
    try:
        wait_for(lambda: _heard("ready"), 20, "the service is ready")
        yield _main_pid(SHOP)
    finally:
        _systemctl("stop", SHOP)


def _hang():
    """Lets the service hang. Returns since when."""
    before = _heard("hangs")
    _systemctl("kill", "-s", "USR1", SHOP)
    wait_for(lambda: _heard("hangs") != before, 5, "the service hangs")
    return _heard("hangs")


def _processes_of_loopstall():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/comm" % pid) as file:
            found += [int(pid)] if file.read().startswith("loopstall") else []
    return found


@contextlib.contextmanager
def _enabled(unit):
    """As the documentation says. It must go on until it is stopped, and end well."""
    _systemctl("enable", "--now", unit)
    try:
        yield
        check_equal(_property(unit, "ActiveState"), "active", "state")
    finally:
        _systemctl("disable", "--now", unit)
    how = [_property(unit, name) for name in ("ActiveState", "Result")]
    check_equal(how, ["inactive", "success"], "state after its end")
    check_equal(_processes_of_loopstall(), [], "processes left")


def _get(path):
    """Status and body."""
    with socket.create_connection(ADDRESS, 10) as connection:
        request = "GET %s HTTP/1.0\r\nHost: localhost:%d\r\n\r\n" % (path, ADDRESS[1])
        connection.sendall(request.encode())
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = reply.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def _is_ready():
    with contextlib.suppress(OSError):
        return _get("/-/ready") == (200, "loopstall is ready.\n")
    return False


def _samples(name):
    """(labels, value) of each sample."""
    status, text = _get("/metrics")
    check_equal(status, 200, "status")
    found = re.findall(r"^%s(?:{(.*)})? (\S+)$" % name, text, re.MULTILINE)
    return [(dict(LABEL.findall(labels)), float(value)) for labels, value in found]


def _total(name, **wanted):
    return sum(v for labels, v in _samples(name) if wanted.items() <= labels.items())


def _check_rights(pid):
    """A user of its own and three capabilities; the child that speaks HTTP has none."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        (child,) = [int(word) for word in file.read().split()]
    wanted = {pid: {"CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"}, child: set()}
    for of, caps in wanted.items():
        status = status_of(of)
        check(61184 <= int(status["Uid"].split()[0]) <= 65519, "user %s", status["Uid"])
        check_equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "its filter")
        check_equal(caps_of(of, "CapPrm"), caps, "capabilities")


def _check_measured(pid):
    of_shop = {"service": SHOP}
    _wait(lambda: _total("loopstall_stalls_total", **of_shop) > 3, "stalls of the service")
    processes = {labels["pid"]: labels for labels, _ in _samples("loopstall_process_info")}
    check_equal(processes[str(pid)]["service"], SHOP, "service of %r" % processes)
    causes = {
        labels["cause"]
        for labels, value in _samples("loopstall_stalls_total")
        if value and of_shop.items() <= labels.items()
    }
    check_equal(causes, {"sleep"}, "causes")
    slept = _total("loopstall_stall_seconds_total", cause="sleep", **of_shop)
    mean = slept / _total("loopstall_stalls_total", **of_shop)
    check(0.0495 < mean < 0.055, "a stall takes %g s", mean)
    line = "shop/shop.py:%d" % _line_of("time.sleep(0.05)")
    # Those before it had a row of its own are in "other".
    sites = [
        (labels["site"], labels.get("function"), labels["cause"])
        for labels, value in _samples("loopstall_site_stalls_total")
        if value and of_shop.items() <= labels.items() and labels["site"] != "other"
    ]
    check_equal(sites, [(line, "fetch", "sleep")], "lines")
    check(_total("loopstall_tasks", **of_shop) >= 1, "it has no task")
    check_equal(_samples("loopstall_lost_total"), [], "losses")


def _check_pages():
    """What the live page is made of."""
    stalls = [json.loads(line) for line in _get("/api/stalls?since=0")[1].splitlines()]
    stalls = [stall for stall in stalls if stall["type"] == "stall"]
    check(stalls and stalls[-1]["own"]["file"] == "/home/shop/shop.py", "stalls %r", stalls)
    check("loopstall" in _get("/")[1], "no page")


def _check_ls(pid):
    """Another command with the same user, capabilities and filter."""
    with open("/etc/systemd/system/" + SERVE) as file:
        lines = [line for line in file if not line.startswith(("ExecStart=", "Restart"))]
    lines[lines.index("[Service]\n")] += (
        "Type=oneshot\nStandardOutput=truncate:/run/ls\nStandardError=journal\n"
        "ExecStart=/usr/local/bin/loopstall ls --json\n"
    )
    with open("/run/systemd/system/loopstall-ls.service", "w") as file:
        file.writelines(lines)
    _systemctl("daemon-reload")
    _systemctl("start", "loopstall-ls.service")
    with open("/run/ls") as file:
        (loop,) = [json.loads(line) for line in file]
    check_equal((loop["pid"], loop["cgroup"]), (pid, "/system.slice/" + SHOP), "loop")
    check_equal([(l["kind"], l["tid"]) for l in loop["loops"]], [("asyncio", pid)], "its thread")
    check_equal((loop["container"], loop["container_pid"]), (False, None), "container")


@live(on="once")
def serves(bench):
    with _shop() as pid, _enabled(SERVE):
        _wait(_is_ready, "ready")
        server = _main_pid(SERVE)
        _check_rights(server)
        _check_measured(pid)
        _check_pages()
        _hang()
        _wait(lambda: _total("loopstall_stall_running_seconds", service=SHOP) > 1, "a stall")
        _check_ls(pid)
        check_equal((_main_pid(SERVE), _property(SERVE, "NRestarts")), (server, "0"), "process")
    check(not _is_ready(), "somebody answers")


def _check_hang(bench, path, since, end):
    """The hang is in the file."""
    stall = [s for s in stalls_of(bench, path) if s["task"] and s["task"]["name"] == "hanger"][-1]
    check_equal((stall["cause"], stall["end"]), ("sleep", end), "cause and end")
    check_equal(stall["own"]["line"], _line_of("time.sleep(3)"), "line")
    check("    time.sleep(3)" in stall["source"]["lines"], "source %r", stall["source"])
    check(abs(stall["start_ns"] - since) < START_SLACK_NS, "starts %d", stall["start_ns"] - since)
    check_equal(oct(os.stat(path).st_mode & 0o777), "0o640", "rights")
    code, output, errors = run_tool(bench, "report", path)
    check_equal(code, 0, "exit code of report (%s)" % errors)
    check(b"shop.py:%d" % stall["own"]["line"] in output, "report says %r", output)
    return stall


@contextlib.contextmanager
def _recorder_before_its_service():
    """Without a process the recorder ends with 3, and is started again until there is one."""
    with _enabled(RECORDER):
        _wait(lambda: _property(RECORDER, "SubState") == "auto-restart", "its end")
        check_equal(_property(RECORDER, "ExecMainStatus"), "3", "exit code")
        with _shop() as pid:
            _wait(lambda: _main_pid(RECORDER), "it is started again")
            check_equal(_property(RECORDER, "NRestarts"), "1", "how often")
            time.sleep(PATIENCE_S / 3)
            yield pid


@live(on="once")
def records(bench):
    with _recorder_before_its_service() as pid:
        check_equal(status_of(_main_pid(RECORDER))["Uid"].split()[0], "0", "user")
        since = _hang()
        stall = _check_hang(bench, wait_file(STATE, "stall"), since, "running")
        check(stall["duration_ns"] > 2e9, "written after %d ns", stall["duration_ns"])
        time.sleep(2)
        _systemctl("kill", "-s", "USR1", RECORDER)
        _check_hang(bench, wait_file(STATE, "signal"), since, "return")
        since = _hang()
        time.sleep(1)
        _systemctl("kill", "-s", "KILL", SHOP)
        stall = _check_hang(bench, wait_file(STATE, "exit"), since, "signal:SIGKILL")
        check(stall["duration_ns"] > 0.9e9, "killed after %d ns", stall["duration_ns"])
        check_equal(stall["pid"], pid, "process")
        check_equal(_property(RECORDER, "NRestarts"), "1", "how often it was started again")
    check_equal(len(files_of(STATE)), 3, "files at the end")
