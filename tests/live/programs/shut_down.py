# SPDX-License-Identifier: BSD-2-Clause
"""The last callback of a loop computes; then the interpreter takes long to shut down.

    shut_down.py

Prints "ready", waits for a line, runs the loop, prints "done" with the truth.
"""

import gc
import time

import protocol

CALLBACK_S = 0.04
gc.disable()
FREED_AT_THE_END = [[n] for n in range(2000000)]
TRUTH = {}


def last(loop):
    start_ns, end = time.monotonic_ns(), time.thread_time() + CALLBACK_S
    while time.thread_time() < end:
        pass
    TRUTH.update(start_ns=start_ns, duration_ns=time.monotonic_ns() - start_ns)
    loop.stop()


async def begin(loop):
    protocol.say("ready")
    await protocol.hear_in_loop(loop)
    loop.call_later(0.02, last, loop)


def main():
    loop = protocol.new_loop("asyncio")
    loop.create_task(begin(loop))
    loop.run_forever()
    protocol.say("done", **TRUTH)


main()
