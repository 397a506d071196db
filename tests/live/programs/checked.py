# SPDX-License-Identifier: BSD-2-Clause
"""A service to be judged: four workers whose steps take a known time of their own.

    checked.py SECONDS CPU_MS [WHAT MS [EVERY]]

Each step computes for CPU_MS of the thread's CPU time. Each EVERY-th step (50) of a worker also
does WHAT for MS: sleep (time.sleep), cpu, process (waits for a child that computes).
"""

import asyncio
import subprocess
import sys
import time

CHILD = "import time\nt = time.process_time()\nwhile time.process_time() - t < %f: pass"


def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def sleep(seconds):
    time.sleep(seconds)


def process(seconds):
    subprocess.run([sys.executable, "-S", "-c", CHILD % seconds], check=True)


WHATS = {"sleep": sleep, "cpu": compute, "process": process}


async def worker(end, cpu, what, seconds, every):
    step = 0
    while time.monotonic() < end:
        step += 1
        compute(cpu)
        if what and step % every == 0:
            WHATS[what](seconds)
        await asyncio.sleep(0.001)


async def main(seconds, cpu_ms, what=None, ms=0, every=50):
    end = time.monotonic() + float(seconds)
    await asyncio.gather(*(worker(end, float(cpu_ms) / 1e3, what, float(ms) / 1e3, int(every))
                           for _ in range(4)))


asyncio.run(main(*sys.argv[1:]))
