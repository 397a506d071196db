# SPDX-License-Identifier: BSD-2-Clause
"""Workers that come and go: `churn.py EACH_S LIFE_S LOOPS`. Each EACH_S seconds one is forked that
runs so many loops in threads; each of them blocks twice, in tasks that have names of their own, and
ends after LIFE_S. Prints "ready", waits for a line, and then prints "done" with how many workers
have ended."""

import asyncio
import os
import select
import sys
import threading
import time

import protocol

EACH_S, LIFE_S, LOOPS = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
STALL_S = 0.012


async def handler():
    time.sleep(STALL_S)


async def worker(loop):
    for number in range(2):
        await asyncio.sleep(LIFE_S / 3)
        task = loop.create_task(handler())
        task.set_name("request %d of %d" % (number, threading.get_ident()))
        await task
    await asyncio.sleep(LIFE_S / 3)


def run_loop():
    loop = protocol.new_loop("asyncio")
    loop.run_until_complete(worker(loop))


def work():
    threads = [threading.Thread(target=run_loop) for _ in range(LOOPS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def reap(options):
    """How many have ended."""
    n = 0
    try:
        while os.waitpid(-1, options)[0]:
            n += 1
    except ChildProcessError:
        pass
    return n


def keep_forking(is_over, result):
    """Until something can be read from `is_over`."""
    n = 0
    while not select.select([is_over], [], [], EACH_S)[0]:
        if not os.fork():
            work()
            os._exit(0)
        n += reap(os.WNOHANG)
    os.write(result, b"%d\n" % (n + reap(0)))


async def main(loop):
    """The parent has a loop as well, which does nothing."""
    protocol.say("ready")
    await protocol.hear_in_loop(loop)


if __name__ == "__main__":
    over_read, over_write = os.pipe()
    result_read, result_write = os.pipe()
    if not os.fork():
        os.close(over_write)
        keep_forking(over_read, result_write)
        os._exit(0)
    own_loop = protocol.new_loop("asyncio")
    own_loop.run_until_complete(main(own_loop))
    os.close(over_write)
    protocol.say("done", ended=int(os.read(result_read, 64)))
