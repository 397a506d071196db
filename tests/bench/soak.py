# SPDX-License-Identifier: BSD-2-Clause
"""Hours of loopstall on a service whose workers come and go: does it grow? Run by `make soak` as
root; docs/scale.md has the figures.

SOAK_MINUTES (60) is how long, SOAK_OUT (build/soak) where the table (soak.csv) and the summary
(soak.txt) go. Four of loopstall's commands watch all the time, `serve` is scraped, and every minute
a dashboard comes, goes through its screens and leaves. Each 10 s it is written down what each takes
with its children, how full its maps are, and how many series there are. The load is light, so that
the machine can be used meanwhile.
"""

import csv
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from bpf_maps import Maps
from dashboard import Terminal
from harness import BenchError, BUILD, Full, cpu_time_ns, start, status_bytes

MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
OUT = os.environ.get("SOAK_OUT", os.path.join(BUILD, "soak"))
WORKERS, LIFE_S = 2, 4
CONNECTIONS, DELAY_MS = 4, 40  # so many requests at a time, and so long a pause behind each
EVERY_S = 10
VISIT_EVERY_S, VISIT_S = 60, 15
# Nothing is judged before all is full that keeps a number of the newest: the rows of the last 256
# threads that ended, and the last 512 stalls, of which each of them has some. The kernel's table of
# loops counts threads, and keeps those that ended.
WARM_UP = 0.6  # of the time, at least
FULL = 256 + 2 * WORKERS
MIN_ROWS = 12
# What may be: growth of memory in the time that is judged, as a share of it (it wanders by about
# one per cent), and descriptors that come and go with the workers.
MAX_GROWTH, MAX_FDS = 0.03, 3
MAX_CPU = 0.10
LISTEN = "127.0.0.1:9489"
COLUMNS = [
    "seconds",
    "command",
    "rss_kib",
    "fds",
    "cpu_percent",
    "coroutine_index",
    "thread_stats",
    "procs",
    "loops",
    "tasks",
    "ring_lost",
    "shed",
    "series",
    "load_percent",
]


def count_series():
    with urllib.request.urlopen(f"http://{LISTEN}/metrics", timeout=10) as reply:
        return sum(not line.startswith(b"#") for line in reply)


class Watcher:
    """A command of loopstall that stays, with its children."""

    def __init__(self, name, pid):
        self.name, self.pid = name, pid
        self.maps = Maps(pid)
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            self.pids = [pid, *map(int, file.read().split())]
        self.cpu_ns, self.wall_ns = self.used_ns(), time.monotonic_ns()
        self.rows = []

    def used_ns(self):
        return sum(map(cpu_time_ns, self.pids))

    def look(self, seconds, load):
        series = count_series() if self.name == "serve" else 0
        cpu_ns, wall_ns = self.used_ns(), time.monotonic_ns()
        losses = self.maps.losses()
        row = dict(
            seconds=round(seconds),
            command=self.name,
            rss_kib=sum(status_bytes(pid, "VmRSS") for pid in self.pids) >> 10,
            fds=sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids),
            cpu_percent=round((cpu_ns - self.cpu_ns) * 100 / (wall_ns - self.wall_ns), 2),
            **self.maps.fill(),
            ring_lost=sum(count for name, count in losses.items() if name.startswith("ring_full")),
            shed=losses.get("stall_detail_shed", 0),
            series=series,
            load_percent=round(load, 1),
        )
        self.cpu_ns, self.wall_ns = cpu_ns, wall_ns
        self.rows.append(row)
        return row


