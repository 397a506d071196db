# SPDX-License-Identifier: BSD-2-Clause
"""A loop of which nothing but the poll is known, to be looked at once.

    dump_loops.py select|server|twisted|gevent|eventlet poll|callback|greenlet|turns

poll: it waits there. callback: it sleeps in one for good, which with select nothing shows;
greenlet: in one. turns: it sleeps for a moment again and again, and polls in between. Prints
"ready" before.
"""

import inspect
import select
import sys
import threading
import time

import protocol

LIFE_S = 300


def nap(seconds=LIFE_S):
    time.sleep(seconds)  # nap


LINE = inspect.getsourcelines(nap)[1] + 1
SHAPE = sys.argv[2]


def _say():
    protocol.say("ready", tid=threading.get_native_id(), line=LINE)


def run_select():
    _say()
    while True:
        if SHAPE == "callback":
            nap()
        if SHAPE == "turns":
            nap(0.02)
        select.select([0], [], [], 0.005 if SHAPE == "turns" else LIFE_S)


def run_server():
    import http.server
    import urllib.request

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            _say()
            nap()

    def ask():
        urllib.request.urlopen("http://127.0.0.1:%d/" % server.server_address[1])

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    if SHAPE == "callback":
        threading.Thread(target=ask, daemon=True).start()
    else:
        _say()
    server.serve_forever(poll_interval=LIFE_S)


def run_twisted():
    from twisted.internet import reactor

    reactor.callWhenRunning(_say)
    if SHAPE == "callback":
        reactor.callLater(0.1, nap)
    reactor.run(installSignalHandlers=False)


def run_gevent():
    import gevent

    _say()
    if SHAPE == "callback":
        gevent.get_hub().loop.run_callback(nap)
    if SHAPE == "greenlet":
        gevent.spawn(nap).join()
    gevent.sleep(LIFE_S)


def run_eventlet():
    import eventlet
    from eventlet import hubs

    _say()
    eventlet.spawn(hubs.trampoline, 0, read=True)
    if SHAPE == "callback":
        hubs.get_hub().schedule_call_global(0.1, nap)
    if SHAPE == "greenlet":
        eventlet.spawn(nap).wait()
    eventlet.sleep(LIFE_S)


globals()["run_" + sys.argv[1]]()
