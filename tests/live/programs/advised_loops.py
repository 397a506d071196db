# SPDX-License-Identifier: BSD-2-Clause
"""The same work before and after following an advice, in loops and callbacks that cannot await as a
task of asyncio's can.

    advised_loops.py asyncio|trio|twisted|gevent|hub|eventlet|server|select WORK [mended]

asyncio: callbacks of its loop; hub: callbacks of gevent's; server: http.server. WORK is "sleep",
"native" (compresses) or "python" (counts). "mended" does the same as the advice says. Waits for a
line in its poll, prints "ready" before and "done" when the work is done.
"""

import os
import sys
import threading
import time
import zlib

import protocol

TIMES = 6
WORK_NS = 60000000
DATA = bytes(i * i % 251 for i in range(1 << 16)) * 20


def sleep():
    time.sleep(0.06)


def native():
    deadline = time.thread_time_ns() + WORK_NS
    while time.thread_time_ns() < deadline:
        zlib.compress(DATA, 9)


def python():
    deadline = time.thread_time_ns() + WORK_NS
    while time.thread_time_ns() < deadline:
        sum(i * i for i in range(300))


def run_asyncio(work, is_mended):
    """A callback cannot await: a timer of the loop, or a thread."""
    import asyncio

    loop = asyncio.new_event_loop()

    def repeat(left):
        if not left:
            protocol.say("done")
            return
        if not is_mended:
            work()
        elif work is sleep:
            loop.call_later(0.06, repeat, left - 1)
            return
        else:
            loop.run_in_executor(None, work)
        loop.call_later(0.1, repeat, left - 1)

    def on_input():
        if os.read(0, 4096):
            repeat(TIMES)
        else:
            loop.stop()

    async def beat():
        while True:
            await asyncio.sleep(0.05)

    task = loop.create_task(beat())
    loop.add_reader(0, on_input)
    loop.call_later(0.2, protocol.say, "ready")
    loop.run_forever()
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))


def run_trio(work, is_mended):
    import trio

    async def serve():
        if not is_mended:
            work()
        elif work is sleep:
            await trio.sleep(0.06)
        else:
            await trio.to_thread.run_sync(work)

    async def main():
        protocol.say("ready")
        await trio.lowlevel.wait_readable(0)
        os.read(0, 4096)
        for _ in range(TIMES):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve)
            await trio.sleep(0.02)
        protocol.say("done")
        await trio.lowlevel.wait_readable(0)

    trio.run(main)


def run_twisted(work, is_mended):
    from twisted.internet import reactor, threads

    class Input:
        def fileno(self):
            return 0

        def logPrefix(self):
            return "input"

        def connectionLost(self, reason):
            reactor.stop()

        def doRead(self):
            if os.read(0, 4096):
                reactor.callLater(0.02, repeat, TIMES)
            else:
                reactor.stop()

    def repeat(left):
        if not left:
            protocol.say("done")
            return
        if is_mended and work is sleep:
            reactor.callLater(0.06, repeat, left - 1)
            return
        if is_mended:
            threads.deferToThread(work)
        else:
            work()
        reactor.callLater(0.1, repeat, left - 1)

    reactor.addReader(Input())
    reactor.callWhenRunning(protocol.say, "ready")
    reactor.run(installSignalHandlers=False)


def run_gevent(work, is_mended):
    import gevent
    from gevent.socket import wait_read

    def serve():
        if not is_mended:
            work()
        elif work is sleep:
            gevent.sleep(0.06)
        elif work is native:
            gevent.get_hub().threadpool.apply(work)
        else:
            deadline = time.thread_time_ns() + WORK_NS
            while time.thread_time_ns() < deadline:
                sum(i * i for i in range(300))
                gevent.sleep(0)

    protocol.say("ready")
    wait_read(0)
    os.read(0, 4096)
    for _ in range(TIMES):
        gevent.spawn(serve).join()
        gevent.sleep(0.02)
    protocol.say("done")
    wait_read(0)


def run_hub(work, is_mended):
    """Functions that gevent's hub calls, where nothing can wait."""
    import gevent
    from gevent.socket import wait_read

    loop = gevent.get_hub().loop
    protocol.say("ready")
    wait_read(0)
    os.read(0, 4096)
    for _ in range(TIMES):
        if is_mended:
            loop.run_callback(gevent.spawn, gevent.sleep, 0.06)
        else:
            loop.run_callback(work)
        gevent.sleep(0.1)
    protocol.say("done")
    wait_read(0)


def run_eventlet(work, is_mended):
    import eventlet
    from eventlet import hubs, tpool

    def serve():
        if not is_mended:
            work()
        elif work is sleep:
            eventlet.sleep(0.06)
        else:
            tpool.execute(work)

    protocol.say("ready")
    hubs.trampoline(0, read=True)
    os.read(0, 4096)
    # Without a descriptor it sleeps in place of a poll.
    eventlet.spawn(hubs.trampoline, 0, read=True)
    for _ in range(TIMES):
        eventlet.spawn(serve).wait()
        eventlet.sleep(0.02)
    protocol.say("done")
    eventlet.sleep(60)


def run_server(work, is_mended):
    import http.server
    import urllib.request

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            work()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    cls = http.server.ThreadingHTTPServer if is_mended else http.server.HTTPServer
    server = cls(("127.0.0.1", 0), Handler)

    def client():
        protocol.hear()
        for _ in range(TIMES):
            urllib.request.urlopen("http://127.0.0.1:%d/" % server.server_address[1]).read()
            time.sleep(0.02)
        protocol.say("done")
        protocol.hear()
        server.shutdown()

    threading.Thread(target=client).start()
    threading.Timer(0.2, protocol.say, ("ready",)).start()
    server.serve_forever(poll_interval=0.05)


def run_select(work, is_mended):
    """A loop of one's own: a time-out of its poll, or a thread that wakes it."""
    import select
    import socket

    woken, wakes = socket.socketpair()

    def wait(timeout=None):
        return select.select([0, woken], [], [], timeout)[0]

    def work_and_wake():
        work()
        wakes.send(b"x")

    protocol.say("ready")
    wait()
    os.read(0, 4096)
    for _ in range(TIMES):
        if not is_mended:
            work()
        elif work is sleep:
            wait(0.06)
        else:
            threading.Thread(target=work_and_wake).start()
            if woken in wait():
                woken.recv(16)
        wait(0.02)
    protocol.say("done")
    wait()


if __name__ == "__main__":
    globals()["run_" + sys.argv[1]](globals()[sys.argv[2]], "mended" in sys.argv[3:])
