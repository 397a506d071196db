# SPDX-License-Identifier: BSD-2-Clause
"""What the checks of the formats share: the golden files, the names in them, an assertion that says
what is wrong."""

import collections
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(ROOT, "tests", "golden")

# As in tests/unit/report/golden.h.
TAG = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
QUOTES = "a\"b'c`d``e,f;g|h\\i&j%k$l{m}n[o](p)*q*_r_#s@all"
CONTROL = "x\033[2J\r\n\t\a\x7fy"
RTL = "\u202eredro\u202c \u05e9\u05dc\u05d5\u05dd"
FORMULA = "=HYPERLINK(\"http://example.invalid\")"


def causes():
    """Their words, in the order of the list."""
    with open(os.path.join(ROOT, "include", "loopstall", "cause.h")) as file:
        return tuple(re.findall(r'^\s_\(\w+,\s"(\w+)"', file.read(), re.M))


CAUSES = causes()


def check(condition, message, *args):
    if not condition:
        raise AssertionError(message % args if args else message)


def equal(got, wanted, what):
    check(got == wanted, "%s is %r, not %r", what, got, wanted)


def path(extension):
    return os.path.join(GOLDEN, "report." + extension)


def text(extension):
    """The file, valid UTF-8 in any case, line ends as they are."""
    with open(path(extension), encoding="utf-8", newline="") as file:
        return file.read()


def lines_of_json():
    return [json.loads(line) for line in text("json").split("\n")[:-1]]


def stalls():
    """The stalls of the run, from the format that has all of them."""
    return [line for line in lines_of_json() if line["type"] == "stall"]


def stalled_ns():
    return sum(stall["duration_ns"] for stall in stalls())


def parts(stall):
    """Where the time of a stall goes, worked out here again from its JSON: (frames, cause, ns),
    frames from the outside in as (name, file, line); the main cause's part first."""
    coroutine = stall["coroutine"]
    outer = [
        ("loop %d of %d" % (stall["tid"], stall["pid"]), "", 0),
        (coroutine["name"], coroutine["file"], coroutine["line"])
        if coroutine
        else ("(%s)" % stall["unit"], "", 0),
    ]
    inner = [(f["function"], f["file"], f["line"]) for f in reversed(stall["stack"])]
    main = stall["cause"]
    yield tuple(outer + inner + [("[%s]" % main, "", 0)]), main, stall["causes_ns"][main]
    for cause, ns in stall["causes_ns"].items():
        if cause != main:
            yield tuple(outer + [("[%s]" % cause, "", 0)]), cause, ns


def time_by_stack():
    times = collections.Counter()
    for stall in stalls():
        for frames, _, ns in parts(stall):
            times[frames] += ns
    return times


def escaped(name):
    """As base/escape.h writes a name; enough for those above."""
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
    return "".join(
        named.get(c)
        or (
            "\\x%02x" % ord(c)
            if ord(c) < 32 or ord(c) == 127
            else "\\u%04x" % ord(c)
            if c in "\u202e\u202c"
            else c
        )
        for c in name
    )


def has_no_controls(what, allowed=""):
    bad = [
        c
        for c in what
        if (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202a\u202b\u202c\u202d\u202e")
        and c not in allowed
    ]
    check(not bad, "control characters %r", bad[:10])
