# SPDX-License-Identifier: BSD-2-Clause
"""A child that was taken over: a program of our own, which says to the parent what no child says.
The parent ends it, counts that, and goes on."""

import json
import os
import signal
import time

import lib
from lib import Folder, Server

# src/http/wire.h
CONFIG, REPLY, READY, FAILED, REQUEST, CANCEL = range(6)

PROGRAM = '''#!%s -S
import os, struct, time
def message(kind, number, data=b""):
    return struct.pack("<IIQ", kind, len(data), number) + data
def text(word):
    return struct.pack("<I", len(word)) + word + b"\\0"
def request(number, path=b"/counts", query=b"", accept=b"", encoding=b"", head=0):
    data = struct.pack("<I", head) + text(path) + text(query) + text(accept) + text(encoding)
    return message(%d, number, data)
def send(data):
    while data:
        data = data[os.write(3, data):]
send(message(%d, 0, struct.pack("<II", 1, 1)))
%%s
'''
WAIT = "\ntime.sleep(1000)"


def _program(folder, name, body):
    path = folder.file(name, PROGRAM % ("/usr/bin/python3", REQUEST, READY) % body)
    os.chmod(path, 0o755)
    return path


BAD = {
    "noise": "send(b'x' * 1000)",
    "type": "send(message(17, 1))",
    "reply": "send(message(%d, 1, b'x' * 20))" % REPLY,
    "length": "send(struct.pack('<IIQ', %d, 0xffffffff, 1))" % REQUEST,
    "too_long": "send(request(1, query=b'x' * 9000))",
    "ready_twice": "send(message(%d, 0, struct.pack('<II', 1, 1)))" % READY,
    "path": "send(request(1, path=b'/etc/passwd'))",
    "control": "send(request(1, query=b'a\\x1b[2J'))",
    "nul": "send(request(1, accept=b'a\\0b'))",
    "not_ascii": "send(request(1, encoding=b'\\xff'))",
    "twice": "send(request(1, path=b'/never') + request(1, path=b'/never'))",
    "large_id": "send(request(1 << 32))",
    "too_many": "send(b''.join(request(i, path=b'/never') for i in range(100)))",
    "short_request": "send(message(%d, 1, b'abc'))" % REQUEST,
    "more_behind": "send(message(%d, 1, struct.pack('<I', 0) + text(b'/small') * 5))" % REQUEST,
}


ASK = """
send(request(77))
data = b""
while b"config_error" not in data:
    data += os.read(3, 1 << 16)
with open(%r + ".new", "wb") as file:
    file.write(data[data.rindex(b'{"longest_ns"'):data.rindex(b"}") + 1])
os.rename(%r + ".new", %r)
time.sleep(1000)
"""
# The first child leaves a mark and misbehaves, the second one finds it.
FIRST = """
if not os.path.exists(%r):
    open(%r, "w").close()
    %s
    time.sleep(1000)
"""


def _counts_told(folder, body):
    """What the parent counts, told to a child that asks for it and writes it down."""
    found = folder.file("found")
    program = _program(folder, "child", body + ASK % (found, found, found))
    with Server("--child", program):
        lib.wait_for(lambda: os.path.exists(found), "the counts")
        with open(found, encoding="ascii") as file:
            return json.load(file)


def test_breaks_the_protocol():
    for name, action in BAD.items():
        with Folder() as folder:
            mark = folder.file("mark")
            counts = _counts_told(folder, FIRST % (mark, mark, action))
            assert counts["child_misbehaved"] == counts["child_killed"] == 1, (name, counts)
            assert counts["child_exited"] == 0 and counts["child_starts"] == 2, (name, counts)


def test_asks_without_end():
    """The parent takes so many requests a second, whatever the child sends, and no more memory."""
    body = """
import contextlib, threading
parent_ends = contextlib.suppress(OSError)
def ask():
    with parent_ends:
        for i in range(200, 1 << 31):
            send(request(i, path=b"/small") + message(%d, i))
def read():
    with parent_ends:
        while True:
            os.read(3, 1 << 16)
threading.Thread(target=read, daemon=True).start()
threading.Thread(target=ask, daemon=True).start()
""" % CANCEL
    with Folder() as folder:
        with Server("--child", _program(folder, "child", body + WAIT)) as server:
            time.sleep(1)
            before = lib.cpu_seconds(server.pid)
            size = lib.status_of("/proc/%d" % server.pid)["VmRSS"]
            time.sleep(3)
            used = lib.cpu_seconds(server.pid) - before
            grown = int(lib.status_of("/proc/%d" % server.pid)["VmRSS"].split()[0]) - int(
                size.split()[0]
            )
            assert used < 0.3, used
            assert grown < 2048, grown


def test_never_reads():
    """Replies to it are queued up to a bound; the parent does not wait for it."""
    body = """
for i in range(60):
    send(request(i + 1, path=b"/large", query=b"4000000"))
""" + WAIT
    with Folder() as folder:
        program = _program(folder, "child", body)
        with Server("--child", program, "--limit", "held_bytes=20000000") as server:
            time.sleep(3)
            peak = int(lib.status_of("/proc/%d" % server.pid)["VmHWM"].split()[0])
            assert peak < (20 + 4 * 3 + 40) * 1024, peak
            # It still hears: its child is killed, and another one starts.
            first = lib.children_of(server.pid)
            os.kill(first[0], signal.SIGKILL)
            lib.wait_for(lambda: lib.children_of(server.pid) not in ([], first), "another child")


def test_numbers_are_not_trusted():
    """The page of counts cannot be made shorter, which would end the parent by a signal."""
    body = """
try:
    os.ftruncate(5, 0)
except PermissionError:
    os.pwrite(5, struct.pack("<Q", 12345), 0)
"""
    with Folder() as folder:
        counts = _counts_told(folder, body)
    assert counts["connections"] == 12345, counts


def test_is_gone_at_once():
    """A program that does not start at all."""
    with Folder() as folder:
        sentence = lib.refusal("--child", folder.file("nothing"))
        assert "cannot start the HTTP child: No such file" in sentence, sentence
        sentence = lib.refusal("--child", "/bin/true")
        assert "it ended before it served" in sentence, sentence
