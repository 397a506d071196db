# SPDX-License-Identifier: BSD-2-Clause
"""Steps that are long in code that is not the program's own, each in a task named after its kind.

    own_code.py FOLDER

FOLDER is an empty one, for modules that are made here: an installed package and a slow module.
Prints "ready", waits for a line, runs, prints "done" with the place that each task should have.
"""

import asyncio
import os
import sys
import time

import protocol

SECONDS = 0.06
PACKAGE = """import time


def turn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def nap(seconds):
    time.sleep(seconds)
"""
SLEEPY = """import time

time.sleep(0.06)
"""
SLOW = """import time

end = time.perf_counter() + 0.06
while time.perf_counter() < end:
    pass
"""
places = {}


def _place(task, entry):
    """Of the caller: the line below."""
    frame = sys._getframe(1)
    places[task] = {
        "function": frame.f_code.co_name,
        "file": frame.f_code.co_filename,
        "line": frame.f_lineno + 1,
        "entry": entry,
    }


def _write(*parts):
    *path, text = parts
    path = os.path.join(*path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def _make_leaf():
    """Each leaf has its own code object."""
    text = "def leaf(clock, end):\n    while clock() < end:\n        pass\n"
    names = {}
    exec(compile(text, __file__, "exec"), names)
    return names["leaf"]


LEAVES = [_make_leaf() for _ in range(4)]


def _spread():
    places["spread"] = {"function": "_spread", "file": __file__, "entry": "spread"}
    for n in range(40):
        LEAVES[n % 4](time.perf_counter, time.perf_counter() + SECONDS / 40)


async def spread():
    _spread()


async def library():
    import parcel

    _place("library", "library")
    parcel.turn(SECONDS)


async def library_sleep():
    import parcel

    _place("library_sleep", "library_sleep")
    parcel.nap(SECONDS)


def _import(task, name, line):
    """What it runs is freed when it has run."""
    places[task] = {"function": "<module>", "file": name + ".py", "entry": task, "line": line}
    __import__(name)
    del sys.modules[name]


async def lazy():
    _import("lazy", "slow_module", 4)
    places["lazy"].pop("line")  # each of two


async def lazy_sleep():
    _import("lazy_sleep", "sleepy_module", 3)


async def lazy_sleep_again():
    """Its code may have the address of the one before."""
    _import("lazy_sleep_again", "drowsy_module", 4)


async def template():
    import parcel

    text = "def root(turn, seconds):\n" + "\n" * 500 + "    turn(seconds)\n"
    names = {}
    exec(compile(text, __file__, "exec"), names)
    root = names["root"]
    _place("template", "template")
    root(parcel.turn, SECONDS)


def _dive(depth):
    if depth:
        return _dive(depth - 1)
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        pass


async def deep():
    places["deep"] = {"function": "_dive", "file": __file__, "entry": "deep"}
    _dive(150)


async def in_greenlet():
    """The greenlet's stack is not linked to that of the coroutine."""
    import greenlet
    import parcel

    def work():
        _place("in_greenlet", "in_greenlet")
        parcel.turn(SECONDS)

    greenlet.greenlet(work).switch()


def _steps():
    yield from (spread, library, library_sleep, lazy, lazy_sleep, lazy_sleep_again,
                template, deep)
    try:
        import greenlet  # noqa: F401
    except ImportError:
        return
    yield in_greenlet


async def _main():
    for step in _steps():
        await asyncio.sleep(0.01)
        # Python 3.8 has no names for tasks made by ensure_future.
        await asyncio.get_running_loop().create_task(step(), name=step.__name__)
        await asyncio.sleep(0.01)


def main():
    folder = sys.argv[1]
    _write(folder, "site-packages", "parcel.py", PACKAGE)
    _write(folder, "slow_module.py", SLOW)
    _write(folder, "sleepy_module.py", SLEEPY)
    _write(folder, "drowsy_module.py", "\n" + SLEEPY)
    sys.path[:0] = [folder, os.path.join(folder, "site-packages")]
    sys.dont_write_bytecode = True
    __import__("parcel")
    loop = protocol.new_loop("asyncio")
    protocol.say("ready")
    protocol.hear()
    protocol.run(loop, _main())
    protocol.say("done", places=places)
    protocol.hear()


if __name__ == "__main__":
    main()
