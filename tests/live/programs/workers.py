# SPDX-License-Identifier: BSD-2-Clause
"""Has children that run event loops and stall three times for 30 ms each; runs none itself, but for
`beside`.

    workers.py FOLDER

Told on stdin, a line each: how children are made (fork, spawn, forkserver: two of multiprocessing;
os.fork; shell: a shell that starts another Python; storm: 300 that end at once), or `waiting N`: N
that are forked now and work only at the next line, or `forks SECONDS LIFE_S`: as many as the
machine can fork, each of which ends after LIFE_S; in their middle one is forked that works. Says
{"event": "done"} when they have ended. Each writes what it did to FOLDER/PID.json. `beside` forks
in the middle of a running loop.
"""

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time

FOLDER = sys.argv[1]


def blocking_work():
    time.sleep(0.030)


# The kernel takes up to some 70 ms to put probes on who was forked (docs/measuring.md).
FIRST_SLEEP_S = 0.12


async def job(first_sleep_s):
    stalls = []
    for number in range(3):
        await asyncio.sleep(0.02 if number else first_sleep_s)
        start = time.monotonic_ns()
        blocking_work()
        stalls.append((start, time.monotonic_ns()))
    return stalls


def work(first_sleep_s=FIRST_SLEEP_S):
    stalls = asyncio.run(job(first_sleep_s))
    path = os.path.join(FOLDER, "%d.json" % os.getpid())
    with open(path + ".new", "w") as file:
        json.dump({"pid": os.getpid(), "stalls": stalls}, file)
    os.rename(path + ".new", path)


def say(**message):
    print(json.dumps(message), flush=True)


def fork(function):
    pid = os.fork()
    if pid == 0:
        function()
        os._exit(0)
    return pid


def by_multiprocessing(how):
    context = multiprocessing.get_context(how)
    processes = [context.Process(target=work) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def waiting(count):
    read_end, write_end = os.pipe()

    def wait_and_work():
        os.close(write_end)
        os.read(read_end, 1)
        work()

    pids = [fork(wait_and_work) for _ in range(count)]
    say(event="waiting", pids=pids)
    sys.stdin.readline()
    os.close(read_end)
    os.close(write_end)
    for pid in pids:
        os.waitpid(pid, 0)


def forks(seconds, life_s):
    """Never more than eight live beside each other."""
    start = time.monotonic()
    living, count, worker = [], 0, None
    while time.monotonic() < start + seconds:
        living.append(fork(lambda: time.sleep(life_s) if life_s else None))
        count += 1
        if len(living) == 8 or not life_s:
            os.waitpid(living.pop(0), 0)
        if not worker and time.monotonic() > start + seconds / 4:
            worker = fork(lambda: work(seconds / 2))
    for pid in [*living, worker]:
        os.waitpid(pid, 0)
    say(event="forked", count=count, seconds=time.monotonic() - start)


async def beside():
    """Its own steps: one each for the beginning and behind each of the five sleeps."""
    pids = []
    for _ in range(5):
        await asyncio.sleep(0.01)
        pids.append(fork(lambda: None))
    for pid in pids:
        os.waitpid(pid, 0)


def main():
    say(event="ready", pid=os.getpid())
    for line in sys.stdin:
        how, *words = line.split() or [""]
        if how in ("fork", "spawn", "forkserver"):
            by_multiprocessing(how)
        elif how == "os.fork":
            os.waitpid(fork(work), 0)
        elif how == "shell":
            program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "brief.py")
            path = os.path.join(FOLDER, "shell.json")
            words = "true; exec %s %s %s" % (sys.executable, program, path)
            subprocess.run(["sh", "-c", words], check=True)
        elif how == "storm":
            for _ in range(300):
                subprocess.run(["/bin/true"], check=True)
        elif how == "forks":
            forks(float(words[0]), float(words[1]))
        elif how == "beside":
            asyncio.run(beside())
        elif how == "waiting":
            waiting(int(words[0]))
        say(event="done")


if __name__ == "__main__":
    main()
