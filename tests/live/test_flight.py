# SPDX-License-Identifier: BSD-2-Clause
"""The flight recorder: `record --ring` writes its last minutes when a stall is long, when a process
dies and at SIGUSR1."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import time
import urllib.request

from lib import check, check_equal, live, run_tool, wait_for
from terminal import terminal_of

PROGRAM = "hangs.py"
NAME = re.compile(
    r"loopstall-(\d{8}T\d{6}\.\d{3}Z)-(\d+)-(stall|exit|signal)(-\d+)?\.ls$", re.ASCII
)


def _folder(bench):
    path = os.path.join(bench.folder, "flight")
    os.makedirs(path, exist_ok=True)
    return path


def _files(folder, reason=None):
    """Whole recordings, oldest first."""
    found = [(name, NAME.match(name)) for name in sorted(os.listdir(folder))]
    strange = [name for name, match in found if not match and not name.endswith(".tmp")]
    check_equal(strange, [], "other names")
    return [
        os.path.join(folder, name)
        for name, match in found
        if match and reason in (None, match.group(3))
    ]


def _fly(bench, folder, *options, **how):
    args = ["record", "-v", "--ring", "60s", "-o", folder, *options]
    tool = bench.tool(*args, json_output=False, **how)
    wait_for(lambda: "capabilities kept" in tool.stderr or not tool.is_alive(), 15, "attached")
    check(tool.is_alive(), "it has ended: %s", tool.stderr)
    return tool


def _wait_file(folder, reason, seconds=10):
    wait_for(lambda: _files(folder, reason), seconds, "a recording because of " + reason)
    return _files(folder, reason)[0]


def _stalls(bench, path):
    """All stalls of a recording, each line checked against the contract."""
    tool = bench.tool("report", path, "-f", "json", json_output=False)
    tool.end()
    check("damaged" not in tool.stderr and "cut at" not in tool.stderr, "damage: %s", tool.stderr)
    return tool.stalls


def _last(stalls):
    """The last line about one stall: before it may come others that say how far it has come."""
    check_equal(len({s["id"] for s in stalls}), 1, "stalls in %r" % stalls)
    return stalls[-1]


def _the_stall(bench, path):
    return _last([s for s in _stalls(bench, path) if (s["task"] or {}).get("name") == "the-task"])


def _stuck(bench, shape="sleep"):
    target = bench.target(PROGRAM, shape, "--loop", bench.loop)
    target.hear("ready")
    return target


def _end(tool, code=0):
    tool.signal(signal.SIGTERM)
    check_equal(tool.wait(15), code, "exit code (stderr: %s)" % tool.stderr)


@live(on="once")
def a_long_stall_is_written_while_it_goes_on(bench):
    target, folder = _stuck(bench), _folder(bench)
    tool = _fly(bench, folder, "-p", str(target.pid), "--on-stall", "2s")
    time.sleep(0.5)
    stuck = target.ask("go", "stuck")
    path = _wait_file(folder, "stall", 5)
    late_ns = time.monotonic_ns() - stuck["start_ns"]
    check(2e9 < late_ns < 4e9, "written %.1f s after its start", late_ns / 1e9)
    check_equal(NAME.match(os.path.basename(path)).group(2), str(target.pid), "pid in the name")
    stall = _the_stall(bench, path)
    check_equal((stall["end"], stall["cause"]), ("running", "sleep"), "end and cause")
    check_equal(stall["call"]["line"], stuck["line"], "line")
    check(stall["duration_ns"] > 1.9e9, "lasted %d ns", stall["duration_ns"])
    code, output, errors = run_tool(bench, "check", path, "--max-step", "1s", "--min-steps", "1")
    check_equal(code, 1, "exit code of check (%s)" % errors)
    time.sleep(2)
    check_equal(len(_files(folder)), 1, "files about one stall")
    _end(tool)
    check_equal(len(_files(folder)), 1, "files at the end")


@live(on="once")
def a_signal_writes_what_there_is(bench):
    target, folder = bench.target("steady.py"), _folder(bench)
    target.hear("ready")
    tool = _fly(bench, folder, "-p", str(target.pid))
    for n in (1, 2):
        time.sleep(2)
        tool.signal(signal.SIGUSR1)
        wait_for(lambda: len(_files(folder, "signal")) == n, 5, "file %d" % n)
    first, second = (len(_stalls(bench, path)) for path in _files(folder, "signal"))
    check(0 < first < second, "%d and %d stalls", first, second)
    check(target.is_alive() and tool.is_alive(), "the measurement does not go on")
    _end(tool)


@live(on="once")
def a_process_that_is_killed_in_a_stall(bench):
    for number in (signal.SIGKILL, signal.SIGABRT):
        with bench.part(number.name):
            target, folder = _stuck(bench), os.path.join(bench.folder, number.name)
            os.makedirs(folder)
            tool = _fly(bench, folder, "-p", str(target.pid), "--on-exit")
            time.sleep(0.3)
            stuck = target.ask("go", "stuck")
            time.sleep(0.7)
            os.kill(target.pid, number)
            path = _wait_file(folder, "exit")
            check_equal(tool.wait(15), 0, "exit code (stderr: %s)" % tool.stderr)
            stall = _the_stall(bench, path)
            check_equal(stall["end"], "signal:" + number.name, "end")
            check_equal(stall["call"]["line"], stuck["line"], "line")
            check(stall["duration_ns"] > 0.6e9, "lasted %d ns", stall["duration_ns"])


@live(on="once")
def only_so_many_files(bench):
    target, folder = bench.target("steady.py"), _folder(bench)
    target.hear("ready")
    others = ("loopstall-mine.ls", "loopstall-20200101T000000.000Z-1-stall.ls.bak", "notes.txt")
    before = "loopstall-20200101T000000.000Z-1-stall.ls"
    for name in others + (before,):
        with open(os.path.join(folder, name), "w") as file:
            file.write("mine")
    tool = _fly(bench, folder, "-p", str(target.pid), "--keep", "2")
    written = set()
    for n in range(1, 5):
        time.sleep(0.3)
        tool.signal(signal.SIGUSR1)
        wait_for(lambda: tool.stderr.count("wrote ") == n, 5, "file %d" % n)
        left = {name for name in os.listdir(folder) if NAME.match(name)}
        check(len(left) <= 2, "files: %r", left)
        check_equal(len(left - written - {before}), 1, "new files")
        written |= left
    check(set(others) <= set(os.listdir(folder)), "left: %r", os.listdir(folder))
    check_equal(len([n for n in os.listdir(folder) if n.startswith(".")]), 0, "temporary files")
    _end(tool)


@live(on="once")
def a_folder_that_cannot_be_written(bench):
    target = bench.target("steady.py")
    target.hear("ready")
    with bench.part("missing"):
        code, _, errors = run_tool(
            bench, "record", "-p", str(target.pid), "--ring", "60s", "-o", "/nowhere/at/all"
        )
        check_equal(code, 2, "exit code")
        check("mkdir -p /nowhere/at/all" in errors, "no advice: %r", errors)
    with bench.part("full"):
        folder = _folder(bench)
        bench.start(["mount", "-t", "tmpfs", "-o", "size=4k", "none", folder]).wait()
        filler = os.path.join(folder, "filler")
        with open(filler, "wb") as file:
            file.write(b"x" * 4096)
        try:
            tool = _fly(bench, folder, "-p", str(target.pid))
            for n in (1, 2):
                time.sleep(0.5)
                tool.signal(signal.SIGUSR1)
            time.sleep(1)
            check(tool.is_alive(), "it has ended: %s", tool.stderr)
            check_equal(os.listdir(folder), ["filler"], "files on a full disk")
            check_equal(tool.stderr.count("No space left"), 1, "how often it is said")
            bench.start(["mount", "-o", "remount,size=10m", folder]).wait()
            os.unlink(filler)
            tool.signal(signal.SIGUSR1)
            check(_stalls(bench, _wait_file(folder, "signal")), "nothing in it")
            _end(tool, 4)
            check("2 of 3 recordings could not be written" in tool.stderr, "%s", tool.stderr)
        finally:
            bench.start(["umount", "-l", folder]).wait()


@live(on="once")
def what_makes_no_sense(bench):
    folder = _folder(bench)
    for options, words in (
        (("--on-exit", "-o", folder), "need --ring"),
        (("--ring", "1s", "-o", folder), "out of range"),
        (("--ring", "60s", "--on-stall", "1ms", "-o", folder), "shorter than the threshold"),
        (("--ring", "60s", "--keep", "0", "-o", folder), "keeps nothing"),
        (("--ring", "60s", "--keep", "3,1M", "-o", folder), "no room"),
        (("--ring", "60s", "--max-size", "64K", "-o", folder), "too small"),
    ):
        code, _, errors = run_tool(bench, "record", "-p", str(os.getpid()), *options)
        check_equal(code, 2, "exit code of %s (%s)" % (" ".join(options), errors))
        check(words in errors, "%r is not in %r", words, errors)


APP = """import os, time

