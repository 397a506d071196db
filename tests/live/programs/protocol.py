# SPDX-License-Identifier: BSD-2-Clause
"""How a test program talks to the test driver: JSON lines out, plain lines in.

The driver starts a program, waits for its "ready" line, attaches the tool, and only then lets the
program go. Runs on Python 3.8 to 3.13.
"""

import asyncio
import json
import os
import sys
import threading


def say(event, **fields):
    """Writes one JSON line to the driver. Not through sys.stdout: 3.14.10's lost the rest of a line
    of several hundred kilobytes, when the pipe took only a part of it."""
    line = json.dumps(dict(fields, event=event, pid=os.getpid()), ensure_ascii=True)
    rest = (line + "\n").encode()
    while rest:
        rest = rest[os.write(sys.stdout.fileno(), rest) :]


def hear():
    """Blocks for the next line of the driver; "" at the end of input."""
    return sys.stdin.readline().strip()


async def hear_in_loop(loop):
    """The next line of the driver, read without blocking the loop. The driver sends one line at a
    time."""
    fd = sys.stdin.fileno()
    line = loop.create_future()

    def readable():
        loop.remove_reader(fd)
        os.set_blocking(fd, True)  # uvloop has changed it
        line.set_result(os.read(fd, 4096).decode().strip())

    loop.add_reader(fd, readable)
    return await line


def new_loop(kind):
    """A fresh event loop: kind is "asyncio", "uvloop" or "own"."""
    if kind == "own":
        import own_loop

        return own_loop.OwnLoop()
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def task_class(kind):
    """The class of the tasks: kind is "c", "python" (asyncio's own, without its accelerator) or
    "subclass"."""
    if kind == "python":
        return asyncio.tasks._PyTask
    return _Derived if kind == "subclass" else asyncio.Task


class _Derived(asyncio.Task):
    """Somebody's own kind of task, with methods of the C class overridden."""

    def __init__(self, coroutine, **kwargs):
        super().__init__(coroutine, **kwargs)
        self.note = "derived"

    def set_name(self, value):
        super().set_name(value)

    def get_coro(self):
        return super().get_coro()

    def __del__(self):
        self.note = None


def task_factory(kind):
    """Makes a loop's tasks of that class; None for those it makes anyway."""
    if kind == "c":
        return None
    cls = task_class(kind)
    return lambda loop, coroutine, **kwargs: cls(coroutine, loop=loop, **kwargs)


def run(loop, coroutine, task_factory=None):
    """asyncio.run() for a given loop, the same in every version and for every loop."""
    if task_factory is not None:
        loop.set_task_factory(task_factory)
    if threading.current_thread() is threading.main_thread():
        asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
