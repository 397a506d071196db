# SPDX-License-Identifier: BSD-2-Clause
"""A minute of `serve` on workers that come and go, with so many loops that all bounded histories
are full for a third of it: it must not grow. `make soak` takes an hour, with a usual service and
other commands."""

import os
import time

from lib import check, check_equal, live
from test_serve import Server, total

EACH_S, LIFE_S, LOOPS = 0.6, 1.8, 7
SOAK_S, EVERY_S = 60, 2
# More than what is kept: 256 rows of loops, of which each stalls twice, 512 stalls, 64 processes.
FULL_STALLS, FULL_ENDED = 560, 66
MAX_GROWTH = 0.03  # of memory, in the time that is judged
MAX_SERIES = 40  # more than when the histories had become full: buckets that nobody had before


def _family(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [pid, *map(int, file.read().split())]


def _resident_kib(pids):
    """Without the pages of files, which come and go with the memory of the machine."""
    n = 0
    for pid in pids:
        with open("/proc/%d/status" % pid) as file:
            n += sum(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
    return n


def _look(server):
    pids = _family(server.tool.pid)
    scraped = server.scrape()  # no counter may fall
    return {
        "at": time.monotonic(),
        "kib": _resident_kib(pids),
        "fds": sum(len(os.listdir("/proc/%d/fd" % pid)) for pid in pids),
        "series": len(scraped),
        "stalls": total(scraped, "loopstall_stalls_total"),
        "ended": server.tool.stderr.count(" exited"),
    }


def _growth(looks):
    """Fitted, as a share of the first."""
    xs, ys = [look["at"] for look in looks], [look["kib"] for look in looks]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)
    return slope * (xs[-1] - xs[0]) / ys[0]


def _check_looks(looks):
    growth = _growth(looks)
    check(growth < MAX_GROWTH, "memory: %+.1f %% in %r", 100 * growth, looks)
    series = [look["series"] for look in looks]
    check(max(series) <= series[0] + MAX_SERIES, "series: %r", series)
    fds = [look["fds"] for look in looks]
    third = len(fds) // 3
    # Some more for workers that are there at this moment; those that have ended hold none.
    check(min(fds[-third:]) <= max(fds[:third]), "descriptors: %r", fds)


@live(on="once")
def serve_does_not_grow(bench):
    target = bench.target("churn.py", str(EACH_S), str(LIFE_S), str(LOOPS))
    target.hear("ready")
    server = Server(bench, "-p", str(target.pid))
    looks, end = [], time.monotonic() + SOAK_S
    while time.monotonic() < end:
        looks.append(_look(server))
        time.sleep(EVERY_S)
    full = [l for l in looks if l["stalls"] >= FULL_STALLS and l["ended"] >= FULL_ENDED]
    target.ask("end", "done", timeout=30)
    # A machine that is too busy for so many workers leaves nothing to judge.
    if len(full) >= 5:
        _check_looks(full)
    check(looks[-1]["stalls"] > 0, "no stall was counted")
    check_equal(server.tool.is_alive(), True, "serve is there")
    server.close()
