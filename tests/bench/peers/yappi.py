# SPDX-License-Identifier: BSD-2-Clause
"""yappi, a tracing profiler that knows coroutines: counts and sums of each function, no single
calls."""

import json

from .base import THRESHOLD_NS, Finding, Peer, can_import


class Yappi(Peer):
    name = "yappi"
    package = "python3-yappi"
    settings = 'set_clock_type("wall"), start()'
    is_inside = True
    claims = frozenset({"duration"})
    note = (
        "sums by function: each one of the program with a mean of 10 ms and more counts as "
        "reported, waits at await included"
    )

    def missing(self, python):
        return self.must_have(can_import(python, "yappi"))

    def findings(self, output, text):
        with open(output) as file:
            return parse(json.load(file))


def parse(rows):
    """From the rows of yappi.get_func_stats(); those of the standard library and of C functions are
    nobody's coroutine."""
    return [
        Finding(
            coroutine=row["name"],
            duration_ns=int(row["ttot"] / row["ncall"] * 1e9),
            stack=((row["name"], row["module"], None),),
        )
        for row in rows
        if not row["builtin"]
        and not is_library(row["module"])
        and row["ncall"]
        and row["ttot"] / row["ncall"] * 1e9 >= THRESHOLD_NS
    ]


def is_library(file):
    return "/lib/python" in file or file.startswith("<")
