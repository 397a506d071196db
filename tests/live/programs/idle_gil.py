# SPDX-License-Identifier: BSD-2-Clause
"""A loop with nothing to do but a heartbeat, and a thread that holds the GIL in C.

    idle_gil.py asyncio|own|trio

Prints "ready", waits for a line, holds the GIL HOLDS times, prints "done" with the times, and waits
for the end of input.
"""

import asyncio
import sys
import threading
import time

import protocol

HOLDS = 3
LEAST_NS = 60_000_000
PAUSE_S = 0.2


def hold(holds):
    """One call of C that does not release the GIL; as long as it has to be on this machine."""
    power = 1 << 18
    while len(holds) < HOLDS:
        time.sleep(PAUSE_S)
        start_ns = time.monotonic_ns()
        3**power  # held
        end_ns = time.monotonic_ns()
        if end_ns - start_ns < LEAST_NS:
            power *= 2
        else:
            holds.append({"start_ns": start_ns, "end_ns": end_ns})
    # The tool looks up who held the GIL when the stall has ended.
    time.sleep(1)


def line_of(mark):
    with open(__file__) as file:
        return next(n for n, line in enumerate(file, 1) if line.rstrip().endswith("# " + mark))


async def heartbeat():
    while True:
        await asyncio.sleep(0.005)


async def main(loop):
    beat = loop.create_task(heartbeat())
    protocol.say("ready")
    await protocol.hear_in_loop(loop)
    holds = []
    thread = threading.Thread(target=hold, args=(holds,), name="holder")
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.05)
    beat.cancel()
    return {"holds": holds, "tid": thread.native_id, "line": line_of("held")}


def run_trio():
    import trio

    async def trio_heartbeat():
        while True:
            await trio.sleep(0.005)

    async def trio_main():
        holds = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio_heartbeat)
            protocol.say("ready")
            await trio.to_thread.run_sync(protocol.hear)
            thread = threading.Thread(target=hold, args=(holds,), name="holder")
            thread.start()
            while thread.is_alive():
                await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
        return {"holds": holds, "tid": thread.native_id, "line": line_of("held")}

    return trio.run(trio_main)


def run_asyncio(kind):
    event_loop = protocol.new_loop(kind)
    return protocol.run(event_loop, main(event_loop))


if __name__ == "__main__":
    protocol.say("done", **(run_trio() if sys.argv[1] == "trio" else run_asyncio(sys.argv[1])))
    protocol.hear()
