# SPDX-License-Identifier: BSD-2-Clause
"""Child processes that end the truth program's waits, compete for its CPU, and answer slowly.

They are forked before the loop and any thread exist. Each one-byte command makes the peer sleep for
the wait's length and then act, so that the waiting thread alone is measured and nothing else of its
process runs.
"""

import ctypes
import fcntl
import mmap
import os
import platform
import signal
import socket
import struct
import threading
import time

WAIT_S = 0.040


class Peer:
    """Sockets, pipe and file shared with the child, and the child itself."""

    def __init__(self, folder):
        self.control, self._child_control = socket.socketpair()
        listener = socket.create_server(("127.0.0.1", 0))
        self.client = socket.create_connection(listener.getsockname())
        self._served, _ = listener.accept()
        listener.close()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.pipe_read, self._pipe_write = os.pipe()
        self._fill_unix_queue(os.path.join(folder, "listener"))
        self.lock_path = os.path.join(folder, "lock")
        with open(self.lock_path, "w"):
            pass
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._serve()
            finally:
                os._exit(0)

    def _fill_unix_queue(self, path):
        """A Unix listener whose queue is full: the next connect() waits until the child accepts
        one."""
        self.unix_path = path
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(path)
        self._unix.listen(0)
        self._fillers = []
        while True:
            filler = socket.socket(socket.AF_UNIX)
            filler.setblocking(False)
            try:
                filler.connect(path)
            except BlockingIOError:
                filler.close()
                return
            self._fillers.append(filler)

    def ask(self, command):
        """Starts the child's wait. Costs some microseconds."""
        self.control.send(command)

    def ask_and_wait(self, command):
        self.control.send(command)
        self.control.recv(1)

    def close(self):
        self.control.close()
        os.waitpid(self.pid, 0)

    def _serve(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.control.close()
        lock = open(self.lock_path, "r+")
        accepted = []
        while True:
            command = self._child_control.recv(1)
            if command == b"":
                return
            if command == b"F":
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._child_control.send(b".")
                continue
            time.sleep(WAIT_S)
            if command == b"r":
                self._served.send(b"x")
            elif command == b"p":
                os.write(self._pipe_write, b"x")
            elif command == b"c":
                accepted.append(self._unix.accept())
            elif command == b"a":
                accepted.append(socket.create_connection(self.listener.getsockname()))
            elif command == b"f":
                fcntl.flock(lock, fcntl.LOCK_UN)


class Burners:
    """Child processes that compete for one CPU while they are let go."""

    def __init__(self, count, cpu):
        self._pids = []
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                os.sched_setaffinity(0, {cpu})
                os.kill(os.getpid(), signal.SIGSTOP)
                while True:
                    pass
            os.waitpid(pid, os.WUNTRACED)
            self._pids.append(pid)

    def _signal(self, number):
        for pid in self._pids:
            os.kill(pid, number)

    def go(self):
        self._signal(signal.SIGCONT)

    def stop(self):
        self._signal(signal.SIGSTOP)

    def close(self):
        self._signal(signal.SIGKILL)
        for pid in self._pids:
            os.waitpid(pid, 0)


class LatePages:
    """Memory whose pages a child process supplies when they are touched, and takes its time
    (userfaultfd)."""

    _SYSCALL = {"x86_64": 323, "aarch64": 282}
    _API, _REGISTER, _ZEROPAGE = 0xC018AA3F, 0xC020AA00, 0xC020AA04
    _MISSING = 1

    def __init__(self, pages):
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.syscall(self._SYSCALL[platform.machine()], os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "userfaultfd")
        size = pages * mmap.PAGESIZE
        self.memory = mmap.mmap(-1, size)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        fcntl.ioctl(self._fd, self._API, struct.pack("QQQ", 0xAA, 0, 0))
        fcntl.ioctl(self._fd, self._REGISTER,
                    bytearray(struct.pack("QQQQ", start, size, self._MISSING, 0)))
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._serve()
            finally:
                os._exit(0)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _serve(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            address = struct.unpack_from("Q", os.read(self._fd, 32), 16)[0]
            time.sleep(WAIT_S)
            page = address & ~(mmap.PAGESIZE - 1)
            fcntl.ioctl(self._fd, self._ZEROPAGE,
                        bytearray(struct.pack("QQQq", page, mmap.PAGESIZE, 0, 0)))


def bring_loopback_up():
    """In a fresh network namespace the loopback device is down."""
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(sock, siocgifflags, request))[1]
        fcntl.ioctl(sock, siocsifflags, struct.pack("16sh14x", b"lo", flags | iff_up))


class NameServer:
    """Answers every A query with 127.0.0.1 after a while; has no other record. Port 53 of its own
    namespace."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._serve()
            finally:
                os._exit(0)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _serve(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            query, sender = self._socket.recvfrom(512)
            threading.Timer(WAIT_S, self._answer, (query, sender)).start()

    def _answer(self, query, sender):
        end = 12
        while query[end]:
            end += query[end] + 1
        question = query[12 : end + 5]
        is_a = struct.unpack(">H", question[-4:-2])[0] == 1
        header = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if is_a else 0, 0, 0)
        record = struct.pack(">HHHIH4s", 0xC00C, 1, 1, 0, 4, bytes((127, 0, 0, 1)))
        self._socket.sendto(header + question + (record if is_a else b""), sender)
