# SPDX-License-Identifier: BSD-2-Clause
"""Requests that stall the loop, several in flight at a time, through functions with the names,
locals and attributes of the frameworks: what is read of them is the same in each interpreter,
while the frameworks themselves are packaged for one only.

    routed.py [--loop asyncio|uvloop]

Prints "ready", waits for a line, runs, prints "done" with the stalls in order: method and route of
each, and when it began and ended. Waits for the end of input.
"""

import argparse
import asyncio
import os
import sys
import time
import types

import protocol

SECONDS = 0.012
PAUSE = 0.003
TURNS = 2  # stalls of each request; it ends with the last one
LONG = "/" + "long" * 50
# of a text that are copied, in bytes
COPIED = 128

_SOURCES = {
    "starlette.routing": """
class Route:
    def __init__(self, path, app):
        self.path, self.name, self.app = path, "", app

    async def handle(self, scope, receive, send):
        await self.app(scope, receive, send)


class WebSocketRoute(Route):
    async def handle(self, scope, receive, send):
        await self.app(scope, receive, send)


class Mount:
    def __init__(self, path, app):
        self.path, self.app, self.name = path, app, None

    async def handle(self, scope, receive, send):
        await self.app(scope, receive, send)
""",
    "aiohttp.web_app": """
class Application:
    async def _handle(self, request):
        loop = None
        debug = False
        match_info = request.app_match
        request._match_info = match_info
        await match_info.handler(request)
""",
    "django.core.handlers.base": """
class BaseHandler:
    async def _get_response_async(self, request):
        response = None
        await request.view(request)
""",
    "quart.app": """
class Quart:
    async def handle_request(self, request):
        await request.view(request)
""",
    "uvicorn.middleware.proxy_headers": """
class ProxyHeadersMiddleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)
""",
    "_pytest.runner": "",
}


def _stand_ins():
    for name, source in _SOURCES.items():
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(source, name.replace(".", "/") + ".py", "exec"), module.__dict__)
    return sys.modules


MODULES = _stand_ins()
STARLETTE = MODULES["starlette.routing"]
RAW = MODULES["uvicorn.middleware.proxy_headers"].ProxyHeadersMiddleware
TRUTH = []


def _stall(method, route, is_strange):
    began = time.monotonic_ns()
    time.sleep(SECONDS)
    TRUTH.append(
        {
            "at": [began, time.monotonic_ns()],
            "method": method,
            "route": route,
            "test": os.environ.get("PYTEST_CURRENT_TEST"),
            "is_strange": is_strange,
        }
    )


async def _work(method, route, is_strange=False):
    for _ in range(TURNS):
        await asyncio.sleep(PAUSE)
        _stall(method, route, is_strange)


def _scope(method, path, number):
    """As a server makes it, with a path of its own."""
    scope = {
        "type": "http",
        "asgi": {},
        "http_version": "1.1",
        "server": None,
        "client": None,
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": "%s/%d" % (path, number),
        "headers": [],
    }
    scope.update({"app": None, "endpoint": None})
    return scope


def _app(method, route, is_strange=False):
    async def app(scope, receive, send):
        await _work(method, route, is_strange)

    return app


async def _outer(scope, route):
    """What comes before the framework: the route's frames are not the outermost ones."""
    await RAW(route.handle)(scope, None, None)


def _starlette(number):
    method = ("GET", "DELETE")[number % 2]
    inner = STARLETTE.Route("/items/{item_id}", _app(method, "/api/v1/items/{item_id}"))
    inner = STARLETTE.Mount("/v1", inner.handle)
    return _outer(_scope(method, "/api/v1/items", number), STARLETTE.Mount("/api", inner.handle))


def _websocket(number):
    scope = _scope(None, "/ws", number)
    del scope["method"]
    return STARLETTE.WebSocketRoute("/ws", _app(None, "/ws")).handle(scope, None, None)


class _Record:
    """An instance with the attributes of others in front, one by one."""

    def __init__(self, others, **attributes):
        for number in range(others):
            setattr(self, "other_%d" % number, number)
        for name, value in attributes.items():
            setattr(self, name, value)


class _MatchInfo(dict):
    def __init__(self, route, handler):
        super().__init__(item_id="7")
        self._route, self._apps, self.handler = route, [], handler


class _Request(_Record):
    pass


class _Resource(_Record):
    pass


def _aiohttp(number):
    method = ("POST", "PUT")[number % 2]
    name = ("_formatter", "_path", "_prefix")[number % 3]
    resource = _Resource(2, **{name: "/shop/{%s}" % name})
    route = _Record(1, _method="*", _resource=resource)

    async def handler(request):
        await _work(method, "/shop/{%s}" % name)

    request = _Request(18, _method=method, app_match=_MatchInfo(route, handler))
    return MODULES["aiohttp.web_app"].Application()._handle(request)


def _django(number):
    # Made for each request, and of no other life.
    route = "api/%s/<int:item_id>" % ("things" if number % 2 else "others")

    async def view(request):
        await _work("GET", "/" + route)

    request = _Record(9, method="GET", view=view)
    request.resolver_match = _Record(3, route="".join([route[:4], route[4:]]))
    return MODULES["django.core.handlers.base"].BaseHandler()._get_response_async(request)


def _quart(number):
    async def view(request):
        await _work("PATCH", "/notes/<n>")

    request = _Record(12, method="PATCH", url_rule=_Record(4, rule="/notes/<n>"), view=view)
    return MODULES["quart.app"].Quart().handle_request(request)


def _raw(number):
    """No template: the first segment of the path, which holds nothing of who asks."""
    scope = _scope("HEAD", "/r\xe4w/secret-token", number)
    return RAW(_app("HEAD", "/r\xe4w"))(scope, None, None)


def _strange(number):
    """What cannot be read is not known, and nothing else."""
    kinds = (
        # Characters that need more than a byte: the path is not cut, so it is not shown.
        (_scope("GET", "/\u4e2d/secret", number), "GET", None),
        ({"k%d" % k: k for k in range(200)}, None, None),
        ({"method": 17, "path": None}, None, None),
        ({}, None, None),
    )
    scope, method, route = kinds[number % len(kinds)]
    return RAW(_app(method, route, method is None))(scope, None, None)


def _odd_template(number):
    text = ("/\x1b[31mred\n", LONG, "/\u4e2d/{x}")[number % 3]
    route = STARLETTE.Route(text, _app("GET", text[:COPIED]))
    return route.handle(_scope("GET", "/x", 0), None, None)


async def _no_request():
    await _work(None, None)


KINDS = (_starlette, _websocket, _aiohttp, _django, _quart, _raw, _strange, _odd_template)


async def _all_of(kind, number):
    await kind(number)


async def _main():
    # Each test sets the variable anew, and removes it.
    for test in ("tests/a.py::test_one[b c] (call)", "tests/a.py::Test::test_two (setup)", None):
        os.environ["SOMETHING_ELSE"] = "1"
        if test:
            os.environ["PYTEST_CURRENT_TEST"] = test
        first = len(test or "")
        requests = [_all_of(kind, first + n) for kind in KINDS for n in range(2)]
        await asyncio.gather(_no_request(), *requests)
        os.environ.pop("PYTEST_CURRENT_TEST", None)
        del os.environ["SOMETHING_ELSE"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    loop = protocol.new_loop(parser.parse_args().loop)
    protocol.say("ready")
    protocol.hear()
    protocol.run(loop, _main())
    protocol.say("done", stalls=TRUTH)
    protocol.hear()


if __name__ == "__main__":
    main()
