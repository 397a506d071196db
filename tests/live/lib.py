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
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
TOOL = os.environ.get("LOOPSTALL") or os.path.join(HERE, "..", "..", "build", "loopstall")
CAUSES = (
    "cpu sleep network file pipe process lock gil dns runqueue pagefault other".split()
)
CASES = []
MS = 1000000


class Skip(Exception):
    """The case cannot run here; the text says why."""


def check(condition, message, *args):
    if not condition:
        raise AssertionError(message % args if args else message)


def check_equal(got, wanted, what):
    check(got == wanted, "%s is %r, expected %r", what, got, wanted)


# --- the runner


class Case:
    def __init__(self, function, on, loops, needs, since, until):
        self.function = function
        self.needs = needs
        self.since = since
        self.until = until
        self.name = "%s.%s" % (function.__module__.replace("test_", ""), function.__name__)
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
                tail = "" if self.on == "once" and len(self.loops) == 1 else (
                    "[%s-%s]" % (python.label, loop))
                yield self.name + tail, python, loop


def live(on="each", loops=("asyncio",), needs=None, since=(3, 8), until=(3, 99)):
    """Makes a function a test case: on each interpreter or once (the system's), with these loops.

    Interpreters older than `since` or newer than `until` are left out; those other than the system's also if they have not the module `needs`.
    """

    def register(function):
        CASES.append(Case(function, on, loops, needs, since, until))
        return function

    return register


both_loops = ("asyncio", "uvloop")


class Bench:
    """What one case runs with: an interpreter, a loop, its processes and its sub-results."""

    def __init__(self, runner, name, python, loop):
        self.name = name
        self.python = python
        self.loop = loop
        self._runner = runner
        self._processes = []
        self.folder = tempfile.mkdtemp(prefix="loopstall-test-", dir="/var/tmp")  # on a disk
        os.chmod(self.folder, 0o755)

    @contextlib.contextmanager
    def part(self, name):
        """A part of the case with a result of its own."""
        with self._runner.result("%s/%s" % (self.name, name)):
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
        if self._runner.verbose:
            print("     %s: %s" % (self.name, text))

    def own(self, process):
        self._processes.append(process)
        return process

    def close(self):
        for process in reversed(self._processes):
            process.close()
        subprocess.run(["rm", "-rf", self.folder])


class Runner:
    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = self.failed = self.skipped = self.repeated = 0
        self._failure_word = "FAIL"
        self._good, self._tried_well = set(), set()  # parts that passed in the try before, and in this one
        self.is_ci = os.environ.get("CI") == "true"

    @contextlib.contextmanager
    def result(self, name):
        start = time.monotonic()
        try:
            yield
        except Skip as skip:
            self.skip(name, str(skip))
        except Exception as error:
            has_passed = name in self._good
            self.passed += has_passed
            self.failed += not has_passed
            where = traceback.extract_tb(error.__traceback__)
            line = next((f for f in reversed(where) if "/test_" in f.filename), where[-1])
            kind = "" if isinstance(error, AssertionError) else type(error).__name__ + ": "
            text = str(error) if len(str(error)) < 3000 else str(error)[:3000] + " ..."
            print("%s %s: %s%s (%s:%d)" % (
                "once" if has_passed else self._failure_word, name, kind, text, os.path.basename(line.filename), line.lineno))
        else:
            self.passed += 1
            self._tried_well.add(name)
            if self.verbose:
                print("ok   %s (%.1f s)" % (name, time.monotonic() - start))

    def skip(self, name, reason):
        self.skipped += 1
        print("SKIP %s: %s" % (name, reason))

    def fail(self, name, reason):
        self.failed += 1
        print("FAIL %s: %s" % (name, reason))

    def run(self, name, case, python, loop):
        """Runs a case, and a second time if it failed: what is really wrong fails twice. Returns (passed, failed, skipped).

        These cases time a live kernel, and the host may take the CPU away in the middle of one. A part fails if it
        does so in both tries; each failure is shown all the same, and cases that needed two tries are counted aloud.
        """
        self._good, self._tried_well = set(), set()
        before = self.passed, self.failed, self.skipped
        self._failure_word = "once"
        self._try(name, case.function, python, loop)
        self._failure_word = "FAIL"
        if self.failed > before[1]:
            self.passed, self.failed, self.skipped = before
            self.repeated += 1
            self._good, self._tried_well = self._tried_well, set()
            self._try(name, case.function, python, loop)
        return self.passed - before[0], self.failed - before[1], self.skipped - before[2]

    def _try(self, name, function, python, loop):
        bench = Bench(self, name, python, loop)
        try:
            with self.result(name):
                function(bench)
        finally:
            bench.close()


