#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A small asyncio web service with the mistakes people make.

Most of its handlers are good citizens, and ten heartbeats beside them only want to tick. The others
block the event loop, each in its own way and in a function whose name says how. Prints "PORT PID"
when it serves.
"""

import asyncio
import hashlib
import itertools
import json
import os
import random
import re
import select
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib

PAUSE = 0.03  # what most of the slow calls take, in seconds


# Mistakes: calls that block

def fetch_rate_with_time_sleep():
    time.sleep(PAUSE)


def query_database_over_blocking_socket():
    ours, theirs = socket.socketpair()
    threading.Timer(PAUSE, theirs.sendall, (b"42 rows",)).start()
    ours.recv(64)
    ours.close()
    theirs.close()


def write_audit_log_with_fsync():
    with tempfile.TemporaryFile() as log:
        for _ in range(8):
            log.write(b"x" * (1 << 20))
            log.flush()
            os.fsync(log.fileno())


def convert_image_with_subprocess():
    subprocess.run(["sleep", str(PAUSE)], check=True)


def read_answer_from_worker_pipe():
    reader, writer = os.pipe()
    threading.Timer(PAUSE, os.write, (writer, b"done")).start()
    os.read(reader, 16)
    os.close(reader)
    os.close(writer)


cache_lock = threading.Lock()


def rebuild_cache_in_a_thread(held):
    with cache_lock:
        held.set()
        time.sleep(PAUSE)


def update_cache_under_contended_lock():
    held = threading.Event()
    threading.Thread(target=rebuild_cache_in_a_thread, args=(held,)).start()
    held.wait()
    with cache_lock:
        pass


def wait_for_device_with_select():
    select.select([], [], [], PAUSE)


# Mistakes: calls that compute

def hash_password_with_pbkdf2():
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 60_000)


RECORDS = [{"id": i, "name": f"customer {i}", "tags": ["a", "b", str(i)]} for i in range(9000)]


def render_report_as_huge_json():
    return json.dumps(RECORDS)


def check_address_with_hungry_regex():
    re.match(r"(a+)+$", "a" * 19 + "!")


BLOB = random.Random(1).choices(b"abcdefgh", k=500_000)


def compress_export_with_zlib():
    zlib.compress(bytes(BLOB), 9)


def count_orders_in_sqlite():
    db = sqlite3.connect(":memory:")
    db.execute("with recursive n(i) as (select 1 union all select i + 1 from n where i < 250000)"
               " select sum(i) from n").fetchone()
    db.close()


def crunch_numbers_in_a_thread(until):
    while time.monotonic() < until:
        sum(i * i for i in range(200))


def format_invoice_beside_a_gil_hog():
    until = time.monotonic() + 2 * PAUSE
    threading.Thread(target=crunch_numbers_in_a_thread, args=(until,)).start()
    for _ in range(8):
        sum(i for i in range(1000))
        time.sleep(0)  # gives the interpreter lock away and has to win it back


def refresh_metrics_in_a_slow_callback():
    time.sleep(PAUSE)


# The service: pages, each a coroutine of its own, that go through the mistakes of their kind in
# turn

def in_turn(*functions):
    turns = itertools.cycle(functions)
    return lambda: next(turns)()


talk_to_others = in_turn(fetch_rate_with_time_sleep, query_database_over_blocking_socket,
                         wait_for_device_with_select)
start_helpers = in_turn(convert_image_with_subprocess, read_answer_from_worker_pipe)
write_files = in_turn(write_audit_log_with_fsync, render_report_as_huge_json,
                      compress_export_with_zlib)
check_user = in_turn(hash_password_with_pbkdf2, check_address_with_hungry_regex)
share_with_threads = in_turn(update_cache_under_contended_lock, format_invoice_beside_a_gil_hog)


async def quote_page():
    talk_to_others()


async def gallery_page():
    start_helpers()


async def export_page():
    write_files()


async def login_page():
    check_user()


async def invoice_page():
    share_with_threads()


async def orders_page():
    count_orders_in_sqlite()


async def metrics_page():
    asyncio.get_running_loop().call_later(0.001, refresh_metrics_in_a_slow_callback)


# And the good citizens

async def hello_page():
    pass


async def patient_page():
    await asyncio.sleep(PAUSE)


async def threaded_page():
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, PAUSE)


async def heartbeat():
    while True:
        await asyncio.sleep(0.01)


MISTAKEN = (quote_page, gallery_page, export_page, login_page, invoice_page, orders_page,
            metrics_page)
POLITE = (hello_page, patient_page, threaded_page)
ROUTES = {"/" + page.__name__: page for page in MISTAKEN + POLITE}


async def answer(path):
    """Each request is a task of its own, named after its path."""
    if path not in ROUTES:
        return "404 Not Found"
    await asyncio.create_task(ROUTES[path](), name=path)
    return "200 OK"


async def handle_connection(reader, writer):
    try:
        while request := await reader.readline():
            while (await reader.readline()).strip():
                pass
            status = await answer(request.split()[1].decode("ascii", "replace"))
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(handle_connection, "127.0.0.1", 0)
    beats = [asyncio.create_task(heartbeat(), name=f"heartbeat-{i}") for i in range(10)]
    print(server.sockets[0].getsockname()[1], os.getpid(), flush=True)
    # Ends with whoever started it: stdin closes.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for beat in beats:
        beat.cancel()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
