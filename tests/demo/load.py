#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Load for the demo service: many polite requests, and one mistake after the other.

Usage: load.py PORT. Runs until stdin closes.
"""

import asyncio
import itertools
import sys

import service

BETWEEN_MISTAKES = 0.08


async def get(reader, writer, path):
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    while (await reader.readline()).strip():
        pass


async def visit(port, pages, pause):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for page in itertools.cycle(pages):
        await asyncio.sleep(pause)
        await get(reader, writer, "/" + page.__name__)


async def main():
    port = int(sys.argv[1])
    clients = [visit(port, service.POLITE, 0.02) for _ in range(8)]
    clients.append(visit(port, service.MISTAKEN, BETWEEN_MISTAKES))
    tasks = [asyncio.create_task(client) for client in clients]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
