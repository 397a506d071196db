# SPDX-License-Identifier: BSD-2-Clause
"""Tests that block their loop, for pytest to run. Each block is a line in the file that $TRUTH
names: when it began and ended, and the id of the test, as pytest itself knows it."""

import asyncio
import json
import os
import time

import pytest


def _block(test):
    began = time.monotonic_ns()
    time.sleep(0.02)
    line = {"at": [began, time.monotonic_ns()], "pid": os.getpid(), "test": test}
    with open(os.environ["TRUTH"], "a") as file:
        file.write(json.dumps(line) + "\n")


async def _work(test):
    _block(test)
    await asyncio.sleep(0)
    _block(test)


@pytest.fixture
def loop_in_a_fixture(request):
    asyncio.run(_work(request.node.nodeid))
    yield
    asyncio.run(_work(request.node.nodeid))


@pytest.mark.parametrize("value", ["plain", "with space [x]", "\u00fcn\u00ef"])
def test_parameters(value, request):
    asyncio.run(_work(request.node.nodeid))


class TestClass:
    def test_with_fixture(self, loop_in_a_fixture, request):
        os.environ["SET_BY_THE_TEST"] = "1"
        asyncio.run(_work(request.node.nodeid))


def test_last(request):
    asyncio.run(_work(request.node.nodeid))
