# SPDX-License-Identifier: BSD-2-Clause
"""Pools of threads and connections of which nothing is free, one of each library that can be
imported.

    pools.py [full] [--loop asyncio|uvloop]

Prints "ready" with the truth of each pool. Without "full" nothing waits for any of them.
"""

import asyncio
import concurrent.futures
import importlib
import os
import sys
import tempfile
import threading

import protocol

released = threading.Event()
pools = []
keep = []


def line_of(mark):
    """Number of the line in this file that ends with this comment."""
    with open(__file__) as f:
        return next(n for n, line in enumerate(f, 1) if line.rstrip().endswith("# " + mark))


def can_import(module):
    """What is installed for another version fails in many ways."""
    try:
        importlib.import_module(module)
    except Exception:
        return False
    return True


def wait_for_end():
    released.wait()


def own_job():
    wait_for_end()  # own_job


def sensitive_job():
    wait_for_end()  # sensitive_job


def limited_job():
    wait_for_end()  # limited_job


def add(kind, name, size, busy, waiting, function=None):
    pools.append(
        dict(
            kind=kind,
            name=name,
            size=size,
            busy=busy,
            waiting=waiting,
            function=function,
            line=function and line_of(function),
        )
    )


def start(n, make):
    """n tasks that will wait, or work."""
    keep.extend(asyncio.ensure_future(make()) for _ in range(n))


async def own_executor(more):
    executor = concurrent.futures.ThreadPoolExecutor(3, thread_name_prefix="reports")
    keep.append(executor)

    async def report():
        await asyncio.get_running_loop().run_in_executor(executor, own_job)

    start(3 + 5 * more, report)
    add("executor", "reports", 3, 3, 5 * more, "own_job")


async def asgiref_thread(more):
    from asgiref.sync import sync_to_async

    start(1 + 2 * more, sync_to_async(sensitive_job, thread_sensitive=True))
    add("executor", None, 1, 1, 2 * more, "sensitive_job")


async def anyio_limiter(more):
    import anyio
    import anyio.to_thread

    limiter = anyio.CapacityLimiter(4)

    async def endpoint():
        await anyio.to_thread.run_sync(limited_job, limiter=limiter)

    start(4 + 6 * more, endpoint)
    # Nobody leads to a limiter for which nothing waits.
    if more:
        add("limiter", "anyio.CapacityLimiter", 4, 4, 6, "limited_job")


async def aiohttp_connector(more):
    import aiohttp

    async def never_answer(reader, writer):
        keep.append(writer)
        await asyncio.sleep(1000)

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2))
    keep.extend((server, session))

    async def fetch():
        async with session.get("http://127.0.0.1:%d/" % port):
            pass

    start(2 + 3 * more, fetch)
    if more:
        add("connections", "aiohttp.TCPConnector", 2, 2, 3)


async def redis_pool(more):
    import redis.asyncio

    class Connection:
        def __init__(self, **kwargs):
            pass

        async def connect(self):
            pass

        async def can_read(self):
            return False

        can_read_destructive = can_read

        async def disconnect(self):
            pass

    pool = redis.asyncio.BlockingConnectionPool(2, timeout=None, connection_class=Connection)
    keep.append(pool)

    async def command():
        keep.append(await pool.get_connection("GET"))

    start(2 + 4 * more, command)
    if more:
        add("connections", "redis.BlockingConnectionPool", 2, 2, 4)


async def asyncpg_pool(more):
    import asyncpg

    async def serve(reader, writer):
        """As much of PostgreSQL's protocol as a connection that does nothing needs."""
        keep.append(writer)
        length = int.from_bytes(await reader.readexactly(4), "big")
        await reader.readexactly(length - 4)
        for kind, body in (
            (b"R", bytes(4)),
            (b"S", b"server_version\00015.0\000"),
            (b"S", b"client_encoding\000UTF8\000"),
            (b"K", bytes(8)),
            (b"Z", b"I"),
        ):
            writer.write(kind + (len(body) + 4).to_bytes(4, "big") + body)
        await asyncio.sleep(1000)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = await asyncpg.create_pool(
        host="127.0.0.1", port=port, user="u", database="d", ssl=False, min_size=2, max_size=2
    )
    keep.extend((server, pool))

    async def query():
        keep.append(await pool.acquire())

    start(2 + 3 * more, query)
    if more:
        add("connections", "asyncpg.Pool", 2, 2, 3)


async def sqlalchemy_pool(more):
    import aiosqlite  # noqa: F401 (its driver)
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import AsyncAdaptedQueuePool

    path = os.path.join(tempfile.mkdtemp(dir=os.environ.get("TMPDIR")), "base")
    engine = create_async_engine(
        "sqlite+aiosqlite:///" + path,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=1000,
    )
    keep.extend((engine, await engine.connect()))

    async def query():
        keep.append(await engine.connect())

    start(2 * more, query)
    if more:
        add("connections", "sqlalchemy.AsyncAdaptedQueuePool", 1, 1, 2)


async def beat():
    """Steps, so that there is something to measure."""
    while True:
        await asyncio.sleep(0.05)


async def main(more):
    start(1, beat)
    for make, *modules in (
        (own_executor,),
        (asgiref_thread, "asgiref.sync"),
        (anyio_limiter, "anyio.to_thread"),
        (aiohttp_connector, "aiohttp"),
        (redis_pool, "redis.asyncio"),
        (asyncpg_pool, "asyncpg"),
        (sqlalchemy_pool, "aiosqlite", "greenlet", "sqlalchemy.ext.asyncio"),
    ):
        if all(map(can_import, modules)):
            await make(more)
    # The default executor, idle: no pool is full for it.
    await asyncio.get_running_loop().run_in_executor(None, int)
    await asyncio.sleep(0.5)
    protocol.say("ready", pools=pools)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if "uvloop" in sys.argv:
    import uvloop

    uvloop.install()
asyncio.run(main("full" in sys.argv))
