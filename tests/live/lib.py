# SPDX-License-Identifier: BSD-2-Clause
"""The test bench: a tiny runner, target programs, the tool under test, and checks of its output.

Every process is started in a session of its own and ended by that session's id, whatever happens.
"""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import lanes
from proc_facts import (  # noqa: F401 (for the cases)
    changed_code,
    code_mappings,
    cpu_s_of,
    outer_pid,
    status_of,
    threads_of,
)

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
TOOL = os.environ.get("LOOPSTALL") or os.path.join(HERE, "..", "..", "build", "loopstall")
ROOT = os.path.join(HERE, "..", "..")
BUILD_FOLDER = os.path.join(ROOT, os.environ.get("BUILD", "build"))
CAUSES = "cpu sleep network file pipe process lock gil dns runqueue pagefault other".split()
CAUSES += ["gc", "stopped", "throttled"]
CASES = []
MS = 1000000


def build_drivers():
    """Builds the programs by which tests drive what no command line reaches."""
    subprocess.run(
        ["make", "-s", "-f", "tests/live/Makefile", "BUILD=" + os.environ.get("BUILD", "build")],
        cwd=ROOT,
        check=True,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"},
    )


class Skip(Exception):
    """The case cannot run here; the text says why."""


def check(condition, message, *args):
    if not condition:
        raise AssertionError(message % args if args else message)


def check_equal(got, wanted, what):
    check(got == wanted, "%s is %r, expected %r", what, got, wanted)


# --- the runner


class Case:
    def __init__(self, function, lane, on, loops, needs, since, until):
        self.function = function
        self.lane = lane
        self.needs = needs
        self.since = since
        self.until = until
        self.topic = function.__module__.replace("test_", "")
        self.name = "%s.%s" % (self.topic, function.__name__)
        self.on = on
        self.loops = loops

    def lacks(self, python):
        """Why the case cannot run on this interpreter, or None."""
        if python.version < self.since:
            return "from %d.%d on" % self.since
        if python.version[:2] > self.until:
            return "up to %d.%d" % self.until
        # The system's must have it: there the case runs and fails.
        if self.needs and self.needs not in python.modules and not python.is_system:
            return "no %s for this interpreter" % self.needs
        return None

    def variants(self, pythons):
        """(name, interpreter, loop) of each run."""
        for python in pythons:
            if (self.on == "once" and not python.is_system) or self.lacks(python):
                continue
            loops = [l for l in python.loops() if l in self.loops]
            for loop in loops:
                tail = (
                    ""
                    if self.on == "once" and len(self.loops) == 1
                    else ("[%s-%s]" % (python.label, loop))
                )
                yield self.name + tail, python, loop


def live(on="each", loops=("asyncio",), needs=None, since=(3, 8), until=(3, 99), lane=None):
    """Makes a function a test case: on each interpreter or once (the system's), with these loops.

    Interpreters older than `since` or newer than `until` are left out; those other than the
    system's also if they have not the module `needs`. `lane` says what may run at the same time
    if that is not as for the other cases of the module (see lanes.py).
    """

    def register(function):
        CASES.append(Case(function, lane, on, loops, needs, since, until))
        return function

    return register


both_loops = ("asyncio", "uvloop")


class Bench:
    """What one case runs with: an interpreter, a loop, its processes and its sub-results."""

    def __init__(self, attempt, name, python, loop):
        self.name = name
        self.python = python
        self.loop = loop
        self._attempt = attempt
        self._processes = []
        self.folder = tempfile.mkdtemp(prefix="loopstall-test-", dir="/var/tmp")  # on a disk
        os.chmod(self.folder, 0o755)

    def modes(self, n=0):
        """Modes for the n-th part of a case: both on the system's interpreter, on any other one of
        them, in turn. What takes seconds is not worth both everywhere."""
        modes = ("exact", "light")
        if self.python.is_system:
            return modes
        turn = self.python.version[1] + self.python.version[2] + (self.loop == "uvloop") + n
        return modes[turn % 2 :][:1]

    @contextlib.contextmanager
    def part(self, name):
        """A part of the case with a result of its own."""
        with self._attempt.result("%s/%s" % (self.name, name)):
            yield

    def target(self, program, *args, python=None, wrap=()):
        python = python or self.python
        command = list(wrap) + python.command + ["-u", os.path.join(PROGRAMS, program)] + list(args)
        return self.own(Target(command, python.env))

    def tool(self, *args, **options):
        return self.own(Tool(list(args), **options))

    def start(self, command, **options):
        return self.own(Process(command, **options))

    def note(self, text):
        """Says a figure, if anybody wants to hear it."""
        self._attempt.note("%s: %s" % (self.name, text))

    def own(self, process):
        self._processes.append(process)
        return process

    def close(self):
        for process in reversed(self._processes):
            process.close()
        subprocess.run(["rm", "-rf", self.folder])


