#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The adapters of the comparison on small outputs recorded from the real tools, and the judge on
made-up findings. No tool needs to be there. Prints "N passed, N failed, N skipped" last."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import suite  # noqa: E402 (tests/suite.py)

import versus_table
from judge import judge
from peers import asyncio_debug, austin, bpftrace, loopstall, pyinstrument, tachyon, yappi
from peers.base import MS, Finding

EVENTS = "/usr/lib/python3.11/asyncio/events.py"
ALL = frozenset({"line", "cause", "task", "victims", "duration"})


def equal(got, wanted):
    assert got == wanted, f"{got!r} is not {wanted!r}"


def test_loopstall():
    found = loopstall.parse(
        [
            '{"type":"start","schema":"loopstall/1"}',
            '{"type":"stall","unit":"step","start_ns":100,"duration_ns":40000000,'
            '"cause":"sleep","task":{"id":"0x1","name":"t-1"},'
            '"coroutine":{"name":"slow","file":"/a.py","line":3},"victims":{"count":2},'
            '"stack":[{"function":"leaf","file":"/a.py","line":2},'
            '{"function":"slow","file":"/a.py","line":4}]}',
            '{"type":"stall","unit":"turn","start_ns":100,"duration_ns":40000000}',
            '{"type":"summary"}',
        ]
    )
    equal(
        found,
        [
            Finding(
                "slow",
                40 * MS,
                100,
                (("leaf", "/a.py", 2), ("slow", "/a.py", 4)),
                "sleep",
                "t-1",
                2,
            )
        ],
    )


def test_asyncio_debug():
    found = asyncio_debug.parse(
        "monotonic -1000000000\x1e"
        "10.500000 Executing <Task finished name='task-of-\\x1b\"q' coro=<first_step() done, "
        "defined at /p/a.py:22> result=None "
        "created at /p/truth.py:55> took 0.040 seconds\x1e"
        "11.000000 Executing <Handle soon_callback(<witness.St...x7f>) at /p/a.py:9 created at "
        "/p/b.py:1> took 0.041 seconds\x1e"
        "12.000000 Using selector: EpollSelector\x1e"
    )
    equal(
        found,
        [
            Finding("first_step", 40 * MS, 9460 * MS, task='task-of-\x1b"q'),
            Finding("soon_callback", 41 * MS, 9959 * MS),
        ],
    )


def test_bpftrace():
    lines = [
        "Attaching 10 probes...",
        "ready",
        "stall\t5\t30000000\t29900000\tslow\tt-1",
        "",
        "        __schedule+1576",
        "        schedule+35",
        "        futex_do_wait+94",
        "        __x64_sys_futex+222",
        "end",
        "stall\t7\t30000000\t29900000\tslow\tt-2",
        "        do_wait+1",
        "end",
        "stall\t9\t30000000\t100\tslow\tt-3",
        "end",
        "stall\tcut",
    ]
    equal(
        [(f.start_ns, f.duration_ns, f.coroutine, f.task, f.cause) for f in bpftrace.parse(lines)],
        [
            (5, 30 * MS, "slow", "t-1", "lock"),
            (7, 30 * MS, "slow", "t-2", "process"),
            (9, 30 * MS, "slow", "t-3", "cpu"),
        ],
    )


def test_bpftrace_script():
    script = bpftrace.script_for(
        "entry 0x10 /proc/7/root/lib/a.so\nexit 0x20 /proc/7/root/lib/a.so\n"
        "entry 0x30 /proc/7/root/lib/a.so\n"
    )
    assert "uprobe:/lib/a.so:0x10,\nuprobe:/lib/a.so:0x30\n{" in script, script
    assert "uprobe:/lib/a.so:0x20\n/@begin" in script and "@ENTRIES@" not in script, script


def austin_line(frames, us):
    base_events = EVENTS.replace("events", "base_events")
    head = f"P9;T0:9;/t.py:<module>:7;{base_events}:BaseEventLoop._run_once:1922"
    return f"{head};{frames} {us}\n"


