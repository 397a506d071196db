# SPDX-License-Identifier: BSD-2-Clause
"""A web service with two slow endpoints of known cost among good ones, on a real server.

    endpoints.py fastapi|starlette|aiohttp

Prints "ready" with its port. "report" tells how often and how long each endpoint held up the loop,
by its own clock; the end of the input ends it.
"""

import asyncio
import socket
import sys
import time

import protocol

SLEEP_S = 0.040
COMPUTE_S = 0.020
HEARTBEATS = 4

HELD = {"sleepy": [0, 0.0], "busy": [0, 0.0]}


class held:
    """Notes a time in which the loop does nothing else."""

    def __init__(self, name):
        self._entry = HELD[name]

    def __enter__(self):
        self._from = time.monotonic()

    def __exit__(self, *_):
        self._entry[0] += 1
        self._entry[1] += time.monotonic() - self._from


def crunch():
    now, total = time.thread_time, 0
    deadline = now() + COMPUTE_S
    while now() < deadline: total += 1  # line: busy
    return total


async def busy():
    with held("busy"):
        crunch()


async def sleepy():
    with held("sleepy"):
        time.sleep(SLEEP_S)  # line: sleepy


async def calm():
    await asyncio.sleep(0.001)


ENDPOINTS = (sleepy, busy, calm)


async def heartbeat():
    while True:
        await asyncio.sleep(0.002)


async def commands():
    loop = asyncio.get_running_loop()
    while await protocol.hear_in_loop(loop) == "report":
        held_now = {name: {"count": n, "ms": s * 1e3} for name, (n, s) in HELD.items()}
        protocol.say("report", held=held_now)


async def with_heartbeats(serve):
    for i in range(HEARTBEATS):
        asyncio.ensure_future(heartbeat())
    serving = asyncio.ensure_future(serve())
    await commands()
    serving.cancel()


def asgi_application(framework):
    if framework == "fastapi":
        import fastapi

        app = fastapi.FastAPI()
        for endpoint in ENDPOINTS:
            app.get("/" + endpoint.__name__)(endpoint)
        return app
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    # A coroutine of the user's that answers: the endpoint of this framework.
    async def answer_sleepy(request):
        await sleepy()
        return PlainTextResponse("ok")

    async def answer_busy(request):
        await busy()
        return PlainTextResponse("ok")

    async def answer_calm(request):
        await calm()
        return PlainTextResponse("ok")

    answers = {"sleepy": answer_sleepy, "busy": answer_busy, "calm": answer_calm}
    return Starlette(routes=[Route("/" + name, answer) for name, answer in answers.items()])


def run_asgi(framework, listener):
    import uvicorn

    config = uvicorn.Config(
        asgi_application(framework), http="httptools", lifespan="off", log_level="warning",
        access_log=False)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    asyncio.run(with_heartbeats(lambda: server.serve(sockets=[listener])))


def run_aiohttp(listener):
    from aiohttp import web

    def answer(endpoint):
        async def handler(request):
            await endpoint()
            return web.Response(text="ok")

        handler.__name__ = "answer_" + endpoint.__name__
        handler.__qualname__ = handler.__name__
        return handler

    async def serve():
        app = web.Application()
        for endpoint in ENDPOINTS:
            app.router.add_get("/" + endpoint.__name__, answer(endpoint))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.SockSite(runner, listener).start()

    asyncio.run(with_heartbeats(serve))


def main():
    framework = sys.argv[1]
    # asyncio sets TCP_NODELAY only if it is told that this is TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    protocol.say("ready", port=listener.getsockname()[1])
    if framework == "aiohttp":
        run_aiohttp(listener)
    else:
        run_asgi(framework, listener)


if __name__ == "__main__":
    main()