def say(line):
    """A line in one piece: cases that run beside each other share the output."""
    sys.stdout.write(line + "\n")


class Attempt:
    """One run of a case and the results of its parts."""

    def __init__(self, verbose, is_last, good=frozenset()):
        self.passed = self.failed = self.skipped = 0
        self.good = set()  # parts that passed
        self._names = set()
        self._verbose = verbose
        self._is_last = is_last
        self._good_before = good  # parts that passed in the attempt before

    def note(self, text):
        if self._verbose:
            say("     " + text)

    @contextlib.contextmanager
    def result(self, name):
        # By its name a result is compared with that of the attempt before.
        check(name not in self._names, "two results are called %s", name)
        self._names.add(name)
        start = time.monotonic()
        try:
            yield
        except Skip as skip:
            self.skipped += 1
            say("SKIP %s: %s" % (name, skip))
        except Exception as error:
            self._fail(name, error)
        else:
            self.passed += 1
            self.good.add(name)
            if self._verbose:
                say("ok   %s (%.1f s)" % (name, time.monotonic() - start))

    def _fail(self, name, error):
        is_failure = self._is_last and name not in self._good_before
        # The first attempt counts its failures, too: they are why there is a second.
        self.failed += is_failure or not self._is_last
        self.passed += self._is_last and not is_failure
        where = traceback.extract_tb(error.__traceback__)
        line = next((f for f in reversed(where) if "/test_" in f.filename), where[-1])
        kind = "" if isinstance(error, AssertionError) else type(error).__name__ + ": "
        text = str(error) if len(str(error)) < 3000 else str(error)[:3000] + " ..."
        place = "%s:%d" % (os.path.basename(line.filename), line.lineno)
        word = "FAIL" if is_failure else "once"
        say("%s %s: %s%s (%s)" % (word, name, kind, text, place))


class Runner:
    """Runs cases, in several threads if need be, and adds up their results."""

    def __init__(self, verbose):
        self.passed = self.failed = self.skipped = self.repeated = 0
        self.times = []  # (seconds, name of the case), one for each attempt
        self._good = {}  # name of a case that failed -> parts of it that passed
        self.is_ci = os.environ.get("CI") == "true"
        self._verbose = verbose
        self._lock = threading.Lock()

    def skip(self, name, reason):
        self.skipped += 1
        say("SKIP %s: %s" % (name, reason))

    def fail(self, name, reason):
        self.failed += 1
        say("FAIL %s: %s" % (name, reason))

    def run(self, name, case, python, loop):
        """Runs a case. Returns (passed, failed, skipped); None if it failed and is to be run again.

        These cases time a live kernel, and the host may take the CPU away in the middle of one. So
        what failed runs once more when all others have ended, with nothing beside it: what is
        really wrong fails twice. A part fails if it does so in both attempts; each failure is shown
        all the same, and cases that needed two attempts are counted aloud.
        """
        attempt = self._perform(Attempt(self._verbose, is_last=False), name, case, python, loop)
        if attempt.failed:
            with self._lock:
                self._good[name] = attempt.good
            return None
        return self._add(attempt)

    def run_again(self, name, case, python, loop):
        """The same for the second time. Returns (passed, failed, skipped)."""
        attempt = Attempt(self._verbose, is_last=True, good=self._good[name])
        self.repeated += 1
        return self._add(self._perform(attempt, name, case, python, loop))

    def _perform(self, attempt, name, case, python, loop):
        begun = time.monotonic()
        _try(attempt, name, case.function, python, loop)
        with self._lock:
            self.times.append((time.monotonic() - begun, name))
        return attempt

    def _add(self, attempt):
        with self._lock:
            self.passed += attempt.passed
            self.failed += attempt.failed
            self.skipped += attempt.skipped
        return attempt.passed, attempt.failed, attempt.skipped


