# SPDX-License-Identifier: BSD-2-Clause
"""folded, speedscope, perfetto and pprof: decoded by others' programs, and their weights add up to
the stalled time."""

import collections
import gzip
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema

from lib import (
    CAUSES,
    HERE,
    TAG,
    check,
    equal,
    escaped,
    has_no_controls,
    parts,
    path,
    stalls,
    text,
    time_by_stack,
)


def validate(document, schema):
    with open(os.path.join(HERE, schema)) as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(document, schema, jsonschema.Draft7Validator)


def folded_frame(depth, frame):
    name, file, line = frame
    shown = "%s%s %s:%d" % (name, "()" if depth == 1 else "", file, line) if file else name
    return escaped(shown).replace(";", "\\x3b")


def test_folded():
    has_no_controls(text("folded"), allowed="\n")
    got = {}
    for line in text("folded").split("\n")[:-1]:
        match = re.fullmatch(r"(.+) (\d+)", line)
        check(match, "no weight in %r", line)
        check(match.group(1) not in got, "%r is there twice", match.group(1))
        got[match.group(1)] = int(match.group(2))
    wanted = {
        ";".join(folded_frame(depth, frame) for depth, frame in enumerate(frames)): max(
            1, (ns + 500) // 1000
        )
        for frames, ns in time_by_stack().items()
    }
    equal(got, wanted, "stacks")


def test_speedscope():
    document = json.loads(text("speedscope.json"))
    validate(document, "speedscope.schema.json")
    frames, times = document["shared"]["frames"], collections.Counter()
    equal(len(document["profiles"]), len({(s["pid"], s["tid"]) for s in stalls()}), "profiles")
    for profile in document["profiles"]:
        equal(profile["unit"], "nanoseconds", "unit")
        equal(len(profile["samples"]), len(profile["weights"]), "samples and weights")
        equal(profile["startValue"] + sum(profile["weights"]), profile["endValue"], "endValue")
        for sample, weight in zip(profile["samples"], profile["weights"]):
            check(sample and max(sample) < len(frames), "frames of %r", sample)
            shown = [
                (frames[i]["name"], frames[i].get("file", ""), frames[i].get("line", 0))
                for i in sample
            ]
            times[tuple([(profile["name"], "", 0)] + shown)] += weight
    equal(times, time_by_stack(), "time by stack")
    check("3 records lost" in document["name"], "losses in %r", document["name"])
    check(TAG in [frame["name"] for frame in frames], "a hostile name changed")


def nests(slices):
    """Slices of one track lie side by side or inside one another."""
    open_ends = []
    for start, end in sorted(slices, key=lambda s: (s[0], -s[1])):
        while open_ends and open_ends[-1] <= start:
            open_ends.pop()
        if open_ends and end > open_ends[-1]:
            return False
        open_ends.append(end)
    return True


def test_perfetto():
    document = json.loads(text("trace.json"))
    validate(document, "trace.schema.json")
    events = document["traceEvents"]
    tracks, named = {}, {}
    for event in events:
        key = event["pid"], event["tid"]
        if event["ph"] == "X":
            start = round(event["ts"] * 1000)
            tracks.setdefault(key, []).append((start, start + round(event["dur"] * 1000)))
        elif event["name"] == "thread_name":
            check(key not in named, "track %r is named twice", key)
            named[key] = event["args"]["name"]
    equal(set(tracks), set(named), "tracks with slices and tracks with names")
    for key, slices in tracks.items():
        check(nests(slices), "slices of %r overlap: %r", named[key], slices)
    slices = [e for e in events if e["ph"] == "X" and "duration_ns" in e["args"]]
    equal(
        [e["args"]["duration_ns"] for e in slices],
        [s["duration_ns"] for s in stalls()],
        "durations",
    )
    equal(
        [round(e["ts"] * 1000) for e in slices],
        [s["start_ns"] for s in stalls()],
        "starts, to the nanosecond",
    )
    equal({e["args"]["cause"] for e in slices}, set(CAUSES), "causes")
    equal(len({e["cname"] for e in slices}), len(CAUSES), "colours")
    # The outer stall's slice holds the inner one's time too.
    outer = [e for e in slices if e["args"]["duration_ns"] == 250000678]
    equal(
        round(outer[0]["dur"] * 1000), 250000678 + 40000678, "wall time of a stall with one inside"
    )
    ends = {"s": {}, "f": {}}
    for event in events:
        if event["ph"] in ends:
            ends[event["ph"]][event["id"]] = event
    equal(set(ends["s"]), set(ends["f"]), "arrows with both ends")
    equal(len(ends["s"]), sum(len(s["victims"]["tasks"]) for s in stalls()), "arrows")
    for event in [*ends["s"].values(), *ends["f"].values()]:
        at = round(event["ts"] * 1000)
        check(
            any(a <= at <= b for a, b in tracks[event["pid"], event["tid"]]),
            "an arrow from nowhere: %r",
            event,
        )
    busy = [e["args"]["value"] for e in events if e["ph"] == "C" and "busy" in e["name"]]
    equal(len(busy), 11, "seconds")
    check(all(0 <= value <= 100 for value in busy), "busy %r", busy)


