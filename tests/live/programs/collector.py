# SPDX-License-Identifier: BSD-2-Clause
"""Allocates on a loop beside many live containers. Its own hook logs each collection.

    collector.py

Prints "ready", waits for a line, allocates for some seconds, prints "done" with the truth.
"""

import asyncio
import gc
import threading
import time

import protocol

SECONDS = 4.0
HEAP = [[n, {"n": n}] for n in range(150000)]
KEPT = []
_log = []
_began = [0, 0, 0]


def _on_collection(phase, info):
    if phase == "start":
        _began[:] = [time.monotonic_ns(), time.thread_time_ns(), info["generation"]]
        return
    _log.append(
        {
            "start_ns": _began[0],
            "end_ns": time.monotonic_ns(),
            "cpu_ns": time.thread_time_ns() - _began[1],
            "generation": info["generation"],
        }
    )


def _innocent():
    """Takes a millisecond, unless a collection is due."""
    return [[n] for n in range(2000)]


async def _request():
    KEPT.append(_innocent())
    await asyncio.sleep(0.002)


async def _main():
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        await asyncio.create_task(_request())


def main():
    loop = protocol.new_loop("asyncio")
    gc.callbacks.append(_on_collection)
    protocol.say("ready")
    protocol.hear()
    protocol.run(loop, _main())
    gc.callbacks.remove(_on_collection)
    protocol.say("done", collections=_log, tid=threading.get_native_id())
    protocol.hear()


if __name__ == "__main__":
    main()
