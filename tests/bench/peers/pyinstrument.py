# SPDX-License-Identifier: BSD-2-Clause
"""pyinstrument, a sampler inside the process that follows the context it was started in through awaits."""

import json

from .base import Peer, can_import
from .samples import Sample, asyncio_step, stalls


class Pyinstrument(Peer):
    name = "pyinstrument"
    package = "python3-pyinstrument (Debian sid)"
    settings = 'Profiler(interval=0.001, async_mode="enabled"), start()'
    origins = ("3.14", "3.15")
    is_inside = True
    claims = frozenset({"line", "duration"})
    note = "stalls are our reading of its samples in a row; it sees only the thread that started it"

    def missing(self, python):
        return self.must_have(can_import(python, "pyinstrument.low_level.stat_profile"))

    def findings(self, output, text):
        with open(output) as file:
            return parse(json.load(file))


def parse(records):
    """Pairs of a stack, outermost first, and the seconds since the one before. A frame is "function NUL file NUL line", then
    more that does not matter here behind \\1."""
    samples = []
    for frames, seconds in records:
        stack = []
        for frame in reversed(frames):
            parts = frame.split("\x01", 1)[0].split("\x00")
            if len(parts) == 3:
                stack.append((parts[0], parts[1], int(parts[2])))
        samples.append(Sample(None, int(seconds * 1e9), asyncio_step(stack), None))
    return stalls(samples)
