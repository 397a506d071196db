# SPDX-License-Identifier: BSD-2-Clause
"""A real service with routes that block the loop, by framework and server.

    web_services.py fastapi|aiohttp|quart|django PORT LOG

Serves on 127.0.0.1 until it is ended. Each block of the loop is a line of LOG: when it began and
ended, and the method and the route that it belongs to, as the endpoint itself knows them.
"""

import asyncio
import json
import os
import sys
import time

SECONDS = 0.015
# What the test asks for: method, path. The numbers in it are in no route.
REQUESTS = {
    "fastapi": (
        ("GET", "/api/items/4711"),
        ("POST", "/api/items/4712"),
        ("DELETE", "/sub/deep/things/4713"),
        ("GET", "/raw/4714/more"),
    ),
    "aiohttp": (("GET", "/items/4711"), ("PUT", "/plain"), ("DELETE", "/sub/things/4713")),
    "quart": (("GET", "/items/4711"), ("PUT", "/api/things/4712")),
    "django": (("GET", "/api/items/4711"), ("POST", "/years/2026/")),
}


class Log:
    def __init__(self, path):
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def block(self, method, route):
        began = time.monotonic_ns()
        time.sleep(SECONDS)
        line = {"at": [began, time.monotonic_ns()], "method": method, "route": route}
        os.write(self._fd, (json.dumps(line) + "\n").encode())

    async def work(self, method, route):
        """In several steps, while other requests are in flight; the last one ends the request."""
        self.block(method, route)
        await asyncio.sleep(0.004)
        self.block(method, route)


def fastapi(log, port):
    import uvicorn
    from fastapi import APIRouter, FastAPI, Request
    from starlette.applications import Starlette
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    router = APIRouter(prefix="/api")

    @router.get("/items/{item_id}")
    @router.post("/items/{item_id}")
    async def item(item_id: int, request: Request):
        await log.work(request.method, "/api/items/{item_id}")
        return {}

    async def thing(request):
        # The middleware runs this in a task of its own, which does not know of "/sub".
        await log.work(request.method, "\u2026/deep/things/{thing:int}")
        return PlainTextResponse("")

    async def raw(scope, receive, send):
        await log.work(scope["method"], "/raw")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def middleware(request, call_next):
        return await call_next(request)

    app = FastAPI()
    app.include_router(router)
    route = Route("/things/{thing:int}", thing, methods=["DELETE"])
    sub = Starlette(routes=[Mount("/deep", routes=[route])])
    sub.add_middleware(BaseHTTPMiddleware, dispatch=middleware)
    app.mount("/sub", sub)
    app.mount("/raw", raw)
    uvicorn.run(app, port=port, log_level="error")


def aiohttp(log, port):
    from aiohttp import web

    def endpoint(route):
        async def handle(request):
            await log.work(request.method, route)
            return web.Response()

        return handle

    app, sub = web.Application(), web.Application()
    app.router.add_get("/items/{item_id}", endpoint("/items/{item_id}"))
    app.router.add_route("*", "/plain", endpoint("/plain"))
    sub.router.add_delete("/things/{thing}", endpoint("/sub/things/{thing}"))
    app.add_subapp("/sub", sub)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


def quart(log, port):
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from quart import Blueprint, Quart, request

    app, api = Quart(__name__), Blueprint("api", __name__, url_prefix="/api")

    @app.route("/items/<int:item>")
    async def item(item):
        await log.work(request.method, "/items/<int:item>")
        return ""

    @api.route("/things/<thing>", methods=["PUT"])
    async def thing(thing):
        await log.work(request.method, "/api/things/<thing>")
        return ""

    app.register_blueprint(api)
    config = Config()
    config.bind = ["127.0.0.1:%d" % port]
    config.errorlog = None
    asyncio.run(serve(app, config))


def django(log, port):
    from daphne.server import Server
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse
    from django.urls import include, path, re_path

    async def item(request, item_id):
        await log.work(request.method, "/api/items/<int:item_id>")
        return HttpResponse("")

    async def year(request, year):
        await log.work(request.method, "^years/(?P<year>[0-9]{4})/$")
        return HttpResponse("")

    class Urls:
        urlpatterns = [
            path("api/", include([path("items/<int:item_id>", item)])),
            re_path("^years/(?P<year>[0-9]{4})/$", year),
        ]

    settings.configure(
        ROOT_URLCONF=Urls, ALLOWED_HOSTS=["*"], SECRET_KEY="-", MIDDLEWARE=[], USE_TZ=True
    )
    endpoint = "tcp:port=%d:interface=127.0.0.1" % port
    Server(get_asgi_application(), endpoints=[endpoint], verbosity=0).run()


if __name__ == "__main__":
    {"fastapi": fastapi, "aiohttp": aiohttp, "quart": quart, "django": django}[sys.argv[1]](
        Log(sys.argv[3]), int(sys.argv[2])
    )
