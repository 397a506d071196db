# SPDX-License-Identifier: BSD-2-Clause
"""The JSON contract (docs/json.md): what each line holds, and which numbers must agree."""

import re

from checks import check, check_equal

CAUSES = "cpu sleep network file pipe process lock gil dns runqueue pagefault other".split()
CAUSES += ["gc", "stopped", "throttled"]
MS = 1000000


def check_ascii(line):
    check(line.endswith(b"\n"), "line without an end: %r", line)
    bad = re.search(rb"[^\x20-\x7e]", line[:-1])
    check(bad is None, "raw byte %r in the output: %r", bad and bad.group(), line)


def _check_fields(message, fields):
    for name, kinds in fields.items():
        check(name in message, "%s line without %r", message.get("type"), name)
        value = message[name]
        is_right = isinstance(value, kinds) and not (kinds is int and isinstance(value, bool))
        check(is_right, "%s.%s is %r", message.get("type"), name, value)


def check_start(message):
    _check_fields(message, {"mode": str, "threshold_ns": int, "targets": list})
    for target in message["targets"]:
        check(target["pid"] > 0 and target["rung"], "target %r", target)


def check_own(message):
    own, entry = message["own"], message["entry"]
    check((own is None) == (entry is None), "own %r with entry %r", own, entry)
    if own is None:
        return
    check(0 < own["share"] <= 1, "share of %r", own)
    for frame in (own, entry):
        check(
            frame["function"] not in (None, "?") and frame["file"] not in (None, "?"), "%r", frame
        )


def _check_holder(message):
    holder = message["gil_holder"]
    check_equal(message["gil_holder_tid"], holder and holder["tid"], "thread id of the holder")
    if holder is None:
        return
    check(message["gil_ns"] > 0, "a holder of a GIL that nothing waited for: %r", holder)
    _check_fields(holder, {"tid": int, "name": (str, type(None)), "stack": list})
    check(holder["tid"] != message["tid"], "the loop's own thread held the GIL")
    for frame in holder["stack"]:
        check(frame["function"] and frame["file"], "a torn stack of the holder: %r", holder)


def check_stall(message):
    none = type(None)
    _check_fields(
        message,
        {
            "unit": str,
            "mode": str,
            "pid": int,
            "tid": int,
            "start_ns": int,
            "duration_ns": int,
            "cause": str,
            "cpu_ns": int,
            "blocked_ns": int,
            "gil_ns": int,
            "runqueue_ns": int,
            "stolen_ns": int,
            "task": (dict, none),
            "coroutine": (dict, none),
            "call": (dict, none),
            "stack": list,
            "victims": dict,
            "id": str,
            "is_open": bool,
            "end": str,
            "wall_time": (str, none),
            "began_before_attach": bool,
            "cpu_holder": (dict, none),
            "pinned_ns": int,
            "releases_gil": (bool, none),
            "own_cause": (str, none),
            "own": (dict, none),
            "entry": (dict, none),
            "gil_holder_tid": (int, none),
            "gil_holder": (dict, none),
            "native_stack": (list, none),
            "repeated_await": (dict, none),
        },
    )
    check_own(message)
    _check_holder(message)
    for frame in message["native_stack"] or []:
        check_equal(sorted(frame), ["function", "module"], "a native frame")
    check(message["unit"] in ("step", "callback", "turn"), "unit %r", message["unit"])
    check(message["cause"] in CAUSES, "cause %r", message["cause"])
    parts = [message[part + "_ns"] for part in ("cpu", "blocked", "gil", "runqueue")]
    check(min(parts) >= 0, "negative part in %r", parts)
    check_equal(sum(parts), message["duration_ns"], "sum of the split %r" % parts)
    if message["unit"] == "step":
        check(message["task"] is not None, "a step without a task")
    else:
        check(message["task"] is None, "a %s with a task", message["unit"])
    victims = message["victims"]
    if victims["is_known"]:
        check(len(victims["tasks"]) <= victims["count"], "more names than victims: %r", victims)
    else:
        unknown = (victims["count"], victims["starved_ns"], victims["tasks"])
        check_equal(unknown, (None, None, []), "what is not known of victims")
    if "causes_ns" in message:
        check_equal(sum(message["causes_ns"].values()), message["duration_ns"], "sum of causes_ns")
        largest = max(message["causes_ns"].values())
        check_equal(message["causes_ns"][message["cause"]], largest, "time of the named cause")


def check_shed(message):
    _check_fields(message, {"from_ns": int, "until_ns": int, "stalls": int})
    check(message["stalls"] > 0, "a line about no stalls")
    check(message["from_ns"] < message["until_ns"], "a line about no time")


def check_summary(message):
    _check_fields(message, {"mode": str, "steps": int, "stalls": int, "lost": dict})
    if "coroutines" in message:
        rows = sum(row["steps"] for row in message["coroutines"])
        check(rows <= message["steps"], "rows with %d of %d steps", rows, message["steps"])
        for row in message["coroutines"]:
            check(row["p50_ns"] <= row["p99_ns"] <= row["max_ns"], "percentiles of %r", row)


# The search in copies of user stacks may take 1 % of a core: on a slow or busy machine, that is not
# enough for all of them.
ALWAYS_ALLOWED = ("native_shed",)


def check_losses(summary, *allowed):
    """Nothing was lost but for what is named, in any number."""
    allowed += ALWAYS_ALLOWED
    lost = {name: count for name, count in summary["lost"].items() if name not in allowed}
    check_equal(lost, {}, "losses")


def check_books(summary):
    """All time that a loop was watched is in its steps, its callbacks or its wait, once."""
    for loop in summary["loops"]:
        parts_ns = loop["step_ns"] + loop["callbacks_ns"] + loop["idle_ns"]
        slack_ns = max(loop["watched_ns"] // 100, 2 * MS)
        check(
            abs(loop["watched_ns"] - parts_ns) <= slack_ns,
            "the books of %d do not close: %.3f of %.3f ms are accounted for: %r",
            loop["tid"],
            parts_ns / MS,
            loop["watched_ns"] / MS,
            loop,
        )