def _try(attempt, name, function, python, loop):
    bench = Bench(attempt, name, python, loop)
    try:
        with attempt.result(name):
            function(bench)
    finally:
        bench.close()


# --- processes


class Process:
    """A child in its own session. Its output is read by threads, so that it never blocks on us."""

    def __init__(self, command, env=None, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=None):
        self.command = command
        self.process = subprocess.Popen(
            command,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=cwd,
        )
        self.pid = self.process.pid
        lanes.favour(self.pid)
        self.lines = queue.Queue()
        self.stderr = ""
        self.cpu_s = 0.0  # when wait() has returned
        self._threads = [threading.Thread(target=self._read_errors, daemon=True)]
        if stdout == subprocess.PIPE:
            self._threads.append(threading.Thread(target=self._read_lines, daemon=True))
        for thread in self._threads:
            thread.start()

    def _read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.stderr += line.decode("utf-8", "replace")

    def read_line(self, timeout=20.0):
        """The next line, None at the end of the output."""
        try:
            return self.lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(
                "%s says nothing for %g s; stderr: %s" % (self.name, timeout, self.stderr.strip())
            )

    @property
    def name(self):
        return " ".join(os.path.basename(word) for word in self.command[:4])

    def is_alive(self):
        return self.process.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def write(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, timeout=10.0):
        """The exit code. Signals are negative."""
        self._await_end(timeout)
        code = self.process.wait(timeout)
        for thread in self._threads:
            thread.join(2.0)
        return code

    def _await_end(self, timeout):
        """Leaves it a zombie, of which the kernel still knows the CPU time."""
        deadline = time.monotonic() + timeout
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while self.process.returncode is None:
            if os.waitid(os.P_PID, self.pid, options):
                self.cpu_s = cpu_s_of(self.pid, with_children=True)
                return
            check(time.monotonic() < deadline, "%s does not end within %g s", self.name, timeout)
            time.sleep(0.005)

    def close(self):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(OSError):
            self.process.stdin.close()


class Target(Process):
    """A program of programs/: says JSON lines, is told plain lines."""

    def hear(self, event, timeout=30.0):
        while True:
            line = self.read_line(timeout)
            check(line is not None, "%s ended early: %s", self.name, self.stderr.strip())
            message = json.loads(line.decode())
            if message["event"] == event:
                return message

    def ask(self, line, event, timeout=30.0):
        self.write(line)
        return self.hear(event, timeout)

    def finish(self, timeout=10.0):
        """Ends its input; it must end well by itself."""
        self.process.stdin.close()
        check_equal(
            self.wait(timeout), 0, "exit code of %s (stderr: %s)" % (self.name, self.stderr)
        )


