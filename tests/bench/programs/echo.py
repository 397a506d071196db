# SPDX-License-Identifier: BSD-2-Clause
"""An echo server on asyncio's streams. Says its port; any line on stdin is answered with what it
has done so far."""

import asyncio
import time

from commands import answer, commands

requests = 0


async def serve(reader, writer):
    global requests
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(line)
        await writer.drain()
        requests += 1
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    answer(port=server.sockets[0].getsockname()[1])
    async for _ in commands():
        answer(requests=requests, cpu_ns=time.thread_time_ns())
    server.close()


asyncio.run(main())
