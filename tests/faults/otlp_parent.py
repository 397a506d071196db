# SPDX-License-Identifier: BSD-2-Clause
"""The parent of the child that sends OTLP, and its receiver: `otlp_parent.py LOOPSTALL`. Says which
requests arrived and were told to have. Exit 1 and a line if the child failed or ended before it had
an outcome of each, which the real parent counts (`sender_ended`).

With CHILD_PRELOAD the child alone has that library (fail_alloc.c), which writes to descriptor
FAIL_COUNT_FD, because the child may open nothing: that goes to the file FAIL_COUNT.
"""

import http.server
import os
import socket
import struct
import subprocess
import sys
import threading

HEAD, OUTCOME = struct.Struct("IIQ"), struct.Struct("IIQ112s")
LOGS, METRICS, SETTINGS = range(3)
READY, FAILED, RETRY, DONE, REFUSED, EXPIRED = range(6)
PATHS = {LOGS: "/v1/logs", METRICS: "/v1/metrics"}
HEADERS = b"".join(b"x-header-%d: value\0" % n for n in range(20))
REJECTED = b"\x0a\x02\x08\x01"  # one item of the request
arrived = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        is_whole = self.headers.get("x-header-19") == "value"
        arrived[self.path] = self.rfile.read(int(self.headers["Content-Length"])), is_whole
        self.send_response(200)
        self.send_header("Content-Length", str(len(REJECTED)))
        self.end_headers()
        self.wfile.write(REJECTED)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A child that has no memory leaves a connection behind."""


def text_of(outcome):
    return outcome[3].rstrip(b"\0").decode(errors="replace")


class Child:
    def __init__(self, program, url):
        self.ours, theirs = socket.socketpair()
        self.counts, writer = os.pipe()
        environment = {**os.environ, "FAIL_COUNT_FD": str(writer)}
        environment["LD_PRELOAD"] = environment.pop("CHILD_PRELOAD", "")
        path = environment.pop("FAIL_COUNT", None)
        self.count_path = path
        self.process = subprocess.Popen(
            [program, "--otlp-child", url], stdin=theirs, pass_fds=[writer], env=environment
        )
        os.close(writer)
        theirs.close()

    def end(self):
        self.ours.close()
        code = self.process.wait()
        with os.fdopen(self.counts) as counts:
            told = counts.read()
        if self.count_path and told:
            with open(self.count_path, "w", encoding="ascii") as file:
                file.write(told)
        return code

    def outcome(self):
        """None: it has ended."""
        try:
            got = self.ours.recv(OUTCOME.size, socket.MSG_WAITALL)
        except ConnectionError:
            return None
        return OUTCOME.unpack(got) if len(got) == OUTCOME.size else None

    def send(self, signal, data):
        try:
            self.ours.sendall(HEAD.pack(signal, len(data), 7) + data)
        except (BrokenPipeError, ConnectionError):
            pass


def converse(child):
    """What went wrong, or None."""
    first = child.outcome()
    if not first or first[0] != READY:
        return "the sender failed: " + (text_of(first) if first else "it ended at once")
    child.send(SETTINGS, b"\0" + HEADERS)
    for signal in (LOGS, METRICS):
        body = bytes(range(256)) * 40 * (signal + 1)
        child.send(signal, body)
        while True:
            outcome = child.outcome()
            if not outcome:
                return "the sender ended before it had said what became of a request"
            if outcome[0] != RETRY:
                break
            if not text_of(outcome):
                return None  # nobody would know why
        if outcome[0] != DONE:
            return "%s: %s" % (PATHS[signal], text_of(outcome))
        if arrived.get(PATHS[signal]) == (body, True) and outcome[2] == 1:
            print("%s arrived" % PATHS[signal])
    return None


def main():
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    child = Child(sys.argv[1], "http://127.0.0.1:%d" % server.server_address[1])
    wrong = converse(child)
    code = child.end()
    if code < 0:
        return 128 - code
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
