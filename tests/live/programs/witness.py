# SPDX-License-Identifier: BSD-2-Clause
"""Writes down the truth about one loop thread: its stalls, and who else was ready meanwhile.

A stall is bracketed from inside its own step: `begin()` is the first and `end()` the last thing the
step does, so the times are those of the step itself but for a few microseconds. Tickers and other
sleepers log when they were due and when they woke. All times are CLOCK_MONOTONIC nanoseconds.
"""

import asyncio
import bisect
import linecache
import os
import resource
import sys
import time

TICKERS = 20
TICK_S = 0.005
QUEUED = 5


def switches():
    """How often this thread gave up its CPU, from its start on."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_nvcsw + usage.ru_nivcsw


def waits():
    """How often this thread gave up its CPU to wait, from its start on."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def code_name(code):
    """The name a code object carries: qualified from 3.11 on."""
    return getattr(code, "co_qualname", code.co_name)


def stall_line(code, after):
    """Number of the line tagged "# stall" at or behind line `after` of the function."""
    for number in range(after, after + 400):
        if "# stall" in linecache.getline(code.co_filename, number):
            return number
    raise LookupError("no '# stall' tag in %s behind line %d" % (code.co_filename, after))


class Stall:
    """One stall that is going to happen, and then what happened."""

    def __init__(self, witness, name):
        self.witness = witness
        self.name = name
        self.task = None
        self.start_ns = self.end_ns = 0
        self.gate = None
        self.extra = {}
        self._frames = []

    def start(self):
        """Called first in the step, where it is not the same place as begin()."""
        self.start_ns = time.monotonic_ns()
        self.cpu_ns = -time.thread_time_ns()
        self.runqueue_ns = -self.witness.runqueue_ns()
        self.switches = -switches()
        self.witness.release_queued()
        self.waits_before = waits() - self.witness.waits_at_mark

    def begin(self):
        """Called by the innermost frame, just before the line tagged "# stall"."""
        if not self.start_ns:
            self.start()
        frame = sys._getframe(1)
        last = self._last_frame()
        while frame is not None:
            self._frames.append((frame.f_code, frame.f_lineno))
            if frame is last or frame.f_code is last:
                break
            frame = frame.f_back

    def end(self):
        self.switches += switches()
        self.cpu_ns += time.thread_time_ns()
        self.runqueue_ns += self.witness.runqueue_ns()
        self.end_ns = time.monotonic_ns()

    def _last_frame(self):
        """The frame of the task's coroutine; for callbacks, the code of the callback."""
        if self.extra.get("callback") is not None:
            return self.extra["callback"].__code__
        return asyncio.current_task().get_coro().cr_frame

    def truth(self):
        frames = [
            {"function": code_name(code), "file": code.co_filename, "line": line}
            for code, line in self._frames
        ]
        code, line = self._frames[0]
        frames[0]["line"] = stall_line(code, line)
        return {
            "name": self.name,
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "cpu_ns": self.cpu_ns,
            "runqueue_ns": self.runqueue_ns,
            "switches": self.switches,
            "waits_before": self.waits_before,
            "outside_ns": self.witness.outside_ns(self),
            "stack": frames,
        }


class Witness:
    """The innocent tasks of one loop, and the log of all that waited."""

    def __init__(self, loop, label=""):
        self.loop = loop
        self.label = label
        self.sleeps = []
        self._marks = []
        self.waits_at_mark = 0
        self._schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        self._queued = {}
        self._tasks = []
        self._running = False

    def runqueue_ns(self):
        """Time this thread was ready to run but had no CPU, from its start on."""
        return int(os.pread(self._schedstat, 64, 0).split()[1])

    async def sleep(self, seconds):
        """asyncio.sleep() that logs when it was due and when it ended."""
        due_ns = int((self.loop.time() + seconds) * 1e9)
        await asyncio.sleep(seconds)
        self.sleeps.append((due_ns, time.monotonic_ns()))
        self._mark()

    async def _tick(self):
        while self._running:
            await self.sleep(TICK_S)

    async def _wait_in_queue(self, number):
        while self._running:
            self._queued[number] = self.loop.create_future()
            await self._queued[number]
            self._mark()

    def _mark(self):
        self._marks.append((time.monotonic_ns(), self.runqueue_ns()))
        self.waits_at_mark = waits()

    def outside_ns(self, stall):
        """Time this thread waited for a CPU close to the stall but outside its begin() and end().

        Some of it may have been inside the step.
        """
        before = self._marks[bisect.bisect(self._marks, (stall.start_ns,)) - 1]
        after = self._marks[bisect.bisect(self._marks, (stall.end_ns,))]
        return after[1] - before[1] - stall.runqueue_ns

    def release_queued(self):
        """Makes the queued tasks ready: they wait for the rest of this step."""
        for future in self._queued.values():
            if not future.done():
                future.set_result(None)

    async def start(self):
        self._running = True
        for number in range(TICKERS):
            self._add(self._tick(), "ticker-%d" % number)
        for number in range(QUEUED):
            self._add(self._wait_in_queue(number), "queued-%d" % number)
        await self.sleep(0.05)

    def _add(self, coroutine, name):
        self._tasks.append(self.loop.create_task(coroutine, name=self.label + name))

    async def stop(self):
        self._running = False
        self.release_queued()
        await asyncio.gather(*self._tasks)
        os.close(self._schedstat)

    def truth(self):
        return {
            "sleeps": self.sleeps,
            "queued": QUEUED,
            "tickers": TICKERS,
            "names": [task.get_name() for task in self._tasks],
        }
