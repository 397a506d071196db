# SPDX-License-Identifier: BSD-2-Clause
"""Steps whose time goes into C code of known libraries.

    native.py

Prints "ready", waits for a line, runs each function some times, prints "done".
"""

import asyncio
import ctypes
import hashlib
import json
import os
import sqlite3
import time
import zlib

import protocol

ROUNDS = 4
STEP_S = 0.025
BLOB = os.urandom(2 << 20)
LIST = [{"a": n, "b": [n] * 5} for n in range(20000)]
TEXT = json.dumps(LIST)
LIBC = ctypes.CDLL("libc.so.6")
DATABASE = sqlite3.connect(":memory:")


def compress():
    zlib.compress(BLOB, 6)


def dump_json():
    json.dumps(LIST)


def load_json():
    json.loads(TEXT)


def pbkdf2():
    hashlib.pbkdf2_hmac("sha512", b"secret", b"salt", 60000)


def query():
    DATABASE.execute("select max(n) from (select count(*) n from t group by b)").fetchall()


def sleep_in_c():
    LIBC.usleep(30000)


def sleep():
    time.sleep(0.03)


def python_only():
    n = 0
    while n < 1500000:
        n += 1


async def _step(function):
    # How much work a machine does in this time differs.
    end = time.monotonic() + STEP_S
    while time.monotonic() < end:
        function()


async def _main():
    for _ in range(ROUNDS):
        for function in FUNCTIONS:
            await asyncio.sleep(0.02)
            await asyncio.create_task(_step(function))


FUNCTIONS = (compress, dump_json, load_json, pbkdf2, query, sleep_in_c, sleep, python_only)


def main():
    loop = protocol.new_loop("asyncio")
    DATABASE.execute("create table t(a, b)")
    rows = ((n, str(n * 7919 % 100003)) for n in range(30000))
    DATABASE.executemany("insert into t values(?, ?)", rows)
    protocol.say("ready")
    protocol.hear()
    protocol.run(loop, _main())
    protocol.say("done")
    protocol.hear()


if __name__ == "__main__":
    main()
