# SPDX-License-Identifier: BSD-2-Clause
"""Steps that need twice the CPU quota of their cgroup.

    throttled.py CGROUP

Prints "ready", waits for a line, computes, prints "done" with the time in which the group was
throttled during each step, as the kernel accounts it for the group.
"""

import asyncio
import os
import sys
import time

import protocol

STEPS = 3
CPU_NS = 60000000
GROUP = sys.argv[1]


def _throttled_ns():
    with open(os.path.join(GROUP, "cpu.stat")) as file:
        stat = dict(line.split() for line in file)
    if "throttled_time" in stat:
        return int(stat["throttled_time"])
    return 1000 * int(stat["throttled_usec"])


async def _compute():
    start, throttled = time.monotonic_ns(), -_throttled_ns()
    deadline = time.thread_time_ns() + CPU_NS
    while time.thread_time_ns() < deadline:
        pass
    throttled += _throttled_ns()
    return {"start_ns": start, "end_ns": time.monotonic_ns(), "throttled_ns": throttled}


async def _main():
    protocol.say("ready")
    await protocol.hear_in_loop(asyncio.get_running_loop())
    steps = []
    for _ in range(STEPS):
        await asyncio.sleep(0.3)
        steps.append(await asyncio.create_task(_compute()))
    await asyncio.sleep(0.3)
    protocol.say("done", steps=steps)
    await protocol.hear_in_loop(asyncio.get_running_loop())


if __name__ == "__main__":
    with open(os.path.join(GROUP, "cgroup.procs"), "w") as procs:
        procs.write(str(os.getpid()))
    protocol.run(protocol.new_loop("asyncio"), _main())
