# SPDX-License-Identifier: BSD-2-Clause
"""The known ways to stall a loop, one coroutine each, with what a profiler must say about it.

Every function calls `st.begin()` just before the line tagged "# stall" and `st.end()` last. PLAN lists them in
the order of their definition; `plans` names those a stall belongs to if not the main one alone.
"""

import asyncio
import concurrent.futures
import fcntl
import hashlib
import importlib.util
import mmap
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

HOLD_S = 0.040
LONG_NAME = "n" * 200
PLAN = []


class Entry:
    """One stall of the plan."""

    def __init__(self, function, cause, **how):
        self.function = function
        self.name = how.pop("name", function.__name__)
        self.cause = cause
        self.task_name = how.pop("task_name", "task-of-" + self.name)
        self.kind = how.pop("kind", "task")  # task, callback or none (must not be reported)
        self.door = how.pop("door", None)
        self.plans = how.pop("plans", ("main",))
        self.setup = how.pop("setup", None)
        self.seconds = how.pop("seconds", HOLD_S)
        self.min_version = how.pop("min_version", (3, 8))
        self.loops = how.pop("loops", ("asyncio", "uvloop"))
        # What the driver checks: `inner`, the file of the standard library that blocks below our frames; `syscalls`, one of
        # which it was; `blocked`, the cause holds only if the wait dominated; `hold`, the thread that held the GIL.
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
        threading.Thread(target=self._hog, daemon=True).start()
        self.numbers = [random.random() for _ in range(_numbers_to_sort())]
        self.rounds = _pbkdf2_rounds()
        self.far = _far_module(folder)
        self.page_file = None

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
    start = time.perf_counter()
    function(amount)
    return amount / (time.perf_counter() - start)


def _pbkdf2_rounds():
    return int(HOLD_S * _rate(lambda n: hashlib.pbkdf2_hmac("sha256", b"p", b"s", n), 20000))


def _numbers_to_sort():
    return int(HOLD_S * 0.9 * _rate(lambda n: sorted([random.random() for _ in range(n)]), 100000))


