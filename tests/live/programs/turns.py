# SPDX-License-Identifier: BSD-2-Clause
"""Long turns of short steps, steps that make tasks ready, and loops that are woken late.

    turns.py [--loop asyncio|uvloop]

Prints "ready". A line of input names one of the acts below; the answer "done" says what happened,
and since when the heartbeat should have run and when it did. Ends with its input.
"""

import argparse
import asyncio
import contextlib
import os
import re
import socket
import threading
import time

import protocol

N_TASKS = 1500
N_SOCKETS = 3
STALL_S = 0.06
BEAT_S = 0.004
QUIET_S = 0.1


def spin(seconds):
    """For so much CPU time, however busy the machine is."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def line_of(mark):
    with open(__file__) as file:
        return next(n for n, line in enumerate(file, 1) if line.rstrip().endswith("# " + mark))


class World:
    def __init__(self, loop):
        self.loop = loop
        self.beats = []  # (due_ns, ran_ns) of those that came late
        self.in_steps = {}  # CPU time inside the steps, by function

    async def heart(self):
        while True:
            due_ns = time.monotonic_ns() + int(BEAT_S * 1e9)
            await asyncio.sleep(BEAT_S)
            ran_ns = time.monotonic_ns()
            if ran_ns - due_ns > 5_000_000:
                self.beats.append((due_ns, ran_ns))

    def account(self, name, begun_ns):
        self.in_steps[name] = self.in_steps.get(name, 0) + time.monotonic_ns() - begun_ns


async def small(world):
    begun_ns = time.monotonic_ns()
    spin(0.00001)
    world.account("small", begun_ns)


async def large(world):
    begun_ns = time.monotonic_ns()
    spin(0.00003)
    world.account("large", begun_ns)


async def waiter(world, event):
    await event.wait()
    begun_ns = time.monotonic_ns()
    spin(0.00002)
    world.account("waiter", begun_ns)


async def created(world):
    """One step creates all: three of four are small."""
    await asyncio.gather(
        *(large(world) if i % 4 == 3 else small(world) for i in range(N_TASKS))  # created
    )


async def woken(world):
    """One step wakes all."""
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(waiter(world, event)) for _ in range(N_TASKS)]
    await asyncio.sleep(QUIET_S)
    world.beats.clear()
    world.begun_ns = time.monotonic_ns()
    event.set()
    await asyncio.wait(tasks)


async def child():
    pass


async def parent(world, gate):
    """Creates children and wakes somebody, then computes."""
    tasks = [asyncio.ensure_future(child()) for _ in range(5)]
    gate.set()
    world.woke_ns = time.monotonic_ns()
    spin(STALL_S)
    world.end_ns = time.monotonic_ns()
    await asyncio.wait(tasks)


async def gated(gate):
    await gate.wait()


async def children(world):
    gate = asyncio.Event()
    other = asyncio.ensure_future(gated(gate))
    await asyncio.sleep(QUIET_S)
    await asyncio.ensure_future(parent(world, gate))
    await other


def write_to(clients):
    time.sleep(STALL_S / 4)
    for client in clients:
        client.send(b"x")


async def sockets(world, stall):
    """Sockets get data while a step stalls."""
    listener = socket.create_server(("127.0.0.1", 0))
    clients = [socket.create_connection(listener.getsockname()) for _ in range(N_SOCKETS)]
    served = [listener.accept()[0] for _ in range(N_SOCKETS)]
    for connection in served:
        connection.setblocking(False)
        world.loop.add_reader(connection.fileno(), connection.recv, 10)
    await asyncio.sleep(QUIET_S)
    threading.Thread(target=write_to, args=(clients,)).start()
    await asyncio.ensure_future(stall())
    await asyncio.sleep(QUIET_S)
    for connection in served:
        world.loop.remove_reader(connection.fileno())
        connection.close()
    for client in clients:
        client.close()
    listener.close()


async def sleeping_step():
    time.sleep(2 * STALL_S)


async def computing_step():
    # In short slices, so that the thread that writes gets the GIL.
    end = time.thread_time() + 2 * STALL_S
    while time.thread_time() < end:
        spin(0.002)


async def sleeping(world):
    await sockets(world, sleeping_step)


async def computing(world):
    await sockets(world, computing_step)


def _long_match():
    """A text for which this expression takes at least STALL_S; it does not release the GIL."""
    n = 16
    while True:
        text = "a" * n + "b"
        begun = time.thread_time()
        re.match("(a+)+$", text)
        if time.thread_time() - begun > STALL_S:
            return text
        n += 1


def _hold(text):
    time.sleep(QUIET_S)
    re.match("(a+)+$", text)


async def gil(world):
    """The loop is idle; a thread holds the GIL in C."""
    text = await world.loop.run_in_executor(None, _long_match)
    world.beats.clear()
    world.begun_ns = time.monotonic_ns()
    thread = threading.Thread(target=_hold, args=(text,), name="hog")
    thread.start()
    await asyncio.sleep(QUIET_S + STALL_S * 4)
    thread.join()


def _take_cpu(cpu):
    """Another process has this CPU, before all others, for a while."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.sched_setaffinity(0, [cpu])
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        time.sleep(QUIET_S)
        end = time.monotonic() + STALL_S
        while time.monotonic() < end:
            pass
    finally:
        os._exit(0)


async def runqueue(world):
    """The loop is idle, and pinned to a CPU that another process takes."""
    cpu = max(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [cpu])
    pid = _take_cpu(cpu)
    await asyncio.sleep(QUIET_S + 2 * STALL_S)
    os.waitpid(pid, 0)
    os.sched_setaffinity(0, before)


ACTS = {
    act.__name__: act
    for act in (created, woken, children, sleeping, computing, gil, runqueue)
}
FIRST_IN_LINE = ("created", "woken", "children")


class FirstInLine:
    """Nothing else has this thread's CPU meanwhile: a busy machine makes no stall of a step."""

    def __enter__(self):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))

    def __exit__(self, *_):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


async def perform(world, name):
    beat = asyncio.ensure_future(world.heart())
    if hasattr(beat, "set_name"):
        beat.set_name("heart")
    await asyncio.sleep(QUIET_S)
    world.beats.clear()
    world.in_steps.clear()
    world.woke_ns = world.end_ns = 0
    world.begun_ns = time.monotonic_ns()
    with FirstInLine() if name in FIRST_IN_LINE else contextlib.nullcontext():
        await asyncio.ensure_future(ACTS[name](world))
    ended_ns = time.monotonic_ns()
    await asyncio.sleep(4 * BEAT_S)
    beat.cancel()
    return {
        "begun_ns": world.begun_ns,
        "ended_ns": ended_ns,
        "beats": [beat for beat in world.beats if beat[0] < ended_ns],
        "in_steps": world.in_steps,
        "woke_ns": world.woke_ns,
        "end_ns": world.end_ns,
        "lines": [line_of("created")],
    }


async def main(loop):
    world = World(loop)
    protocol.say("ready")
    while True:
        name = await protocol.hear_in_loop(loop)
        if not name:
            return
        protocol.say("done", **await perform(world, name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    event_loop = protocol.new_loop(parser.parse_args().loop)
    protocol.run(event_loop, main(event_loop))
