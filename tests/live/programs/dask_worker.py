# SPDX-License-Identifier: BSD-2-Clause
"""A worker of dask with its scheduler and its client, all on one loop.

    dask_worker.py FOLDER

Prints "ready". "compute" runs a task of pure Python in the worker's executor, "handler" a handler
of the worker that blocks the loop: "done" says when and where. "fill" hands the worker more tasks
than it has threads; with "leave" one of the threads has left the executor. The end of the input
ends it.
"""

import asyncio
import os
import sys
import threading
import time

import dask
import protocol

dask.config.set({"logging": {"distributed": "error"}})
import distributed  # noqa: E402 (it sets up its log when it is imported)

THREADS = 2
SECONDS = 0.3
released = threading.Event()
began = []
LINES = open(__file__).read().splitlines()


def line_of(mark):
    return next(n for n, line in enumerate(LINES, 1) if line.rstrip().endswith("# " + mark))


def compute(number):
    """Holds the GIL, but for the interpreter's switches."""
    began.append(time.monotonic_ns())
    end = time.monotonic() + SECONDS
    while time.monotonic() < end: pass  # compute
    return time.monotonic_ns()


def wait_for_end(number):
    released.wait()  # fill


def leave(number):
    distributed.secede()
    released.wait()


class Extension:
    """Handlers of a worker, as plugins of dask add them."""

    def __init__(self, worker):
        worker.handlers["block"] = self.block

    async def block(self, **_):
        start_ns = time.monotonic_ns()
        time.sleep(0.05)  # handler
        return start_ns


async def beat():
    """Has to wait when the loop does."""
    while True:
        await asyncio.sleep(0.001)


async def handle(order, client, worker):
    # Functions of a module are passed by name; those of the program itself would be copied.
    import dask_worker as jobs

    if order == "compute":
        end_ns = await client.submit(jobs.compute, len(jobs.began), pure=False)
        protocol.say("done", start_ns=jobs.began[-1], end_ns=end_ns, line=line_of(order))
    elif order == "handler":
        async with distributed.rpc(worker.address) as remote:
            start_ns = await remote.block()
        protocol.say("done", start_ns=start_ns, line=line_of(order))
    else:
        function = jobs.leave if order == "leave" else jobs.wait_for_end
        tasks = [client.submit(function, n) for n in range(1 if order == "leave" else 5)]
        await asyncio.sleep(1)
        # Later versions of dask keep in the scheduler what a worker cannot run yet.
        protocol.say("done", tasks=len(tasks), line=line_of("fill"))
        return tasks


async def main():
    dask.config.set({"distributed.scheduler.worker-saturation": float("inf")})
    here = dict(dashboard=False, dashboard_address=":0")
    space = dict(local_directory=sys.argv[1])
    beating = asyncio.ensure_future(beat())
    kept = []
    async with distributed.Scheduler(host="127.0.0.1", port=0, **here) as scheduler:
        async with distributed.Worker(
            scheduler.address, nthreads=THREADS, extensions={"test": Extension}, **here, **space
        ) as worker:
            async with distributed.Client(scheduler.address, asynchronous=True) as client:
                protocol.say("ready", threads=THREADS)
                loop = asyncio.get_running_loop()
                while True:
                    order = await protocol.hear_in_loop(loop)
                    if not order:
                        break
                    kept.append(await handle(order, client, worker))
                beating.cancel()
                # Its threads may be waiting.
                os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
