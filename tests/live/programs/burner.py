# SPDX-License-Identifier: BSD-2-Clause
"""A loop with a step that computes for 40 ms of CPU time, again and again.

    burner.py
"""

import asyncio
import time

import protocol


def burn():
    end = time.thread_time() + 0.04
    while time.thread_time() < end:
        pass


async def _serve():
    protocol.say("ready")
    while True:
        burn()
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    protocol.run(protocol.new_loop("asyncio"), _serve())
