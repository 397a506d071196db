# SPDX-License-Identifier: BSD-2-Clause
"""asyncio's debug mode, which logs each handle that ran longer than slow_callback_duration."""

import ast
import re

from .base import Finding, Peer, read

# The logger's time is that of the wall clock; under.py writes first what lies between it and
# CLOCK_MONOTONIC.
CLOCK = re.compile(r"monotonic (-?\d+)$")
LINE = re.compile(r"([\d.]+) Executing (.*) took ([\d.]+) seconds$", re.DOTALL)
TASK = re.compile(
    r"<\w*Task .*?name=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\") coro=<(.*?)\(", re.DOTALL
)
HANDLE = re.compile(r"<\w*Handle (?:cancelled )?([\w.<>]+)\(")


class AsyncioDebug(Peer):
    name = "asyncio debug"
    package = "Python itself"
    settings = "PYTHONASYNCIODEBUG=1, slow_callback_duration = 0.010"
    is_inside = True
    claims = frozenset({"task", "duration"})
    note = "names where the task waits next, not where it was held up"

    def missing(self, python):
        return None

    def findings(self, output, text):
        return parse(read(output))


def records(text):
    """Messages may hold line ends, so they are parted by a character of their own."""
    return filter(None, (record.strip("\n") for record in text.split("\x1e")))


def parse(text):
    found, offset_ns = [], None
    for record in records(text):
        clock, match = CLOCK.match(record), LINE.match(record)
        if clock:
            offset_ns = int(clock[1])
        elif match:
            duration_ns = int(float(match[3]) * 1e9)
            end_ns = int(float(match[1]) * 1e9) + offset_ns
            task, handle = TASK.match(match[2]), HANDLE.match(match[2])
            found.append(
                Finding(
                    coroutine=task[2] if task else handle[1] if handle else "",
                    duration_ns=duration_ns,
                    start_ns=end_ns - duration_ns,
                    task=ast.literal_eval(task[1]) if task else None,
                )
            )
    return found
