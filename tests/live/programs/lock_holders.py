# SPDX-License-Identifier: BSD-2-Clause
"""Locks that the loop's thread waits for while other threads hold them.

    lock_holders.py [--loop asyncio|uvloop] [--seconds S] [--hold KIND FILE]

Prints "ready"; for each line with the name of a kind waits once and prints "done" with what really
happened: when, and which thread held the lock at which line; ends at the end of input. A lock is
held for S seconds. With --hold it locks the file for a while instead.
"""

import argparse
import asyncio
import ctypes
import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time

import protocol

HOLD_S = 0.09
SHORT_S = 0.03
NAMING_S = 0.15  # in which the tool reads the name of the thread that held the lock
MUTEX_BYTES = 64  # more than any pthread_mutex_t has
# The end of a with statement is on its own line from 3.10 on.
RELEASED = "released" if sys.version_info >= (3, 10) else "released at"
LINES = open(__file__).read().splitlines()


def line_of(mark):
    return next(n for n, line in enumerate(LINES, 1) if line.rstrip().endswith("# " + mark))


def sleeping(seconds):
    time.sleep(seconds)  # sleeping


def computing(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass  # computing


def preparing(seconds):
    time.sleep(seconds)


def preparing_and_sleeping(seconds):
    """The wait begins while it prepares."""
    preparing(seconds / 4)
    sleeping(3 * seconds / 4)


def preparing_and_computing(seconds):
    preparing(seconds / 4)
    computing(3 * seconds / 4)


def release_at_end(lock, held, work, seconds):
    with lock:  # released
        held()
        work(seconds)  # released at


class Keeper:
    """A thread that holds a lock for a while; `turns`: who got it, in order."""

    def __init__(self, name, lock, work=sleeping, seconds=None, turns=None):
        self.name = name
        self.lock = lock
        self.turns = [] if turns is None else turns
        self.thread = threading.Thread(
            target=self._run, args=(lock, work, seconds or HOLD_S), name=name, daemon=True
        )
        self.tid = None
        self.is_held = False
        self.is_over = False

    def _held(self):
        self.turns.append(self.name)
        self.is_held = True

    def _run(self, lock, work, seconds):
        self.tid = threading.get_native_id()
        release_at_end(lock, self._held, work, seconds)
        while not self.is_over:
            time.sleep(0.01)

    async def hold(self):
        self.thread.start()
        while not self.is_held:
            await asyncio.sleep(0.001)
        return self

    async def want(self):
        """Waits behind the present holder: gets the lock before who asks later."""
        self.thread.start()
        while not self.tid:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        return self

    async def end(self):
        await asyncio.sleep(NAMING_S)
        self.is_over = True
        self.thread.join()

    def truth(self, known_by, function, line):
        return {
            "tid": self.tid, "name": self.name, "known_by": known_by,
            "function": function, "line": line_of(line),
        }


def take(lock):
    with lock:  # taken
        pass


async def simple(lock, known_by, work, line):
    keeper = await Keeper("keeper", lock, work).hold()
    await wait_in_step(take, lock)
    await keeper.end()
    function = "release_at_end" if known_by == "release" else work.__name__
    return keeper.truth(known_by, function, line)


# When the last wait began and ended, by the loop's own clock.
spans = []


async def wait_in_step(function, *args):
    await asyncio.sleep(0)
    start_ns = time.monotonic_ns()
    function(*args)
    spans[:] = [start_ns, time.monotonic_ns()]
    await asyncio.sleep(0)


async def rlock_sleeping():
    return await simple(threading.RLock(), "owner", sleeping, "sleeping")


async def rlock_computing():
    return await simple(threading.RLock(), "owner", computing, "computing")


async def moves_on(work, function):
    keeper = await Keeper("keeper", threading.RLock(), work).hold()
    await wait_in_step(take, keeper.lock)
    await keeper.end()
    return keeper.truth("owner", function, function)


async def rlock_moves_on():
    return await moves_on(preparing_and_sleeping, "sleeping")


async def rlock_moves_on_to_compute():
    return await moves_on(preparing_and_computing, "computing")


async def lock():
    return await simple(threading.Lock(), "release", sleeping, RELEASED)


async def lock_computing():
    return await simple(threading.Lock(), "release", computing, RELEASED)


async def condition():
    """Its lock is an RLock."""
    return await simple(threading.Condition(), "owner", sleeping, "sleeping")


async def acquire_timeout():
    """By a method, with a time limit that is not reached."""
    lock = threading.RLock()
    keeper = await Keeper("keeper", lock).hold()

    def acquire():
        lock.acquire(timeout=60)
        lock.release()

    await wait_in_step(acquire)
    await keeper.end()
    return keeper.truth("owner", "sleeping", "sleeping")


class Subclass(threading._RLock if not hasattr(threading, "_CRLock") else threading._CRLock):
    pass


async def derived():
    return await simple(Subclass(), "owner", sleeping, "sleeping")


async def two_locks():
    """The longer wait counts."""
    first, second = threading.RLock(), threading.RLock()
    brief = await Keeper("brief", first, seconds=SHORT_S).hold()
    long = await Keeper("long", second, computing, SHORT_S + 2 * HOLD_S).hold()

    def take_both():
        take(first)
        take(second)

    await wait_in_step(take_both)
    await brief.end()
    await long.end()
    return long.truth("owner", "computing", "computing")


class Teller(Keeper):
    """Says by an event that it has the lock."""

    def __init__(self, lock, told):
        super().__init__("keeper", lock)
        self.told = told

    def _held(self):
        super()._held()
        time.sleep(SHORT_S / 3)
        self.told.set()


async def wait_behind_an_event(lock):
    """The same thread ends both waits; the longer one is for its lock."""
    told = threading.Event()
    keeper = Teller(lock, told)

    def wait_for_both():
        keeper.thread.start()
        told.wait()
        take(lock)

    await wait_in_step(wait_for_both)
    await keeper.end()
    return keeper


async def lock_behind_an_event():
    keeper = await wait_behind_an_event(threading.Lock())
    return keeper.truth("release", "release_at_end", RELEASED)


async def rlock_behind_an_event():
    """The lock names the thread."""
    keeper = await wait_behind_an_event(threading.RLock())
    return keeper.truth("owner", "sleeping", "sleeping")


async def changes():
    """The lock goes from one thread to another while the loop waits."""
    lock, turns = threading.RLock(), []
    first = await Keeper("first", lock, turns=turns).hold()
    second = await Keeper("second", lock, turns=turns).want()

    def take_it():
        with lock:
            turns.append("loop")

    await wait_in_step(take_it)
    await first.end()
    await second.end()
    if turns == ["first", "second", "loop"]:
        return second.truth("last_release", "release_at_end", RELEASED)
    return first.truth("owner", "sleeping", "sleeping")


async def mutex():
    """Of the C library, from Python code that no lock object is in."""
    library = ctypes.CDLL(None)
    memory = ctypes.create_string_buffer(MUTEX_BYTES)

    class Mutex:
        def __enter__(self):
            library.pthread_mutex_lock(memory)

        def __exit__(self, *args):
            library.pthread_mutex_unlock(memory)

    return await simple(Mutex(), "owner", sleeping, "sleeping")


async def itself():
    """A Lock that its own thread holds: nobody releases it."""
    lock = threading.Lock()
    lock.acquire()
    await wait_in_step(lambda: lock.acquire(timeout=HOLD_S))
    return {"unknown": "a Lock does not name its owner"}


async def notified():
    """Who notifies has held nothing."""
    event = threading.Event()
    timer = threading.Timer(HOLD_S, event.set)
    timer.start()
    await wait_in_step(event.wait)
    timer.join()
    return {"unknown": "it waited to be notified"}


async def joined():
    """A thread that is waited for holds nothing."""
    thread = threading.Thread(target=sleeping, args=(HOLD_S,))
    thread.start()
    await wait_in_step(thread.join)
    return {"unknown": "it waited to be notified"}


async def semaphore():
    """Of the C library: it has no owner."""
    library = ctypes.CDLL(None)
    memory = ctypes.create_string_buffer(MUTEX_BYTES)
    library.sem_init(memory, 0, 0)
    timer = threading.Timer(HOLD_S, lambda: library.sem_post(memory))
    timer.start()
    await wait_in_step(library.sem_wait, memory)
    timer.join()
    return {"unknown": "neither a lock object nor a mutex was found"}


def hold_file(kind, path):
    """The other process: locks the file, says so, sleeps."""
    with open(path, "r+") as file:
        FILE_LOCKS[kind](file)
        protocol.say("locked")
        sleeping(HOLD_S)


FILE_LOCKS = {
    "flock": lambda file: fcntl.flock(file, fcntl.LOCK_EX),
    "lockf": lambda file: fcntl.lockf(file, fcntl.LOCK_EX),
}


def process_truth(pid):
    with open("/proc/%d/comm" % pid) as comm:
        return {"holder_pid": pid, "tid": None, "name": comm.read().strip(), "known_by": "process"}


async def file_lock(kind):
    """Of a file, which another process has locked."""
    with tempfile.NamedTemporaryFile("r+") as file:
        command = [sys.executable, __file__, "--seconds", str(HOLD_S), "--hold", kind, file.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()
            truth = process_truth(holder.pid)
            truth.update(function="sleeping", line=line_of("sleeping"))
            await wait_in_step(FILE_LOCKS[kind], file)
            await asyncio.sleep(NAMING_S)
        return truth


async def flock():
    return await file_lock("flock")


async def lockf():
    return await file_lock("lockf")


async def flock_of_its_own():
    """Another descriptor of the same process has locked the file."""
    with tempfile.NamedTemporaryFile() as file, open(file.name) as other:
        FILE_LOCKS["flock"](file)
        timer = threading.Timer(HOLD_S, lambda: fcntl.flock(file, fcntl.LOCK_UN))
        timer.start()
        await wait_in_step(FILE_LOCKS["flock"], other)
        timer.join()
    return process_truth(os.getpid())


KINDS = [
    flock, lockf, flock_of_its_own, rlock_sleeping, rlock_computing, lock, lock_computing,
    condition, acquire_timeout, derived, two_locks, lock_behind_an_event, changes, mutex, itself,
    notified, semaphore, rlock_moves_on, rlock_moves_on_to_compute, rlock_behind_an_event,
    joined,
]  # fmt: skip


async def main(loop):
    kinds = {kind.__name__: kind for kind in KINDS}
    protocol.say("ready", kinds=list(kinds))
    while True:
        name = await protocol.hear_in_loop(loop)
        if not name:
            break
        truth = await kinds[name.strip()]()
        protocol.say("done", start_ns=spans[0], end_ns=spans[1], **truth)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--seconds", type=float, default=HOLD_S)
    parser.add_argument("--hold", nargs=2, metavar=("KIND", "FILE"))
    arguments = parser.parse_args()
    HOLD_S = arguments.seconds
    if arguments.hold:
        hold_file(*arguments.hold)
        sys.exit()
    event_loop = protocol.new_loop(arguments.loop)
    protocol.run(event_loop, main(event_loop))
