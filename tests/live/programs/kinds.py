# SPDX-License-Identifier: BSD-2-Clause
"""Loops and tasks of other kinds, each with known stalls and a known number of steps.

    kinds.py trio|anyio-trio|anyio-asyncio|runners|nested|eager|python-eager|eager-factory|
             victims LOOP|light-victims LOOP|trio-victims|trio-tasks|own

Prints "ready", waits for a line, runs, prints "done" with the steps it took and the stalls it made,
waits for the end of input. The number of steps is known on paper, and so is who has to wait for the
stalls of the kinds with victims.
"""

import asyncio
import gc
import sys
import time

import protocol

# A collection inside of a step, but outside of what the step measures itself, is no part of this.
gc.disable()

HOLD_S = 0.04
STALLS = []


def hold(task, victims=None):
    """Stalls the loop in a step of that task, behind which these have to wait."""
    begin = time.monotonic_ns()
    time.sleep(HOLD_S)  # stall
    STALLS.append({
        "task": task, "start_ns": begin, "duration_ns": time.monotonic_ns() - begin,
        "line": hold.__code__.co_firstlineno + 3, "victims": victims and sorted(victims)})


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


def _trio_victims():
    """Behind a step: tasks in the queue, and sleepers. Behind another one: those that trio has
    taken out of its queue."""
    import trio

    held = []

    async def one_turn():
        pass

    async def waiter(event):
        await event.wait()

    async def sleeper():
        await trio.sleep(0.02)

    async def racer(event, names):
        await event.wait()
        if not held:
            me = trio.lowlevel.current_task().name
            held.append(me)
            hold(me, names - {me})

    async def culprit(nursery, event):
        await trio.sleep(0.3)  # by now the tool knows the loop
        for number in range(3):
            nursery.start_soon(sleeper, name="sleeper-%d" % number)
        for _ in range(3):
            await trio.sleep(0)
        for number in range(5):
            nursery.start_soon(one_turn, name="ready-%d" % number)
        event.set()
        # Those that it has just made could not have run before it ends.
        hold("culprit", ["sleeper-0", "sleeper-1", "sleeper-2", "woken-0", "woken-1"])

    async def main():
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            for number in range(2):
                nursery.start_soon(waiter, event, name="woken-%d" % number)
            nursery.start_soon(culprit, nursery, event, name="culprit")
        event, names = trio.Event(), {"racer-%d" % number for number in range(6)}
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(racer, event, names, name=name)
            await trio.sleep(0.05)
            event.set()

    # The second time on another loop of the same thread.
    for _ in range(2):
        held.clear()
        trio.run(main)
    return {"racer": 2 * 6 * 2, "waiter": 2 * 2 * 2, "one_turn": 2 * 5}


def _trio_tasks():
    """Tasks to be looked at, until the driver says more."""
    import trio

    async def sleeper():
        await trio.sleep(1000)

    async def main():
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(sleeper, name="sleeper-%d" % number)
            await trio.sleep(0.1)
            protocol.say("waiting")
            await trio.to_thread.run_sync(protocol.hear)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return {}


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


def _own():
    """A scheduler of nobody's but ours."""
    class Turn:
        def __await__(self):
            yield

    async def worker():
        await Turn()
        hold("worker")
        await Turn()

    waiting = [worker() for _ in range(2)]
    while waiting:
        coroutine = waiting.pop(0)
        try:
            coroutine.send(None)
            waiting.append(coroutine)
        except StopIteration:
            pass
    return {"worker": 2 * 3}


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


def _light_victims(kind):
    """The same for light mode, also with a class of the program's own."""
    class Derived(asyncio.tasks._PyTask):
        pass

    async def other(future=None):
        await (asyncio.sleep(0.02) if future is None else future)

    async def ready():
        pass

    async def culprit(loop, make):
        future = loop.create_future()
        tasks = [make(other(), loop=loop) for _ in range(3)]
        tasks += [make(other(future), loop=loop) for _ in range(2)]
        for _ in range(3):
            await asyncio.sleep(0)
        loop.call_soon(lambda: tasks.extend(make(ready(), loop=loop) for _ in range(5)))
        loop.call_soon(future.set_result, None)
        await asyncio.sleep(0)
        hold("culprit", [str(number) for number in range(10)])
        return tasks

    async def main(loop):
        await asyncio.sleep(0.3)  # by now the tool knows the loop
        for make in (asyncio.tasks._PyTask, Derived):
            await asyncio.gather(*await make(culprit(loop, make), loop=loop))
            await asyncio.sleep(0.05)

    loop = protocol.new_loop(kind)
    loop.run_until_complete(main(loop))
    loop.close()
    return {}


def _victims(kind):
    """Tasks written in Python that wait behind a step of such a task, which ends with it. Nobody
    awaits that one."""
    async def one_turn(over=None):
        if over is not None:
            over.set_result(None)

    async def child():
        pass

    async def spawner(spawn, tasks, over):
        tasks += [spawn(one_turn(over if number == 4 else None), "ready", number)
                  for number in range(5)]

    async def sleeper():
        await asyncio.sleep(0.02)

    async def waiter(future):
        await future

    async def culprit(loop, over):
        def spawn(coroutine, name, number):
            return asyncio.tasks._PyTask(coroutine, loop=loop, name="%s-%d" % (name, number))

        await asyncio.sleep(0.3)  # by now the tool knows the loop
        future = loop.create_future()
        tasks = [spawn(sleeper(), "sleeper", number) for number in range(3)]
        tasks += [spawn(waiter(future), "woken", number) for number in range(2)]
        for _ in range(3):
            await asyncio.sleep(0)
        # Another task makes some ready, just before the step that stalls.
        spawn(spawner(spawn, tasks, over), "spawner", 0)
        await asyncio.sleep(0)
        # Those that the step makes could not have run before it ends.
        made = [spawn(child(), "child", number) for number in range(5)]
        future.set_result(None)
        hold("culprit", [task.get_name() for task in tasks])
        del made

    async def main(loop):
        over = loop.create_future()
        task = asyncio.tasks._PyTask(culprit(loop, over), loop=loop, name="culprit")
        await over
        await task
        await asyncio.sleep(0.05)  # for those that sleep

    # The second time on another loop of the same thread.
    for _ in range(2):
        loop = protocol.new_loop(kind)
        protocol.run(loop, main(loop), protocol.task_factory("python"))
    return {"waiter": 2 * 2 * 2, "one_turn": 2 * 5, "child": 2 * 5, "sleeper": 2 * 3 * 2}


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
    "victims": lambda: _victims(sys.argv[2]),
    "light-victims": lambda: _light_victims(sys.argv[2]),
    "trio-victims": _trio_victims,
    "trio-tasks": _trio_tasks,
    "own": _own,
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
