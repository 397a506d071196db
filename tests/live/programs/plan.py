# SPDX-License-Identifier: BSD-2-Clause
"""The list of known stalls, and the world they need.

Each stall is a coroutine (or callback) of stalls_*.py. It calls `st.begin()` just before the line
tagged "# stall" and `st.end()` last. PLAN lists them in the order of their definition; `plans`
names those a stall belongs to if not the main one alone.
"""

import concurrent.futures
import gc
import hashlib
import importlib.util
import mmap
import os
import random
import sys
import tempfile
import threading
import time

HOLD_S = 0.040
# A build without it can switch it on.
HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
PLAN = []


class Entry:
    """One stall of the plan."""

    def __init__(self, function, cause, **how):
        self.function = function
        self.name = how.pop("name", function.__name__)
        self.cause = cause
        self.task_name = how.pop("task_name", "task-of-" + self.name)
        # task, eager, callback, turn; none must not be reported
        self.kind = how.pop("kind", "task")
        self.door = how.pop("door", None)
        self.plans = how.pop("plans", ("main",))
        self.setup = how.pop("setup", None)
        self.seconds = how.pop("seconds", HOLD_S)
        self.min_version = how.pop("min_version", (3, 8))
        self.loops = how.pop("loops", ("asyncio", "uvloop"))
        self.needs_gil = how.pop("needs_gil", False)
        # What the driver checks besides: `inner`, the file of the library that blocks below our
        # frames; `syscalls`, it was one of these; `blocked`, a disk or scheduler decides how much
        # of it was the cause; `cut`, the stack is deeper than the limit; `sockets`, how many were
        # left unread; `generation`, what the collector worked on.
        self.expect = how


def stall(cause, **how):
    def register(function):
        PLAN.append(Entry(function, cause, **how))
        return function

    return register


class World:
    """What the stalls need and what must exist before the tool looks."""

    def __init__(self, folder, peer, burners, cpu):
        self.folder = folder
        self.peer = peer
        self.burners = burners
        self.cpu = cpu
        self.lock = threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.pool.submit(int).result()
        self.lock_taken = threading.Event()
        self.lock_wanted = threading.Event()
        self.lock_release = threading.Event()
        self.hog_go = threading.Event()
        self.hogging = False
        self.hog_id = 0
        threading.Thread(target=self._hold_lock, daemon=True).start()
        threading.Thread(target=self._hog, name="hog", daemon=True).start()
        self.numbers = [random.random() for _ in range(_numbers_to_sort())]
        self.rounds = _pbkdf2_rounds()
        self.heap = _heap_to_collect()
        self.far = _far_module(folder)
        self.page_file = self.late_pages = None

    def _hold_lock(self):
        self.lock_wanted.wait()
        with self.lock:
            self.lock_taken.set()
            self.lock_release.wait()
            time.sleep(HOLD_S)

    def _hog(self):
        self.hog_id = threading.get_native_id()
        while True:
            self.hog_go.wait()
            while self.hogging:
                pass
            self.hog_go.clear()

    def start_hog(self):
        self.hogging = True
        self.hog_go.set()

    def stop_hog(self):
        self.hogging = False


def _rate(function, amount):
    """Amount per second of CPU time: other processes may be busy, too."""
    start = time.thread_time()
    function(amount)
    return amount / (time.thread_time() - start)


def _pbkdf2_rounds():
    return int(HOLD_S * _rate(lambda n: hashlib.pbkdf2_hmac("sha256", b"p", b"s", n), 20000))


def _heap_to_collect():
    """Frozen, so that no other collection visits it."""
    gc.disable()
    heap = [[] for _ in range(200000)]
    gc.collect()
    rate = _rate(lambda _: gc.collect(), len(heap))
    heap += [[] for _ in range(int(1.5 * HOLD_S * rate) - len(heap))]
    gc.freeze()
    gc.enable()
    return heap


def _numbers_to_sort():
    numbers = [random.random() for _ in range(100000)]
    return int(HOLD_S * _rate(lambda n: sorted(numbers[:n]), 100000))


def _far_module(folder):
    """A module with a name, a path and line distances that strain a line table."""
    path = os.path.join(folder, "módulo_строка.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write("import time\n" + "\n" * 3000)
        file.write("def größe(st, seconds):\n    if (seconds >\n")
        file.write("\n" * 400 + "            0):\n")
        file.write("        st.begin()\n" + "        # gap\n" * 350)
        file.write("        time.sleep(seconds)  # stall\n" + "\n" * 200)
        file.write("        st.end()\n")
    spec = importlib.util.spec_from_file_location("far", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plan(which, loop_kind):
    """The stalls of one plan that this interpreter and loop can do."""
    return [
        entry
        for entry in PLAN
        if which in entry.plans and sys.version_info >= entry.min_version
        and loop_kind in entry.loops
        and (HAS_GIL or not entry.needs_gil)
    ]


def cold_file(folder, size_bytes):
    """A mapped file that is not in memory, and an endless walk over its pages."""
    fd, path = tempfile.mkstemp(dir=folder)
    os.unlink(path)
    for _ in range(size_bytes >> 20):
        os.write(fd, os.urandom(1 << 20))
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    memory = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
    memory.madvise(mmap.MADV_RANDOM)
    pages = list(range(size_bytes // mmap.PAGESIZE))
    random.shuffle(pages)
    return memory, iter(pages)
