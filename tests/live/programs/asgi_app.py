# SPDX-License-Identifier: BSD-2-Clause
"""A small ASGI service with honest and with blocking routes. The tags name the blocking lines.

    asgi_app.py [--loop asyncio|uvloop]

Prints "ready" with its port; ends on SIGTERM.
"""

import argparse
import asyncio
import socket
import sys
import threading
import time

import uvicorn

import protocol

BLOCK_S = 0.030


class Backend:
    """A server in a thread of its own that takes its time over every answer."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            with connection:
                while connection.recv(1):
                    time.sleep(BLOCK_S)
                    connection.sendall(b"x")


BACKEND = Backend()
CONNECTION = socket.create_connection(BACKEND.address)


async def cooperative(scope):
    await asyncio.sleep(0.002)


async def plain(scope):
    return None


async def sleeping(scope):
    time.sleep(BLOCK_S)  # blocks: sleeping


def compute():
    now, total = time.thread_time, 0
    deadline = now() + BLOCK_S
    while now() < deadline: total += 1  # blocks: computing


async def computing(scope):
    compute()


def ask_backend():
    CONNECTION.sendall(b"?")
    CONNECTION.recv(1)  # blocks: asking


async def asking(scope):
    ask_backend()


ROUTES = {
    "/plain": plain, "/cooperative": cooperative, "/sleeping": sleeping, "/computing": computing,
    "/asking": asking,
}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await ROUTES[scope["path"]](scope)
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    args = parser.parse_args()
    # asyncio sets TCP_NODELAY only if it is told that this is TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, loop=args.loop, http="httptools", lifespan="off", log_level="warning",
        access_log=False)
    protocol.say("ready", port=listener.getsockname()[1])
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