def wait_for_partner():
    time.sleep(60)

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/hang":
        wait_for_partner()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % os.getpid()})
"""


def _open_in_top(bench, path, words):
    with terminal_of(bench) as terminal:
        terminal.run("top", "--screen", "stalls", path)
        terminal.wait(r"of 00:")
        terminal.keys("}")
        terminal.wait(words)
        terminal.keys("q")
        terminal.wait_end(0)


class Gunicorn:
    def __init__(self, bench):
        with open(os.path.join(bench.folder, "shop.py"), "w") as file:
            file.write(APP)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        words = "-m gunicorn -w 2 --timeout 3 -k uvicorn.workers.UvicornWorker -b 127.0.0.1:%d"
        self.process = bench.start(
            [bench.python.path, *(words % self.port).split(), "shop:app"],
            env=bench.python.env,
            cwd=bench.folder,
        )
        wait_for(lambda: len({self.get() for _ in range(20)} - {None}) == 2, 20, "both workers")

    def get(self, path="/", timeout=5):
        """The worker's pid, or None."""
        try:
            url = "http://127.0.0.1:%d%s" % (self.port, path)
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return int(answer.read())
        except OSError:
            return None


def _hang(server, folder):
    """The pid of the worker that was killed for it."""
    before = {server.get() for _ in range(20)}
    server.get("/hang", timeout=15)
    path = _wait_file(folder, "exit", 20)
    pid = int(NAME.match(os.path.basename(path)).group(2))
    check(pid in before, "process %d is none of the workers %r", pid, before)
    return pid, path


