# SPDX-License-Identifier: BSD-2-Clause
"""What the measured programs share: they obey lines on stdin, answer in JSON, and end when stdin
closes."""

import asyncio
import json
import sys


def answer(**values):
    print(json.dumps(values), flush=True)


async def commands():
    """The words of each line of stdin, without ever blocking the loop."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = await reader.readline()
        if not line:
            return
        yield line.decode().split()
