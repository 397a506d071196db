# SPDX-License-Identifier: BSD-2-Clause
"""A loop whose tasks, waits, collections and executor are known, for what `serve` serves.

    health.py [--loop asyncio|uvloop]

Lines of input: "delay SECONDS N" (a step that sleeps while N tasks are ready), "collect" (a pause
of the collector), "fill THREADS CALLS" (calls in the default executor that do not return), "free".
"""

import argparse
import asyncio
import concurrent.futures
import gc
import threading
import time

import protocol

SLEEPERS = 7
OBJECTS = 400000
_free = threading.Event()


async def _hang(seconds):
    began = time.monotonic_ns()
    time.sleep(seconds)
    return began


async def _wait():
    return time.monotonic_ns()


async def _delay(loop, seconds, n):
    hanger = loop.create_task(_hang(float(seconds)), name="hanger")
    waiting = [loop.create_task(_wait(), name="waiter-%d" % i) for i in range(int(n))]
    began = await hanger
    waits = [await task - began for task in waiting]
    protocol.say("done", waits_ns=waits)


async def _collect():
    began = time.thread_time_ns()
    gc.collect()
    protocol.say("done", cpu_ns=time.thread_time_ns() - began)


async def _fill(loop, threads, calls):
    loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(int(threads)))
    waiting = [loop.run_in_executor(None, _free.wait) for _ in range(int(calls))]
    protocol.say("done")
    return waiting


async def _serve():
    loop = asyncio.get_running_loop()
    heap = [[n] for n in range(OBJECTS)]
    gc.disable()
    sleepers = [loop.create_task(asyncio.sleep(1000), name="sleeper") for _ in range(SLEEPERS)]
    await asyncio.sleep(0)
    waiting = []
    protocol.say("ready", tasks=len(asyncio.all_tasks()))
    while True:
        words = (await protocol.hear_in_loop(loop)).split()
        if not words:
            break
        if words[0] == "delay":
            await _delay(loop, *words[1:])
        elif words[0] == "collect":
            await loop.create_task(_collect(), name="collector")
        elif words[0] == "fill":
            waiting = await _fill(loop, *words[1:])
        elif words[0] == "free":
            _free.set()
            await asyncio.gather(*waiting)
            protocol.say("done")
    for task in sleepers:
        task.cancel()
    del heap


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    args = parser.parse_args()
    protocol.run(protocol.new_loop(args.loop), _serve())


if __name__ == "__main__":
    main()
