# SPDX-License-Identifier: BSD-2-Clause
"""Runs a program with a profiler inside: `under.py PROFILER OUTPUT PROGRAM [ARGUMENT...]`. OUTPUT
is written when the program ends. Each profiler is started the way its own documentation shows."""

import json
import os
import runpy
import sys
import time

SLOW_S = 0.010


def asyncio_debug(output):
    # Loops read it when they are made.
    os.environ["PYTHONASYNCIODEBUG"] = "1"
    import asyncio.base_events
    import logging

    begin = asyncio.base_events.BaseEventLoop.__init__

    def begin_slow(loop, *arguments, **more):
        begin(loop, *arguments, **more)
        loop.slow_callback_duration = SLOW_S

    asyncio.base_events.BaseEventLoop.__init__ = begin_slow
    handler = logging.FileHandler(output, encoding="utf-8", errors="backslashreplace")
    handler.terminator = "\x1e"
    handler.setFormatter(logging.Formatter("%(created).6f %(message)s"))
    handler.stream.write("monotonic %d\x1e" % (time.monotonic_ns() - time.time_ns()))
    logging.getLogger("asyncio").addHandler(handler)
    return handler.close


def yappi(output):
    import yappi

    def end():
        yappi.stop()
        rows = [{"name": row.name, "module": row.module, "line": row.lineno,
                 "builtin": row.builtin, "ncall": row.ncall,
                 "ttot": row.ttot, "tsub": row.tsub} for row in yappi.get_func_stats()]
        with open(output, "w") as file:
            json.dump(rows, file)

    yappi.set_clock_type("wall")
    yappi.start()
    return end


def pyinstrument(output):
    from pyinstrument import Profiler

    profiler = Profiler(interval=0.001, async_mode="enabled")

    def end():
        session = profiler.stop()
        with open(output, "w") as file:
            json.dump(session.frame_records, file)

    profiler.start()
    return end


PROFILERS = {"asyncio debug": asyncio_debug, "yappi": yappi, "pyinstrument": pyinstrument}


def main():
    profiler, output, program = sys.argv[1:4]
    sys.argv = sys.argv[3:]
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    end = PROFILERS[profiler](output)
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        end()


main()
