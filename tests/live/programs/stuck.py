# SPDX-License-Identifier: BSD-2-Clause
"""A loop that gets stuck when told to: each line of input is a number of seconds to sleep on the
loop.

    stuck.py [--loop asyncio|uvloop]
"""

import argparse
import asyncio
import time

import protocol


async def _hang(seconds):
    protocol.say("hangs", since=time.monotonic_ns())
    time.sleep(seconds)
    protocol.say("goes_on")


async def _serve():
    loop = asyncio.get_running_loop()
    protocol.say("ready")
    while True:
        line = await protocol.hear_in_loop(loop)
        if not line:
            return
        await loop.create_task(_hang(float(line)), name="hanger")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    args = parser.parse_args()
    protocol.run(protocol.new_loop(args.loop), _serve())


if __name__ == "__main__":
    main()
