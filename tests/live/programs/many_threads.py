# SPDX-License-Identifier: BSD-2-Clause
"""An event loop that stalls, in a process of many threads that wait; ends with its input.

    many_threads.py N
"""

import asyncio
import sys
import threading
import time

import protocol

STACK_BYTES = 64 << 10


async def stall(end):
    protocol.say("ready", threads=threading.active_count())
    while not end.is_set():
        await asyncio.sleep(0.05)
        time.sleep(0.03)


def main():
    end = threading.Event()
    threading.stack_size(STACK_BYTES)
    for _ in range(int(sys.argv[1])):
        threading.Thread(target=end.wait, daemon=True).start()
    threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
    asyncio.run(stall(end))


main()
