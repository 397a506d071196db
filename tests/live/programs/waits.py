# SPDX-License-Identifier: BSD-2-Clause
"""A loop that only waits."""

import asyncio

import protocol


async def main():
    protocol.say("ready")
    await asyncio.sleep(60)


asyncio.run(main())