def test_austin():
    leaf = f"{EVENTS}:Handle._run:80;/t.py:slow:4;/t.py:leaf:2"
    idle = "/usr/lib/python3.11/selectors.py:EpollSelector.select:468"
    found = austin.parse(
        [
            "# austin: 3.7.0\n",
            "# mode: wall\n",
            "\n",
            austin_line(leaf, 6678),
            austin_line(leaf, 1141),
            austin_line(idle, 1208),
            austin_line(leaf, 9000),
            austin_line(leaf, 3000),
            austin_line(leaf.replace("leaf:2", "leaf:3"), 2000),
            austin_line(idle, 50000),
        ]
    )
    equal(found, [Finding("slow", 14 * MS, stack=(("leaf", "/t.py", 2), ("slow", "/t.py", 4)))])


def tachyon_profile(stacks, times):
    """Frames: 0 (task Task-1), 1 (m in t.py), 2 (task t-3), 3 (leaf in t.py), as profiling.sampling
    writes them."""
    return {
        "meta": {"startTime": 1000.0, "interval": 1.0},
        "shared": {"stringArray": ["Task-1", "m", "t-3", "leaf", "t.py"]},
        "threads": [
            {
                "samples": {"stack": stacks, "time": times},
                "stackTable": {"frame": [0, 1, 2, 3], "prefix": [None, 0, 1, 2]},
                "frameTable": {"func": [0, 1, 2, 3], "line": [None, 6, None, 2]},
                "funcTable": {"name": [0, 1, 2, 3], "fileName": [None, 4, None, 4]},
            }
        ],
    }


def test_tachyon():
    # Behind, then catching up; a gap without samples, in which no task ran; the same task again,
    # too short.
    found = tachyon.parse(tachyon_profile([3, 3, 3, 3, 3], [10.0, 18.0, 18.1, 24.0, 90.0]))
    equal(found, [Finding("leaf", 15 * MS, 1010 * MS, (("leaf", "t.py", 2),), task="t-3")])


def test_tachyon_other_task():
    found = tachyon.parse(tachyon_profile([3, 3, 1, 1], [0.0, 8.0, 12.0, 30.0]))
    equal(
        [(f.task, f.coroutine, f.duration_ns) for f in found],
        [("t-3", "leaf", 12 * MS), ("Task-1", "m", 19 * MS)],
    )


def test_pyinstrument():
    run = [
        "MainThread\0<thread>\x001",
        "<module>\0/t.py\x001\x01l9",
        f"_run\0{EVENTS}\x0078\x01cHandle\x01l80",
    ]
    stall = run + ["slow\0/t.py\x003\x01l4", "sleep\0<built-in>\x000"]
    found = pyinstrument.parse(
        [
            [stall, 0.008],
            [stall, 0.004],
            [run[:2] + ["select\0/s.py\x001\x01l2"], 0.5],
            [stall, 0.004],
        ]
    )
    equal(
        found, [Finding("slow", 12 * MS, stack=(("sleep", "<built-in>", 0), ("slow", "/t.py", 4)))]
    )


def test_yappi():
    row = {
        "name": "slow",
        "module": "/p/t.py",
        "line": 3,
        "builtin": False,
        "ncall": 2,
        "ttot": 0.080,
        "tsub": 0.0,
    }
    found = yappi.parse(
        [
            row,
            {**row, "module": "/usr/lib/python3.11/asyncio/events.py"},
            {**row, "builtin": True},
            {**row, "ttot": 0.018},
            {**row, "ncall": 0},
        ]
    )
    equal([(f.coroutine, f.duration_ns) for f in found], [("slow", 40 * MS)])


def truth(name, start_ms, cause="sleep", kind="task"):
    return {
        "name": name,
        "kind": kind,
        "start_ns": start_ms * MS,
        "end_ns": (start_ms + 40) * MS,
        "cpu_ns": 0,
        "runqueue_ns": 0,
        "cause": cause,
        "expect": {},
        "task": {"name": "task-of-" + name} if kind == "task" else None,
        "coroutine": {"name": name},
        "stack": [{"function": name, "file": "/p/s.py", "line": 7}],
    }