def used_s(pid):
    """CPU time of a process, of its children and of those it had."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    used = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    for child in children:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            used += used_s(child)
    return used


def wrk(port, seconds, folder):
    """Requests at a bounded rate."""
    path = os.path.join(folder, "pace.lua")
    with open(path, "w") as file:
        file.write("function delay() return %d end\n" % DELAY_MS)
    command = [
        "wrk",
        "-t",
        "1",
        "-c",
        str(CONNECTIONS),
        "-d",
        f"{int(seconds)}s",
        "-s",
        path,
        f"http://127.0.0.1:{port}/",
    ]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def visit(pid, tasks_key):
    """A dashboard that comes, is led through its screens, and goes."""
    terminal = Terminal(
        Full.program, "top", "-p", str(pid), "--refresh", "1s", "--config", "/dev/null"
    )
    try:
        end = time.monotonic() + VISIT_S
        for key in ("2", "3", "4", "5", "6", "7", "8", tasks_key, "1"):
            time.sleep(max(0, min(1.5, end - time.monotonic())))
            os.write(terminal.master, key.encode())
    finally:
        terminal.close()


@contextlib.contextmanager
def watchers(pid, folder):
    """One of each command that stays."""
    recording = os.path.join(folder, "soak.ls")
    plain = {
        "serve": [Full.program, "serve", "-p", str(pid), "-q", "--listen", LISTEN],
        "trace": [Full.program, "trace", "-p", str(pid), "--json"],
        "record": [
            Full.program,
            "record",
            "-p",
            str(pid),
            "-q",
            "-o",
            recording,
            "--max-size",
            "256K",
            "--keep",
            "2",
        ],
    }
    children = {
        name: subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        for name, command in plain.items()
    }
    terminal = Terminal(
        Full.program, "top", "-p", str(pid), "--refresh", "1s", "--config", "/dev/null"
    )
    try:
        time.sleep(3)
        found = [Watcher(name, child.pid) for name, child in children.items()] + [
            Watcher("top", terminal.pid)
        ]
        yield found
        for watcher in found:
            watcher.maps.close()
    finally:
        terminal.close()
        for child in children.values():
            child.send_signal(signal.SIGINT)
        for child in children.values():
            child.wait(20)


def slope(rows, key):
    """Least squares, by the hour."""
    xs, ys = [row["seconds"] / 3600 for row in rows], [row[key] for row in rows]
    middle = sum(xs) / len(xs)
    spread = sum((x - middle) ** 2 for x in xs)
    return sum((x - middle) * y for x, y in zip(xs, ys)) / spread if spread else 0


def mean(values):
    return sum(values) / len(values)


def judge(watcher):
    """Lines about it, and whether all is well."""
    rows = [
        row for row in watcher.rows[int(len(watcher.rows) * WARM_UP) :] if row["loops"] >= FULL
    ]
    if len(rows) < MIN_ROWS:
        return [f"{watcher.name}: too short to judge: its histories were not full for long"], False
    third = max(1, len(rows) // 3)
    growth_kib = slope(rows, "rss_kib")  # an hour
    share = growth_kib * (rows[-1]["seconds"] - rows[0]["seconds"]) / 3600 / rows[0]["rss_kib"]
    fds = mean([row["fds"] for row in rows[-third:]]) - mean([row["fds"] for row in rows[:third]])
    cpu = mean([row["cpu_percent"] for row in rows])
    series = [row["series"] for row in rows]
    wrong = [
        what
        for what, is_wrong in (
            ("memory grows", share > MAX_GROWTH),
            ("descriptors grow", fds > MAX_FDS),
            ("series grow", max(series[-third:]) > (1 + MAX_GROWTH) * max(series[:third])),
            ("too much CPU time", cpu > MAX_CPU * 100),
            ("records were lost", rows[-1]["ring_lost"] > 0),
        )
        if is_wrong
    ]
    fill = ", ".join(
        f"{key} {min(row[key] for row in rows)} to {max(row[key] for row in rows)}"
        for key in ("coroutine_index", "thread_stats", "procs", "loops", "tasks")
    )
    return [
        f"{watcher.name}: RSS {rows[0]['rss_kib']} to {rows[-1]['rss_kib']} KiB (fitted "
        f"{share:+.1%}, {growth_kib:+.0f} KiB an hour), "
        f"{min(row['fds'] for row in rows)} to {max(row['fds'] for row in rows)} descriptors "
        f"({fds:+.1f}), {cpu:.2f} % of a core, "
        f"ring lost {rows[-1]['ring_lost']}, shed {rows[-1]['shed']}"
        + (f", {min(series)} to {max(series)} series" if series[0] else ""),
        f"  maps: {fill}",
        "  " + (", ".join(wrong) if wrong else "fine"),
    ], not wrong


def soak(service, port, writer, file):
    began, seconds = time.monotonic(), MINUTES * 60
    load = wrk(port, seconds, OUT)
    visits = 0
    try:
        with watchers(service.pid, OUT) as found:
            next_look, next_visit, cpu, at = (
                EVERY_S,
                VISIT_EVERY_S,
                used_s(os.getpid()),
                time.monotonic(),
            )
            while time.monotonic() - began < seconds:
                time.sleep(max(0, min(next_look, next_visit) - (time.monotonic() - began)))
                now = time.monotonic() - began
                if now >= next_visit:
                    next_visit += VISIT_EVERY_S
                    visits += 1
                    visitor = threading.Thread(
                        target=visit, args=(service.pid, "2" if visits % 2 else "3"), daemon=True
                    )
                    visitor.start()
                if time.monotonic() - began >= next_look:
                    next_look = (time.monotonic() - began) // EVERY_S * EVERY_S + EVERY_S
                    percent = (used_s(os.getpid()) - cpu) * 100 / (time.monotonic() - at)
                    cpu, at = used_s(os.getpid()), time.monotonic()
                    for watcher in found:
                        writer.writerow(watcher.look(time.monotonic() - began, percent))
                    file.flush()
                if not service.ask("alive"):
                    raise BenchError("the service does not answer")
    finally:
        load.terminate()
        load.wait()
    return found, visits


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends its children, too
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    with start(sys.executable, "soak_service.py", WORKERS, LIFE_S) as service, open(
        OUT + "/soak.csv", "w", newline=""
    ) as file:
        port = service.answer()["port"]
        time.sleep(2)
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        found, visits = soak(service, port, writer, file)
    load = mean([row["load_percent"] for row in found[0].rows])
    lines, is_well = [
        f"{MINUTES:g} minutes, {visits} visits of a dashboard; all of it takes {load:.0f} % of a "
        "core"
    ], True
    for watcher in found:
        told, is_fine = judge(watcher)
        lines += told
        is_well = is_well and is_fine
    lines.append(
        "verdict: "
        + ("it does not grow" if is_well else "it grows, loses, costs too much, or ran too short")
    )
    with open(os.path.join(OUT, "soak.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
