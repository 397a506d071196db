# SPDX-License-Identifier: BSD-2-Clause
"""A small uvicorn service: `web.py asyncio|uvloop`. Says its port; a line on stdin is answered with
its CPU time."""

import asyncio
import socket
import sys
import time

import uvicorn

from commands import answer, commands


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain"), (b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})


async def main():
    # With the protocol named, or asyncio would leave Nagle's algorithm on.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    server = uvicorn.Server(uvicorn.Config(application, loop="none", http="httptools",
                                           lifespan="off", log_level="warning", access_log=False))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    answer(port=listener.getsockname()[1])
    async for _ in commands():
        answer(cpu_ns=time.thread_time_ns())
    server.should_exit = True
    await serving


if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(main())
