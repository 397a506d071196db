# SPDX-License-Identifier: BSD-2-Clause
"""One step that computes for 100 ms of CPU time, during which somebody stops it.

    stopped.py
"""

import asyncio
import time

import protocol

CPU_NS = 100000000


def _runqueue_ns():
    with open("/proc/thread-self/schedstat") as file:
        return int(file.read().split()[1])


async def _compute():
    waited = -_runqueue_ns()
    protocol.say("computes")
    deadline = time.thread_time_ns() + CPU_NS
    while time.thread_time_ns() < deadline:
        pass
    return waited + _runqueue_ns()


async def _main():
    protocol.say("ready")
    await protocol.hear_in_loop(asyncio.get_running_loop())
    await asyncio.sleep(0.05)
    waited = await asyncio.create_task(_compute())
    await asyncio.sleep(0.05)
    protocol.say("done", runqueue_ns=waited)
    await protocol.hear_in_loop(asyncio.get_running_loop())


if __name__ == "__main__":
    protocol.run(protocol.new_loop("asyncio"), _main())
