# SPDX-License-Identifier: BSD-2-Clause
"""The same work before and after following an advice.

    advised.py native|native-thread|locked|locked-thread|python|python-process
    advised.py result|result-thread|fifo|fifo-thread
    advised.py gets|gets-sleep|writes|writes-spawn|cleans|cleans-frozen|lines|causes

"writes" writes to memory that it shares with a child that it forked, so that the kernel copies each
page; "writes-spawn" starts the child without a fork.
"native" compresses, "locked" waits for a database's lock, "python" counts on the loop, "result"
waits there for what a thread does, "fifo" for the other end of a FIFO; the others do that in a
thread or in a process.
"gets" takes from a queue that is never empty, "gets-sleep" with a pause in between.
"cleans" collects garbage by itself beside many objects, "cleans-frozen" after gc.freeze(). "lines"
sleeps at two lines, "causes" computes, sleeps and waits for a child in one step.
Prints "ready", waits for a line, works, prints "done".
"""

import asyncio
import concurrent.futures
import gc
import mmap
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import protocol

TIMES = 6
GETS_S = 0.06  # CPU time: some 30 samples, of which few are at the await
DATA = bytes(i * i % 251 for i in range(1 << 16)) * 60
WORK_NS = 60000000
HELPER = concurrent.futures.ThreadPoolExecutor(1)
PAGES = 40000


def native():
    deadline = time.thread_time_ns() + WORK_NS
    while time.thread_time_ns() < deadline:
        zlib.compress(DATA, 9)


def locked():
    """The library sleeps, longer each time, until the other connection has committed."""
    with tempfile.NamedTemporaryFile() as file:
        other = sqlite3.connect(file.name, isolation_level=None, check_same_thread=False)
        own = sqlite3.connect(file.name, isolation_level=None, timeout=5)
        other.execute("begin immediate")
        threading.Timer(0.06, other.execute, ("commit",)).start()
        own.execute("create table log (line)")


def fifo():
    """The one who writes comes later."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fifo")
        os.mkfifo(path)
        threading.Timer(0.06, lambda: os.close(os.open(path, os.O_WRONLY))).start()
        os.close(os.open(path, os.O_RDONLY))


def rests():
    time.sleep(0.06)


def result():
    HELPER.submit(rests).result()


def cleans():
    gc.collect()  # cleans


def lines():
    time.sleep(0.06)  # first
    time.sleep(0.05)  # second


def causes():
    deadline = time.thread_time_ns() + WORK_NS // 2
    while time.thread_time_ns() < deadline:
        sum(i * i for i in range(300))
    rests()
    subprocess.call(["sleep", "0.05"])


def python():
    deadline = time.thread_time_ns() + WORK_NS
    while time.thread_time_ns() < deadline:
        sum(i * i for i in range(300))


def _start_child(is_forked):
    """A child that lives until it is killed."""
    if not is_forked:
        return os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ)
    child = os.fork()
    if child == 0:
        signal.pause()
    return child


def writes(memory):
    for at in range(0, PAGES * mmap.PAGESIZE, mmap.PAGESIZE):
        memory[at] = 1


async def _write(is_forked):
    memory = mmap.mmap(-1, PAGES * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Huge pages would be copied 512 at a time.
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    writes(memory)
    protocol.say("ready", pages=PAGES)
    await protocol.hear_in_loop(asyncio.get_running_loop())
    for _ in range(TIMES):
        child = _start_child(is_forked)
        await asyncio.sleep(0.05)
        await asyncio.ensure_future(_direct(lambda: writes(memory)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    protocol.say("done")
    await protocol.hear_in_loop(asyncio.get_running_loop())


async def _direct(work):
    work()


async def _executed(executor, work):
    await asyncio.get_running_loop().run_in_executor(executor, work)


async def gets(is_pausing):
    queue = asyncio.Queue()
    for number in range(60):
        queue.put_nowait(number)
    total = taken = 0
    end = time.thread_time() + GETS_S
    while time.thread_time() < end:
        number = await queue.get()
        total += sum(range(number))
        queue.put_nowait(number)
        taken += 1
        if is_pausing and taken % 500 == 0:
            await asyncio.sleep(0)
    return total


async def _beat():
    while True:
        await asyncio.sleep(0.005)


async def _take(is_pausing):
    protocol.say("ready")
    await protocol.hear_in_loop(asyncio.get_running_loop())
    for _ in range(TIMES):
        await asyncio.ensure_future(gets(is_pausing))
        await asyncio.sleep(0.02)
    protocol.say("done")
    await protocol.hear_in_loop(asyncio.get_running_loop())


async def _main(work, executor):
    beat = asyncio.ensure_future(_beat())
    if executor:
        await _executed(executor, work)  # starts its workers
    protocol.say("ready")
    await protocol.hear_in_loop(asyncio.get_running_loop())
    for _ in range(TIMES):
        await asyncio.ensure_future(_executed(executor, work) if executor else _direct(work))
        await asyncio.sleep(0.02)
    protocol.say("done")
    await protocol.hear_in_loop(asyncio.get_running_loop())
    beat.cancel()


def _keep_objects(is_frozen):
    """As many as make a collection long on this machine."""
    kept, took_ns = [], 0
    gc.disable()
    while took_ns < WORK_NS:
        kept += [[n] for n in range(1 << 17)]
        start_ns = time.thread_time_ns()
        gc.collect()
        took_ns = time.thread_time_ns() - start_ns
    if is_frozen:
        gc.freeze()
    return kept


def _executor(kind):
    if kind == "thread":
        return concurrent.futures.ThreadPoolExecutor(1)
    if kind == "process":
        context = multiprocessing.get_context("spawn")
        return concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
    return None


if __name__ == "__main__":
    name, _, kind = sys.argv[1].partition("-")
    works = {"native": native, "locked": locked, "fifo": fifo, "python": python}
    works["result"] = rests if kind else result
    works.update(cleans=cleans, lines=lines, causes=causes)
    if name == "cleans":
        objects = _keep_objects(kind == "frozen")
    if name == "gets":
        main = _take(kind == "sleep")
    elif name == "writes":
        main = _write(kind != "spawn")
    else:
        main = _main(works[name], _executor(kind))
    protocol.run(protocol.new_loop("asyncio"), main)