def run_of(*truths, sleeps=()):
    return {"loops": [{"stalls": list(truths), "witness": {"queued": 1, "sleeps": list(sleeps)}}]}


def test_judge_right_and_wrong():
    done = run_of(
        truth("a", 100),
        truth("b", 200, "gil"),
        truth("c", 300),
        truth("short", 400, kind="none"),
        sleeps=[(110 * MS, 141 * MS), (50 * MS, 60 * MS)],
    )
    result = judge(
        done,
        [
            Finding(
                "a",
                41 * MS,
                100 * MS,
                (("wait", "/usr/lib/x.py", 1), ("a", "/p/s.py", 7)),
                "sleep",
                "task-of-a",
                2,
            ),
            Finding("a", 5 * MS, 120 * MS, (), "cpu", "task-of-a", 0),
            Finding("b", 30 * MS, 205 * MS, (("b", "/p/s.py", 8),), "lock", "other", 2),
            Finding("short", 40 * MS, 400 * MS),
            Finding("x", 20 * MS, 900 * MS),
        ],
        ALL,
    )
    equal((result["planned"], result["found"], result["missed"]), (3, 2, ["c"]))
    equal(result["unplanned"], ["short 40.0 ms", "x 20.0 ms"])
    for name, wrong in (
        ("line", "b: (('b', '/p/s.py', 8),)"),
        ("cause", "b: lock"),
        ("task", "b: other"),
        ("victims", "b: 2"),
    ):
        equal(result[name], {"right": 1, "of": 2, "wrong": [wrong]})
    equal((result["error_ns"]["median"], result["error_ns"]["max"]), (5.5 * MS, 10 * MS))


def test_judge_by_name():
    done = run_of(truth("a", 100), truth("b", 200))
    result = judge(
        done,
        [Finding("Class.b", 39 * MS, stack=(("b", "s.py", 7),)), Finding("c", 12 * MS)],
        frozenset({"line"}),
    )
    equal((result["found"], result["missed"], result["line"]["right"]), (1, ["a"], 1))
    equal(result["unplanned"], ["c 12.0 ms"])
    assert "cause" not in result and "error_ns" not in result, result


def test_judge_no_cpu():
    starved = {**truth("a", 100), "runqueue_ns": 20 * MS}
    result = judge(
        run_of(starved), [Finding("a", 40 * MS, 100 * MS, cause="runqueue")], frozenset({"cause"})
    )
    equal(result["cause"]["right"], 1)


def test_table():
    spread = {"median": 0.5, "lower": 0.4, "upper": 0.6}
    peers = [{"name": name, "settings": "set", "note": "", "claims": []} for name in ("one", "two")]
    result = {
        "python": "3.11.2",
        "absent": {"three": "no package"},
        "load_before": 1.0,
        "load_after": 2.0,
        "peers": peers,
        "cost": {
            "echo": {
                "one": {"x_rate": spread, "tool_cpu": spread},
                "two": {"failed": versus_table.NO_TRUTH},
            }
        },
        "truth": {
            "one": {"planned": 3, "found": 2, "unplanned": ["x"], "line": {"right": 1, "of": 2}},
            "two": {"failed": "\x1b[1mbanner\x1b[0m\nan ERROR of its own\nbye"},
        },
    }
    text = "\n".join(versus_table.table(result))
    for line in (
        "| throughput: echo | 0.50 [0.40 .. 0.60] | failed |",
        "| CPU of the tool, at most | 50.0 % of a core | - |",
        "| known stalls found | 2 of 3 | failed |",
        "| right line | 1 of 2 | - |",
        "| reports outside the plan | 1 | - |",
        "- three: absent. no package",
        "- two failed (truth): an ERROR of its own",
    ):
        assert line in text.splitlines(), f"{line} is not in\n{text}"
    assert versus_table.NO_TRUTH not in text and "p99" not in text, text


if __name__ == "__main__":
    sys.exit(suite.run("peers", suite.tests_of(globals())))
