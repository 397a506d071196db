# SPDX-License-Identifier: BSD-2-Clause
"""Callbacks and steps that run another loop to its end, while tasks of the outer loop wait.

    nested.py OUTER INNER       each asyncio, uvloop or nest_asyncio (asyncio, made reentrant)

Prints "ready", waits for a line, runs them, prints "done" with what each did: when it ran, how much
of it a step of the inner loop took, the line that ran that loop, who had to wait. Waits for the end
of input.
"""

import asyncio
import gc
import inspect
import sys
import time

import protocol

gc.disable()

WAIT_S = 0.05
HOLD_S = 0.03
DONE = []


def _loop(kind):
    if kind != "nest_asyncio":
        return protocol.new_loop(kind)
    import nest_asyncio

    loop = asyncio.new_event_loop()
    nest_asyncio.apply(loop)
    return loop


def _hold():
    begin = time.monotonic_ns()
    time.sleep(HOLD_S)  # in a step of the inner loop
    return time.monotonic_ns() - begin


async def waits():
    await asyncio.sleep(WAIT_S)
    return 0


async def holds():
    await asyncio.sleep(WAIT_S / 2)
    held_ns = _hold()
    await asyncio.sleep(WAIT_S / 2)
    return held_ns


async def polls():
    """Many short waits: the inner loop's poll returns again and again."""
    for _ in range(10):
        await asyncio.sleep(WAIT_S / 10)
    return 0


def run_inner(make, inner):
    """Hides the loop that runs, as programs do."""
    own = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    begin = time.monotonic_ns()
    try:
        line = inspect.currentframe().f_lineno + 1
        held_ns = inner.run_until_complete(make())
    finally:
        asyncio._set_running_loop(own)
    DONE.append({
        "what": make.__name__, "line": line, "start_ns": begin, "held_ns": held_ns,
        "duration_ns": time.monotonic_ns() - begin,
    })


def callback(make, kind):
    inner = _loop(kind)
    run_inner(make, inner)
    inner.close()


async def step(make, kind):
    callback(make, kind)


def again(loop):
    """The same loop runs on, and all its tasks."""
    run_inner(waits, loop)


async def one_turn():
    pass


async def _behind(loop, what, run):
    """Runs it, and behind it what waits for it."""
    sleepers = [loop.create_task(asyncio.sleep(0.02 + WAIT_S / 2), name="sleeper-%d" % i)
                for i in range(2)]
    await asyncio.sleep(0.02)
    run()
    tasks = [loop.create_task(one_turn(), name="ready-%d" % i) for i in range(3)]
    await asyncio.gather(*tasks, *sleepers)
    await asyncio.sleep(0.1)
    DONE[-1].update(by=what, victims=sorted(t.get_name() for t in tasks + sleepers))


async def _run_all(loop, inner):
    for make in (waits, holds, polls):
        await _behind(loop, "callback", lambda: loop.call_soon(callback, make, inner))
    if inner == "nest_asyncio":
        await _behind(loop, "again", lambda: loop.call_soon(again, loop))
    # From 3.14 on a thread has one running task; Python's own have never had more.
    elif sys.version_info < (3, 14):
        await _behind(loop, "step", lambda: loop.create_task(step(holds, inner)))


async def main(inner):
    loop = asyncio.get_running_loop()
    _loop(inner).close()  # imports what it takes
    ready = asyncio.ensure_future(protocol.hear_in_loop(loop))
    await asyncio.sleep(0.1)
    protocol.say("ready")
    await ready
    await asyncio.sleep(0.3)  # by now the tool knows the loop
    await _run_all(loop, inner)
    protocol.say("done", runs=DONE)
    await protocol.hear_in_loop(loop)


loop = _loop(sys.argv[1])
loop.run_until_complete(main(sys.argv[2]))
