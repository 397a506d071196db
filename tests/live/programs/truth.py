# SPDX-License-Identifier: BSD-2-Clause
"""Stalls its loop in known ways and says exactly when, where and why.

    truth.py [--loop asyncio|uvloop] [--plan main|threads|dns|runqueue|pagefault] [--threads N]
             [--late] [--own-loop] FOLDER

Prints "ready", waits for a line, goes through the plan, prints "done" with the truth, waits for the
end of input. Without --late the loop already runs when "ready" is printed. With --threads N, N
loops of their own threads stall at once.
"""

import argparse
import asyncio
import os
import threading
import time

import peer
import plan
import protocol
import stalls_steps  # noqa: F401 (fills the plan)
import stalls_waits  # noqa: F401
import witness

QUIET_S = 0.03
MAX_ATTEMPTS = 5
# What makes the loop wait for events between the step before a stall and the stall.
POLLING_DOORS = ("later", "reader")


async def _kick(entry, st, loop):
    """What lets the waiting task or callback go on."""
    await st.witness.sleep(0.002)
    if entry.door == "result":
        st.gate.set_result(None)
    elif entry.door == "error":
        st.gate.set_exception(OSError("as planned"))
    elif entry.door == "cancel":
        st.task.cancel()
    elif entry.door == "soon":
        loop.call_soon(entry.function, st)
    elif entry.door == "later":
        loop.call_later(0.001, entry.function, st)
    elif entry.door == "reader":
        client = st.witness.world.peer.client
        loop.add_reader(client.fileno(), entry.function, st)
        st.witness.world.peer.ask(b"r")


def _spawn(entry, st, loop):
    kwargs = {} if entry.task_name is None else {"name": entry.task_name}
    if entry.kind == "eager":
        st.task = asyncio.Task(entry.function(st), loop=loop, eager_start=True, **kwargs)
        return
    st.task = loop.create_task(entry.function(st), **kwargs)


async def _perform(entry, wit, loop):
    """All attempts. One that the host has spoiled is followed by another, the last one counts."""
    attempts = []
    while len(attempts) < MAX_ATTEMPTS and (not attempts or attempts[-1].extra.get("is_spoiled")):
        attempts.append(await _attempt(entry, wit, loop))
    return attempts


async def _attempt(entry, wit, loop):
    st = witness.Stall(wit, entry.name)
    st.gate = loop.create_future()
    if entry.setup is not None:
        entry.setup(st)
    await wit.sleep(QUIET_S)
    if entry.kind == "callback":
        st.extra["callback"] = entry.function
    else:
        _spawn(entry, st, loop)
    if entry.door is not None:
        await _kick(entry, st, loop)
    while not st.end_ns:
        await wit.sleep(entry.seconds + QUIET_S)
    return st


def _describe(entry, st):
    """The truth about a stall that is over, in the driver's words."""
    code = entry.function.__code__
    truth = st.truth()
    truth.update(
        kind=entry.kind,
        cause=entry.cause,
        expect=entry.expect,
        tid=threading.get_native_id(),
        holder=st.extra.get("holder", 0),
        # It waited, as for the GIL, before it made the queued tasks ready.
        has_waited_before=st.waits_before > (entry.door in POLLING_DOORS),
        coroutine={
            "name": entry.function.__qualname__,
            "file": code.co_filename,
            "line": code.co_firstlineno,
        },
    )
    truth["task"] = None
    if st.task is not None:
        truth["task"] = {"name": st.task.get_name(), "id": hex(id(st.task))}
        if st.task.done() and not st.task.cancelled():
            st.task.exception()
    return truth


async def _main(args, world, wit, loop, reader):
    await wit.start()
    if reader is not None:
        await reader(loop)
    entries = plan.plan(args.plan, args.loop)
    done = [await _perform(entry, wit, loop) for entry in entries]
    await wit.sleep(0.05)
    truths = []
    for entry, attempts in zip(entries, done):
        truths += [_describe(entry, st) for st in attempts]
        for spoiled in truths[len(truths) - len(attempts):-1]:
            spoiled["kind"] = "spoiled"
    witnessed = wit.truth()
    await wit.stop()
    return {"stalls": truths, "witness": witnessed}


def _run_loop(args, world, label, reader):
    loop = protocol.new_loop("own" if args.own_loop else args.loop)
    wit = witness.Witness(loop, label)
    wit.world = world
    return protocol.run(loop, _main(args, world, wit, loop, reader))


async def _ready_in_loop(loop):
    protocol.say("ready")
    await protocol.hear_in_loop(loop)


def _run(args, world):
    if not args.threads:
        if not args.late:
            return [_run_loop(args, world, "", _ready_in_loop)]
        protocol.say("ready")
        protocol.hear()
        return [_run_loop(args, world, "", None)]
    results = [None] * args.threads
    protocol.say("ready")
    protocol.hear()

    def run(number):
        results[number] = _run_loop(args, world, "%d:" % number, None)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(args.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    parser.add_argument("--plan", default="main")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--own-loop", action="store_true", help="a loop that is like asyncio's")
    parser.add_argument("folder", help="for its files, on a disk")
    return parser.parse_args()


def main():
    args = _arguments()
    cpu = max(os.sched_getaffinity(0))
    children = []
    burners = late_pages = None
    if args.plan == "dns":
        peer.bring_loopback_up()
        children.append(peer.NameServer())
    if args.plan == "runqueue":
        burners = peer.Burners(3, cpu)
        children.append(burners)
    if args.plan == "pagefault":
        late_pages = peer.LatePages(4)
        children.append(late_pages)
    ender = peer.Peer(args.folder)
    children.append(ender)
    try:
        world = plan.World(args.folder, ender, burners, cpu)
        if args.plan == "pagefault":
            world.page_file = plan.cold_file(args.folder, 64 << 20)
            world.late_pages = late_pages
        begun = time.monotonic_ns()
        loops = _run(args, world)
        protocol.say("done", loops=loops, begun_ns=begun, ended_ns=time.monotonic_ns())
        protocol.hear()
    finally:
        for child in children:
            child.close()


if __name__ == "__main__":
    main()
