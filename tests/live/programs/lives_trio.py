# SPDX-License-Identifier: BSD-2-Clause
"""Tasks of trio whose life is not as it should be, and innocent ones that resemble them.

    lives_trio.py

Prints "ready" with the truth: how many tasks of which coroutine are in which kind. "begin" from its
input starts a task of hoarder() every few milliseconds that never ends.
"""

import os
import sys
import sysconfig

import protocol
import trio

kinds = {}
keep = []
HAS_LISTS = not sysconfig.get_config_var("Py_GIL_DISABLED")


def truth(kind, name, count):
    kinds.setdefault(kind, {})[name] = count


# --- wrong


async def takes_both(mine, other):
    async with mine:
        await trio.sleep(0.05)
        async with other:
            pass


def deadlock_of_locks(nursery):
    a, b = trio.Lock(), trio.StrictFIFOLock()
    nursery.start_soon(takes_both, a, b)
    nursery.start_soon(takes_both, b, a)
    truth("deadlock", "takes_both", 2)


async def wants_lock_of_parent(lock):
    await lock.acquire()


async def waits_for_children(lock):
    async with lock:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(wants_lock_of_parent, lock)


def deadlock_of_nursery(nursery):
    nursery.start_soon(waits_for_children, trio.Lock())
    truth("deadlock", "waits_for_children", 1)
    truth("deadlock", "wants_lock_of_parent", 3)


async def numbers():
    yield 1
    yield 2


async def open_generator():
    generator = numbers()
    keep.append(generator)
    async for _ in generator:
        break


async def never_begun():
    pass


# --- innocent


async def holds(lock):
    async with lock:
        await trio.sleep(1000)


async def wants(lock):
    async with lock:
        pass


async def inside_scope(mine, other):
    async with mine:
        await trio.sleep(0.05)
        with trio.move_on_after(1000):
            await other.acquire()


async def other_side(mine, other):
    async with mine:
        await trio.sleep(0.05)
        async with other:
            pass


async def parent_inside_scope():
    a, b = trio.Lock(), trio.Lock()
    with trio.fail_after(1000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other_side, a, b)
            nursery.start_soon(other_side, b, a)


async def child_that_sleeps(lock):
    async with trio.open_nursery() as nursery:
        async with lock:
            nursery.start_soon(wants, lock)
            nursery.start_soon(trio.sleep, 1000)
            await trio.sleep(1000)


async def passes_on(lock):
    """There always is one that waits for what another one has."""
    while True:
        async with lock:
            await trio.sleep(0.001)


def innocents(nursery):
    lock = trio.Lock()
    nursery.start_soon(holds, lock)
    for _ in range(3):
        nursery.start_soon(wants, lock)
    a, b = trio.Lock(), trio.Lock()
    nursery.start_soon(inside_scope, a, b)
    nursery.start_soon(other_side, b, a)
    nursery.start_soon(parent_inside_scope)
    nursery.start_soon(child_that_sleeps, trio.Lock())
    lock = trio.Lock()
    for _ in range(4):
        nursery.start_soon(passes_on, lock)


# ---


async def hoarder():
    await trio.sleep(1000)


async def grow(nursery):
    while True:
        nursery.start_soon(hoarder)
        await trio.sleep(0.02)


async def orders(nursery):
    while True:
        order = await trio.to_thread.run_sync(sys.stdin.readline)
        if order.strip() != "begin":
            os._exit(0)
        nursery.start_soon(grow, nursery)
        protocol.say("begun")


async def main():
    async with trio.open_nursery() as nursery:
        deadlock_of_locks(nursery)
        deadlock_of_nursery(nursery)
        nursery.start_soon(open_generator)
        keep.append(never_begun())
        if HAS_LISTS:
            truth("generator", "numbers", 1)
            truth("unstarted", "never_begun", 1)
        innocents(nursery)
        await trio.sleep(0.3)
        protocol.say("ready", kinds=kinds)
        nursery.start_soon(orders, nursery)


trio.run(main)
