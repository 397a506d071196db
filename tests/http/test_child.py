# SPDX-License-Identifier: BSD-2-Clause
"""The child: what it may do, and what happens when it ends."""

import os
import signal
import time

import lib
import pytest
from lib import Server

# linux: include/uapi/linux/seccomp.h
SECCOMP_MODE_FILTER = "2"


def test_confined():
    with Server() as server:
        child = server.child()
        server.get("/small")
        tasks = os.listdir("/proc/%d/task" % child)
        assert len(tasks) == 2, tasks
        for task in tasks:
            status = lib.status_of("/proc/%d/task/%s" % (child, task))
            assert status["Seccomp"] == SECCOMP_MODE_FILTER, status["Seccomp"]
            assert status["NoNewPrivs"] == "1"
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status[name], 16) == 0, (name, status[name])
            if os.geteuid() == 0:
                users = set(status["Uid"].split() + status["Gid"].split())
                assert len(users) == 1 and 61184 <= int(users.pop()) < 65520, status["Uid"]
                assert not status["Groups"].split(), status["Groups"]
        assert "user %s" % status["Uid"].split()[0] in server.confinement
        # Nobody but root can look into it.
        assert os.stat("/proc/%d/maps" % child).st_uid == 0
        with open("/proc/%d/environ" % child, "rb") as file:
            assert file.read() == b""
        assert os.readlink("/proc/%d/cwd" % child).endswith(" (deleted)")


def test_descriptors_and_limits():
    with Server() as server:
        child = server.child()
        names = [
            os.readlink("/proc/%d/fd/%s" % (child, fd)) for fd in os.listdir("/proc/%d/fd" % child)
        ]
        kinds = {name.split(":[")[0] for name in names}
        assert kinds == {"/dev/null", "pipe", "socket", "anon_inode:[eventpoll]",
                         "anon_inode:[eventfd]"} or kinds == {
            "/dev/null", "pipe", "socket", "anon_inode"}, names
        # The pipe is stderr, which the driver asks for.
        assert len([name for name in names if name.startswith("pipe")]) == 1, names
        assert len([name for name in names if name.startswith("socket")]) == 2, names
        with open("/proc/%d/limits" % child, encoding="ascii") as file:
            limits = {line[:26].strip(): line[26:].split()[1] for line in file}
        assert limits["Max core file size"] == "0"
        assert limits["Max file size"] == "0"
        assert int(limits["Max open files"]) <= 200
        assert int(limits["Max address space"]) <= 1 << 30


def test_ends_with_its_parent():
    with Server() as server:
        child = server.child()
        server.process.kill()
        server.process.wait()
        lib.wait_for(lambda: not os.path.exists("/proc/%d" % child), "the end of the child")
        server.process.returncode = 0


@pytest.mark.skipif(os.geteuid() != 0, reason="the child has no user of its own")
def test_ends_where_the_parent_may_not_signal_it():
    """It has another user, and the parent has no CAP_KILL: a container with few capabilities."""
    wrap = ["setpriv", "--bounding-set=-all,+setuid,+setgid", "--inh-caps=-all"]
    with Server(wrap=wrap) as server:
        child = server.child()
        assert lib.status_of("/proc/%d" % child)["Uid"].split()[0] != "0"
        assert server.get("/small").status == 200
        began = time.monotonic()
    assert time.monotonic() - began < lib.PATIENCE_S / 2
    assert not os.path.exists("/proc/%d" % child)


def test_killed():
    """It is started again, on the same port, and counted; a request that it had ends."""
    with Server() as server:
        first = server.child()
        with server.connect() as sock:
            sock.sendall(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            server.wait_for_count("requests", 2)
            os.kill(first, signal.SIGKILL)
            assert lib.read_all(sock) == b""
        # Connects at once: the listening socket is the parent's.
        assert server.get("/small").status == 200
        counts = server.counts()
        assert server.child() != first
        assert counts["child_killed"] == counts["child_restarts"] == 1, counts
        assert counts["child_starts"] == 2
        # What the first one counted is still there.
        assert counts["requests"] >= 4, counts


def test_reply_after_a_restart():
    with Server() as server, server.connect() as sock:
        sock.sendall(b"GET /late?1500 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for_count("requests", 2)
        os.kill(server.child(), signal.SIGKILL)
        server.wait_for_count("reply_gone", 1)
        assert lib.read_all(sock) == b""


def test_killed_again_and_again():
    """The parent starts it less and less often, and takes no CPU time meanwhile."""
    with Server() as server:
        end = time.monotonic() + 3
        n = 0
        before = lib.cpu_seconds(server.pid)
        while time.monotonic() < end:
            for child in lib.children_of(server.pid):
                os.kill(child, signal.SIGKILL)
                n += 1
            time.sleep(0.01)
        used = lib.cpu_seconds(server.pid) - before
        counts = server.counts()
        # At once, then after 0.1, 0.2, 0.4, 0.8, 1.6 s: five within 3 s.
        assert 3 <= counts["child_starts"] <= 8, counts
        assert counts["child_killed"] == counts["child_starts"] - 1, counts
        assert used < 0.5, used


def test_stopped():
    """A child that does nothing does not delay the parent, and the queue is bounded."""
    with Server("--limit", "held_bytes=4000000", "--limit", "reply_bytes=3000000") as server:
        child = server.child()
        socks = [server.connect() for _ in range(6)]
        for sock in socks:
            sock.sendall(b"GET /late?700 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for_count("requests", 7)
        os.kill(child, signal.SIGSTOP)
        time.sleep(1.2)
        os.kill(child, signal.SIGCONT)
        for sock in socks:
            assert b" 200 OK\r\n" in sock.recv(4096)
            sock.close()
        counts = server.counts()
        assert counts["longest_ns"] < 1e9, counts["longest_ns"]
