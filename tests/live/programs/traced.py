# SPDX-License-Identifier: BSD-2-Clause
"""Long steps in trace contexts, which a native library publishes for readers outside.

    traced.py LIBRARY [--loop asyncio|uvloop] [--late]

LIBRARY is trace_context.c in one of its builds; with --late it is loaded when the loop runs
already. Prints "ready", waits for a line, runs, prints "done" with the truth of each long step or
callback: when it ran, and the ids that were attached for most of it, or null. Waits for the end of
input.
"""

import argparse
import asyncio
import ctypes
import os
import threading
import time

import protocol

LONG_S = 0.06
SHORT_S = 0.004


class Publisher:
    def __init__(self, path):
        self._library = ctypes.CDLL(path)
        self._library.attach_address.argtypes = [ctypes.c_size_t]

    def attach(self, trace_id, span_id, is_valid=1):
        self._library.attach(trace_id, span_id, is_valid)

    def attach_address(self, address):
        self._library.attach_address(address)

    def detach(self):
        self._library.detach()


def _ids():
    return os.urandom(16), os.urandom(8)


def _compute(seconds):
    end_ns = time.monotonic_ns() + int(seconds * 1e9)
    while time.monotonic_ns() < end_ns:
        pass


def whole_sleep(out):
    ids = _ids()
    out.attach(*ids)
    time.sleep(LONG_S)
    return ids


def whole_cpu(out):
    ids = _ids()
    out.attach(*ids)
    _compute(LONG_S)
    return ids


def none_at_all(out):
    time.sleep(LONG_S)


def short_part(out):
    """Another one's request, for a moment of the step."""
    out.attach(*_ids())
    time.sleep(SHORT_S)
    out.detach()
    time.sleep(LONG_S)


def child_span(out):
    """Of the same trace: the one that lasted."""
    trace, parent = _ids()
    child = os.urandom(8)
    out.attach(trace, parent)
    _compute(SHORT_S)
    out.attach(trace, child)
    time.sleep(LONG_S)
    out.attach(trace, parent)
    return trace, child


def many_short(out):
    """None of them lasted for half of the step, and there are more than are told apart."""
    for _ in range(8):
        out.attach(*_ids())
        time.sleep(LONG_S / 8)


def not_valid(out):
    out.attach(*_ids(), is_valid=0)
    time.sleep(LONG_S)


def reserved(out):
    out.attach(*_ids(), is_valid=2)
    time.sleep(LONG_S)


def zeros(out):
    out.attach(bytes(16), bytes(8))
    time.sleep(LONG_S)


def half_set(out):
    out.attach(os.urandom(16), bytes(8))
    time.sleep(LONG_S)


def nowhere(out):
    out.attach_address(0x7FF000000000)
    time.sleep(LONG_S)


def kernel_address(out):
    out.attach_address(0xFFFFFFFF81000000)
    time.sleep(LONG_S)


def odd(out):
    out.attach_address(0x10001)
    time.sleep(LONG_S)


KINDS = [
    whole_sleep,
    none_at_all,
    whole_cpu,
    short_part,
    child_span,
    many_short,
    not_valid,
    reserved,
    zeros,
    half_set,
    nowhere,
    kernel_address,
    odd,
    whole_sleep,
]


def _stall(out, kind, truth):
    start_ns = time.monotonic_ns()
    ids = kind(out)
    end_ns = time.monotonic_ns()
    out.detach()
    truth.append(
        {
            "kind": kind.__name__,
            "at": [start_ns, end_ns],
            "trace_id": ids and ids[0].hex(),
            "span_id": ids and ids[1].hex(),
        }
    )


def _another_thread(out, is_over):
    """Its context is no business of the loop's thread."""
    out.attach(*_ids())
    is_over.wait()


async def main(args):
    loop = asyncio.get_event_loop()
    out = None if args.late else Publisher(args.library)
    protocol.say("ready")
    await protocol.hear_in_loop(loop)
    if args.late:
        out = Publisher(args.library)
        protocol.say("loaded")
        await protocol.hear_in_loop(loop)
    is_over = threading.Event()
    thread = threading.Thread(target=_another_thread, args=(out, is_over))
    thread.start()
    truth = []
    for kind in KINDS:
        await asyncio.sleep(0.01)
        _stall(out, kind, truth)
    for kind in (whole_sleep, whole_cpu, none_at_all):
        loop.call_soon(_stall, out, kind, truth)
        await asyncio.sleep(0.02)
    is_over.set()
    thread.join()
    protocol.say("done", stalls=truth)
    await protocol.hear_in_loop(loop)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--late", action="store_true")
    arguments = parser.parse_args()
    protocol.run(protocol.new_loop(arguments.loop), main(arguments))
