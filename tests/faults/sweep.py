# SPDX-License-Identifier: BSD-2-Clause
"""One command, run again and again, each time with another allocation or system call that fails:
what it must do then. A failure is an exit code that is not 0, with a line that says what failed; or
nothing is missing; or what is missing is counted. A crash, a hang or a silent drop is a fault."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

# The live tests that run beside it keep all CPUs busy for half a minute at times.
SECONDS = 60
LAST = 5
# How a child of ours says that a signal ended its program.
BY_SIGNAL = 128
# fail_call says what it let fail.
_MARK = re.compile(r"^fail_call: .*\n", re.M)


class Done:
    """What came of one run."""

    def __init__(self, code, output, errors):
        self.code = code
        self.output = output
        self.failed_call = "".join(_MARK.findall(errors)).strip()
        self.errors = _MARK.sub("", errors)


def run(command, env, keys=None):
    """Runs it, on a terminal that gets these keys if there are any."""
    env = {**os.environ, "TERM": "xterm", **env}
    if keys is not None:
        return _run_on_terminal(command, env, keys)
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS
    )
    return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def _run_on_terminal(command, env, keys):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, env=env, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, close_fds=True
    )
    os.close(theirs)
    os.write(ours, keys)
    output, deadline = b"", time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.02)[0]:
            try:
                output += os.read(ours, 65536)
            except OSError:
                break
    try:
        _, errors = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        raise
    finally:
        os.close(ours)
    return Done(process.returncode, output, errors.decode(errors="replace"))


# What an output says, as a set: nothing of it may be missing. None: it is no output at all.


def whole(output):
    return {output}


def lines(output):
    return set(output.splitlines())


def nothing(_output):
    return set()


def json_lines(*volatile):
    """Lines of JSON, without the values of these keys."""

    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in volatile}
        if isinstance(value, list):
            return [strip(item) for item in value]
        return value

    def facts(output):
        return {json.dumps(strip(json.loads(line)), sort_keys=True) for line in output.splitlines()}

    return facts


# Coroutines of target.py that block their loop. Another one does only where the host is busy.
BLOCKING = ("sleeps", "computes")


def stalls(output):
    """Of a live trace: the kinds of its lines, the coroutines that stalled."""
    found = set()
    for line in output.splitlines():
        row = json.loads(line)
        found.add(row["type"])
        name = row["type"] == "stall" and (row["coroutine"] or {}).get("name")
        if name in BLOCKING:
            found.add(name)
    return found


def dumped(output):
    """Of a dump as text: its loops, threads and groups of tasks. A read of memory that fails makes
    a name or a line unknown, as one that comes too late does."""
    text = output.decode(errors="replace")
    found = set(re.findall(r"(?:^|loop of )(thread \d+)", text, re.M))
    return found | {text.count(" waits at ")}


def dumped_json(output):
    """The same of JSON."""
    row = json.loads(output)
    return {thread["tid"] for thread in row["threads"]} | {("tasks", row["tasks"])}


def counts_loss(output):
    """Whether an output says that something is not known or was lost."""
    text = output.decode(errors="replace")
    lost = re.findall(r'"lost":\{("[^}]+)\}', text)
    return len(lost) + text.count("null") + len(re.findall(r"\?|not known", text))


class Sweep:
    """`how` lets one fail, `makes` are files that the command must not find. `is_verdict`: its
    output says what does not work."""

    def __init__(self, command, how, facts=whole, keys=None, makes=(), is_verdict=False):
        self.is_verdict = is_verdict
        self.command, self.how, self.facts, self.keys = command, how, facts, keys
        self.makes = makes
        self.whole = self._run(0)
        self.n = how.count()

    def _run(self, at):
        words, env = self.how.fail(at)
        for path in self.makes:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        return run([*words, *self.command], env, self.keys)

    def _fault(self, at):
        """What is wrong where number `at` fails; None if nothing is."""
        try:
            done = self._run(at)
        except subprocess.TimeoutExpired:
            return "it hangs"
        return self._judge(done)

    def _judge(self, done):
        if done.code < 0 or done.code > BY_SIGNAL:
            return "%s: signal %d" % (done.failed_call, abs(done.code) % BY_SIGNAL)
        if "Sanitizer" in done.errors:
            return done.errors[:500]
        said = done.errors.splitlines() != self.whole.errors.splitlines() and done.errors.strip()
        if self.is_verdict and done.output != self.whole.output:
            return None
        if done.code != self.whole.code or (done.code and said):
            if not done.code or not said:
                return "%s: exit %d, %r" % (done.failed_call, done.code, done.errors)
            return self.how.wording(done.errors.splitlines())
        return None if self._is_complete(done) else self._drop(done, said)

    def _is_complete(self, done):
        return self.facts(self.whole.output) <= self.facts(done.output)

    def _drop(self, done, said):
        if self.how.is_strict or not (
            said or counts_loss(done.output) > counts_loss(self.whole.output)
        ):
            return "%s: exit %d, something is missing: %r" % (
                done.failed_call,
                done.code,
                done.errors,
            )
        return None

    def check(self, tried):
        if self.whole.code not in (0, 1):
            raise AssertionError("without a failure: %r" % self.whole.errors)
        step = max(1, self.n // tried)
        # The last ones write the result.
        chosen = {*range(1, self.n + 1, step), *range(max(1, self.n - LAST), self.n + 1)}
        found = {at: self._fault(at) for at in sorted(chosen)}
        bad = ["number %d of %d: %s" % (at, self.n, f) for at, f in found.items() if f]
        if bad:
            raise AssertionError("%d faults\n" % len(bad) + "\n".join(bad[:20]))


class _Failer:
    def __init__(self, folder, tool):
        self.count_path = os.path.join(folder, "count")
        self.tool = tool

    def count(self):
        with open(self.count_path, encoding="ascii") as file:
            return int(file.read())


class Allocations(_Failer):
    """Strict: what has no memory fails as a whole, in one line that says so."""

    def __init__(self, folder, tool, is_strict=True):
        super().__init__(folder, tool)
        self.is_strict = is_strict

    def fail(self, at):
        return [], {
            "LD_PRELOAD": self.tool,
            "FAIL_AT": str(at),
            "FAIL_COUNT": self.count_path,
        }

    def wording(self, lines):
        # curses says only that it has no terminal.
        if not self.is_strict:
            return Calls.wording(lines)
        told = [line for line in lines if "memory" in line]
        return None if len(told) == 1 else "not said once: %r" % lines


class ChildAllocations(Allocations):
    """Of the program that the command starts, which it tells the library of."""

    def fail(self, at):
        words, env = super().fail(at)
        return words, {**env, "LD_PRELOAD": "", "CHILD_PRELOAD": env["LD_PRELOAD"]}


class Calls(_Failer):
    is_strict = False

    def fail(self, at):
        return [self.tool, str(at), self.count_path], {}

    @staticmethod
    def wording(lines):
        return None if any(len(line) > 20 for line in lines) else "says too little: %r" % lines
