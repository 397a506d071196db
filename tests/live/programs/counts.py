# SPDX-License-Identifier: BSD-2-Clause
"""Takes an exactly known number of task steps.

    counts.py [--loop asyncio|uvloop] [--tasks c|python|subclass] [--inside] [--threads N]

The workload runs once before "ready" with every coroutine inside a counter that sees each send()
and throw() a task makes: that is the truth. Then it runs as it is, under the tool. Both runs also
count the parts whose number is known on paper. With --inside the loop already runs when "ready" is
printed.
"""

import argparse
import asyncio
import collections.abc
import sys
import threading

import protocol

ROUNDS = 50


class Counted(collections.abc.Coroutine):
    """A coroutine that counts how often its task resumes it."""

    total = 0
    lock = threading.Lock()

    def __init__(self, coroutine):
        self._coroutine = coroutine

    def _count(self):
        with Counted.lock:
            Counted.total += 1

    def send(self, value):
        self._count()
        return self._coroutine.send(value)

    def throw(self, *error):
        self._count()
        return self._coroutine.throw(*error)

    def close(self):
        return self._coroutine.close()

    def __await__(self):
        return self._coroutine.__await__()

    def __getattr__(self, name):
        return getattr(self._coroutine, name)


def counted_task(kind):
    cls = protocol.task_class(kind)
    return lambda loop, coroutine, **kwargs: cls(Counted(coroutine), loop=loop, **kwargs)


def on_paper(number):
    """Says how many steps one task of this workload takes; checked against the counter."""

    def mark(function):
        function.steps = number
        return function

    return mark


async def nothing():
    return None


@on_paper(ROUNDS + 1)
async def sleep_zero():
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


@on_paper(ROUNDS + 1)
async def futures():
    loop = asyncio.get_running_loop()
    for number in range(ROUNDS):
        future = loop.create_future()
        loop.call_soon(future.set_result, number)
        assert await future == number


@on_paper(ROUNDS + 1)
async def failed_futures():
    loop = asyncio.get_running_loop()
    for _ in range(ROUNDS):
        future = loop.create_future()
        loop.call_soon(future.set_exception, KeyError("planned"))
        try:
            await future
        except KeyError:
            pass


@on_paper(1)
async def done_future():
    """Awaiting what is done does not suspend."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(1)
    for _ in range(ROUNDS):
        await future


class _YieldsJunk:
    def __await__(self):
        yield 42


@on_paper(ROUNDS + 1)
async def bad_yields():
    for _ in range(ROUNDS):
        try:
            await _YieldsJunk()
        except RuntimeError:
            pass


async def _raises():
    await asyncio.sleep(0)
    raise ValueError("planned")


async def raising_tasks():
    for _ in range(ROUNDS):
        try:
            await asyncio.ensure_future(_raises())
        except ValueError:
            pass


async def _waits_for_ever():
    await asyncio.get_running_loop().create_future()


async def _survives_cancel():
    for _ in range(3):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


async def cancelled_tasks():
    """Before their first step, while they wait, and three times although they go on."""
    for _ in range(ROUNDS):
        task = asyncio.ensure_future(_waits_for_ever())
        task.cancel()
        await asyncio.wait([task])
        task = asyncio.ensure_future(_waits_for_ever())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        task = asyncio.ensure_future(_survives_cancel())
        for _ in range(3):
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.sleep(0)
        await task


async def _numbers(count):
    for number in range(count):
        await asyncio.sleep(0)
        yield number


@on_paper(ROUNDS + 1)
async def async_generator():
    async for _ in _numbers(ROUNDS):
        pass


@on_paper(ROUNDS + 1)
async def async_comprehension():
    assert len([number async for number in _numbers(ROUNDS)]) == ROUNDS


@on_paper(1)
async def closed_generator():
    """Left early and closed at once: no suspension, no task."""
    generator = _numbers(0)
    await generator.aclose()


async def _deep(depth):
    if depth:
        return await _deep(depth - 1)
    await asyncio.sleep(0)


@on_paper(ROUNDS + 1)
async def nested_awaits():
    for _ in range(ROUNDS):
        await _deep(20)


async def gathers():
    for _ in range(10):
        await asyncio.gather(*[_deep(n) for n in range(10)], nothing(), return_exceptions=True)


async def task_groups():
    if not hasattr(asyncio, "TaskGroup"):
        return
    for _ in range(10):
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(_deep(number))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_waits_for_ever())
            group.create_task(_raises())
    except BaseException as error:
        assert type(error).__name__ == "ExceptionGroup"


async def queues_and_locks():
    queue, lock = asyncio.Queue(1), asyncio.Lock()

    async def producer():
        for number in range(ROUNDS):
            async with lock:
                await queue.put(number)

    async def consumer():
        for number in range(ROUNDS):
            assert await queue.get() == number

    await asyncio.gather(producer(), consumer())


async def shields():
    for _ in range(10):
        await asyncio.shield(_deep(1))


async def eager_starts(wrap, cls):
    """From 3.12 on a task may take its first step inside its constructor."""
    if sys.version_info < (3, 12):
        return
    loop = asyncio.get_running_loop()
    for _ in range(ROUNDS):
        task = cls(wrap(nothing()), loop=loop, eager_start=True)
        assert task.done()
        await cls(wrap(_deep(3)), loop=loop, eager_start=True)


PAPER = (
    sleep_zero, futures, failed_futures, done_future, bad_yields, async_generator,
    async_comprehension, closed_generator, nested_awaits,
)
REST = (raising_tasks, cancelled_tasks, gathers, task_groups, queues_and_locks, shields)


async def _workload(kind, counting, reader):
    loop = asyncio.get_running_loop()
    if reader is not None:
        await reader(loop)
    for function in PAPER:
        before = Counted.total
        await loop.create_task(function())
        if counting:
            # Ours is the step that awaited the task; it is over when we look.
            assert Counted.total - before == function.steps + 1, (function, Counted.total - before)
    for function in REST:
        # From 3.14 on asyncio does not take a task written in Python for the current one, which
        # groups need.
        if function is not task_groups or asyncio.current_task() is not None:
            await loop.create_task(function())
    await eager_starts(
        Counted if counting else lambda coroutine: coroutine, protocol.task_class(kind))


def _run_loop(args, counting, reader=None):
    factory = counted_task(args.tasks) if counting else protocol.task_factory(args.tasks)
    protocol.run(protocol.new_loop(args.loop), _workload(args.tasks, counting, reader), factory)


async def _ready_in_loop(loop):
    protocol.say("ready")
    await protocol.hear_in_loop(loop)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--tasks", default="c")
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    _run_loop(args, True)
    steps = Counted.total
    if args.inside:
        # The step that says "ready" is over at attach; being let go costs one more.
        _run_loop(args, False, _ready_in_loop)
        protocol.say("done", steps=steps)
        protocol.hear()
        return
    protocol.say("ready")
    protocol.hear()
    if args.threads:
        threads = [
            threading.Thread(target=_run_loop, args=(args, False)) for _ in range(args.threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        steps *= args.threads
    else:
        _run_loop(args, False)
    protocol.say("done", steps=steps)
    protocol.hear()


if __name__ == "__main__":
    main()
