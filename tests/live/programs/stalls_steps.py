# SPDX-License-Identifier: BSD-2-Clause
"""Stalls that differ in how the step begins and ends, in names, and in the stack."""

import asyncio
import os
import time

from plan import HOLD_S, stall

LONG_NAME = "n" * 200


# --- how a step is entered


@stall(
    "sleep",
    task_name="Задача-ü",
    syscalls=("clock_nanosleep", "select", "pselect6"),
    plans=("main", "threads"),
)
async def first_step(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name="任务-七")
async def after_sleep_zero(st):
    await asyncio.sleep(0)
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name="🐢 slow", door="result", plans=("main", "threads"))
async def after_future(st):
    await st.gate
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", door="error")
async def after_failed_future(st):
    try:
        await st.gate
    except OSError:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()


class _BadYield:
    def __await__(self):
        yield 42


@stall("sleep")
async def after_bad_yield(st):
    try:
        await _BadYield()
    except RuntimeError:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()


@stall("sleep")
async def raising_step(st):
    await asyncio.sleep(0)
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()
    raise ValueError("this step ends with an exception")


@stall("sleep", door="cancel")
async def cancelled_step(st):
    try:
        await st.gate
    except asyncio.CancelledError:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()
        raise


@stall("sleep", door="cancel")
async def cancelled_finally(st):
    try:
        await asyncio.sleep(60)
    finally:
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()


@stall("sleep", kind="eager", min_version=(3, 12))
async def eager_start(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("none", kind="none")
async def below_threshold(st):
    st.begin()
    time.sleep(0.006)  # stall
    st.end()


# --- names


@stall("sleep", task_name=None)
async def nameless(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name='\x1b[2J\x1b]0;x\x07"quote\\back\nline\x9b\u202e')
async def hostile_name(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name=LONG_NAME)
async def long_name(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", task_name="lone \udc80 surrogate")
async def surrogate_name(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", name="non_ascii_function")
async def обработчик_заказа(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep")
async def far_lines(st):
    st.witness.world.far.größe(st, HOLD_S)


# --- where in the stack


def _leaf(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


def _branch(st):
    return _leaf(st)


async def _inner(st):
    await asyncio.sleep(0)
    _branch(st)


async def _middle(st):
    return await _inner(st)


@stall("sleep", plans=("main", "threads"))
async def nested_awaits(st):
    await _middle(st)


async def _slow_items(st):
    yield 1
    await asyncio.sleep(0)
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()
    yield 2


@stall("sleep")
async def async_generator(st):
    async for _ in _slow_items(st):
        pass


@stall("sleep")
async def async_comprehension(st):
    return [item + 1 async for item in _slow_items(st)]


@stall("sleep")
async def generator_and_lambda(st):
    slow = lambda _: _branch(st)
    return sum(slow(item) or 0 for item in [1])


@stall("sleep")
async def plain_comprehension(st):
    return [_leaf(st) for _ in range(1)]


class Repository:
    """Gives a method a qualified name."""

    def __init__(self, st):
        self._st = st

    def fetch_row(self):
        st = self._st
        st.begin()
        time.sleep(HOLD_S)  # stall
        st.end()

    async def load(self):
        self.fetch_row()


@stall("sleep")
async def method_call(st):
    await Repository(st).load()


def _recurse(st, depth):
    if depth:
        return _recurse(st, depth - 1)
    return _leaf(st)


@stall("sleep")
async def deep_recursion(st):
    st.start()  # the way down is part of the step
    _recurse(st, 40)


@stall("sleep", cut=True)
async def too_deep_recursion(st):
    st.start()
    _recurse(st, 150)


async def _await_deep(st, depth):
    if depth:
        return await _await_deep(st, depth - 1)
    return _leaf(st)


@stall("sleep")
async def deep_awaits(st):
    st.start()
    await _await_deep(st, 40)


# --- callbacks that are not tasks


@stall("sleep", kind="callback", door="soon", plans=("main", "threads"))
def soon_callback(st):
    st.begin()
    time.sleep(HOLD_S)  # stall
    st.end()


@stall("sleep", kind="callback", door="later")
def later_callback(st):
    _leaf(st)


@stall("network", kind="callback", door="reader")
def reader_callback(st):
    st.start()
    peer = st.witness.world.peer
    st.witness.loop.remove_reader(peer.client.fileno())
    os.set_blocking(peer.client.fileno(), True)  # uvloop has changed it
    peer.client.recv(1)
    st.begin()
    peer.ask(b"r")
    peer.client.recv(1)  # stall
    st.end()


@stall("cpu", kind="callback", door="soon")
def computing_callback(st):
    now = time.monotonic_ns
    deadline = now() + int(HOLD_S * 1e9)
    st.begin()
    while now() < deadline: pass  # stall
    st.end()
