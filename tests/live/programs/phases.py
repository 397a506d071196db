# SPDX-License-Identifier: BSD-2-Clause
"""Makes as many steps as it can for a time, then few, and stalls all the while: each 150 ms, in
turn by sleep and by computing.

    phases.py [--loop asyncio|uvloop] BUSY_SECONDS QUIET_SECONDS

Told "go" it begins, and answers "done" with its stalls and the moment when it got quiet.
"""

import argparse
import asyncio
import time

import protocol

STALL_S = 0.020
SPINNERS = 20


def sleep_long():
    time.sleep(STALL_S)


def compute_long():
    end = time.monotonic_ns() + int(STALL_S * 1e9)
    while time.monotonic_ns() < end:
        pass


class Phases:
    def __init__(self, args):
        self.args = args
        self.stalls = []
        self.is_busy = self.is_over = False

    async def _spin(self):
        while not self.is_over:
            await asyncio.sleep(0 if self.is_busy else 0.05)

    async def _stall(self):
        while not self.is_over:
            await asyncio.sleep(0.15)
            stall = (sleep_long, compute_long)[len(self.stalls) % 2]
            start = time.monotonic_ns()
            stall()
            self.stalls.append((start, time.monotonic_ns(), stall.__name__))

    async def run(self):
        loop = asyncio.get_running_loop()
        protocol.say("ready")
        await protocol.hear_in_loop(loop)
        self.is_busy = True
        tasks = [loop.create_task(self._spin()) for _ in range(SPINNERS)]
        tasks.append(loop.create_task(self._stall()))
        await asyncio.sleep(self.args.busy)
        self.is_busy = False
        quiet_ns = time.monotonic_ns()
        await asyncio.sleep(self.args.quiet)
        self.is_over = True
        await asyncio.gather(*tasks)
        protocol.say("done", stalls=self.stalls, quiet_ns=quiet_ns)
        await protocol.hear_in_loop(loop)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("busy", type=float)
    parser.add_argument("quiet", type=float)
    args = parser.parse_args()
    protocol.run(protocol.new_loop(args.loop), Phases(args).run())


if __name__ == "__main__":
    main()
