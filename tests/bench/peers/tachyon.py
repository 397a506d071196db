# SPDX-License-Identifier: BSD-2-Clause
"""CPython's own sampler, profiling.sampling of 3.15, in the mode that knows tasks."""

import json
import os
import time

from .base import Peer, Watch, can_import
from .samples import Sample, stalls

START_S = 1.0  # it does not say when it has begun
MAX_GAP_NS = 20000000


class Tachyon(Peer):
    name = "profiling.sampling"
    package = "python3.15 (Debian sid)"
    settings = "python3.15 -m profiling.sampling attach --async-aware --gecko -r 1khz PID"
    origins = ("3.15",)
    claims = frozenset({"line", "task", "duration"})
    note = "stalls are our reading of its samples in a row"

    def missing(self, python):
        return self.must_have(can_import(python, "profiling.sampling"))

    def watch(self, python, pid, output):
        # It finds the interpreter by the paths of the process's own mount namespace.
        watch = Watch(
            [
                "nsenter",
                "-t",
                str(pid),
                "-m",
                "-r",
                python.path,
                "-m",
                "profiling.sampling",
                "attach",
                "--async-aware",
                "--gecko",
                "-r",
                "1khz",
                "-o",
                output,
                str(pid),
            ]
        )
        time.sleep(START_S)
        if watch.has_ended():
            raise RuntimeError(watch.end().strip())
        return watch

    def findings(self, output, text):
        if not os.path.exists(output):
            raise RuntimeError(text.strip())
        with open(output) as file:
            return parse(json.load(file))


def parse(profile):
    """The format of the Firefox profiler: tables by number, one list of samples a thread, times in
    ms."""
    strings, begin_ms, interval_ns = (
        profile["shared"]["stringArray"],
        profile["meta"]["startTime"],
        int(profile["meta"]["interval"] * 1e6),
    )
    found = []
    for thread in profile["threads"]:
        samples, innermost = [], {}
        rows = list(zip(thread["samples"]["stack"], thread["samples"]["time"]))
        for (index, time_ms), (_, next_ms) in zip(rows, rows[1:] + [(None, float("inf"))]):
            if index not in innermost:
                innermost[index] = _innermost_task(_frames(thread, strings, index))
            stack, task = innermost[index]
            start_ns, gap_ns = round((begin_ms + time_ms) * 1e6), (next_ms - time_ms) * 1e6
            # It comes late and catches up, so the times count, not the samples. No task runs, no
            # sample: a gap ends the step.
            is_gap = gap_ns > MAX_GAP_NS
            samples.append(Sample(start_ns, interval_ns if is_gap else round(gap_ns), stack, task))
            if is_gap:
                samples.append(Sample(start_ns, 0, (), None))
        found += stalls(samples)
    return found


def _frames(thread, strings, index):
    """Innermost first."""
    stack = thread["stackTable"]
    frames, functions = thread["frameTable"], thread["funcTable"]
    found = []
    while index is not None:
        frame = stack["frame"][index]
        function = frames["func"][frame]
        file = functions["fileName"][function]
        found.append(
            (
                strings[functions["name"][function]],
                strings[file] if file is not None else "",
                frames["line"][frame] or 0,
            )
        )
        index = stack["prefix"][index]
    return found


def _innermost_task(frames):
    """What lies inside the innermost task, and its name: tasks are frames without a file that are
    followed by who awaits them."""
    for index, (function, file, _) in enumerate(frames):
        if index and not file:
            return tuple(frames[:index]), function
    return (), None
