# SPDX-License-Identifier: BSD-2-Clause
"""A service of tornado that blocks its loop in each of the ways in which tornado calls user code.

    tornado_service.py

Prints "ready" with its port. "report" tells each block of the loop: when, which function, as a step
of a task or as a callback of the loop, on which line. "fill" starts more calls than an executor has
threads. The end of the input ends it.
"""

import asyncio
import concurrent.futures
import inspect
import sys
import threading
import time

import protocol
import tornado.gen
import tornado.httpserver
import tornado.ioloop
import tornado.netutil
import tornado.web

SECONDS = 0.03
blocks = []
released = threading.Event()
executor = concurrent.futures.ThreadPoolExecutor(2, thread_name_prefix="reports")


class block:
    """Notes what happens while the loop cannot run."""

    def __init__(self, unit, entry, cause="sleep", can_await=True):
        line = inspect.currentframe().f_back.f_lineno + 1
        self._note = dict(unit=unit, entry=entry, cause=cause, can_await=can_await, line=line)

    def __enter__(self):
        self._began = time.monotonic_ns()

    def __exit__(self, *_):
        blocks.append(dict(self._note, at=[self._began, time.monotonic_ns()]))


def crunch():
    end = time.thread_time() + SECONDS
    while time.thread_time() < end: pass


class Native(tornado.web.RequestHandler):
    async def get(self, item):
        await asyncio.sleep(0.001)
        with block("step", "Native.get"):
            time.sleep(SECONDS)


class Plain(tornado.web.RequestHandler):
    def prepare(self):
        with block("step", "Plain.prepare"):
            time.sleep(SECONDS)

    def get(self):
        self.write("")


class Generated(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        with block("step", "Generated.get"):
            time.sleep(SECONDS)
        yield tornado.gen.sleep(0.001)
        with block("callback", "Generated.get"):
            time.sleep(SECONDS)
        yield self.inner()

    @tornado.gen.coroutine
    def inner(self):
        yield tornado.gen.sleep(0.001)
        with block("callback", "Generated.inner"):
            time.sleep(SECONDS)


class Sending(tornado.web.RequestHandler):
    def get(self):
        loop = tornado.ioloop.IOLoop.current()
        loop.spawn_callback(spawned)
        loop.call_later(0.001, later)
        loop.add_future(asyncio.ensure_future(asyncio.sleep(0)), added)


class Threaded(tornado.web.RequestHandler):
    async def get(self):
        await tornado.ioloop.IOLoop.current().run_in_executor(executor, time.sleep, SECONDS)


async def spawned():
    await asyncio.sleep(0.002)
    with block("step", "spawned"):
        time.sleep(SECONDS)


def later():
    with block("callback", "later", can_await=False):
        time.sleep(SECONDS)


def added(future):
    with block("callback", "added", can_await=False):
        time.sleep(SECONDS)


def ticks():
    """Called by a task of tornado's own."""
    with block("step", "ticks", cause="cpu"):
        crunch()


def wait_for_end():
    released.wait()  # fill


ROUTES = (
    ("/native/([0-9]+)", Native),
    ("/plain", Plain),
    ("/generated", Generated),
    ("/sending", Sending),
    ("/threaded", Threaded),
)


async def main():
    loop = tornado.ioloop.IOLoop.current()
    server = tornado.httpserver.HTTPServer(tornado.web.Application(ROUTES))
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    tornado.ioloop.PeriodicCallback(ticks, 300).start()
    protocol.say("ready", port=sockets[0].getsockname()[1])
    while True:
        order = await protocol.hear_in_loop(asyncio.get_running_loop())
        if order == "report":
            protocol.say("report", blocks=blocks)
        elif order == "fill":
            calls = [loop.run_in_executor(executor, wait_for_end) for _ in range(5)]
            await asyncio.sleep(0.2)
            protocol.say("filled", calls=len(calls))
        else:
            break
    released.set()


asyncio.run(main())
sys.exit(0)
