# SPDX-License-Identifier: BSD-2-Clause
"""What `loopstall serve` costs: CPU time and memory beside `trace` in light mode, on 20 uvicorn
workers under load, and what a scrape takes with 5000 series. Run by `make bench-serve` as root;
docs/serve.md has the figures.

The processes are named, because --all would also take what else happens on the machine.

BENCH_ROUNDS (3) is how often each is measured, in turn; the medians are printed.
"""

import os
import statistics
import subprocess
import sys
import time
import urllib.request

from harness import BenchError, BUILD, ROOT, cpu_time_ns, start, status_bytes
from workloads import wrk

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
PYTHON = sys.executable
TOOL = os.path.join(ROOT, BUILD, "loopstall")
WORKERS, SLICE_S, WARM_UP_S, SCRAPE_EVERY_S = 20, 20, 5, 5
CONNECTIONS, DELAY_MS = 20, 40  # so many requests at a time, and so long a pause behind each
SERVICES, NAMES, MAX_SERIES, SCRAPES = 14, 50, 5000, 20
PORT = 9488
URL = f"http://127.0.0.1:{PORT}"
SERVE = ["serve", "--listen", f"127.0.0.1:{PORT}", "-q"]
ACCEPT = {"Accept": "application/openmetrics-text;version=1.0.0"}


def get(path="/metrics"):
    request = urllib.request.Request(URL + path, headers=ACCEPT)
    with urllib.request.urlopen(request, timeout=10) as reply:
        return reply.read().decode()


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise BenchError("it does not come up")
        time.sleep(0.1)


def family(pid):
    """The process and its children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [pid, *map(int, file.read().split())]


class Watcher:
    """A command of loopstall, its child included."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            [TOOL, *command], stdout=subprocess.DEVNULL, start_new_session=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(2)
        self.process.wait()

    def cpu_ns(self):
        return sum(map(cpu_time_ns, family(self.process.pid)))

    def rss_bytes(self):
        return sum(status_bytes(pid, "VmRSS") for pid in family(self.process.pid))


def slice_of(watcher, is_scraped):
    """(share of a core, bytes)"""
    time.sleep(WARM_UP_S)
    cpu_ns, wall_ns = watcher.cpu_ns(), time.monotonic_ns()
    for _ in range(SLICE_S // SCRAPE_EVERY_S):
        time.sleep(SCRAPE_EVERY_S)
        if is_scraped:
            get()
    cpu_ns, wall_ns = watcher.cpu_ns() - cpu_ns, time.monotonic_ns() - wall_ns
    return cpu_ns / wall_ns, watcher.rss_bytes()


def load(port, folder="/tmp"):
    path = os.path.join(folder, f"loopstall-pace-{os.getpid()}.lua")
    with open(path, "w") as file:
        file.write("function delay() return %d end\n" % DELAY_MS)
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS // WORKERS), "-d", "3600s", "-s", path]
    return subprocess.Popen(
        [*command, f"http://127.0.0.1:{port}/"], stdout=subprocess.DEVNULL, start_new_session=True
    )


def measure_cost():
    servers = [start(PYTHON, "web.py", "asyncio") for _ in range(WORKERS)]
    loads = []
    try:
        ports = [server.answer()["port"] for server in servers]
        wrk(ports[0], 1, 1)
        loads = [load(port) for port in ports]
        pids = ",".join(str(server.pid) for server in servers)
        got = {"light": [], "serve": []}
        for _ in range(ROUNDS):
            with Watcher("trace", "--mode", "light", "-q", "-p", pids) as light:
                got["light"].append(slice_of(light, False))
            with Watcher(*SERVE, "--mode", "light", "-p", pids) as serve:
                wait_until(lambda: get("/-/ready"))
                got["serve"].append(slice_of(serve, True))
        return got
    finally:
        for process in loads:
            process.kill()
            process.wait()
        for server in servers:
            server.end()


def stall_everywhere(servers):
    for server in servers:
        server.tell("go")
        server.answer()
    time.sleep(3)


def time_scrapes(serve):
    """(series, bytes, wall-clock times in ms, CPU time of one in ms beyond the same time idle)"""
    times = []
    pause_s = 10 / SCRAPES
    before_ns = serve.cpu_ns()
    time.sleep(10)
    idle_ns = serve.cpu_ns() - before_ns
    before_ns = serve.cpu_ns()
    for _ in range(SCRAPES):
        begun_ns = time.monotonic_ns()
        text = get()
        times.append((time.monotonic_ns() - begun_ns) / 1e6)
        time.sleep(max(0, pause_s - times[-1] / 1e3))
    busy_ns = serve.cpu_ns() - before_ns
    n = sum(not line.startswith("#") for line in text.splitlines())
    return n, len(text), times, (busy_ns - idle_ns) / SCRAPES / 1e6


def measure_scrapes():
    servers = []
    try:
        for number in range(SERVICES):
            os.environ["OTEL_SERVICE_NAME"] = f"service-{number}"
            servers.append(start(PYTHON, "many_names.py", NAMES))
        del os.environ["OTEL_SERVICE_NAME"]
        time.sleep(2)
        pids = ",".join(str(server.pid) for server in servers)
        options = ["--mode", "exact", "--threshold", "1ms", "--max-series", str(MAX_SERIES)]
        with Watcher(*SERVE, *options, "-p", pids) as serve:
            wait_until(lambda: get("/-/ready"))
            stall_everywhere(servers)
            return (*time_scrapes(serve), serve.rss_bytes())
    finally:
        for server in servers:
            server.end()


def main():
    n, size, times, cpu_ms, rss = measure_scrapes()
    print(
        f"scrape of {n} series, {size >> 10} KiB: {cpu_ms:.1f} ms of CPU time, "
        f"median {statistics.median(times):.1f} ms, longest of {len(times)} {max(times):.1f} ms; "
        f"memory {rss / (1 << 20):.1f} MiB; load {os.getloadavg()[0]:.1f}"
    )
    for name, slices in measure_cost().items():
        cpu = statistics.median(share for share, _ in slices)
        rss = statistics.median(size for _, size in slices)
        print(
            f"{name}: {100 * cpu:.2f} % of a core, {rss / (1 << 20):.1f} MiB, "
            f"{WORKERS} workers, {ROUNDS} rounds of {SLICE_S} s"
        )


if __name__ == "__main__":
    main()
