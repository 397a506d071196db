# SPDX-License-Identifier: BSD-2-Clause
"""Austin: samples the stacks of all threads by reading the process's memory. No package of Debian
12 knows Python 3.11; that of Debian 13 does, so its program is taken out of that tree and run here,
by its own loader on its own libraries."""

import glob
import os
import re

from .base import Peer, Watch, quoted, wait_until
from .samples import Sample, asyncio_step, stalls

INTERVAL = "1ms"  # its default of 100 us costs a core; this is the rate the other samplers use


class Austin(Peer):
    name = "Austin"
    package = "austin (Debian 13)"
    settings = f"austin -i {INTERVAL} -p PID"
    claims = frozenset({"line", "duration"})
    note = "stalls are our reading of its samples in a row"

    def missing(self, python):
        return self.must_have(os.path.exists(python.tree("bench-trixie") + "/usr/bin/austin"))

    def watch(self, python, pid, output):
        tree = python.tree("bench-trixie")
        loader = glob.glob(tree + "/usr/lib*/ld-linux*")[0]
        libraries = ":".join(glob.glob(tree + "/usr/lib/*-linux-gnu"))
        watch = Watch(
            [
                loader,
                "--library-path",
                libraries,
                tree + "/usr/bin/austin",
                "-i",
                INTERVAL,
                "-o",
                output,
                "-p",
                str(pid),
            ]
        )
        if not wait_until(lambda: os.path.exists(output) and os.path.getsize(output) > 0, watch):
            raise RuntimeError(watch.end().strip() or f"{quoted(watch.child.args)} does not start")
        return watch

    def findings(self, output, text):
        with open(output, encoding="utf-8", errors="replace") as file:
            return parse(file)


LINE = re.compile(r"P\d+;T[^;]*;(.*) (\d+)$")
FRAME = re.compile(r"(.*):([^:]*):(\d+)$")


def parse(lines):
    """A line is a sample: process, thread, frames from the outermost in, and the microseconds since
    the one before."""
    by_thread = {}
    for line in lines:
        match = LINE.match(line.rstrip("\n"))
        if not match:
            continue
        thread = line[: line.index(";", line.index(";") + 1)]
        frames = [FRAME.match(frame) for frame in match[1].split(";")]
        stack = tuple((frame[2], frame[1], int(frame[3])) for frame in reversed(frames) if frame)
        by_thread.setdefault(thread, []).append(
            Sample(None, int(match[2]) * 1000, asyncio_step(stack), None)
        )
    return [finding for samples in by_thread.values() for finding in stalls(samples)]
