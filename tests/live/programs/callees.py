# SPDX-License-Identifier: BSD-2-Clause
"""C functions that the loop calls itself, without a frame of Python in between, and a finalizer.

    callees.py asyncio|uvloop

Prints "ready", waits for a line, runs them one after the other, prints "done" with the name of each
and when it ran, waits for the end of input.
"""

import asyncio
import functools
import gc
import sys
import threading
import time
import zlib

import protocol

gc.disable()

HOLD_S = 0.04
PAUSE_S = 0.04
SHORT_S = 0.021
DATA = bytes(i * i % 251 for i in range(1 << 16)) * 300
NUMBERS = [i * 7919 % 1000003 for i in range(500000)]
CALLS = []
BEGUN = []


class Session:
    def __del__(self):
        time.sleep(HOLD_S)  # finalizer


def _begin():
    BEGUN.append(time.monotonic_ns())


def _end(name):
    begin = BEGUN.pop()
    CALLS.append({"name": name, "start_ns": begin, "duration_ns": time.monotonic_ns() - begin})


async def _run(loop, name, function, *args, pause_s=PAUSE_S):
    loop.call_soon(_begin)
    loop.call_soon(function, *args)
    loop.call_soon(_end, name)
    await asyncio.sleep(pause_s)


async def _call_later(loop):
    """Its handle is a TimerHandle. All are due when the loop wakes up."""
    loop.call_later(0.01, _begin)
    loop.call_later(0.011, time.sleep, HOLD_S)
    loop.call_later(0.012, _end, "time.sleep")
    loop.call_soon(time.sleep, 0.015)
    await asyncio.sleep(PAUSE_S)


async def nests():
    """Runs another loop, as programs do that hide the one that runs."""
    own = asyncio.get_running_loop()
    other = asyncio.new_event_loop()
    asyncio._set_running_loop(None)
    try:
        other.run_until_complete(asyncio.sleep(HOLD_S))  # nested
    finally:
        asyncio._set_running_loop(own)
        other.close()


async def finalized():
    session = Session()
    session = None  # dies here


async def main(kind):
    loop = asyncio.get_running_loop()
    ready = asyncio.ensure_future(protocol.hear_in_loop(loop))
    await asyncio.sleep(0.1)
    protocol.say("ready")
    await ready
    await asyncio.sleep(0.3)  # by now the tool knows the loop
    await _run(loop, "time.sleep", time.sleep, HOLD_S)
    await _run(loop, "time.sleep", functools.partial(time.sleep, HOLD_S))
    await _run(loop, "zlib.compress", zlib.compress, DATA, 9)
    await _run(loop, "list.sort", list(NUMBERS).sort)
    await _run(loop, "sorted", sorted, NUMBERS)
    lock = threading.Lock()
    lock.acquire()
    await _run(loop, "_thread.lock.acquire", lock.acquire, True, HOLD_S)
    await _call_later(loop)
    for _ in range(70):  # one of them is the last of its block in the queue
        await _run(loop, "time.sleep", time.sleep, SHORT_S, pause_s=0.001)
    await loop.create_task(finalized())
    await asyncio.sleep(PAUSE_S)
    # From 3.14 on a thread has one running task.
    if kind == "asyncio" and sys.version_info < (3, 14):
        await loop.create_task(nests())
    await asyncio.sleep(PAUSE_S)
    protocol.say("done", calls=CALLS)
    await protocol.hear_in_loop(loop)


loop = protocol.new_loop(sys.argv[1])
loop.run_until_complete(main(sys.argv[1]))