@live(on="once")
def a_worker_that_gunicorn_kills(bench):
    """The stall that a worker was killed for is in the file, and the service is watched on."""
    server, folder = Gunicorn(bench), _folder(bench)
    tool = _fly(bench, folder, "-n", "shop:app", "--on-exit")
    pid, path = _hang(server, folder)
    stall = _last([s for s in _stalls(bench, path) if s["pid"] == pid and s["duration_ns"] > 9e8])
    check(stall["end"] in ("signal:SIGABRT", "signal:SIGKILL", "exit"), "end %r", stall["end"])
    check_equal(stall["call"]["function"], "wait_for_partner", "function")
    check_equal(os.path.basename(stall["call"]["file"]), "shop.py", "file")
    check_equal(stall["call"]["line"], 4, "line")
    code, output, _ = run_tool(bench, "report", path)
    check_equal(code, 0, "exit code of report")
    check(b"wait_for_partner" in output, "%s", output.decode())
    _open_in_top(bench, path, r"shop\.py:4")
    wait_for(lambda: pid not in {server.get() for _ in range(10)} | {None}, 20, "a new worker")
    check(tool.is_alive(), "it does not go on: %s", tool.stderr)
    tool.signal(signal.SIGUSR1)
    new = {server.get() for _ in range(20)}
    path = _wait_file(folder, "signal")
    code, output, _ = run_tool(bench, "report", path, "-f", "json")
    targets = {t["pid"] for t in json.loads(output.splitlines()[0])["targets"]}
    check(new <= targets, "workers %r, in the file %r", new, targets)
    _end(tool)


# --- kills

KILLS = int(os.environ.get("FLIGHT_KILLS", "40"))
RANDOM_STALLS = "random_stalls.py"
SECOND = 1000000000


def _begun(log):
    """Stalls of the target's own log, (start, end or None)."""
    stalls = []
    with open(log) as file:
        for line in file:
            word, at = line.split()
            if word == "begin":
                stalls.append([int(at), None])
            else:
                stalls[-1][1] = int(at)
    return stalls


def _long_ones(log, killed_ns):
    return [
        (start, end or killed_ns)
        for start, end in _begun(log)
        if (end or killed_ns) - start >= SECOND
    ]


def _kill_one(bench, chance, number, folder):
    log = os.path.join(bench.folder, "log-%d" % number)
    target = bench.target(RANDOM_STALLS, log, str(chance.randrange(1 << 30)))
    target.hear("ready")
    tool = _fly(bench, folder, "-p", str(target.pid), "--on-exit", "--keep", "1000")
    target.write("go")
    time.sleep(chance.uniform(1.0, 3.0))
    target.signal(signal.SIGKILL)
    killed_ns = time.monotonic_ns()
    target.wait()
    # 4: it was killed before a step ended.
    check(tool.wait(15) in (0, 4), "exit code (stderr: %s)" % tool.stderr)
    (path,) = [path for path in _files(folder, "exit") if "-%d-" % target.pid in path]
    long_ones = _long_ones(log, killed_ns)
    found = _stalls(bench, path) if long_ones else []
    for start, end in long_ones:
        matches = [s for s in found if abs(s["start_ns"] - start) < 0.1 * SECOND]
        check(matches, "kill %d: a stall of %.2f s is missing", number, (end - start) / SECOND)
        check(
            abs(matches[-1]["duration_ns"] - (end - start)) < 0.1 * SECOND,
            "kill %d: it lasted %d ns, not %d",
            number,
            matches[-1]["duration_ns"],
            end - start,
        )
    with contextlib.suppress(OSError):
        os.unlink(log)
    return len(long_ones)


@live(on="once")
def killed_at_random_moments(bench):
    """No stall of a second is missing. FLIGHT_KILLS=200: more kills."""
    chance, folder = random.Random(20261128), _folder(bench)
    found = sum(_kill_one(bench, chance, number, folder) for number in range(KILLS))
    bench.note("%d kills, %d stalls of a second or more" % (KILLS, found))
    check(found >= KILLS / 4, "only %d stalls in %d kills", found, KILLS)
