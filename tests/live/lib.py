# SPDX-License-Identifier: BSD-2-Clause
"""The test bench: a tiny runner, target programs, the tool under test, and checks of its output.

Every process is started in a session of its own and ended by that session's id, whatever happens.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import lanes
from checks import Skip, check, check_equal, wait_for  # noqa: F401 (for the cases)
from contract import (  # noqa: F401 (for the cases)
    CAUSES,
    MS,
    check_ascii,
    check_books,
    check_losses,
    check_shed,
    check_stall,
    check_start,
    check_summary,
)
from proc_facts import (  # noqa: F401 (for the cases)
    changed_code,
    code_mappings,
    cpu_s_of,
    cpu_wait_s_of,
    outer_pid,
    status_of,
    threads_of,
)

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
TOOL = os.environ.get("LOOPSTALL") or os.path.join(HERE, "..", "..", "build", "loopstall")
ROOT = os.path.join(HERE, "..", "..")
BUILD_FOLDER = os.path.join(ROOT, os.environ.get("BUILD", "build"))
CASES = []


def build_drivers():
    """Builds the programs by which tests drive what no command line reaches."""
    subprocess.run(
        ["make", "-s", "-f", "tests/live/Makefile", "BUILD=" + os.environ.get("BUILD", "build")],
        cwd=ROOT,
        check=True,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"},
    )


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
        # when wait() has returned:
        self.cpu_s = self.cpu_wait_s = 0.0
        self.ended = 0.0  # by time.monotonic()
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
                self.ended = time.monotonic()
                self.cpu_s = cpu_s_of(self.pid, with_children=True)
                self.cpu_wait_s = cpu_wait_s_of(self.pid)
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


def own_ns(stall):
    """Without the time in which the thread waited for a CPU."""
    return stall["duration_ns"] - stall["runqueue_ns"]


def is_around(stall, start_ns, end_ns):
    """The program logs a little less than what the step that it is in takes."""
    stall_end_ns = stall["start_ns"] + stall["duration_ns"]
    return stall["start_ns"] < start_ns + MS and stall_end_ns > end_ns - MS


def overlap_ns(stall, true):
    ends = min(stall["start_ns"] + stall["duration_ns"], true["start_ns"] + true["duration_ns"])
    return ends - max(stall["start_ns"], true["start_ns"])


def by_host(stall):
    """For most of it the thread waited for a CPU: other work's doing, whatever the program did."""
    return 2 * stall["runqueue_ns"] > stall["duration_ns"]


def check_cause(stall, cause, what):
    """A busy host may be the cause of what takes long in any program, which has its own beside it.
    """
    parts = {part: ns for part, ns in stall["causes_ns"].items() if part != "runqueue"}
    check_equal(max(parts, key=parts.get), cause, "own cause of %s (%s)" % (what, brief(stall)))
    check(stall["cause"] in (cause, "runqueue"), "cause of %s (%s)", what, brief(stall))


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


def trace_done(bench, mode, threshold, program, *arguments):
    """Traces a program that acts after "go" and tells of it in "done". Returns the stalls, what it
    told and the summary."""
    target = bench.target(program, *arguments)
    target.hear("ready")
    tool = bench.tool(
        "trace", "-p", str(target.pid), "--mode", mode, "--threshold", threshold, "--no-follow"
    )
    tool.wait_start()
    done = target.ask("go", "done", timeout=60)
    summary = tool.finish()
    target.write("end")
    target.finish()
    return tool.stalls, done, summary


def trace_calls(bench, program, mode, threshold):
    """The same of a program that makes calls: the stalls, the calls and the summary."""
    stalls, done, summary = trace_done(bench, mode, threshold, program, bench.loop)
    return stalls, done["calls"], summary
