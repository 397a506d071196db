# SPDX-License-Identifier: BSD-2-Clause
"""Floods, and clients that are slow on purpose."""

import contextlib
import os
import resource
import socket
import time

import lib
from lib import Server


def _open_many(stack, server, n, source="127.0.0.1"):
    socks = []
    for _ in range(n):
        sock = stack.enter_context(server.connect(source))
        sock.settimeout(lib.PATIENCE_S)
        socks.append(sock)
    return socks


def test_1000_connections():
    """A thousand that say nothing. Others are served, from other addresses and from the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    with Server() as server, contextlib.ExitStack() as stack:
        socks = _open_many(stack, server, 1000)
        for _ in range(20):
            assert server.get("/small", source="127.0.0.2").status == 200
            assert server.get("/small").status == 200
        counts = server.counts(source="127.0.0.2")
        assert counts["connections"] - counts["connections_closed"] <= 64, counts
        assert counts["closed_for_room"] >= 900, counts
        assert counts["longest_ns"] < 1e9, counts
        n_open = sum(not lib.is_closed(sock) for sock in socks)
        assert n_open <= 32, n_open
        with open("/proc/%d/status" % server.child(), encoding="ascii") as file:
            peak = [line.split()[1] for line in file if line.startswith("VmHWM")]
        assert int(peak[0]) < 64 * 1024, peak


def test_full_of_requests():
    """Connections that wait for their answer keep their place; those of one address are bounded."""
    never = b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Server("--limit", "connections=9", "--limit", "connections_per_address=4") as server:
        with contextlib.ExitStack() as stack:
            for n, source in ((4, "127.0.0.2"), (8, "127.0.0.3")):
                for sock in _open_many(stack, server, 4, source):
                    sock.sendall(never)
                server.wait_for_count("waiting", n)
                sock = stack.enter_context(server.connect(source))
                assert lib.read_all(sock) == b""
            assert server.counts()["refused_address"] == 2

            def is_full():
                # One that is silent for a moment may have made room for ours.
                _open_many(stack, server, 1, "127.0.0.4")[0].sendall(never)
                time.sleep(0.1)
                return server.get("/small").status is None

            lib.wait_for(is_full, "it to be full")
        lib.wait_for(lambda: server.get("/small").status, "room")
        server.wait_for_count("client_left", 9)
        assert server.counts()["refused_full"] >= 1


def test_slowloris():
    """A header that comes byte by byte, each in time, but not the whole."""
    with Server("--limit", "header_ms=1500") as server, contextlib.ExitStack() as stack:
        socks = _open_many(stack, server, 20)
        open_socks = list(socks)
        header = b"GET /small HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10000
        end = time.monotonic() + lib.PATIENCE_S
        at = 0
        while open_socks and time.monotonic() < end:
            for sock in open_socks:
                with contextlib.suppress(OSError):
                    sock.send(header[at : at + 1])
            at += 1
            assert server.get("/small").status == 200
            time.sleep(0.05)
            open_socks = [sock for sock in open_socks if not lib.is_closed(sock)]
        assert not open_socks, len(open_socks)
        assert server.counts()["timeout_header"] == 20


def test_idle():
    """Between two requests a client may be silent for longer, but not for ever."""
    with Server("--limit", "header_ms=300", "--limit", "idle_ms=1500") as server:
        with server.connect() as sock:
            sock.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
            begin = time.monotonic()
            assert lib.read_all(sock).endswith(b"small\n")
            assert time.monotonic() - begin > 1.3
        assert server.counts()["timeout_header"] == 0


def test_slow_reader():
    """A reply that nobody reads. Others are served, the parent does not wait, memory is bounded."""
    with Server("--limit", "write_ms=1500", "--limit", "write_bytes_per_s=100000000",
                "--limit", "held_bytes=60000000") as server, contextlib.ExitStack() as stack:
        for _ in range(12):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(server.peer)
            stack.enter_context(sock)
            sock.sendall(b"GET /large?10000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(5):
            assert server.get("/small").status == 200
        server.wait_for_count("timeout_write", 1)
        lib.wait_for(
            lambda: (c := server.counts())["timeout_write"] + c["no_memory"]
            + c["reply_too_large"] >= 12,
            "the end of all of them",
        )
        counts = server.counts()
        assert counts["child_restarts"] == 0
        assert counts["longest_ns"] < 1e9, counts
        peak = lib.status_of("/proc/%d" % server.child())["VmHWM"].split()[0]
        assert int(peak) < (60 + 64) * 1024, peak


def test_no_answer():
    with Server("--limit", "answer_ms=700") as server:
        assert server.get("/never").status == 504
        assert server.get("/small").status == 200
        assert server.counts()["timeout_answer"] == 1


def test_client_leaves():
    """The parent hears of it, and what it answers then is dropped and counted."""
    with Server() as server:
        with server.connect() as sock:
            sock.sendall(b"GET /late?1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            server.wait_for_count("requests", 2)
        server.wait_for_count("client_left", 1)
        server.wait_for_count("reply_gone", 1)


def test_rate():
    """More requests than the parent takes wait; it takes no more of them than it may."""
    with Server("--limit", "requests_per_s=10") as server, contextlib.ExitStack() as stack:
        socks = _open_many(stack, server, 20)
        begin = time.monotonic()
        for sock in socks:
            sock.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for sock in socks:
            assert b"200 OK" in sock.recv(4096)
        # About ten at once, the others at a tenth of a second each.
        assert time.monotonic() - begin > 0.7
        counts = server.counts()
        assert counts["longest_ns"] < 1e9


def test_descriptor_is_quiet():
    """Nothing happens, so neither the parent's loop turns nor the child's."""
    with Server() as server:
        server.get("/small")
        child = "/proc/%d" % server.child()
        before = server.counts()["turns"]
        begin = time.monotonic()
        time.sleep(0.5)
        waits = lib.status_of(child)["voluntary_ctxt_switches"]
        time.sleep(2)
        waits = int(lib.status_of(child)["voluntary_ctxt_switches"]) - int(waits)
        turns = server.counts()["turns"] - before
        # One a second by the driver's own timeout, and those of the requests.
        assert turns <= time.monotonic() - begin + 4, turns
        # While there are connections, it looks at them five times a second.
        assert waits <= 3, waits


def test_garbage():
    """Bytes that are no HTTP: the connection ends, and nothing else."""
    with Server("--limit", "header_ms=1000") as server:
        for data in (b"\0" * 100, b"GET\r\n\r\n", b"\xff" * 20000, b"GET / HTTP/9.9\r\n\r\n",
                     b"GET /small HTTP/1.1\r\n\r\n", b"\r\n" * 1000, os.urandom(5000)):
            with server.connect() as sock, contextlib.suppress(OSError):
                sock.sendall(data)
                lib.read_all(sock)
        counts = server.counts()
        assert counts["child_restarts"] == 0
        assert counts["no_request"] >= 6, counts
        assert server.get("/small").status == 200
