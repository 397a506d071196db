# SPDX-License-Identifier: BSD-2-Clause
"""Each stall is placed in the program's own code, wherever its innermost frame is."""

import os

from lib import brief, by_host, check, check_equal, live


def _run(bench, mode, *options):
    """The stalls by the name of their task, and the truth."""
    target = bench.target("own_code.py", bench.folder)
    target.hear("ready")
    tool = bench.tool(
        "trace", "-p", str(target.pid), "--mode", mode, "--threshold", "20ms", *options
    )
    tool.wait_start()
    done = target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    stalls = {}
    for stall in tool.stalls:
        name = (stall["task"] or {}).get("name")
        if stall["unit"] == "step" and (name in done["places"] or not by_host(stall)):
            check(name not in stalls, "two stalls of %s", name)
            stalls[name] = stall
    check_equal(sorted(stalls), sorted(done["places"]), "stalls")
    return stalls, done["places"]


def _base(name):
    """Qualified names are known from 3.11 on."""
    return name.split(".")[-1]


def _check_place(stall, truth):
    own = stall["own"]
    # A host that takes the CPU away decides where most of the time is spent.
    if by_host(stall):
        return
    check_equal(
        (_base(own["function"]), os.path.basename(own["file"])),
        (truth["function"], os.path.basename(truth["file"])),
        "own code of %s" % brief(stall),
    )
    check_equal(own["line"], truth.get("line", own["line"]), "line of %s" % brief(stall))
    check_equal(_base(stall["entry"]["function"]), truth["entry"], "entry of %s" % brief(stall))
    check(own["share"] > 0.5, "share of %r", own)
    check(stall["call"]["function"] and stall["call"]["file"], "call of %s", brief(stall))


def _check_run(bench, mode):
    stalls, places = _run(bench, mode)
    for name, truth in places.items():
        _check_place(stalls[name], truth)
    stack = stalls["deep"]["stack"]
    check(stalls["deep"]["is_stack_cut"], "a stack of 150 frames is whole")
    check_equal(
        [_base(frame["function"]) for frame in (stack[0], stack[-2], stack[-1])],
        ["_dive", "_dive", "deep"],
        "both ends of a deep stack",
    )


@live()
def own_code(bench):
    _check_run(bench, "exact")


@live()
def own_code_light(bench):
    _check_run(bench, "light")


@live(on="once")
def own_package(bench):
    stalls, _ = _run(bench, "exact", "--own-package", "parcel")
    for name, function in (("library", "turn"), ("library_sleep", "nap")):
        check_equal(stalls[name]["own"]["function"], function, "own code")
        check_equal(stalls[name]["entry"]["function"], name, "entry")


@live(on="once")
def own_folder(bench):
    stalls, _ = _run(bench, "exact", "--own", "site-packages")
    check_equal(stalls["library"]["own"]["function"], "turn", "own code")
