# SPDX-License-Identifier: BSD-2-Clause
"""Holds what a tool found against what the program did (tests/live/programs/truth.py)."""

import os
import statistics

from peers.base import MS

EDGE_NS = 200000  # between the ends of a step and what its program can log of them
LONGEST_NAME = 67  # a name that is cut behind this many characters is still told


def judge(done, findings, claims):
    """Counts over the stalls of a run; what the tool does not claim to tell is missing."""
    loop = done["loops"][0]
    planned = [truth for truth in loop["stalls"] if truth["kind"] not in ("none", "turn")]
    matches, unplanned = match(loop["stalls"], findings)
    pairs = [(truth, matches[truth["name"]]) for truth in planned if truth["name"] in matches]
    tasks = [(truth, found) for truth, found in pairs if truth["task"]]
    errors = [abs(found.duration_ns - true_ns(truth)) for truth, found in pairs]
    result = {
        "planned": len(planned),
        "found": len(pairs),
        "unplanned": [f"{found.coroutine} {found.duration_ns / MS:.1f} ms" for found in unplanned],
        "missed": [truth["name"] for truth in planned if truth["name"] not in matches],
    }
    checks = {
        "line": (pairs, is_line_right),
        "cause": (pairs, is_cause_right),
        "task": (tasks, is_task_right),
        "victims": (pairs, lambda truth, found: are_victims_right(truth, found, loop["witness"])),
    }
    for name, (judged, is_right) in checks.items():
        if name in claims:
            wrong = [(truth, found) for truth, found in judged if not is_right(truth, found)]
            result[name] = {
                "right": len(judged) - len(wrong),
                "of": len(judged),
                "wrong": [told(name, truth, found) for truth, found in wrong],
            }
    if "duration" in claims and errors:
        result["error_ns"] = {
            "all": errors,
            "median": statistics.median(errors),
            "max": max(errors),
        }
    return result


def true_ns(truth):
    return truth["end_ns"] - truth["start_ns"]


def told(what, truth, found):
    got = {
        "line": found.stack[:1],
        "cause": found.cause,
        "task": found.task,
        "victims": found.victims,
    }[what]
    return f"{truth['name']}: {got}"


def match(truths, findings):
    """({name of the truth: its finding}, [finding that is none of the plan]).

    By time where the tool tells it, else by the name of the coroutine. Of several findings for one
    truth the longest counts.
    """
    matches, unplanned = {}, []
    for found in findings:
        truth = by_time(truths, found) if found.start_ns is not None else by_name(truths, found)
        if truth is None or truth["kind"] == "none":
            unplanned.append(found)
            continue
        if truth["name"] not in matches or matches[truth["name"]].duration_ns < found.duration_ns:
            matches[truth["name"]] = found
    return matches, unplanned


def by_time(truths, found):
    """The truth it overlaps most, if that is most of the shorter one of both."""

    def overlap_ns(truth):
        return min(found.start_ns + found.duration_ns, truth["end_ns"]) - max(
            found.start_ns, truth["start_ns"]
        )

    best = max(truths, key=overlap_ns)
    return best if overlap_ns(best) > min(found.duration_ns, true_ns(best)) // 2 else None


def by_name(truths, found):
    """The truth whose coroutine is the finding's, or is on its stack: an eager task lies inside its
    parent's step."""
    names = {plain(found.coroutine)} | {plain(function) for function, _, _ in found.stack}
    return next((truth for truth in truths if names & names_of(truth)), None)


def names_of(truth):
    """A turn is made of many small steps, of another coroutine."""
    names = {plain(truth["coroutine"]["name"])}
    return (
        names | {plain(frame["function"]) for frame in truth["stack"]}
        if truth["kind"] == "turn"
        else names
    )


def plain(name):
    """Without its class: some interpreters and tools leave that out."""
    return name.rsplit(".", 1)[-1]


def is_line_right(truth, found):
    """The innermost frame of the program's own files, which all lie in the folders of the truth's
    frames."""
    own = {os.path.basename(frame["file"]) for frame in truth["stack"]}
    top = truth["stack"][0]
    for _, file, line in found.stack:
        if os.path.basename(file) in own:
            return (os.path.basename(file), line) == (os.path.basename(top["file"]), top["line"])
    return False


def is_cause_right(truth, found):
    wanted = truth["cause"].split(" or ")
    if truth["expect"].get("blocked"):
        wanted += ["cpu", "runqueue"]  # a disk decides how long this waits
    # What has no CPU for a third of its time, by the program's own reckoning, may be called so.
    lacking_ns = (
        true_ns(truth) - truth["cpu_ns"] if truth["cause"] == "cpu" else truth["runqueue_ns"]
    )
    if lacking_ns > true_ns(truth) // 3:
        wanted.append("runqueue")
    return found.cause in wanted


def is_task_right(truth, found):
    got, wanted = found.task or "", truth["task"]["name"].replace("\udc80", "\ufffd")
    is_cut = len(got) > LONGEST_NAME and wanted.startswith(got.removesuffix("..."))
    return is_cut or got.replace("\udc80", "\ufffd") == wanted


def are_victims_right(truth, found, witness):
    """How many tasks had to wait: those in the queue, and sleepers whose time came meanwhile."""
    start_ns, end_ns = truth["start_ns"], truth["end_ns"]
    least = most = witness["queued"]
    for due_ns, woke_ns in witness["sleeps"]:
        if due_ns < end_ns + EDGE_NS and woke_ns > end_ns - EDGE_NS:
            most += 1
            least += due_ns < end_ns - EDGE_NS and woke_ns > end_ns
    return found.victims is not None and least <= found.victims <= most
