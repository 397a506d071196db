# SPDX-License-Identifier: BSD-2-Clause
"""Starts and ends the processes of a measurement, pairs the states, and condenses the samples.

A round runs one slice of work in each state, on the same running process: without probes, with
empty programs on loopstall's spots, with loopstall. Ratios are taken within a round, so that what
drifts slower than a round cancels out; the order within a round rotates through all permutations.
"""

import itertools
import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", "build")
PROGRAMS = os.path.join(ROOT, "tests", "bench", "programs")
PATIENCE_S = 60


class BenchError(Exception):
    pass


class Process:
    """A child that answers on stdout in lines, and ends when its stdin closes."""

    def __init__(self, *command):
        self.name = os.path.basename(command[0])
        self.started_ns = time.monotonic_ns()
        # A session of its own: Ctrl-C is ours alone, and we end the children in order.
        self.child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self.pending = b""

    @property
    def pid(self):
        return self.child.pid

    def tell(self, *words):
        self.child.stdin.write((" ".join(map(str, words)) + "\n").encode())

    def line(self):
        end = time.monotonic() + PATIENCE_S
        while b"\n" not in self.pending:
            readable, _, _ = select.select(
                [self.child.stdout], [], [], max(0, end - time.monotonic())
            )
            chunk = os.read(self.child.stdout.fileno(), 65536) if readable else b""
            if not chunk:
                raise BenchError(f"{self.name} " + ("ended" if readable else "does not answer"))
            self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode()

    def answer(self):
        return json.loads(self.line())

    def ask(self, *words):
        self.tell(*words)
        return self.answer()

    def end(self, with_signal=None):
        """Returns what was left to read."""
        if with_signal:
            self.child.send_signal(with_signal)
        try:
            rest, _ = self.child.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            rest, _ = self.child.communicate()
        return (self.pending + rest).decode()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.child.poll() is None:
            self.end()


def start(interpreter, program, *arguments):
    """`interpreter` is a path, or the words of a command that ends in one."""
    words = [interpreter] if isinstance(interpreter, str) else interpreter
    return Process(*words, os.path.join(PROGRAMS, program), *map(str, arguments))


class Base:
    """No probes."""

    name = "base"

    def __init__(self, pid):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


class Empty:
    """Empty programs on all of loopstall's spots."""

    name = "empty"
    program = os.path.join(BUILD, "bench", "empty_probes")

    def __init__(self, pid):
        self.process = Process(self.program, str(pid))
        try:
            if self.process.line() == "ready 0":
                raise BenchError("no spot was found in the target: there is nothing to compare")
        except BenchError:
            self.process.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        ran = re.search(r"ran (\d+)", self.process.end())
        self.bpf_ns = int(ran.group(1)) if ran else 0


class Full:
    """loopstall itself, as a user runs it."""

    name, mode = "full", "exact"
    program = os.path.join(BUILD, "loopstall")
    steps = 0

    def __init__(self, pid):
        self.process = Process(
            self.program,
            "trace",
            "--mode",
            self.mode,
            "-p",
            str(pid),
            "--json",
            "-d",
            f"{PATIENCE_S}s",
        )
        try:
            self.process.answer()
        except BenchError:
            self.process.end(signal.SIGTERM)
            raise
        self.attach_ns = time.monotonic_ns() - self.process.started_ns

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        lines = self.process.end(signal.SIGINT).splitlines()
        self.summary = json.loads(lines[-1]) if lines else {}
        self.steps = self.summary.get("steps", 0)
        self.bpf_ns = self.summary.get("own", {}).get("bpf_ns", 0)
        if not self.steps and not self.summary.get("handles") and not exception[0]:
            raise BenchError("loopstall saw no step: there is nothing to compare")


class Light(Full):
    name = mode = "light"


class Auto(Full):
    name = mode = "auto"


STATES = (Base, Empty, Full)


def accounting():
    """While it runs, the kernel measures the time of all BPF programs (which costs some itself)."""
    process = Process(Empty.program, "stats")
    process.line()
    return process


def paired_rounds(pid, slice_once, rounds, states=STATES):
    """[{state: slice_once()} for each round]"""
    orders = itertools.cycle(itertools.permutations(states))
    samples = []
    for number, order in zip(range(rounds), orders):
        row = {}
        for state in order:
            with state(pid):
                row[state.name] = slice_once()
        samples.append(row)
        show_progress(number + 1, rounds)
    return samples


def program_rounds(pid, slice_once, rounds):
    """Time inside the programs for one unit of work, in each round: {state: ns}. No other process's
    noise is in it."""
    samples = []
    with accounting():
        for number in range(rounds):
            row = {}
            for state in (Empty, Full) if number % 2 else (Full, Empty):
                with state(pid) as probes:
                    units = slice_once()["all_units"]
                row[state.name] = probes.bpf_ns / units
            samples.append(row)
            show_progress(number + 1, rounds)
    return samples


def show_progress(number, rounds):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r  {number}/{rounds} " + ("\r      \r" if number == rounds else ""))
        sys.stderr.flush()


def spread(values):
    """Median and quartiles."""
    if len(values) == 1:
        values = values * 2
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "lower": lower, "upper": upper, "n": len(values)}


def mean_ratio(samples, key, over, under):
    """With its standard error."""
    values = [row[over][key] / row[under][key] for row in samples]
    return {
        "mean": statistics.mean(values),
        "error": statistics.stdev(values) / len(values) ** 0.5,
        "n": len(values),
    }


def ratios(samples, key, over, under):
    return spread([row[over][key] / row[under][key] for row in samples])


def added_ratios(samples, key):
    """What loopstall adds over what the same probes add with empty programs, where these add
    anything."""
    values = [
        (row["full"][key] - row["base"][key]) / (row["empty"][key] - row["base"][key])
        for row in samples
        if row["empty"][key] > row["base"][key]
    ]
    return spread(values) if values else None


def command_output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def run_python(interpreter, code):
    words = [interpreter] if isinstance(interpreter, str) else interpreter
    return command_output(*words, "-c", code)


def cpu_time_ns(pid):
    """User and system time of all threads: utime + stime of /proc/PID/stat, but in ns where the
    kernel has them."""
    total_ns = 0
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                total_ns += int(f.read().split()[0])
    except FileNotFoundError:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total_ns = (int(fields[11]) + int(fields[12])) * 1000000000 // os.sysconf("SC_CLK_TCK")
    return total_ns


def status_bytes(pid, field):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise BenchError(f"/proc/{pid}/status has no {field}")
