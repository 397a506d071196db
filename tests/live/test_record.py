# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of real processes: ended, killed and refused. What is in them is the unit tests' matter."""

import os
import shutil
import signal
import struct
import tempfile
import time
import zlib

from lib import TOOL, check, check_equal, live, run_tool

HEAD, CHUNK = "<16s4I", "<6I3Q"
MAGIC = b"\x89LSTALL\r\n\x1a\n\0\0\0\0\0"


def _chunks(path):
    """The flags and times of all chunks that are whole, read by the words of docs/recording.md alone."""
    with open(path, "rb") as f:
        data = f.read()
    magic, version, body_bytes, body_crc, crc = struct.unpack_from(HEAD, data)
    check_equal(magic, MAGIC, "magic")
    check_equal(version, 1, "version")
    check_equal(crc, zlib.crc32(data[:28]), "CRC of the head")
    check_equal(body_crc, zlib.crc32(data[32:32 + body_bytes]), "CRC of its body")
    check(b"target.0.python" in data[32:32 + body_bytes], "the target is not in the head")
    at, found = 32 + body_bytes, []
    while at + 48 <= len(data):
        _, crc, payload_crc, payload_bytes, _, flags, number, first_ns, last_ns = struct.unpack_from(CHUNK, data, at)
        check_equal(crc, zlib.crc32(data[at + 8:at + 48]), "CRC of chunk %d" % number)
        payload = data[at + 48:at + 48 + payload_bytes]
        check_equal(len(payload), payload_bytes, "bytes of chunk %d" % number)
        check_equal(payload_crc, zlib.crc32(payload), "CRC of the payload of chunk %d" % number)
        check_equal(number, len(found), "number of a chunk")
        found.append((flags, first_ns, last_ns))
        at += 48 + payload_bytes
    check_equal(at, len(data), "bytes of the file")
    return found


class _Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="loopstall-test-")
        return os.path.join(self.path, "a.ls")

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def _service(bench):
    code = ("import asyncio, time\n"
            "async def main():\n"
            "    for _ in range(300):\n"
            "        await asyncio.sleep(0.1)\n"
            "        time.sleep(0.02)\n"
            "asyncio.run(main())\n")
    service = bench.start([bench.python.path, "-c", code], env=bench.python.env)
    time.sleep(0.5)
    return service


@live(on="once")
def is_whole_at_its_end(bench):
    service = _service(bench)
    with _Folder() as path:
        args = ["record", "-p", str(service.pid), "-d", "2500ms", "-o", path]
        code, output, errors = run_tool(bench, *args)
        check_equal(code, 0, "exit code (%s)" % errors)
        check_equal(output, b"", "stdout")
        check("stalls" in errors, "no summary in %r", errors)
        found = _chunks(path)
        check_equal([flags for flags, _, _ in found], [0] * (len(found) - 1) + [1], "flags")
        check(len(found) >= 3, "only %d chunks", len(found))
        check(found[-2][2] - found[0][1] > 2e9, "it does not span the time it took")
        code, _, errors = run_tool(bench, *args)
        check_equal(code, 3, "exit code when the file is there")
        check("File exists" in errors, "%r", errors)


@live(on="once")
def keeps_what_was_written_when_killed(bench):
    service = _service(bench)
    with _Folder() as path:
        tool = bench.start([TOOL, "record", "-p",
                            str(service.pid), "-o", path])
        time.sleep(4)
        tool.signal(signal.SIGKILL)
        killed_ns = time.monotonic_ns()
        tool.wait()
        found = _chunks(path)
        check(all(flags == 0 for flags, _, _ in found), "an end mark although it was killed")
        check(killed_ns - found[-1][2] < 2e9, "%.1f s are missing", (killed_ns - found[-1][2]) / 1e9)
        check(service.is_alive(), "the service did not survive")
