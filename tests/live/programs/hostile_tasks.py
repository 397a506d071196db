# SPDX-License-Identifier: BSD-2-Clause
"""Tasks that are expensive to read: each attribute is the last of a dict of 100 000 keys.

    hostile_tasks.py N
"""

import asyncio
import sys

import protocol

KEYS = 99_990


class Task:
    """By its name a task that is written in Python."""


def add_tasks(n):
    attributes = {"k%d" % i: None for i in range(KEYS)}
    attributes.update(_loop=None, _coro=None, _name=None, _fut_waiter=None)
    known = getattr(asyncio.tasks, "_scheduled_tasks", None)
    if known is None:
        known = asyncio.tasks._all_tasks
    tasks = []
    for _ in range(n):
        task = Task()
        task.__dict__ = attributes
        known.add(task)
        tasks.append(task)
    return tasks


async def main():
    tasks = add_tasks(int(sys.argv[1]))
    protocol.say("ready", tasks=len(tasks))
    while True:
        await asyncio.sleep(0.05)


asyncio.run(main())
