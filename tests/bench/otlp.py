# SPDX-License-Identifier: BSD-2-Clause
"""What `serve --otlp` takes beside `serve` alone: CPU time and memory of all its processes, on a
program that stalls again and again. A receiver in this process takes and counts what comes."""

import http.server
import threading
import time

from harness import paired_rounds, spread, start
from serve import SERVE, Watcher, get, wait_until

RATE = 20  # stalls a second
SETTLE_S, SLICE_S = 3, 10
INTERVAL = "5s"  # of metrics, so that there are some in a slice


class Receiver:
    """As fast as may be: nothing is decoded."""

    def __init__(self):
        self.requests = self.bytes = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.bytes += len(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.requests += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def n_lost():
    """Log records and data points that the receiver did not take, as `serve` counts them."""
    lines = [l for l in get().splitlines() if l.startswith("loopstall_otlp_items_total{")]
    return sum(int(float(l.split()[1])) for l in lines if '_sent"' not in l)


class Plain:
    name = "without"

    def __init__(self, pid):
        self.watcher = Watcher(*SERVE, "-p", str(pid), *self.options())

    def options(self):
        return ()

    def __enter__(self):
        self.watcher.__enter__()
        wait_until(lambda: get("/-/ready"))
        time.sleep(SETTLE_S)
        State.now = self
        return self

    def __exit__(self, *exception):
        self.watcher.__exit__(*exception)


class State:
    """The one that is running."""

    now = None


def sending(receiver):
    class Sending(Plain):
        name = "with"

        def options(self):
            return ("--otlp", receiver.url, "--otlp-interval", INTERVAL)

    return Sending


def measure(interpreter, rounds):
    with Receiver() as receiver, start(interpreter, "stalls.py", RATE) as target:
        sender = sending(receiver)

        def slice_once():
            watcher = State.now.watcher
            stalls = target.ask("count")["count"]
            requests, size = receiver.requests, receiver.bytes
            cpu_ns, wall_ns = watcher.cpu_ns(), time.monotonic_ns()
            time.sleep(SLICE_S)
            cpu_ns, wall_ns = watcher.cpu_ns() - cpu_ns, time.monotonic_ns() - wall_ns
            requests, size = receiver.requests - requests, receiver.bytes - size
            stalls = target.ask("count")["count"] - stalls
            return {
                "cpu_share": cpu_ns / wall_ns,
                "rss_bytes": watcher.rss_bytes(),
                "stalls_per_second": stalls * 1e9 / wall_ns,
                "lost": n_lost(),
                "requests_per_second": requests * 1e9 / wall_ns,
                "bytes_per_second": size * 1e9 / wall_ns,
            }

        samples = paired_rounds(target.pid, slice_once, rounds, (Plain, sender))
    return {
        "rounds": samples,
        **{
            state: {key: spread([row[state][key] for row in samples]) for key in samples[0][state]}
            for state in ("without", "with")
        },
        "added_cpu_share": spread(
            [row["with"]["cpu_share"] - row["without"]["cpu_share"] for row in samples]
        ),
        "added_rss_bytes": spread(
            [row["with"]["rss_bytes"] - row["without"]["rss_bytes"] for row in samples]
        ),
    }
