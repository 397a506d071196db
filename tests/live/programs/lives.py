# SPDX-License-Identifier: BSD-2-Clause
"""Tasks whose life is not as it should be, one function for each kind, and innocent ones that
resemble them.

    lives.py [wrong] [innocent] [--loop asyncio|uvloop] [--debug]

Prints "ready" with the truth: how many tasks of which coroutine are in which kind. "begin" from its
input starts a task of hoarder() every few milliseconds that never ends, and a queue of coroutines
that are awaited one after the other.
"""

import asyncio
import os
import sys
import sysconfig
import weakref

import protocol

kinds = {}
keep = []
HAS_UNCANCEL = sys.version_info >= (3, 11)
# Newer ones take a task off their list when it is done.
FORGETS_LATE = sys.version_info < (3, 14)
# The collector of free-threaded builds has no lists.
HAS_LISTS = not sysconfig.get_config_var("Py_GIL_DISABLED")


def start(coro):
    task = asyncio.ensure_future(coro)
    keep.append(task)
    return task


def truth(kind, name, count):
    kinds.setdefault(kind, {})[name] = count


# --- wrong


async def each_other_a(tasks):
    await asyncio.sleep(0)
    await tasks[1]


async def each_other_b(tasks):
    await asyncio.sleep(0)
    await tasks[0]


def deadlock_of_two():
    tasks = []
    tasks += [start(each_other_a(tasks)), start(each_other_b(tasks))]
    truth("deadlock", "each_other_a", 1)
    truth("deadlock", "each_other_b", 1)


async def gathers(tasks):
    await asyncio.sleep(0)
    await asyncio.gather(*tasks)


async def waits_for_parent(tasks):
    await asyncio.sleep(0)
    await tasks[0]


def deadlock_of_gather():
    parents, children = [], []
    children += [start(waits_for_parent(parents)) for _ in range(3)]
    parents.append(start(gathers(children)))
    truth("deadlock", "gathers", 1)
    truth("deadlock", "waits_for_parent", 3)


async def waits_set(tasks):
    await asyncio.sleep(0)
    await asyncio.wait({tasks[1]})


async def awaits_first(tasks):
    await asyncio.sleep(0)
    await tasks[0]


def deadlock_of_wait():
    tasks = []
    tasks += [start(waits_set(tasks)), start(awaits_first(tasks))]
    truth("deadlock", "waits_set", 1)
    truth("deadlock", "awaits_first", 1)


async def takes_both(mine, other):
    async with mine:
        await asyncio.sleep(0)
        async with other:
            pass


def deadlock_of_locks():
    a, b = asyncio.Lock(), asyncio.Lock()
    start(takes_both(a, b))
    start(takes_both(b, a))
    truth("deadlock", "takes_both", 2)


async def inner(lock):
    async with lock:
        pass


async def takes_twice(lock):
    async with lock:
        await inner(lock)


def deadlock_with_itself():
    start(takes_twice(asyncio.Lock()))
    truth("deadlock", "takes_twice", 1)


async def only_victim(task):
    await task


def victim_of_deadlock():
    """It waits for ever as well, but is no part of the cycle."""
    start(only_victim(keep[0]))


async def stubborn():
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            pass


def cancelled():
    tasks = [start(stubborn()) for _ in range(2)]
    for task in tasks:
        asyncio.get_running_loop().call_later(0.1, task.cancel)
    if HAS_UNCANCEL:
        truth("cancelled", "stubborn", 2)


def raise_it():
    raise LookupError("nobody looks at this")


async def fails():
    await asyncio.sleep(0)
    raise_it()  # fails


def failed():
    for _ in range(3):
        start(fails())
    if FORGETS_LATE:
        truth("failed", "fails", 3)


async def waits_for_nothing():
    await asyncio.get_running_loop().create_future()


async def waits_for_local():
    future = asyncio.get_running_loop().create_future()
    await future


async def waits_for_lost_event():
    await asyncio.Event().wait()


async def waits_for_shared_event(event):
    await event.wait()


async def waits_for_lost_condition():
    condition = asyncio.Condition()
    async with condition:
        await condition.wait()


async def waits_for_lost_semaphore():
    semaphore = asyncio.Semaphore(1)
    async with semaphore:
        async with semaphore:
            pass


async def waits_for_lost_queue(queue):
    while True:
        await queue.get()


async def puts_into_lost_queue():
    queue = asyncio.Queue(1)
    queue.put_nowait(1)
    await queue.put(2)


def forgotten_owners():
    for wait in (
        waits_for_lost_event,
        waits_for_lost_condition,
        waits_for_lost_semaphore,
        puts_into_lost_queue,
    ):
        start(wait())
        truth("forgotten", wait.__name__, 1)
    event = asyncio.Event()
    start(waits_for_shared_event(event))
    start(waits_for_shared_event(event))
    truth("forgotten", "waits_for_shared_event", 2)
    start(waits_for_lost_queue(asyncio.Queue()))
    truth("forgotten", "waits_for_lost_queue", 1)


def forgotten():
    start(waits_for_nothing())
    start(waits_for_local())
    truth("forgotten", "waits_for_nothing", 1)
    truth("forgotten", "waits_for_local", 1)


async def numbers():
    yield 1
    yield 2


async def open_generator():
    generator = numbers()
    keep.append(generator)
    async for _ in generator:
        break


def generators():
    for _ in range(2):
        start(open_generator())
    if "uvloop" not in sys.argv or HAS_LISTS:
        truth("generator", "numbers", 2)


async def never_begun(number):
    return number


def unstarted():
    """As a result that is kept, and never looked at."""
    keep.extend(never_begun(i) for i in range(3))
    if HAS_LISTS:
        truth("unstarted", "never_begun", 3)