class Tool(Process):
    """loopstall with --json. Every line it prints is checked against the contract."""

    def __init__(self, args, json_output=True, wrap=(), program=None, **options):
        self.start_line = self.summary = None
        self.stalls = []
        self.shed = []  # lines about stalls that have none
        before = list(program or list(wrap) + [os.path.abspath(TOOL)])
        # What a test counts must not go with the load; those about the mode say so.
        if args and args[0] in ("trace", "record") and "--mode" not in args:
            args = [args[0], "--mode", "exact"] + args[1:]
        command = before + args
        if json_output:
            command.insert(len(before) + 1, "--json")
        super().__init__(command, **options)

    def wait_start(self, timeout=15.0):
        """Waits until it says that it is attached."""
        line = self.read_line(timeout)
        check(line is not None, "no start line; stderr: %s", self.stderr.strip())
        self._take(line)
        check(self.start_line is not None, "first line is not the start line: %s", line)
        return self.start_line

    def _take(self, line):
        check_ascii(line)
        message = json.loads(line.decode("ascii"))
        check_equal(message["schema"], "loopstall/1", "schema")
        kind = message["type"]
        check(self.summary is None, "a line behind the summary: %s", line)
        if kind == "start":
            check(self.start_line is None, "a second start line")
            check_start(message)
            self.start_line = message
        elif kind == "stall":
            check_stall(message)
            self.stalls.append(message)
        elif kind == "shed":
            check_shed(message)
            self.shed.append(message)
        elif kind == "summary":
            check_summary(message)
            self.summary = message
        else:
            check(False, "unknown type %r", kind)

    def read_until(self, condition, timeout=10.0):
        """Takes lines until condition(self) holds."""
        deadline = time.monotonic() + timeout
        while not condition(self):
            line = self.read_line(max(0.01, deadline - time.monotonic()))
            check(line is not None, "the tool ended early; stderr: %s", self.stderr.strip())
            self._take(line)

    def read_all(self, timeout=10.0):
        """Takes all lines up to the end of its output."""
        while True:
            line = self.read_line(timeout)
            if line is None:
                return
            self._take(line)

    def finish(self, number=signal.SIGINT, code=0):
        """Stops it by a signal; it must end with its summary."""
        self.signal(number)
        return self.end(code)

    def end(self, code=0, timeout=15.0):
        """Waits for its own end; it must come with a summary."""
        self.read_all(timeout)
        check_equal(self.wait(), code, "exit code of the tool (stderr: %s)" % self.stderr.strip())
        check(self.summary is not None, "no summary; stderr: %s", self.stderr.strip())
        check(self.start_line is not None, "no start line; stderr: %s", self.stderr.strip())
        return self.summary


def run_tool(bench, *args, timeout=15.0, json_output=False, **options):
    """Runs the tool to its end. Returns (exit code, stdout bytes, stderr text)."""
    return run_to_end(bench.tool(*args, json_output=json_output, **options), timeout)


def run_to_end(tool, timeout=15.0):
    output = b""
    while True:
        line = tool.read_line(timeout)
        if line is None:
            break
        output += line
    return tool.wait(timeout), output, tool.stderr


def brief(stall):
    """A stall in one line, for messages."""
    name = (stall["coroutine"] or {}).get("name")
    return "%s %.2f ms at %.2f, %s of %s, call %r, %r" % (
        stall["unit"],
        stall["duration_ns"] / MS,
        stall["start_ns"] / MS,
        stall["cause"],
        name,
        stall["call"],
        stall.get("causes_ns"),
    )


# --- the JSON contract


def check_ascii(line):
    check(line.endswith(b"\n"), "line without an end: %r", line)
    bad = re.search(rb"[^\x20-\x7e]", line[:-1])
    check(bad is None, "raw byte %r in the output: %r", bad and bad.group(), line)


def _check_fields(message, fields):
    for name, kinds in fields.items():
        check(name in message, "%s line without %r", message.get("type"), name)
        value = message[name]
        is_right = isinstance(value, kinds) and not (kinds is int and isinstance(value, bool))
        check(is_right, "%s.%s is %r", message.get("type"), name, value)


def check_start(message):
    _check_fields(message, {"mode": str, "threshold_ns": int, "targets": list})
    for target in message["targets"]:
        check(target["pid"] > 0 and target["rung"], "target %r", target)


def check_own(message):
    own, entry = message["own"], message["entry"]
    check((own is None) == (entry is None), "own %r with entry %r", own, entry)
    if own is None:
        return
    check(0 < own["share"] <= 1, "share of %r", own)
    for frame in (own, entry):
        check(
            frame["function"] not in (None, "?") and frame["file"] not in (None, "?"), "%r", frame
        )


def _check_holder(message):
    holder = message["gil_holder"]
    check_equal(message["gil_holder_tid"], holder and holder["tid"], "thread id of the holder")
    if holder is None:
        return
    check(message["gil_ns"] > 0, "a holder of a GIL that nothing waited for: %r", holder)
    _check_fields(holder, {"tid": int, "name": (str, type(None)), "stack": list})
    check(holder["tid"] != message["tid"], "the loop's own thread held the GIL")
    for frame in holder["stack"]:
        check(frame["function"] and frame["file"], "a torn stack of the holder: %r", holder)


