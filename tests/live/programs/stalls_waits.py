# SPDX-License-Identifier: BSD-2-Clause
"""Stalls that differ in what the time goes into."""

import asyncio
import fcntl
import gc
import hashlib
import mmap
import os
import select
import socket
import subprocess
import tempfile
import time

from plan import HAS_GIL, HOLD_S, stall


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


@stall("network", inner="socket.py", syscalls=("accept4", "accept", "poll"))
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
    await asyncio.sleep(0)
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
        await asyncio.sleep(0)
        st.begin()
        peer.ask(b"r")
        poller.poll(5.0)  # stall
        peer.client.recv(1)
        st.end()
        await asyncio.sleep(0)


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
    st.extra["child"] = os.posix_spawnp("sleep", ["sleep", "0.08"], os.environ)


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
    await asyncio.sleep(0)
    os.close(fd)


def _take_flock(st):
    st.witness.world.peer.ask_and_wait(b"F")


@stall("lock", setup=_take_flock, syscalls=("flock",))
async def file_lock(st):
    peer = st.witness.world.peer
    with open(peer.lock_path, "r+") as file:
        await asyncio.sleep(0)
        st.begin()
        peer.ask(b"f")
        fcntl.flock(file, fcntl.LOCK_EX)  # stall
        st.end()
        await asyncio.sleep(0)


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
    await asyncio.sleep(0)
    world.lock.release()


@stall("lock", inner="threading.py")
async def executor_result(st):
    st.start()
    future = st.witness.world.pool.submit(time.sleep, HOLD_S)
    st.begin()
    future.result()  # stall
    st.end()


@stall("gil", needs_gil=True)
async def gil_hog(st):
    now, world, nap = time.monotonic_ns, st.witness.world, time.sleep
    st.extra["holder"] = world.hog_id
    st.begin()
    deadline = now() + int(HOLD_S * 1e9)
    world.start_hog()
    while now() < deadline: nap(0.0001)  # stall
    world.stop_hog()
    st.end()


@stall("gil or cpu" if HAS_GIL else "cpu")
async def gil_shared(st):
    now, world = time.monotonic_ns, st.witness.world
    st.begin()
    deadline = now() + int(2 * HOLD_S * 1e9)
    world.start_hog()
    while now() < deadline: pass  # stall
    world.stop_hog()
    st.end()


@stall("dns", inner="socket.py", plans=("dns",), seconds=0.06)
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


@stall("pagefault", plans=("pagefault",))
async def late_page(st):
    """One page that takes its time, for certain."""
    memory = st.witness.world.late_pages.memory
    st.begin()
    memory[0]  # stall
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


def _watch_sockets(st):
    """Five sockets of this loop, and their other ends."""
    loop = st.witness.loop
    st.extra["ends"] = []
    for _ in range(5):
        listener = socket.create_server(("127.0.0.1", 0))
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
        listener.close()
        near.setblocking(False)
        st.extra["ends"].append((near, far))
        loop.add_reader(near.fileno(), near.recv, 16)


@stall("sleep", setup=_watch_sockets, sockets=5)
async def unread_sockets(st):
    """While it sleeps, five sockets of the loop hold data that nobody reads."""
    ends = st.extra["ends"]
    st.begin()
    for _, far in ends:
        far.send(b"data")
    time.sleep(HOLD_S)  # stall
    st.end()
    await asyncio.sleep(0.005)
    for near, far in ends:
        st.witness.loop.remove_reader(near.fileno())
        near.close()
        far.close()


async def _piece(st, number):
    now = time.monotonic_ns
    deadline = now() + 1000000
    if number == 0:
        st.start()
    if number == 29:
        st.begin()
    while now() < deadline: pass  # stall
    if now() > deadline + 4000000:
        st.extra["is_spoiled"] = True
    if number == 29:
        st.end()


@stall("cpu", kind="turn")
async def busy_turn(st):
    """Thirty steps of 1 ms in one turn: none is a stall, the turn is. A host that takes the CPU
    from one of them for long makes a stall of it."""
    await asyncio.gather(*[_piece(st, number) for number in range(30)])


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


@stall("gc" if HAS_GIL else "cpu", generation=2 if HAS_GIL else None)
async def full_collection(st):
    gc.unfreeze()
    st.begin()
    gc.collect()  # stall
    st.end()
    gc.freeze()


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
