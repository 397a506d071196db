# SPDX-License-Identifier: BSD-2-Clause
"""Long steps, and between which awaits each of them ran.

    step_ends.py [--loop asyncio|uvloop] [--python-tasks]

Prints "ready", waits for a line, runs, prints "done" with the steps of each task in order: where
each resumed and where it suspended, or how it began and ended. Waits for the end of input.
"""

import argparse
import asyncio
import sys
import time
import types

import protocol

SECONDS = 0.04
PAUSE = 0.005


class Log:
    """What one task does: its awaits, and the long steps between them."""

    def __init__(self):
        self.steps = []
        self._from = {"state": "began"}
        self._is_long = False

    def stall(self):
        time.sleep(SECONDS)
        self._is_long = True

    def end(self, to):
        if self._is_long:
            self.steps.append({"from": self._from, "to": to})
        self._from = to
        self._is_long = False

    def suspend(self, frame, lines=0):
        """The step ends in this frame, so many lines below the current one."""
        self.end(
            {
                "state": "suspended",
                "function": frame.f_code.co_name,
                "file": frame.f_code.co_filename,
                "line": frame.f_lineno + lines,
            }
        )

    def pause(self):
        """A future that is set soon. The caller awaits it on the line from which it calls this."""
        self.suspend(sys._getframe(1))
        loop = asyncio.get_event_loop()
        future = loop.create_future()
        loop.call_later(PAUSE, lambda: future.done() or future.set_result(None))
        return future


async def _inner(log):
    await log.pause()
    log.stall()
    await log.pause()
    log.stall()


class _Awaitable:
    def __init__(self, log):
        self.log = log

    def __await__(self):
        yield from self.log.pause().__await__()
        self.log.stall()


async def _numbers(log):
    await log.pause()
    log.stall()
    yield 1
    await _inner(log)
    yield 2


@types.coroutine
def _old_style(log):
    # A local that is a coroutine, which this yield does not await.
    other = _inner(log)
    yield from log.pause()
    log.stall()
    log.suspend(sys._getframe(), 1)
    yield
    other.close()
    log.stall()


class _Scope:
    def __init__(self, log):
        self.log = log

    async def __aenter__(self):
        await self.log.pause()
        self.log.stall()

    async def __aexit__(self, *error):
        await _inner(self.log)


async def _middle(log):
    await _inner(log)
    log.stall()
    await _Awaitable(log)
    async for _ in _numbers(log):
        pass
    log.stall()
    await _old_style(log)
    async with _Scope(log):
        log.stall()
        await log.pause()


async def _sleepers(log):
    """What awaits inside the library."""
    log.end({"state": "suspended", "function": "sleep"})
    await asyncio.sleep(PAUSE)
    log.stall()
    log.end({"state": "suspended", "function": "__sleep0"})
    await asyncio.sleep(0)
    log.stall()


async def _catch(log):
    try:
        await log.pause()
    except asyncio.CancelledError:
        log.stall()
        await log.pause()
    log.stall()


async def task(log, how):
    log.stall()
    if how == "cancel":
        asyncio.get_event_loop().call_soon(log.task.cancel)
        try:
            await log.pause()
        finally:
            log.stall()
            log.end({"state": "cancelled"})
    elif how == "catch":
        asyncio.get_event_loop().call_soon(log.task.cancel)
        await _catch(log)
    elif how == "sleep":
        await _sleepers(log)
    else:
        await _middle(log)
    await log.pause()
    log.stall()
    if how == "raise":
        log.end({"state": "raised"})
        raise ValueError("as planned")
    log.end({"state": "returned"})


async def _run(make_task):
    logs = {}
    for how in ("return", "raise", "cancel", "catch", "sleep"):
        log = logs[how] = Log()
        log.task = make_task(task(log, how))
        log.task.set_name(how)
        await asyncio.wait([log.task])
        log.task.cancelled() or log.task.exception()
    return {how: log.steps for how, log in logs.items()}


async def _main(args):
    loop = asyncio.get_event_loop()
    protocol.say("ready")
    await protocol.hear_in_loop(loop)
    if args.python_tasks:
        return await _run(lambda coro: asyncio.tasks._PyTask(coro, loop=loop))
    return await _run(loop.create_task)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--python-tasks", action="store_true")
    args = parser.parse_args()
    loop = protocol.new_loop(args.loop)
    protocol.say("done", tasks=protocol.run(loop, _main(args)))
    protocol.hear()


main()