def check_stall(message):
    none = type(None)
    _check_fields(
        message,
        {
            "unit": str,
            "mode": str,
            "pid": int,
            "tid": int,
            "start_ns": int,
            "duration_ns": int,
            "cause": str,
            "cpu_ns": int,
            "blocked_ns": int,
            "gil_ns": int,
            "runqueue_ns": int,
            "stolen_ns": int,
            "task": (dict, none),
            "coroutine": (dict, none),
            "call": (dict, none),
            "stack": list,
            "victims": dict,
            "id": str,
            "is_open": bool,
            "end": str,
            "wall_time": (str, none),
            "began_before_attach": bool,
            "cpu_holder": (dict, none),
            "pinned_ns": int,
            "releases_gil": (bool, none),
            "own_cause": (str, none),
            "own": (dict, none),
            "entry": (dict, none),
            "gil_holder_tid": (int, none),
            "gil_holder": (dict, none),
            "native_stack": (list, none),
            "repeated_await": (dict, none),
        },
    )
    check_own(message)
    _check_holder(message)
    for frame in message["native_stack"] or []:
        check_equal(sorted(frame), ["function", "module"], "a native frame")
    check(message["unit"] in ("step", "callback", "turn"), "unit %r", message["unit"])
    check(message["cause"] in CAUSES, "cause %r", message["cause"])
    parts = [message[part + "_ns"] for part in ("cpu", "blocked", "gil", "runqueue")]
    check(min(parts) >= 0, "negative part in %r", parts)
    check_equal(sum(parts), message["duration_ns"], "sum of the split %r" % parts)
    if message["unit"] == "step":
        check(message["task"] is not None, "a step without a task")
    else:
        check(message["task"] is None, "a %s with a task", message["unit"])
    victims = message["victims"]
    check(len(victims["tasks"]) <= victims["count"], "more names than victims: %r", victims)
    if "causes_ns" in message:
        check_equal(sum(message["causes_ns"].values()), message["duration_ns"], "sum of causes_ns")
        largest = max(message["causes_ns"].values())
        check_equal(message["causes_ns"][message["cause"]], largest, "time of the named cause")


def check_shed(message):
    _check_fields(message, {"from_ns": int, "until_ns": int, "stalls": int})
    check(message["stalls"] > 0, "a line about no stalls")
    check(message["from_ns"] < message["until_ns"], "a line about no time")


def check_summary(message):
    _check_fields(message, {"mode": str, "steps": int, "stalls": int, "lost": dict})
    if "coroutines" in message:
        rows = sum(row["steps"] for row in message["coroutines"])
        check(rows <= message["steps"], "rows with %d of %d steps", rows, message["steps"])
        for row in message["coroutines"]:
            check(row["p50_ns"] <= row["p99_ns"] <= row["max_ns"], "percentiles of %r", row)


# The search in copies of user stacks may take 1 % of a core: on a slow or busy machine, that is not
# enough for all of them.
ALWAYS_ALLOWED = ("native_shed",)


def check_losses(summary, *allowed):
    """Nothing was lost but for what is named, in any number."""
    allowed += ALWAYS_ALLOWED
    lost = {name: count for name, count in summary["lost"].items() if name not in allowed}
    check_equal(lost, {}, "losses")


def check_books(summary):
    """All time that a loop was watched is in its steps, its callbacks or its wait, once."""
    for loop in summary["loops"]:
        parts_ns = loop["step_ns"] + loop["callbacks_ns"] + loop["idle_ns"]
        slack_ns = max(loop["watched_ns"] // 100, 2 * MS)
        check(
            abs(loop["watched_ns"] - parts_ns) <= slack_ns,
            "the books of %d do not close: %.3f of %.3f ms are accounted for: %r",
            loop["tid"],
            parts_ns / MS,
            loop["watched_ns"] / MS,
            loop,
        )


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, "not within %g s: %s", seconds, what)
        time.sleep(0.02)