# --- processes


class Process:
    """A child in its own session. Its output is read by threads, so that it never blocks on us."""

    def __init__(self, command, env=None, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=None):
        self.command = command
        self.process = subprocess.Popen(
            command, env=env, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
            start_new_session=True, cwd=cwd,
        )
        self.pid = self.process.pid
        self.lines = queue.Queue()
        self.stderr = ""
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
                "%s says nothing for %g s; stderr: %s" % (self.name, timeout, self.stderr.strip()))

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
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s does not end within %g s" % (self.name, timeout))
        for thread in self._threads:
            thread.join(2.0)
        return code

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
        check_equal(self.wait(timeout), 0, "exit code of %s (stderr: %s)" % (self.name, self.stderr))


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
    tool = bench.tool(*args, json_output=json_output, **options)
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
        stall["unit"], stall["duration_ns"] / MS, stall["start_ns"] / MS, stall["cause"], name,
        stall["call"], stall.get("causes_ns"))


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


def check_stall(message):
    none = type(None)
    _check_fields(message, {
        "unit": str, "mode": str, "pid": int, "tid": int, "start_ns": int, "duration_ns": int,
        "cause": str, "cpu_ns": int, "blocked_ns": int, "gil_ns": int, "runqueue_ns": int,
        "stolen_ns": int, "task": (dict, none), "coroutine": (dict, none), "call": (dict, none), "stack": list,
        "victims": dict,
    })
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


def check_losses(summary, *allowed):
    """Nothing was lost but for what is named, in any number."""
    lost = {name: count for name, count in summary["lost"].items() if name not in allowed}
    check_equal(lost, {}, "losses")


# --- facts about a process


def threads_of(pid):
    return set(os.listdir("/proc/%d/task" % pid))


def status_of(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def code_mappings(pid):
    """Executable mappings as (start, end, file offset, path)."""
    found = []
    with open("/proc/%d/maps" % pid) as file:
        for line in file:
            words = line.split(None, 5)
            if "x" in words[1]:
                start, end = (int(word, 16) for word in words[0].split("-"))
                path = words[5].strip() if len(words) > 5 else ""
                found.append((start, end, int(words[2], 16), path))
    return found


def changed_code(pid):
    """Bytes of mapped code that differ from their file: (address, byte in memory). Breakpoints show here."""
    changed = []
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for start, end, offset, path in code_mappings(pid):
            if not path.startswith("/"):
                continue
            memory.seek(start)
            mapped = memory.read(end - start)
            # Not by its path, which leads elsewhere in a tree of its own.
            with open("/proc/%d/map_files/%x-%x" % (pid, start, end), "rb") as file:
                file.seek(offset)
                original = file.read(end - start)
            mapped = mapped[:len(original)]
            if mapped != original:
                changed += [
                    (start + i, mapped[i]) for i in range(len(mapped)) if mapped[i] != original[i]]
    return changed


def outer_pid(pid, inner_pid):
    """Our pid of a process in the session that `pid` leads, which calls itself `inner_pid`."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            status = status_of(int(name))
            if status["NSpid"].split()[-1] == str(inner_pid) and os.getsid(int(name)) == pid:
                return int(name)
    raise AssertionError("process %d of session %d is not found" % (inner_pid, pid))


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, "not within %g s: %s", seconds, what)
        time.sleep(0.02)