def _far_module(folder):
    """A module with a name, a path and line distances that strain a line table."""
    path = os.path.join(folder, "módulo_строка.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write("import time\n" + "\n" * 3000)
        file.write("def größe(st, seconds):\n    if (seconds >\n" + "\n" * 400 + "            0):\n")
        file.write("        st.begin()\n" + "        # gap\n" * 350)
        file.write("        time.sleep(seconds)  # stall\n" + "\n" * 200)
        file.write("        st.end()\n")
    spec = importlib.util.spec_from_file_location("far", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- how a step is entered


@stall(
    "sleep",
    task_name="Задача-ü",
    syscalls=("clock_nanosleep", "select", "pselect6"),
    plans=("main", "threads"),
)
async def first_step(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name="任务-七")
async def after_sleep_zero(st):
    await asyncio.sleep(0)
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name="🐢 slow", door="result", plans=("main", "threads"))
async def after_future(st):
    await st.gate
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", door="error")
async def after_failed_future(st):
    try:
        await st.gate
    except OSError:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()


class _BadYield:
    def __await__(self):
        yield 42


@stall("sleep")
async def after_bad_yield(st):
    try:
        await _BadYield()
    except RuntimeError:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()


@stall("sleep")
async def raising_step(st):
    await asyncio.sleep(0)
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()
    raise ValueError("this step ends with an exception")


@stall("sleep", door="cancel")
async def cancelled_step(st):
    try:
        await st.gate
    except asyncio.CancelledError:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()
        raise


@stall("sleep", door="cancel")
async def cancelled_finally(st):
    try:
        await asyncio.sleep(60)
    finally:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()


@stall("sleep", kind="eager", min_version=(3, 12))
async def eager_start(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("none", kind="none")
async def below_threshold(st):
    st.begin()
    time.sleep(0.006)  # stall
    st.end()


# --- names


@stall("sleep", task_name=None)
async def nameless(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name='\x1b[2J\x1b]0;x\x07"quote\\back\nline\x9b\u202e')
async def hostile_name(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name=LONG_NAME)
async def long_name(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name="lone \udc80 surrogate")
async def surrogate_name(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", name="non_ascii_function")
async def обработчик_заказа(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep")
async def far_lines(st):
    st.witness.world.far.größe(st, HOLD_S)


# --- what it waits for


@stall("sleep")
async def many_short_sleeps(st):
    st.begin()
    for _ in range(20):
        time.sleep(0.002)  # stall
    st.end()


@stall("sleep")
async def two_places(st):
    time_ns = time.monotonic_ns
    st.begin()
    deadline = time_ns() + 3000000
    while time_ns() < deadline: pass
    time.sleep(0.008)
    time.sleep(0.032)  # stall
    st.end()


@stall("sleep")
async def select_without_files(st):
    st.begin()
    select.select([], [], [], HOLD_S)  # stall
    st.end()


@stall("network", syscalls=("recvfrom", "recvmsg", "read"))
async def socket_recv(st):
    peer = st.witness.world.peer
    st.begin()
    peer.ask(b"r")
    peer.client.recv(1)  # stall
    st.end()


@stall("network", syscalls=("accept4", "accept", "poll"))
async def socket_accept(st):
    peer = st.witness.world.peer
    st.begin()
    peer.ask(b"a")
    peer.listener.accept()  # stall
    st.end()


@stall("network", syscalls=("connect",))
async def socket_connect(st):
    peer = st.witness.world.peer
    client = socket.socket(socket.AF_UNIX)
    st.begin()
    peer.ask(b"c")
    client.connect(peer.unix_path)  # stall
    st.end()


@stall("network", syscalls=("select", "pselect6"))
async def select_socket(st):
    peer = st.witness.world.peer
    st.begin()
    peer.ask(b"r")
    select.select([peer.client], [], [], 5.0)  # stall
    peer.client.recv(1)
    st.end()


@stall("network", syscalls=("poll", "ppoll"))
async def poll_socket(st):
    peer = st.witness.world.peer
    poller = select.poll()
    poller.register(peer.client, select.POLLIN)
    st.begin()
    peer.ask(b"r")
    poller.poll(5000)  # stall
    peer.client.recv(1)
    st.end()


@stall("network", syscalls=("epoll_wait", "epoll_pwait", "epoll_pwait2"))
async def epoll_socket(st):
    peer = st.witness.world.peer
    with select.epoll() as poller:
        poller.register(peer.client, select.EPOLLIN)
        st.begin()
        peer.ask(b"r")
        poller.poll(5.0)  # stall
        peer.client.recv(1)
    st.end()


@stall("network", syscalls=("poll", "ppoll", "recvfrom"))
async def socket_with_timeout(st):
    peer = st.witness.world.peer
    peer.client.settimeout(5.0)
    st.begin()
    peer.ask(b"r")
    peer.client.recv(1)  # stall
    st.end()
    peer.client.settimeout(None)


@stall("pipe", syscalls=("read",))
async def pipe_read(st):
    peer = st.witness.world.peer
    st.begin()
    peer.ask(b"p")
    os.read(peer.pipe_read, 1)  # stall
    st.end()


@stall("process", inner="subprocess.py", seconds=0.06)
async def subprocess_run(st):
    st.begin()
    subprocess.run(["sleep", "0.05"])  # stall
    st.end()


def _spawn_sleeper(st):
    st.extra["child"] = os.posix_spawnp("sleep", ["sleep", "0.05"], os.environ)


@stall("process", setup=_spawn_sleeper, syscalls=("wait4", "waitid"), seconds=0.06)
async def wait_for_child(st):
    st.begin()
    os.waitpid(st.extra["child"], 0)  # stall
    st.end()


def _open_for_sync(st):
    st.extra["fd"], path = tempfile.mkstemp(dir=st.witness.world.folder)
    os.unlink(path)


@stall("file", setup=_open_for_sync, blocked=True)
async def many_fsyncs(st):
    fd, now = st.extra["fd"], time.monotonic_ns
    deadline = now() + int(HOLD_S * 1e9)
    st.begin()
    while now() < deadline:
        os.pwrite(fd, b"x" * 512, 0), os.fsync(fd)  # stall
    st.end()
    os.close(fd)


def _take_flock(st):
    st.witness.world.peer.ask_and_wait(b"F")


@stall("lock", setup=_take_flock, syscalls=("flock",))
async def file_lock(st):
    peer = st.witness.world.peer
    with open(peer.lock_path, "r+") as file:
        st.begin()
        peer.ask(b"f")
        fcntl.flock(file, fcntl.LOCK_EX)  # stall
        st.end()


def _take_lock(st):
    st.witness.world.lock_wanted.set()
    st.witness.world.lock_taken.wait()


@stall("lock", setup=_take_lock, syscalls=("futex",))
async def thread_lock(st):
    world = st.witness.world
    st.begin()
    world.lock_release.set()
    world.lock.acquire()  # stall
    st.end()
    world.lock.release()


@stall("lock", inner="threading.py")
async def executor_result(st):
    future = st.witness.world.pool.submit(time.sleep, HOLD_S)
    st.begin()
    future.result()  # stall
    st.end()


@stall("gil", hold=True)
async def gil_hog(st):
    now, world, stat = time.monotonic_ns, st.witness.world, os.stat
    st.extra["holder"] = world.hog_id
    st.begin()
    deadline = now() + int(HOLD_S * 1e9)
    world.start_hog()
    while now() < deadline: stat("/")  # stall
    world.stop_hog()
    st.end()


@stall("gil or cpu")
async def gil_shared(st):
    now, world = time.monotonic_ns, st.witness.world
    st.begin()
    deadline = now() + int(2 * HOLD_S * 1e9)
    world.start_hog()
    while now() < deadline: pass  # stall
    world.stop_hog()
    st.end()


@stall("dns", plans=("dns",), seconds=0.06)
async def name_lookup(st):
    st.begin()
    socket.getaddrinfo("slow.example.org", 80, type=socket.SOCK_STREAM)  # stall
    st.end()


@stall("dns", plans=("dns",), seconds=0.06)
async def host_by_name(st):
    st.begin()
    socket.gethostbyname("slower.example.org")  # stall
    st.end()


def _pin(st):
    os.sched_setaffinity(0, {st.witness.world.cpu})


@stall("runqueue", plans=("runqueue",), setup=_pin, seconds=0.12, blocked=True)
async def no_cpu_free(st):
    now, burners = time.monotonic_ns, st.witness.world.burners
    deadline = now() + 100000000
    st.begin()
    burners.go()
    while now() < deadline: pass  # stall
    burners.stop()
    st.end()


def _map_cold_file(st):
    st.extra["map"], st.extra["pages"] = st.witness.world.page_file


@stall("pagefault", plans=("pagefault",), setup=_map_cold_file, blocked=True)
async def cold_pages(st):
    memory, pages, now = st.extra["map"], st.extra["pages"], time.monotonic_ns
    deadline = now() + int(HOLD_S * 1e9)
    st.begin()
    while now() < deadline: memory[next(pages) * mmap.PAGESIZE]  # stall
    st.end()


# --- computing


@stall("cpu")
async def cpu_python(st):
    now, total = time.monotonic_ns, 0
    deadline = now() + int(HOLD_S * 1e9)
    st.begin()
    while now() < deadline: total += 1  # stall
    st.end()


@stall("cpu")
async def cpu_pbkdf2(st):
    rounds = st.witness.world.rounds
    st.begin()
    hashlib.pbkdf2_hmac("sha256", b"p", b"s", rounds)  # stall
    st.end()


@stall("cpu")
async def cpu_sorted(st):
    numbers = st.witness.world.numbers
    st.begin()
    sorted(numbers)  # stall
    st.end()


def _most_of_it(st, seconds):
    now = time.monotonic_ns
    st.begin()
    deadline = now() + int(seconds * 1e9)
    while now() < deadline: pass  # stall


def _a_bit(seconds):
    now = time.monotonic_ns
    deadline = now() + int(seconds * 1e9)
    while now() < deadline: pass


@stall("cpu")
async def cpu_in_callees(st):
    st.start()
    _a_bit(0.005)
    _most_of_it(st, HOLD_S)
    _a_bit(0.008)
    st.end()


@stall("sleep")
async def sleep_and_compute(st):
    st.begin()
    _a_bit(0.012)
    time.sleep(0.028)  # stall
    st.end()


# --- where in the stack


def _leaf(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


def _branch(st):
    return _leaf(st)


async def _inner(st):
    await asyncio.sleep(0)
    _branch(st)


async def _middle(st):
    return await _inner(st)


@stall("sleep", plans=("main", "threads"))
async def nested_awaits(st):
    await _middle(st)


async def _slow_items(st):
    yield 1
    await asyncio.sleep(0)
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()
    yield 2


@stall("sleep")
async def async_generator(st):
    async for _ in _slow_items(st):
        pass


@stall("sleep")
async def async_comprehension(st):
    return [item + 1 async for item in _slow_items(st)]


@stall("sleep")
async def generator_and_lambda(st):
    slow = lambda _: _branch(st)
    return sum(slow(item) or 0 for item in [1])


@stall("sleep")
async def plain_comprehension(st):
    return [_leaf(st) for _ in range(1)]


class Repository:
    """Gives a method a qualified name."""

    def __init__(self, st):
        self._st = st

    def fetch_row(self):
        st = self._st
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()

    async def load(self):
        self.fetch_row()


@stall("sleep")
async def method_call(st):
    await Repository(st).load()


def _recurse(st, depth):
    if depth:
        return _recurse(st, depth - 1)
    return _leaf(st)


@stall("sleep")
async def deep_recursion(st):
    _recurse(st, 40)


@stall("sleep", cut=True)
async def too_deep_recursion(st):
    _recurse(st, 150)


async def _await_deep(st, depth):
    if depth:
        return await _await_deep(st, depth - 1)
    return _leaf(st)


@stall("sleep")
async def deep_awaits(st):
    await _await_deep(st, 40)


# --- callbacks that are not tasks


@stall("sleep", kind="callback", door="soon", plans=("main", "threads"))
def soon_callback(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", kind="callback", door="later")
def later_callback(st):
    _leaf(st)


@stall("network", kind="callback", door="reader")
def reader_callback(st):
    peer = st.witness.world.peer
    st.witness.loop.remove_reader(peer.client.fileno())
    peer.client.recv(1)
    st.begin()
    peer.ask(b"r")
    peer.client.recv(1)  # stall
    st.end()


@stall("cpu", kind="callback", door="soon")
def computing_callback(st):
    now = time.monotonic_ns
    deadline = now() + int(HOLD_S * 1e9)
    st.begin()
    while now() < deadline: pass  # stall
    st.end()


def plan(which, loop_kind):
    """The stalls of one plan that this interpreter and loop can do."""
    return [
        entry
        for entry in PLAN
        if which in entry.plans and sys.version_info >= entry.min_version and loop_kind in entry.loops
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
