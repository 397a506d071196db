# SPDX-License-Identifier: BSD-2-Clause
"""Altered requests, for some seconds, to a server built with ASan and UBSan: it does not end, and
the sanitizers say nothing. HTTP_FUZZ_SECONDS is how long (default 5, for plain HTTP and for TLS
each)."""

import contextlib
import os
import random
import socket
import ssl
import subprocess
import time

import lib
from lib import Folder, Server

SECONDS = float(os.environ.get("HTTP_FUZZ_SECONDS", "5"))
BUILD = "build-asan/http"
SEEDS = (
    b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"HEAD /echo?a=1&b=%20 HTTP/1.1\r\nHost: [::1]:80\r\nAccept: */*\r\n\r\n",
    b"GET /large?20000 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip;q=0.5, *\r\n\r\n",
    b"GET /html HTTP/1.0\r\nAuthorization: Basic cHJvbTpzZWNyZXQ=\r\n\r\n",
    b"POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nabcde",
    b"GET http://localhost/small HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; c\r\n\r\n",
)
WORDS = (b"\r\n", b"\0", b"\xff", b" ", b":", b"%", b"?", b"HTTP/1.1", b"Content-Length: ", b"/",
         b"9" * 30, b"x" * 5000, b"\r\n\r\n", b"Transfer-Encoding: chunked\r\n", b"\n", b"\t")


def _driver():
    command = ["make", "--no-print-directory", "BUILD=" + BUILD, "SAN=1", "CFLAGS=-O1 -g",
               "MODULES=base http", BUILD + "/http/driver"]
    # A make above us has a job server that is closed to us.
    env = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"}
    done = subprocess.run(command, cwd=lib.ROOT, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return os.path.join(lib.ROOT, BUILD, "http", "driver")


def _alter(rng):
    data = bytearray(rng.choice(SEEDS) * rng.choice((1, 1, 1, 3)))
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((0, 1, 1, 4, 30)))
        data[at:end] = rng.choice((rng.choice(WORDS), rng.randbytes(rng.randrange(4)), b""))
    return bytes(data)


def _send(server, rng, wrap):
    data = _alter(rng)
    cut = rng.randrange(len(data) + 1)
    with server.connect(timeout=1) as plain, contextlib.suppress(OSError, ssl.SSLError):
        sock = wrap(plain)
        sock.sendall(data[:cut])
        sock.sendall(data[cut:])
        if rng.random() < 0.5:
            plain.shutdown(socket.SHUT_WR)
        if rng.random() < 0.7:
            sock.settimeout(0.05)
            sock.recv(1 << 16)


def _fuzz(wrap, *options):
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    with Server("--limit", "requests_per_s=1000", *options, driver=_driver()) as server:
        child = server.child()
        end = time.monotonic() + SECONDS
        n = 0
        while time.monotonic() < end:
            _send(server, rng, wrap)
            n += 1
        assert server.child() == child, "seed %d" % seed
        counts = server.counts()
        assert counts["child_restarts"] == counts["child_misbehaved"] == 0, (seed, counts)
        assert counts["status_2xx"] and counts["status_4xx"] and counts["no_request"], counts
        assert server.get("/small").status == 200
    print("%d requests, %d of them with a whole header" % (n, counts["requests"]), flush=True)


def test_plain():
    _fuzz(lambda sock: sock)


def test_tls():
    """Half of them in TLS, the others are no TLS at all."""
    rng = random.Random(1)
    with Folder() as folder:
        folder.certificate("server")
        path = folder.file(
            "web.yml", "tls_server_config: {cert_file: server.pem, key_file: server.key}"
        )

        def wrap(sock):
            return lib.trusting().wrap_socket(sock) if rng.random() < 0.5 else sock

        _fuzz(wrap, "--web-config", path)