def pprof_module(folder):
    subprocess.run(
        ["protoc", "--proto_path", HERE, "--python_out", folder, "profile.proto"], check=True
    )
    sys.path.insert(0, folder)
    return importlib.import_module("profile_pb2")


def wanted_samples():
    samples = {}
    for stall in stalls():
        labels = [("task", stall["task"]["name"])] if stall["task"] else []
        labels += [("coroutine", stall["coroutine"]["name"])] if stall["coroutine"] else []
        labels += [(name, stall[name]) for name in ("trace_id", "span_id") if stall[name]]
        for n, (frames, cause, ns) in enumerate(parts(stall)):
            values = samples.setdefault(
                (frames, tuple(sorted(labels + [("cause", cause)]))), [0, 0, 0]
            )
            values[0] += n == 0
            values[1] += ns
            values[2] += (stall["victims"]["starved_ns"] or 0) if n == 0 else 0
    return samples


def test_pprof():
    raw = gzip.open(path("pb.gz")).read()
    with tempfile.TemporaryDirectory() as folder:
        profile = pprof_module(folder).Profile.FromString(raw)
    equal(len(profile.SerializeToString()), len(raw), "bytes after reading and writing again")
    equal(len(profile.UnknownFields()), 0, "unknown fields")
    strings = profile.string_table
    equal(strings[0], "", "the first string")
    equal(len(set(strings)), len(strings), "different strings")
    equal(
        [(strings[t.type], strings[t.unit]) for t in profile.sample_type],
        [("stalls", "count"), ("stall_time", "nanoseconds"), ("starved", "nanoseconds")],
        "types of values",
    )
    equal(strings[profile.default_sample_type], "stall_time", "default type")
    functions = {f.id: f for f in profile.function}
    locations = {entry.id: entry for entry in profile.location}
    check(0 not in functions and 0 not in locations, "an id of 0")
    for location in profile.location:
        equal(
            [line.function_id in functions for line in location.line], [True], "lines of a location"
        )

    def frame(i):
        line = locations[i].line[0]
        function = functions[line.function_id]
        equal(function.start_line, line.line if function.start_line else 0, "line of a def")
        return strings[function.name], strings[function.filename], line.line

    got = {}
    for sample in profile.sample:
        labels = tuple(sorted((strings[label.key], strings[label.str]) for label in sample.label))
        key = tuple(frame(i) for i in reversed(sample.location_id)), labels
        check(key not in got, "a sample is there twice: %r", key)
        got[key] = list(sample.value)
    equal(got, wanted_samples(), "samples")
    equal(profile.duration_nanos, 10 * 10**9, "duration")
    lost = [strings[c] for c in profile.comment]
    check(any("records lost" in line for line in lost), "losses in %r", lost)


def test_pprof_by_protoc():
    raw = gzip.open(path("pb.gz")).read()
    done = subprocess.run(
        ["protoc", "--proto_path", HERE, "--decode=pprof.Profile", "profile.proto"],
        input=raw,
        capture_output=True,
        check=True,
    )
    unknown = [line for line in done.stdout.decode().split("\n") if re.match(r"\s*\d+[:{ ]", line)]
    check(not unknown, "fields without a name: %r", unknown[:5])
