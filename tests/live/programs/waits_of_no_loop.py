# SPDX-License-Identifier: BSD-2-Clause
"""asyncio's loop with two threads of its executor. One waits in select() for a while, as a loop
does, and computes 20 ms in between (`inside_line`); then it computes and waits elsewhere, outside
of that function. The other one waits for what a child writes.

Prints "ready", does this after a line, prints "done".
"""

import asyncio
import inspect
import os
import select
import socket
import subprocess
import sys
import threading
import time

import protocol

FACTS = {}


def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass


def waiter(near):
    """In select again and again."""
    FACTS["waiter"] = threading.get_native_id()
    FACTS["inside_line"] = inspect.getsourcelines(compute)[1] + 2
    for n in range(25):
        select.select([near], [], [], 0.1)
        if n == 20:
            compute(0.02)


def outside(near):
    """On the same thread, after that function."""
    near.settimeout(0.05)
    for _ in range(4):
        try:
            near.recv(1)
        except socket.timeout:
            pass
        compute(0.03)


def reader():
    FACTS["reader"] = threading.get_native_id()
    script = "import time\nfor _ in range(20): print(1, flush=True); time.sleep(0.1)"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    child.communicate()


async def main():
    loop = asyncio.get_running_loop()
    far, near = socket.socketpair()
    protocol.say("ready")
    await loop.run_in_executor(None, os.read, 0, 4096)
    both = [loop.run_in_executor(None, waiter, near), loop.run_in_executor(None, reader)]
    await both[0]
    await loop.run_in_executor(None, outside, near)
    await both[1]
    await asyncio.sleep(0.3)
    protocol.say("done", **FACTS)
    await loop.run_in_executor(None, os.read, 0, 4096)


asyncio.run(main())
