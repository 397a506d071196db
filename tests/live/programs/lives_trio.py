# SPDX-License-Identifier: BSD-2-Clause
"""Tasks of trio whose life is not as it should be, and innocent ones that resemble them.

    lives_trio.py

Prints "ready" with the truth: how many tasks of which coroutine are in which kind. "begin" from its
input starts a task of hoarder() every few milliseconds that never ends.
"""

import os
import sys
import sysconfig
import threading
import weakref

import protocol
import trio

kinds = {}
keep = []
# Those without keep neither the collector's lists nor one count of references.
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


async def waits_for_lost_event():
    await trio.Event().wait()


async def waits_for_local_event():
    event = trio.Event()
    await event.wait()


async def waits_for_shared_event(event):
    await event.wait()


async def waits_for_lost_condition():
    condition = trio.Condition()
    async with condition:
        await condition.wait()


async def waits_in_lost_lot():
    await trio.lowlevel.ParkingLot().park()


async def receives_from_itself():
    send, receive = trio.open_memory_channel(1)
    async for _ in receive:
        await send.send(1)


async def receives_from_lost(receive):
    async with receive:
        await receive.receive()


async def sends_to_lost():
    send, receive = trio.open_memory_channel(1)
    await send.send(1)
    await send.send(2)


async def shares_receiver(receive):
    await receive.receive()


def forgotten(nursery):
    for wait in (
        waits_for_lost_event,
        waits_for_local_event,
        waits_for_lost_condition,
        waits_in_lost_lot,
        receives_from_itself,
        sends_to_lost,
    ):
        nursery.start_soon(wait)
        truth("forgotten", wait.__name__, 1)
    event = trio.Event()
    for _ in range(2):
        nursery.start_soon(waits_for_shared_event, event)
    truth("forgotten", "waits_for_shared_event", 2)
    # Freed and never closed: nobody tells the receiver.
    nursery.start_soon(receives_from_lost, trio.open_memory_channel(0)[1])
    truth("forgotten", "receives_from_lost", 1)
    receive = trio.open_memory_channel(0)[1]
    for _ in range(2):
        nursery.start_soon(shares_receiver, receive)
    truth("forgotten", "shares_receiver", 2)


# --- innocent


async def only_waits(event):
    await event.wait()


async def only_receives(receive):
    await receive.receive()


async def only_sends(send):
    await send.send(1)


async def may_send(send):
    """It is on the frame of a task that goes on some time."""
    await trio.sleep(1000)
    await send.send(1)


async def inside_deadline():
    with trio.move_on_after(1000):
        await trio.Event().wait()


async def parent_inside_deadline():
    with trio.move_on_after(1000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits_for_lost_event)


async def waits_for_child():
    """What a child has in a closure, its parent may set."""
    event = trio.Event()

    async def child():
        await event.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep(1000)
        event.set()


class Broadcast:
    """Reaches those that listen, and does not keep them."""

    def __init__(self):
        self.events = weakref.WeakSet()

    async def listen(self):
        event = trio.Event()
        self.events.add(event)
        await event.wait()


async def takes_turns(semaphore):
    while True:
        async with semaphore:
            await trio.sleep(0.02)


async def echoes(send, receive):
    async for value in receive:
        await trio.sleep(0.02)
        await send.send(value)


def innocent_waits(nursery):
    kept, of_thread = trio.Event(), trio.Event()
    keep.append(kept)
    threading.Thread(target=lambda: keep[0].wait() or of_thread.set(), daemon=True).start()
    for event in (kept, of_thread):
        nursery.start_soon(only_waits, event)
    send, receive = trio.open_memory_channel(0)
    nursery.start_soon(may_send, send)
    nursery.start_soon(only_receives, receive)
    send, receive = trio.open_memory_channel(0)
    keep.append(receive)
    nursery.start_soon(only_sends, send)
    send, receive = trio.open_memory_channel(0)
    keep.append(send.clone())
    nursery.start_soon(only_receives, receive)
    for wait in (inside_deadline, parent_inside_deadline, waits_for_child):
        nursery.start_soon(wait)
    broadcast = Broadcast()
    keep.append(broadcast)
    nursery.start_soon(broadcast.listen)
    semaphore = trio.Semaphore(1)
    for _ in range(3):
        nursery.start_soon(takes_turns, semaphore)
    # A message goes round: at any moment most of them wait.
    ends = [trio.open_memory_channel(0) for _ in range(3)]
    for i in range(3):
        nursery.start_soon(echoes, ends[i][0], ends[i - 1][1])
    nursery.start_soon(ends[0][0].send, 1)


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
        keep.insert(0, threading.Event())
        if HAS_LISTS:
            forgotten(nursery)
        innocent_waits(nursery)
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
