# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard on a terminal of its own, watched while it works: its CPU time, its memory, how
soon it answers a key."""

import fcntl
import os
import pty
import random
import select
import signal
import statistics
import struct
import termios
import threading
import time

from harness import BenchError, Full, cpu_time_ns, start, status_bytes

COLUMNS, ROWS = 200, 50
REFRESH = "250ms"
TASKS, RATE = 10000, 50000
SETTLE_S, SECONDS, KEYS = 4, 20, 50
PATIENCE_S = 30
CURSOR = "▸".encode()  # drawn anew only where the cursor goes


class Terminal:
    """A pty that is read all the time, as a terminal does."""

    def __init__(self, *command):
        self.pid, self.master = pty.fork()
        if not self.pid:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            os.environ.pop("NO_COLOR", None)
            # The size is there before anybody asks for it.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execv(command[0], command)
        self.output = bytearray()
        self.arrivals = []  # (ns, bytes so far)
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                chunk = os.read(self.master, 65536)
            except OSError:
                chunk = b""
            with self.changed:
                self.output += chunk
                self.arrivals.append((time.monotonic_ns(), len(self.output)))
                self.changed.notify_all()
                if not chunk:
                    self.output += b"\0"  # nobody waits for more
                    return

    def wait(self, what, begin=0, seconds=PATIENCE_S):
        """When it had arrived behind `begin`, in ns."""
        with self.changed:
            if not self.changed.wait_for(
                lambda: self.output.find(what, begin) >= 0 or self.output.endswith(b"\0"), seconds
            ):
                raise BenchError(f"the dashboard does not show {what.decode()}")
            end = self.output.find(what, begin)
            if end < 0:
                raise BenchError(
                    "the dashboard has ended: " + self.output[:-1].decode(errors="replace").strip()
                )
            return next(ns for ns, size in self.arrivals if size >= end + len(what))

    def key_ns(self, key):
        """From the key to the cursor in its new row."""
        begin, sent = len(self.output), time.monotonic_ns()
        os.write(self.master, key)
        return self.wait(CURSOR, begin, 5) - sent

    def close(self):
        end = os.pidfd_open(self.pid)
        os.kill(self.pid, signal.SIGTERM)
        if not select.select([end], [], [], 5)[0]:
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.reader.join(5)
        os.close(end)
        os.close(self.master)


def watch(screen, pid):
    """Its figures after a while on one screen."""
    terminal = Terminal(
        Full.program,
        "top",
        "-p",
        str(pid),
        "--screen",
        screen,
        "--refresh",
        REFRESH,
        "--config",
        "/dev/null",
    )
    try:
        terminal.wait(CURSOR)
        # A key would not move a cursor that has followed its row to the list's end.
        os.write(terminal.master, b"F")
        terminal.wait(b"not following")
        time.sleep(SETTLE_S)
        cpu_ns, wall_ns, size = cpu_time_ns(terminal.pid), time.monotonic_ns(), len(terminal.output)
        time.sleep(SECONDS)
        cpu_ns = cpu_time_ns(terminal.pid) - cpu_ns
        wall_ns = time.monotonic_ns() - wall_ns
        size = len(terminal.output) - size
        answers = []
        chance = random.Random(1)  # not in step with the refresh
        for number in range(KEYS):
            time.sleep(chance.uniform(0.03, 0.12))
            answers.append(terminal.key_ns(b"k" if number % 2 else b"j"))
        return {
            "screen": screen,
            "cpu_share": cpu_ns / wall_ns,
            "wall_ns": wall_ns,
            "rss_bytes": status_bytes(terminal.pid, "VmRSS"),
            "peak_rss_bytes": status_bytes(terminal.pid, "VmHWM"),
            "output_bytes_per_second": size * 1e9 / wall_ns,
            "key_ns": answers,
            "key_median_ns": statistics.median(answers),
            "key_worst_ns": max(answers),
        }
    finally:
        terminal.close()


def measure(interpreter, screens):
    """The figures of each screen over the same crowd; a screen that cannot be had has `missing`
    instead."""
    found = []
    with start(interpreter, "crowd.py", TASKS, RATE) as target:
        target.answer()
        for screen in screens:
            before = target.ask("usage")
            try:
                result = watch(screen, target.pid)
            except BenchError as error:
                result = {"screen": screen, "missing": str(error)}
            after = target.ask("usage")
            spent = {key: after[key] - before[key] for key in after}
            result.update(
                tasks=TASKS,
                steps_per_second=spent["steps"] * 1e9 / spent["wall_ns"],
                target_cpu_share=spent["cpu_ns"] / spent["wall_ns"],
            )
            found.append(result)
    return found
