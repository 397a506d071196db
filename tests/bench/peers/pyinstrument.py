# SPDX-License-Identifier: BSD-2-Clause
"""pyinstrument, a sampler inside the process that follows the context it was started in through
awaits."""

import json

from .base import Peer, can_import
from .samples import Sample, asyncio_step, stalls


class Pyinstrument(Peer):
    name = "pyinstrument"
    package = "python3-pyinstrument (Debian sid)"
    settings = 'Profiler(interval=0.001, async_mode="enabled"), start()'
    origins = ("3.15",)
    is_inside = True
    claims = frozenset({"line", "duration"})
    note = "stalls are our reading of its samples in a row; it sees only the thread that started it"

    def missing(self, python):
        return self.must_have(can_import(python, "pyinstrument.low_level.stat_profile"))

    def findings(self, output, text):
        with open(output) as file:
            return parse(json.load(file))


def parse(records):
    """Pairs of a stack, outermost first, and the seconds since the one before. A frame is "function
    NUL file NUL first line", then attributes behind \\1: the one that begins with l is the line
    that ran."""
    samples = []
    for frames, seconds in records:
        stack = [frame for frame in map(frame_of, reversed(frames)) if frame]
        samples.append(Sample(None, int(seconds * 1e9), asyncio_step(stack), None))
    return stalls(samples)


def frame_of(text):
    name, *attributes = text.split("\x01")
    parts = name.split("\x00")
    if len(parts) != 3:
        return None
    line = next((attribute[1:] for attribute in attributes if attribute.startswith("l")), parts[2])
    return parts[0], parts[1], int(line)
