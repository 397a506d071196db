# SPDX-License-Identifier: BSD-2-Clause
"""Steps that need the CPU that another thread or another process computes on, too.

    cpu_rivals.py thread|process

Bound to one CPU. Prints "ready" with the rival's pid, waits for a line, computes in steps, prints
"done" with the share of time in which another CPU was free, by /proc/stat.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
import zlib

import protocol

STEPS = 4
CPU_NS = 40000000
RIVAL = "while True: pass"


def _compress():
    data = os.urandom(1 << 20)
    while True:
        zlib.compress(data, 9)


def _compute():
    deadline = time.thread_time_ns() + CPU_NS
    while time.thread_time_ns() < deadline:
        pass


def _free_ticks(own):
    """Idle time of the freest CPU but our own."""
    with open("/proc/stat") as file:
        rows = [line.split() for line in file if line[:3] == "cpu" and line[3] != " "]
    return {row[0]: int(row[4]) for row in rows if row[0] != "cpu%d" % own}


async def _step():
    _compute()


async def _main(rival_pid, cpu):
    protocol.say("ready", rival=rival_pid)
    await protocol.hear_in_loop(asyncio.get_running_loop())
    start, before = time.monotonic(), _free_ticks(cpu)
    for _ in range(STEPS):
        await asyncio.create_task(_step())
        await asyncio.sleep(0.02)
    ticks = os.sysconf("SC_CLK_TCK") * (time.monotonic() - start)
    free = [(after - before[name]) / ticks for name, after in _free_ticks(cpu).items()]
    protocol.say("done", free=max(free, default=0))
    await protocol.hear_in_loop(asyncio.get_running_loop())


if __name__ == "__main__":
    cpu = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    rival = None
    if sys.argv[1] == "process":
        rival = subprocess.Popen([sys.executable, "-c", RIVAL])
    else:
        threading.Thread(target=_compress, daemon=True).start()
    try:
        pid = rival.pid if rival else os.getpid()
        protocol.run(protocol.new_loop("asyncio"), _main(pid, cpu))
    finally:
        if rival:
            rival.kill()
            rival.wait()
