# SPDX-License-Identifier: BSD-2-Clause
"""Threads of different kinds that hold the GIL while the loop has nothing to do but a heartbeat.

    gil_holders.py LIBRARY [--loop asyncio|uvloop]

LIBRARY is native_holder.so. Prints "ready"; for each line with the name of a kind holds the GIL
three times and prints "done" with what really happened; ends at the end of input.
"""

import argparse
import asyncio
import ctypes
import gc
import sys
import threading
import time

import protocol

HOLDS = 3
LEAST_NS = 60_000_000
PAUSE_S = 0.2
LINES = open(__file__).read().splitlines()


class Hold(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64) for name in ("for_ms", "start_ns", "end_ns", "tid", "is_over")
    ]


def line_of(mark):
    return next(n for n, line in enumerate(LINES, 1) if line.rstrip().endswith("# " + mark))


def crunch_numbers(power):
    return 3**power  # c


def in_c(holds):
    """One call of C that does not release the GIL; as long as it has to be on this machine."""
    power = 1 << 18
    while len(holds) < HOLDS:
        time.sleep(PAUSE_S)
        start_ns = time.monotonic_ns()
        crunch_numbers(power)
        end_ns = time.monotonic_ns()
        if end_ns - start_ns < LEAST_NS:
            power *= 2
        else:
            holds.append((start_ns, end_ns))


def count_words(end_ns):
    now = time.monotonic_ns
    while now() < end_ns: pass  # python


def in_python(holds):
    """A loop in Python, with so long a switch interval that others wait once and for long."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(2 * LEAST_NS / 1e9)
    for _ in range(HOLDS):
        time.sleep(PAUSE_S)
        start_ns = time.monotonic_ns()
        count_words(start_ns + LEAST_NS)
        holds.append((start_ns, time.monotonic_ns()))
    sys.setswitchinterval(before)


def parse_rows(count):
    return [[i] for i in range(count)]


def append_one(rows):
    rows.append([0])


def in_collector(holds):
    """Collections that are due because of what was kept, and begin where something is allocated."""
    begun = []

    def on_collection(phase, _):
        if phase == "start":
            begun.append(time.monotonic_ns())
        elif time.monotonic_ns() - begun[-1] > LEAST_NS:
            holds.append((begun[-1], time.monotonic_ns()))

    gc.callbacks.append(on_collection)
    count = 1 << 18
    while len(holds) < HOLDS:
        n_before = len(holds)
        gc.disable()
        rows = parse_rows(count)
        time.sleep(PAUSE_S)
        gc.enable()
        for _ in range(2000):
            append_one(rows)
        if len(holds) == n_before:
            count *= 2
        del rows
    gc.callbacks.remove(on_collection)


def natively(holds, tids, library):
    for _ in range(HOLDS):
        time.sleep(PAUSE_S)
        hold = Hold(for_ms=LEAST_NS // 1_000_000)
        library.hold(ctypes.byref(hold))
        holds.append((hold.start_ns, hold.end_ns))
        tids.append(hold.tid)


KINDS = {
    "c": (in_c, "report-writer", "crunch_numbers"),
    "python": (in_python, "word-counter", "count_words"),
    "collector": (in_collector, "row-parser", None),
    "native": (natively, "starter", None),
}


def perform(kind, library):
    """In a thread of its own; what happened in it."""
    function, name, holder = KINDS[kind]
    holds, tids = [], []
    args = (holds,) if kind != "native" else (holds, tids, library)
    done = {}

    def run():
        done["tid"] = threading.get_native_id()
        function(*args)
        # The tool looks up who held the GIL when the stall has ended.
        time.sleep(1)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread, lambda: {
        "holds": [{"start_ns": start, "end_ns": end} for start, end in holds],
        "tids": tids or [done["tid"]] * len(holds),
        "name": "c-holder" if kind == "native" else name,
        "function": holder,
        "line": line_of(kind) if holder else None,
    }


async def heartbeat():
    while True:
        await asyncio.sleep(0.005)


async def main(loop, library):
    beat = loop.create_task(heartbeat())
    protocol.say("ready")
    while True:
        kind = await protocol.hear_in_loop(loop)
        if not kind:
            break
        thread, truth = perform(kind.strip(), library)
        while thread.is_alive():
            await asyncio.sleep(0.05)
        protocol.say("done", **truth())
    beat.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    arguments = parser.parse_args()
    event_loop = protocol.new_loop(arguments.loop)
    protocol.run(event_loop, main(event_loop, ctypes.CDLL(arguments.library)))
