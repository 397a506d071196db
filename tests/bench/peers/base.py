# SPDX-License-Identifier: BSD-2-Clause
"""What a tool of the comparison is: how to start it, how to end it, what it found."""

import dataclasses
import os
import shlex
import shutil
import signal
import subprocess
import time

THRESHOLD_NS = 10000000
MS = 1000000
PATIENCE_S = 20
UNDER = "under.py"  # in the programs' folder: runs a program with a profiler inside


@dataclasses.dataclass
class Finding:
    """A stall as a tool tells it. What it does not tell is None."""

    coroutine: str
    duration_ns: int
    start_ns: int = None  # CLOCK_MONOTONIC
    stack: tuple = ()  # (function, file, line), innermost first
    cause: str = None
    task: str = None
    victims: int = None


class Watch:
    """A tool that watches a process from outside, while it does."""

    def __init__(self, command, environment=None):
        self.started_ns = time.monotonic_ns()
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self.text = b""

    @property
    def pid(self):
        return self.child.pid

    def has_ended(self):
        return self.child.poll() is not None

    def end(self):
        """Ends it the way Ctrl-C does; what it said is in `text` then."""
        if not self.has_ended():
            self.child.send_signal(signal.SIGINT)
        try:
            rest, _ = self.child.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            rest, _ = self.child.communicate()
        self.text += rest
        return self.text.decode(errors="replace")


class Peer:
    """One tool with its settings. Outside tools override watch(), inside ones command()."""

    name = ""
    package = ""  # what brings it
    settings = ""  # as a user would type them
    origins = ("system",)  # interpreters it is compared on: system, or the name of a Debian tree
    is_inside = False
    claims = frozenset()  # of line, cause, task, victims, duration
    note = ""
    interval_ns = 0  # of a sampler: nothing shorter can be asked of it

    def missing(self, python):
        """Why it cannot be run on this interpreter, or None."""
        raise NotImplementedError

    def command(self, python, output):
        """Inside tools: what stands before the program. It writes `output` when the program
        ends."""
        return [*python.command, os.path.join(python.programs, UNDER), self.name, output]

    def watch(self, python, pid, output):
        """Outside tools: starts, returns a Watch when it measures."""
        raise NotImplementedError

    def findings(self, output, text):
        """From what it wrote to `output` and what it said: a list of Finding."""
        raise NotImplementedError

    def must_have(self, is_there, what=None):
        return None if is_there else f"{what or self.name} is not there: {self.package} brings it"


def has_program(name):
    return shutil.which(name) is not None


def can_import(python, module):
    done = subprocess.run(
        [*python.command, "-c", f"import {module}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode == 0


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def wait_until(is_true, watch, seconds=PATIENCE_S):
    """False if the tool ended or took too long."""
    end = time.monotonic() + seconds
    while not is_true():
        if watch.has_ended() or time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def quoted(command):
    return " ".join(map(shlex.quote, command))
