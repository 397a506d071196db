# SPDX-License-Identifier: BSD-2-Clause
"""Loops and tasks of other kinds, each with known stalls and a known number of steps.

    kinds.py trio|anyio-trio|anyio-asyncio|runners|nested|eager|python-eager

Prints "ready", waits for a line, runs, prints "done" with the steps it took and the stalls it made, waits for the end
of input. The number of steps is known on paper.
"""

import asyncio
import sys
import time

import protocol

HOLD_S = 0.04
STALLS = []


def hold(task):
    """Stalls the loop in a step of that task."""
    begin = time.monotonic_ns()
    time.sleep(HOLD_S)  # stall
    STALLS.append({
        "task": task, "start_ns": begin, "duration_ns": time.monotonic_ns() - begin,
        "line": hold.__code__.co_firstlineno + 3})


# --- trio, and anyio on top of it or of asyncio


def _trio():
    import trio

    async def worker(name, rounds):
        for _ in range(rounds):
            await trio.sleep(0)
        hold(name)
        await trio.sleep(0)

    async def main():
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(worker, "w", 10)

    trio.run(main)
    return {"worker": 5 * 12}


def _anyio(backend):
    import anyio

    async def worker(rounds):
        for _ in range(rounds):
            await anyio.sleep(0)
        hold("worker")

    async def main():
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(worker, 10)

    anyio.run(main, backend=backend)
    return {"worker": 3 * 11}


# --- asyncio


def _runners():
    async def worker(rounds):
        for _ in range(rounds):
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        hold("worker")

    for _ in range(3):
        if sys.version_info >= (3, 11):
            with asyncio.Runner() as runner:
                runner.run(worker(5))
                runner.run(worker(5))
        else:
            asyncio.run(worker(5))
            asyncio.run(worker(5))
    return {"worker": 6 * 7}


def _nested():
    """A loop that runs again inside a step, as nest_asyncio makes it do."""
    async def inner():
        await asyncio.sleep(0.1)
        hold("inner")
        return 1

    async def outer(loop):
        await asyncio.sleep(0.05)
        task = loop.create_task(inner(), name="inner")
        me = asyncio.current_task()
        asyncio.tasks._leave_task(loop, me)
        while not task.done():
            loop._run_once()
        asyncio.tasks._enter_task(loop, me)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(outer(loop))
    loop.close()
    return {"inner": 2, "outer": 2}


def _eager(cls):
    async def child():
        hold("child")

    async def parent(loop):
        await asyncio.sleep(0)
        cls(child(), loop=loop, eager_start=True, name="child")
        await asyncio.sleep(0)
        hold("parent")

    loop = asyncio.new_event_loop()
    factory = lambda loop, coroutine, **kwargs: cls(coroutine, loop=loop, **kwargs)
    protocol.run(loop, parent(loop), factory)
    return {"parent": 3, "child": 1}


def _eager_factory():
    """eager_task_factory, whose parents' own time is short."""
    async def child():
        hold("child")

    async def parent(loop):
        loop.set_task_factory(asyncio.eager_task_factory)
        await asyncio.sleep(0)
        await asyncio.gather(*[child() for _ in range(3)])

    loop = asyncio.new_event_loop()
    loop.run_until_complete(parent(loop))
    loop.close()
    return {"parent": 2, "child": 3}


KINDS = {
    "trio": _trio,
    "anyio-trio": lambda: _anyio("trio"),
    "anyio-asyncio": lambda: _anyio("asyncio"),
    "runners": _runners,
    "nested": _nested,
    "eager": lambda: _eager(asyncio.Task),
    "python-eager": lambda: _eager(asyncio.tasks._PyTask),
    "eager-factory": _eager_factory,
}


def main():
    for module in ("trio", "anyio"):
        if module in sys.argv[1]:
            __import__(module)
    protocol.say("ready")
    protocol.hear()
    steps = KINDS[sys.argv[1]]()
    protocol.say("done", steps=steps, stalls=STALLS)
    protocol.hear()


if __name__ == "__main__":
    main()
