# SPDX-License-Identifier: BSD-2-Clause
"""A loop that gets into one situation and stays there, to be looked at from outside.

    dump_me.py SHAPE [--loop asyncio|uvloop|trio|select|poll] [--tasks N]

Prints "ready" just before it is in the situation.
"""

import argparse
import asyncio
import functools
import inspect
import selectors
import sys
import threading
import time

import protocol

LIFE_S = 120
SELECTORS = {"select": "SelectSelector", "poll": "PollSelector"}
started = threading.Event()


def line_of(mark):
    """Number of the line in this file that ends with this comment."""
    with open(__file__) as f:
        return next(n for n, line in enumerate(f, 1) if line.rstrip().endswith("# " + mark))


def ready(**more):
    protocol.say("ready", tid=threading.get_native_id(), **more)


def nap():
    time.sleep(LIFE_S)  # sleep


def compute():
    end = time.monotonic() + LIFE_S
    while time.monotonic() < end:
        sum(range(1000))  # compute


def recurse(depth):
    if depth:
        recurse(depth - 1)  # recursion
    else:
        nap()


def hold_gil():
    started.set()
    time.sleep(0.05)
    protocol.say("holder", tid=threading.get_native_id())
    # One long call that keeps the GIL: big ints are multiplied in C, without a pause.
    (3 ** 3000000) ** 4  # gil


async def wait_in_poll():
    ready(line=line_of("poll"))
    await asyncio.sleep(LIFE_S)  # poll


async def sleep_in_step():
    await asyncio.sleep(0)
    ready(line=line_of("sleep"))
    nap()


async def deadlock():
    lock = threading.Lock()
    lock.acquire()
    await asyncio.sleep(0)
    ready(line=line_of("lock"))
    lock.acquire()  # lock


async def compute_in_step():
    await asyncio.sleep(0)
    ready(line=line_of("compute"))
    compute()


async def recurse_in_step():
    sys.setrecursionlimit(5000)
    await asyncio.sleep(0)
    ready(line=line_of("sleep"))
    recurse(900)


async def sleep_in_callback():
    ready(line=line_of("sleep"))
    asyncio.get_running_loop().call_soon(nap)
    await asyncio.sleep(LIFE_S)


async def sleep_in_c():
    """No frame shows what the loop calls."""
    ready(line=0)
    asyncio.get_running_loop().call_soon(functools.partial(time.sleep, LIFE_S))
    await asyncio.sleep(LIFE_S)


async def sleep_in_c_later():
    asyncio.get_running_loop().call_later(0.1, time.sleep, LIFE_S)
    ready(line=0)
    await asyncio.sleep(LIFE_S)


async def wait_for_gil():
    threading.Thread(target=hold_gil, name="holder", daemon=True).start()
    started.wait()
    ready(line=line_of("gil"))
    while True:
        await asyncio.sleep(0.001)


async def worker(gate):
    await gate.wait()  # worker


async def many(n):
    gate = asyncio.Event()
    workers = [asyncio.ensure_future(worker(gate)) for _ in range(n)]
    for number, task in enumerate(workers):
        task.set_name("worker-%d" % number)
    await asyncio.sleep(0.1)
    ready(line=line_of("worker"))
    await asyncio.gather(*workers)


async def use_executor():
    from concurrent.futures import ThreadPoolExecutor
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))
    calls = [loop.run_in_executor(None, nap) for _ in range(5)]
    await asyncio.sleep(0.2)
    ready(line=line_of("sleep"))
    await asyncio.gather(*calls)


def leaf():
    total = 0
    for i in range(20):
        total += i
    return total


def left():
    leaf()
    return leaf()


def right():
    left()
    return leaf()


def span(function):
    """First and last line of a function."""
    lines, first = inspect.getsourcelines(function)
    return first, first + len(lines) - 1


async def be_busy():
    await asyncio.sleep(0)
    ready(spans={f.__name__: span(f) for f in (leaf, left, right, be_busy)})
    while True:
        # Most of the time in a step, or looks would seldom hit one.
        for _ in range(100):
            left()
            right()
        await asyncio.sleep(0)


async def switch_stacks():
    import greenlet

    await asyncio.sleep(0)
    ready(line=line_of("sleep"))
    greenlet.greenlet(nap).switch()


SHAPES = {
    "greenlet": switch_stacks,
    "busy": be_busy,
    "poll": wait_in_poll,
    "sleep": sleep_in_step,
    "deadlock": deadlock,
    "cpu": compute_in_step,
    "deep": recurse_in_step,
    "callback": sleep_in_callback,
    "c-callback": sleep_in_c,
    "c-timer": sleep_in_c_later,
    "gil": wait_for_gil,
    "executor": use_executor,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shape")
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--tasks", type=int, default=10000)
    options = parser.parse_args()
    if options.loop == "trio":
        import trio

        async def sleep():
            await trio.sleep(0)
            ready(line=line_of("sleep"))
            nap() if options.shape == "sleep" else await trio.sleep(LIFE_S)

        trio.run(sleep)
        return
    if options.loop == "uvloop":
        import uvloop
        uvloop.install()

    async def root():
        if options.shape == "many":
            await many(options.tasks)
        task = asyncio.ensure_future(SHAPES[options.shape]())
        task.set_name("the-task")
        await task

    if options.loop in SELECTORS:
        loop = asyncio.SelectorEventLoop(getattr(selectors, SELECTORS[options.loop])())
        loop.run_until_complete(root())
    else:
        asyncio.run(root())


main()
