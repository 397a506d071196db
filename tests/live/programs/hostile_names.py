# SPDX-License-Identifier: BSD-2-Clause
"""Coroutines, tasks, files and a process whose names attack what shows them; each stalls.

    hostile_names.py
"""

import asyncio
import ctypes
import time

import protocol

PR_SET_NAME = 15
NAMES = (
    "\x1b[31mred\x1b[0m\x07",
    "\x1b]0;title\x07",
    "\x9b31mC1",
    "line\r\n::error file=x,line=1::forged",
    "<script>alert(1)</script>",
    "]]>&amp;\"'`|*_[x](javascript:alert(1))",
    "\u202egnp.exe",
    "\ud800lone",
    "nul\x00inside",
    "x" * 200_000,
    "%s%n%d",
    "=1+1",
    "\ufffe\uffff\x0b\x0c",
    "```\n# title\n|a|b|\n",
    "\u2028line\u2029paragraph",
)


def coroutine_named(name, file):
    """A coroutine function with this name, of this file."""
    scope = {"asyncio": asyncio, "time": time}
    exec(
        "async def stall():\n"
        "    while True:\n"
        "        await asyncio.sleep(0.02)\n"
        "        time.sleep(0.012)\n",
        scope,
    )
    function = scope["stall"]
    changes = {"co_name": name, "co_filename": file}
    if hasattr(function.__code__, "co_qualname"):
        changes["co_qualname"] = name
    function.__code__ = function.__code__.replace(**changes)
    function.__name__ = function.__qualname__ = name
    return function


async def main():
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"\x1b]0;t\x07\n::e", 0, 0, 0)
    tasks = []
    for number, name in enumerate(NAMES):
        file = "/src/%s.py" % NAMES[number - 1][:3000]
        # 3.8 keeps what it is given; a task's name is any object's str().
        tasks.append(asyncio.ensure_future(coroutine_named(name, file)()))
        tasks[-1].set_name(name)
    protocol.say("ready", tasks=len(tasks))
    await asyncio.gather(*tasks)


asyncio.run(main())
