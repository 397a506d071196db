# SPDX-License-Identifier: BSD-2-Clause
"""Functions that the interpreter calls by itself, and innocent ones with the same arguments.

    own_calls.py asyncio|uvloop

Prints "ready", waits for a line, runs them one after the other, prints "done" with what each was
and when it ran, waits for the end of input.
"""

import asyncio
import contextlib
import functools
import gc
import os
import signal
import sys
import time
import weakref

import protocol

gc.disable()

HOLD_S = 0.04
PAUSE_S = 0.03
CALLS = []


class Session:
    pass


@contextlib.contextmanager
def told(kind, function):
    """Notes when the body ran: what it is, and the function that it is in."""
    call = {"kind": kind, "function": function, "start_ns": time.monotonic_ns()}
    yield
    call["duration_ns"] = time.monotonic_ns() - call["start_ns"]
    CALLS.append(call)


def on_signal(number, frame):
    with told("signal", "on_signal"):
        time.sleep(HOLD_S)


def on_any(*args):
    with told("signal", "on_any"):
        time.sleep(HOLD_S)


class Server:
    def on_signal_of(self, number, frame):
        with told("signal", "on_signal_of"):
            time.sleep(HOLD_S)

    def on_death_of(self, reference):
        with told("death", "on_death_of"):
            time.sleep(HOLD_S)


def on_death(reference):
    with told("death", "on_death"):
        time.sleep(HOLD_S)


def on_collected(reference):
    with told("death", "on_collected"):
        time.sleep(HOLD_S)


def on_finalized():
    with told("finalizer", "on_finalized"):
        time.sleep(HOLD_S)


async def signalled(handler):
    signal.signal(signal.SIGUSR1, handler)
    os.kill(os.getpid(), signal.SIGUSR1)
    for _ in range(1000):
        pass
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


async def signalled_in_a_call():
    signal.signal(signal.SIGALRM, on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.005)
    time.sleep(0.01)


async def stored_over():
    session = Session()
    reference = weakref.ref(session, on_death)
    session = None
    return reference


async def removed_from(server):
    sessions = {1: Session()}
    reference = weakref.ref(sessions[1], server.on_death_of)
    del sessions[1]
    return reference


async def collected():
    """The collector finds it, in the call of a function."""
    session = Session()
    session.itself = session
    reference = weakref.ref(session, on_collected)
    session = None
    gc.collect()
    return reference


async def finalized():
    session = Session()
    weakref.finalize(session, on_finalized)
    session = None


def takes_a_frame(number, frame):
    with told("", "takes_a_frame"):
        time.sleep(HOLD_S)


def finds_a_frame():
    number = 1
    frame = sys._getframe(1)
    with told("", "finds_a_frame"):
        time.sleep(HOLD_S)
    return number, frame


def takes_a_reference(reference):
    with told("", "takes_a_reference"):
        time.sleep(HOLD_S)


class Box:
    def _put(self, value):
        with told("", "_put"):
            time.sleep(HOLD_S)

    value = property(None, _put)

    def __setitem__(self, key, value):
        with told("", "__setitem__"):
            time.sleep(HOLD_S)


def dead_reference():
    return weakref.ref(Session())


async def passes_its_frame():
    takes_a_frame(2, sys._getframe())


async def is_looked_at():
    finds_a_frame()


async def passes_a_reference():
    takes_a_reference(dead_reference())


def takes_a_mapped_one(reference):
    with told("", "takes_a_mapped_one"):
        time.sleep(HOLD_S)


async def maps_references():
    list(map(takes_a_mapped_one, [dead_reference()]))


async def stores_a_reference():
    box = Box()
    box.value = dead_reference()
    box[1] = dead_reference()


def takes_a_late_one(reference):
    with told("", "takes_a_late_one"):
        time.sleep(HOLD_S)


def on_handled():
    with told("", "on_handled"):
        time.sleep(HOLD_S)


async def handled_by_the_loop(loop):
    loop.add_signal_handler(signal.SIGUSR2, on_handled)
    os.kill(os.getpid(), signal.SIGUSR2)
    await asyncio.sleep(3 * PAUSE_S)
    loop.remove_signal_handler(signal.SIGUSR2)


async def interrupted_wait():
    """The loop itself is interrupted, while it waits."""
    signal.signal(signal.SIGALRM, on_any)
    signal.setitimer(signal.ITIMER_REAL, PAUSE_S)
    await asyncio.sleep(3 * PAUSE_S + HOLD_S)


async def main():
    loop = asyncio.get_running_loop()
    ready = asyncio.ensure_future(protocol.hear_in_loop(loop))
    await asyncio.sleep(0.1)
    protocol.say("ready")
    await ready
    await asyncio.sleep(0.3)  # by now the tool knows the loop
    server = Server()
    for step in (
        signalled(on_signal),
        signalled(on_any),
        signalled(server.on_signal_of),
        signalled(functools.partial(server.on_signal_of)),
        signalled_in_a_call(),
        stored_over(),
        removed_from(server),
        collected(),
        finalized(),
        passes_its_frame(),
        is_looked_at(),
        passes_a_reference(),
        maps_references(),
        stores_a_reference(),
        handled_by_the_loop(loop),
        interrupted_wait(),
    ):
        await loop.create_task(step)
        await asyncio.sleep(PAUSE_S)
    loop.call_soon(takes_a_late_one, dead_reference())
    await asyncio.sleep(PAUSE_S + HOLD_S)
    protocol.say("done", calls=CALLS)
    await protocol.hear_in_loop(loop)


loop = protocol.new_loop(sys.argv[1])
loop.run_until_complete(main())
