# SPDX-License-Identifier: BSD-2-Clause
"""A service that goes on and on: tickers, spinners, and a stall of 30 ms every 100 ms.

    steady.py [--loop asyncio|uvloop] [--spinners N] [--becomes ARG...]

"report" is answered with what it has done so far. With --becomes it replaces itself by another
program when told "exec". At the end of input it says all its stalls and that nothing went wrong.
"""

import argparse
import asyncio
import os
import time

import protocol

STALL_S = 0.030


class Service:
    def __init__(self, args):
        self.args = args
        self.ticks = self.spins = 0
        self.stalls = []
        self.longest_gap_ns = 0
        self._is_over = asyncio.Event()

    async def _tick(self):
        while not self._is_over.is_set():
            await asyncio.sleep(0.005)
            self.ticks += 1

    async def _spin(self):
        while not self._is_over.is_set():
            await asyncio.sleep(0)
            self.spins += 1

    async def _watch_gaps(self):
        """How long the loop was away, stalls of our own apart."""
        last = time.monotonic_ns()
        while not self._is_over.is_set():
            await asyncio.sleep(0.001)
            now = time.monotonic_ns()
            own = sum(min(e, now) - max(s, last) for s, e in self.stalls[-2:] if e > last)
            self.longest_gap_ns = max(self.longest_gap_ns, now - last - own)
            last = now

    def _stall_here(self):
        start = time.monotonic_ns()
        time.sleep(STALL_S)
        self.stalls.append((start, time.monotonic_ns()))

    async def _stall(self):
        while not self._is_over.is_set():
            await asyncio.sleep(0.1)
            self._stall_here()

    def _say(self, event):
        protocol.say(
            event, ticks=self.ticks, spins=self.spins, stalls=self.stalls,
            longest_gap_ns=self.longest_gap_ns)

    def _hear(self):
        words = os.read(0, 4096).decode().split()
        if "exec" in words:
            os.set_blocking(0, True)
            os.execv(self.args.becomes[0], self.args.becomes)
        if "report" in words:
            self.longest_gap_ns, gap = 0, self.longest_gap_ns
            protocol.say(
                "report", ticks=self.ticks, spins=self.spins, stalls=self.stalls,
                longest_gap_ns=gap)
        if not words:
            self._is_over.set()

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.add_reader(0, self._hear)
        tasks = [asyncio.ensure_future(self._tick()) for _ in range(5)]
        tasks += [asyncio.ensure_future(self._spin()) for _ in range(self.args.spinners)]
        tasks.append(asyncio.ensure_future(self._watch_gaps()))
        tasks.append(loop.create_task(self._stall(), name="staller"))
        protocol.say("ready")
        await self._is_over.wait()
        loop.remove_reader(0)
        await asyncio.gather(*tasks)
        self._say("done")


async def _serve(args):
    await Service(args).run()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--spinners", type=int, default=0)
    parser.add_argument("--becomes", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    protocol.run(protocol.new_loop(args.loop), _serve(args))


if __name__ == "__main__":
    main()
