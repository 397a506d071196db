# SPDX-License-Identifier: BSD-2-Clause
"""A program with a loop of its own: nothing but its poll is known of it.

    polling.py selectors|epoll|thread|busy|select|poll|poll_selector|select_busy|greenlet|gevent|
        twisted|asyncio_select|asyncio_poll

Prints "ready", waits for a line in its poll, stalls in different ways, prints "done" with what it
did. *busy: never waits while it works, so that many short callbacks follow each other. select and
poll: called by a function of their own, outside of which the work is done. asyncio_*: its loop with
another selector than epoll's, and a task.
"""

import asyncio
import inspect
import os
import select
import selectors
import sys
import threading
import time

import protocol

TRUTH = []


def _log(function, cause, start_ns, line):
    TRUTH.append({"function": function, "cause": cause, "start_ns": start_ns, "line": line,
                  "duration_ns": time.monotonic_ns() - start_ns, "tid": threading.get_native_id()})


def sleeper():
    start_ns, line = time.monotonic_ns(), inspect.currentframe().f_lineno + 1
    time.sleep(0.03)
    _log("sleeper", "sleep", start_ns, line)


def computer():
    start_ns, end = time.monotonic_ns(), time.thread_time() + 0.04
    line = inspect.currentframe().f_lineno + 1
    while time.thread_time() < end: pass
    _log("computer", "cpu", start_ns, line)


def brief():
    end = time.thread_time() + 0.003
    while time.thread_time() < end:
        pass


WORK = (sleeper, computer, brief, sleeper, computer)
BUSY = (brief,) * 20 + (sleeper,) + (brief,) * 20


def _run(poll, work=WORK, pause_s=0.02):
    """One function of the work after each poll."""
    protocol.say("ready")
    poll()
    os.read(0, 4096)
    for function in work + (None, None):
        if function:
            function()
        poll(pause_s)
    protocol.say("done", stalls=TRUTH)
    poll()


def run_selectors(**options):
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    _run(selector.select, **options)


def run_epoll():
    epoll = select.epoll()
    epoll.register(0, select.EPOLLIN)
    _run(epoll.poll)


def run_thread():
    thread = threading.Thread(target=run_selectors)
    thread.start()
    thread.join()


def run_busy():
    run_selectors(work=BUSY, pause_s=0)


def _select(timeout=None):
    return select.select([0], [], [], timeout)


def run_select():
    _run(_select)


def run_select_busy():
    _run(_select, work=BUSY, pause_s=0)


def run_poll():
    poll = select.poll()
    poll.register(0, select.POLLIN)
    _run(lambda timeout=None: poll.poll(None if timeout is None else timeout * 1000))


def run_poll_selector():
    selector = selectors.PollSelector()
    selector.register(0, selectors.EVENT_READ)
    _run(selector.select)


def run_greenlet():
    """A scheduler of greenlets: what it switches to has a stack of its own."""
    import greenlet

    def switched(function):
        return lambda: greenlet.greenlet(function).switch()

    _run(_select, work=tuple(switched(function) for function in WORK))


def run_gevent():
    """Its hub polls, and each greenlet has a stack of its own."""
    import gevent
    from gevent.socket import wait_read

    protocol.say("ready")
    wait_read(0)
    os.read(0, 4096)
    for function in WORK:
        gevent.spawn(function).join()
        gevent.sleep(0.02)
    protocol.say("done", stalls=TRUTH)
    wait_read(0)


async def _beat():
    while True:
        await asyncio.sleep(0.05)


def _run_asyncio(selector):
    """The callbacks follow waits of the loop, which is known when its task has run."""
    loop = asyncio.SelectorEventLoop(selector)

    def on_input():
        if not os.read(0, 4096) or TRUTH:
            loop.remove_reader(0)
            loop.stop()
            return
        for n, function in enumerate(WORK):
            loop.call_later(0.2 + n * 0.125, function)
        loop.call_later(0.2 + len(WORK) * 0.125, lambda: protocol.say("done", stalls=TRUTH))

    loop.add_reader(0, on_input)
    beat = loop.create_task(_beat())
    loop.call_later(0.2, lambda: protocol.say("ready"))
    loop.run_forever()
    beat.cancel()
    loop.run_until_complete(asyncio.gather(beat, return_exceptions=True))
    loop.close()


def run_asyncio_select():
    _run_asyncio(selectors.SelectSelector())


def run_asyncio_poll():
    _run_asyncio(selectors.PollSelector())


class _Input:
    """What Twisted's reactor reads lines from."""

    def __init__(self, reactor):
        self.reactor = reactor

    def fileno(self):
        return 0

    def logPrefix(self):
        return "input"

    def connectionLost(self, reason):
        self.reactor.stop()

    def doRead(self):
        if not os.read(0, 4096) or TRUTH:
            self.reactor.stop()
            return
        for n, function in enumerate(WORK):
            self.reactor.callLater(0.02 + n * 0.1, function)
        self.reactor.callLater(0.02 + len(WORK) * 0.1,
                               lambda: protocol.say("done", stalls=TRUTH))


def run_twisted():
    from twisted.internet import reactor

    reactor.addReader(_Input(reactor))
    reactor.callWhenRunning(protocol.say, "ready")
    reactor.run(installSignalHandlers=False)


globals()["run_" + sys.argv[1]]()
