# SPDX-License-Identifier: BSD-2-Clause
"""What is answered, and what is refused."""

import gzip
import os
import socket
import stat

import lib
from lib import Folder, Server


def _dechunk(data):
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        body += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return body


def test_pages():
    with Server() as server:
        reply = server.get("/small")
        assert (reply.status, reply.body) == (200, b"small\n")
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert reply.headers["content-length"] == "6"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-test"] == "yes"
        assert "content-security-policy" not in reply.headers
        head = server.get("/small", method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == "6"
        page = server.get("/html")
        assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert page.headers["x-frame-options"] == "DENY"
        echo = server.get("/echo?a=1+2%20x&b=/%2f", "Accept: a/b", "Accept-Encoding: br")
        assert echo.body == b"path=/echo\nquery=a=1+2%20x&b=/%2f\naccept=a/b\nencoding=br\nhead=0\n"


def test_many_on_one_connection():
    with Server() as server, server.connect() as sock:
        for _ in range(200):
            sock.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
            data = b""
            while not data.endswith(b"\r\n\r\nsmall\n"):
                data += sock.recv(4096)
            assert data.startswith(b"HTTP/1.1 200 ")
        # Requests that are sent before the replies are read come one after the other.
        sock.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        data = b""
        while data.count(b"small\n") < 20:
            data += sock.recv(4096)


def test_refused():
    with Server() as server:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "CONNECT"):
            reply = server.get("/small", method=method)
            assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD"), method
        for path in ("/", "/smal", "/small/", "/small/x", "/%73mall", "//small", "/../small", "*"):
            assert server.get(path).status == 404, path
        assert server.get("/small", "Content-Length: 3").status == 400
        assert server.get("/small", "Transfer-Encoding: chunked").status == 400
        assert server.get("/small", "Content-Length: 0").status == 200
        assert server.get("/echo?" + "x" * 3000).status == 431
        assert server.get("/echo?\xe4".encode().decode("latin-1")).status == 431
        assert server.get("/small", "X: " + "x" * 40000).status in (413, 431)
        counts = server.counts()
        assert counts["refused_method"] == 8
        assert counts["refused_path"] == 8
        assert counts["refused_body"] == 2
        assert counts["refused_length"] == 2
        assert counts["no_request"] == 1
        # Each of them, and the one that told it.
        assert counts["requests"] == 8 + 8 + 2 + 1 + 2 + 1


def test_host():
    """A page whose name was rebound to 127.0.0.1 sends its own name."""
    with Server() as server:
        good = ("localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:80")
        bad = ("evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "10.0.0.1", "[::2]",
               "[::1", "localhost:x", "0.0.0.0", "::1")
        for host in good:
            assert server.get("/small", "Host: " + host).status == 200, host
        for host in bad:
            assert server.get("/small", "Host: " + host).status == 421, host
        assert server.get("/small", version="1.0").status == 200
        assert server.get("/small").status == 200
        assert server.counts()["refused_host"] == len(bad)


def test_cross_site():
    with Server() as server:
        foreign = "Sec-Fetch-Site: cross-site"
        assert server.get("/small", foreign, "Sec-Fetch-Mode: no-cors").status == 403
        assert server.get("/small", foreign, "Sec-Fetch-Mode: navigate").status == 200
        assert server.get("/small", "Sec-Fetch-Site: same-origin").status == 200
        assert server.counts()["refused_cross_site"] == 1


def test_gzip():
    with Server() as server:
        plain = server.get("/large?300000")
        assert "content-encoding" not in plain.headers and len(plain.body) == 300000
        assert plain.headers["vary"] == "Accept-Encoding"
        packed = server.get("/large?300000", "Accept-Encoding: deflate, gzip;q=0.5")
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(_dechunk(packed.body)) == plain.body
        assert len(packed.body) < 0.7 * len(plain.body)
        refused = server.get("/large?300000", "Accept-Encoding: gzip;q=0")
        assert "content-encoding" not in refused.headers
        small = server.get("/small", "Accept-Encoding: gzip")
        assert small.body == b"small\n"
        empty = server.get("/large?0", "Accept-Encoding: gzip")
        assert (empty.status, empty.body) == (200, b"")


def test_too_large():
    with Server("--limit", "reply_bytes=100000") as server:
        assert len(server.get("/large?100000").body) == 100000
        assert server.get("/large?100001").status == 503
        assert server.counts()["reply_too_large"] == 1


def test_addresses():
    for text in ("9487", "127.0.0.1", ":9487", "example.org:80", "::1:80", "127.0.0.1:65536",
                 "127.0.0.1:", "127.0.0.1:+1", "[::1]", "unix:", "unix:relative", "unix:@x"):
        assert "cannot listen on '%s'" % text in lib.refusal("--listen", text), text
    for text in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
        sentence = lib.refusal("--listen", text)
        assert "can be reached from other machines" in sentence, sentence
        assert "--insecure-listen" in sentence
    with Server("--listen", "0.0.0.0:0", "--insecure-listen") as server:
        assert server.get("/small", "Host: any.test").status == 200
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        with Server("--listen", "[::1]:0") as server:
            assert server.get("/small").status == 200
    with Server() as server:
        sentence = lib.refusal("--listen", "127.0.0.1:%d" % server.peer[1])
        assert "Address already in use" in sentence and "--listen" in sentence


def test_unix_socket():
    with Folder() as folder:
        path = folder.file("socket")
        with Server("--listen", "unix:" + path) as server:
            assert server.address == "unix:" + path
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
            assert server.get("/small", "Host: any.test").body == b"small\n"
            assert "already in use" in lib.refusal("--listen", "unix:" + path)
        assert not os.path.exists(path)
        # One that a killed server left is replaced, a file is not.
        with Server("--listen", "unix:" + path) as server:
            server.process.kill()
            server.process.wait()
            server.process.returncode = 0
        assert os.path.exists(path)
        with Server("--listen", "unix:" + path) as server:
            assert server.get("/small").status == 200
        folder.file("socket", "text")
        assert "already in use" in lib.refusal("--listen", "unix:" + path)
        assert os.path.getsize(path) == 4
