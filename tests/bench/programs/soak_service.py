# SPDX-License-Identifier: BSD-2-Clause
"""A service under a mixed load for hours: `soak_service.py WORKERS LIFE_S`. Says its port; ends
with its input.

Each worker serves requests, stalls now and then in each way there is, and ends after about LIFE_S
seconds; the parent starts another one in its place.
"""

import asyncio
import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

import uvicorn

from commands import answer, commands

STALL_EVERY_S = 1.0
LOCK = threading.Lock()
FOLDER = tempfile.gettempdir()


def sleep():
    time.sleep(0.02)


def cpu():
    hashlib.pbkdf2_hmac("sha256", b"p", b"s", 20000)


def file():
    with tempfile.TemporaryFile(dir=FOLDER) as f:
        for _ in range(4):
            f.write(os.urandom(65536))
            f.flush()
            os.fsync(f.fileno())


def pipe():
    ours, theirs = os.pipe()
    writer = threading.Timer(0.015, os.write, (theirs, b"x"))
    writer.start()
    os.read(ours, 1)
    writer.join()
    os.close(ours)
    os.close(theirs)


def process():
    subprocess.run(["sleep", "0.015"])


def lock():
    LOCK.acquire()
    threading.Timer(0.015, LOCK.release).start()
    with LOCK:
        pass


def network():
    ours, theirs = socket.socketpair()
    threading.Timer(0.015, theirs.send, (b"x",)).start()
    ours.recv(1)
    ours.close()
    theirs.close()


def dns():
    try:
        socket.getaddrinfo("nobody.invalid", 80)
    except OSError:
        pass


STALLS = (sleep, cpu, file, pipe, process, lock, network, dns)


async def staller(number):
    """A task of its own for each, so that there are names to come and go."""
    await asyncio.sleep(0)
    STALLS[number % len(STALLS)]()


async def stall_now_and_then():
    number = random.randrange(len(STALLS))
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * STALL_EVERY_S)
        asyncio.ensure_future(staller(number))
        number += 1


async def application(scope, receive, send):
    await asyncio.sleep(0.001)
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain"), (b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})


async def work(port, life_s):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    server = uvicorn.Server(uvicorn.Config(application, loop="none", http="httptools",
                                           lifespan="off", log_level="critical", access_log=False))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    stalling = asyncio.ensure_future(stall_now_and_then())
    await asyncio.sleep(life_s * random.uniform(0.7, 1.3))
    stalling.cancel()
    server.should_exit = True
    await asyncio.wait([serving], timeout=3)


async def keep(port, life_s):
    """One worker after the other, until the process ends."""
    while True:
        child = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--work", str(port), str(life_s),
            stdin=asyncio.subprocess.DEVNULL)
        try:
            await child.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise


async def main(workers, life_s):
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    keepers = [asyncio.ensure_future(keep(port, life_s)) for _ in range(workers)]
    answer(port=port)
    async for _ in commands():
        answer(is_alive=True)
    for keeper in keepers:
        keeper.cancel()
    await asyncio.wait(keepers)


if sys.argv[1] == "--work":
    asyncio.run(work(int(sys.argv[2]), float(sys.argv[3])))
else:
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