class Channel:
    async def send(self):
        pass


def dropped():
    for _ in range(2):
        Channel().send()  # dropped
    truth("dropped", "Channel.send", 1)  # Python says it once for each line


# --- innocent


async def child():
    await asyncio.sleep(1000)


async def parent():
    await asyncio.gather(*(asyncio.ensure_future(child()) for _ in range(3)))


async def waits_with_timeout(tasks):
    await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.shield(tasks[1]), 1000)


async def waits_set_with_timeout(tasks):
    await asyncio.sleep(0)
    await asyncio.wait({tasks[1]}, timeout=1000)


async def inside_timeout(tasks):
    await asyncio.sleep(0)
    async with asyncio.timeout(1000):
        await tasks[1]


async def waits_back(tasks):
    await asyncio.sleep(0)
    await tasks[0]


async def gathers_also_sleep(tasks):
    """The other one may fail, and end the wait."""
    await asyncio.sleep(0)
    await asyncio.gather(tasks[1], child())


async def holds_lock(lock):
    async with lock:
        await asyncio.sleep(1000)


async def wants_lock(lock):
    async with lock:
        pass


async def waits_for_event(event):
    await event.wait()


async def server(reader, writer):
    await reader.read(1)


async def worker(queue):
    while True:
        await queue.get()


async def set_later(future):
    await asyncio.wait([future])


async def set_by_timer():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1000, future.set_result, None)
    await future


async def set_by_thread():
    await asyncio.get_running_loop().run_in_executor(None, keep[0].wait)


async def heard():
    raise LookupError("somebody looks at this")


async def cleans_up():
    await asyncio.sleep(1000)


async def sleeps_by_event():
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 1000)
    except asyncio.TimeoutError:
        pass


async def shares_with_sleeper(event):
    try:
        await asyncio.wait_for(event.wait(), 1000)
    except asyncio.TimeoutError:
        event.set()


async def only_waits(event):
    await event.wait()


async def event_of_timer():
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(1000, event.set)
    await event.wait()


class Broadcast:
    """Reaches those that listen, and does not keep them."""

    def __init__(self):
        self.waits = weakref.WeakSet()

    async def listen(self, event):
        self.waits.add(event)
        await event.wait()

    async def listen_to_future(self):
        future = asyncio.get_running_loop().create_future()
        self.waits.add(future)
        await future


async def park():
    """The main task of a loop, until a signal comes."""
    await asyncio.Event().wait()


def innocent_events():
    import threading

    start(sleeps_by_event())
    event = asyncio.Event()
    start(shares_with_sleeper(event))
    start(only_waits(event))
    start(event_of_timer())
    threading.Thread(target=asyncio.run, args=(park(),), daemon=True).start()
    broadcast = Broadcast()
    keep.append(broadcast)
    start(broadcast.listen(asyncio.Event()))
    start(broadcast.listen_to_future())


def innocent_waits():
    import threading

    keep.insert(0, threading.Event())
    loop = asyncio.get_running_loop()
    for first in filter(
        None,
        (
            waits_with_timeout,
            waits_set_with_timeout,
            gathers_also_sleep,
            hasattr(asyncio, "timeout") and inside_timeout,
        ),
    ):
        tasks = []
        tasks += [start(first(tasks)), start(waits_back(tasks))]
    lock, event, queue = asyncio.Lock(), asyncio.Event(), asyncio.Queue()
    keep.extend((lock, event, queue))
    start(parent())
    start(holds_lock(lock))
    for _ in range(3):
        start(wants_lock(lock))
        start(waits_for_event(event))
        start(worker(queue))
    future = loop.create_future()
    keep.append(future)
    start(set_later(future))
    start(set_by_timer())
    start(set_by_thread())


async def innocent_ends():
    for _ in range(3):
        try:
            await start(heard())
        except LookupError:
            pass
        task = start(cleans_up())
        await asyncio.sleep(0)
        task.cancel()
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    keep.append(listener)
    for _ in range(3):
        keep.append(await asyncio.open_connection(*listener.sockets[0].getsockname()))


# ---


async def hoarder():
    await asyncio.sleep(1000)


async def grow():
    while True:
        start(hoarder())
        await asyncio.sleep(0.02)


async def job():
    await asyncio.sleep(0.1)


async def work(jobs):
    """Each of them waits for two seconds until it begins."""
    while True:
        jobs.append(job())
        await jobs.pop(0)


async def beat():
    """Steps, so that there is something to measure, and tasks that come and go."""
    while True:
        await asyncio.sleep(0.05)
        await asyncio.ensure_future(asyncio.sleep(0.01))


async def main():
    loop = asyncio.get_running_loop()
    if "wrong" in sys.argv:
        for make in (
            deadlock_of_two,
            deadlock_of_gather,
            deadlock_of_wait,
            deadlock_of_locks,
            deadlock_with_itself,
            victim_of_deadlock,
            cancelled,
            failed,
            forgotten,
            forgotten_owners,
            generators,
            unstarted,
            dropped,
        ):
            make()
    if "innocent" in sys.argv:
        innocent_waits()
        innocent_events()
        await innocent_ends()
    start(beat())
    await asyncio.sleep(0.3)
    protocol.say("ready", kinds=kinds)
    while True:
        order = await loop.run_in_executor(None, sys.stdin.readline)
        if order.strip() != "begin":
            os._exit(0)
        start(grow())
        start(work([job() for _ in range(20)]))
        protocol.say("begun")


if "uvloop" in sys.argv:
    import uvloop

    uvloop.install()
asyncio.run(main(), debug="--debug" in sys.argv)
