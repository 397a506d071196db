# SPDX-License-Identifier: BSD-2-Clause
"""folded, speedscope, perfetto and pprof: decoded by others' programs, and their weights add up to the stalled time."""

import gzip
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema

from lib import CAUSES, HERE, QUOTES, TAG, check, equal, has_no_controls, path, stalled_ns, stalls, text


def validate(document, schema):
    with open(os.path.join(HERE, schema)) as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(document, schema, jsonschema.Draft7Validator)


def test_folded():
    total, leaves = 0, set()
    has_no_controls(text("folded"), allowed="\n")
    for line in text("folded").split("\n")[:-1]:
        match = re.fullmatch(r"(.+) (\d+)", line)
        check(match, "no weight in %r", line)
        frames = match.group(1).split(";")
        check(all(frames) and frames[0].startswith("loop "), "frames %r", frames)
        check(re.fullmatch(r"\[\w+\]", frames[-1]), "leaf %r", frames[-1])
        leaves.add(frames[-1][1:-1])
        total += int(match.group(2))
    equal(leaves, set(CAUSES), "leaves")
    lines = text("folded").count("\n")
    check(abs(total - stalled_ns() / 1000) <= lines, "%d us in all, not %d", total, stalled_ns() // 1000)


def test_speedscope():
    document = json.loads(text("speedscope.json"))
    validate(document, "speedscope.schema.json")
    frames, total = document["shared"]["frames"], 0
    equal(len(document["profiles"]), len({(s["pid"], s["tid"]) for s in stalls()}), "profiles")
    for profile in document["profiles"]:
        equal(profile["unit"], "nanoseconds", "unit")
        equal(len(profile["samples"]), len(profile["weights"]), "samples and weights")
        equal(profile["startValue"] + sum(profile["weights"]), profile["endValue"], "endValue")
        for sample in profile["samples"]:
            check(sample and max(sample) < len(frames), "frames of %r", sample)
            check(frames[sample[-1]]["name"].strip("[]") in CAUSES, "leaf of %r", sample)
        total += sum(profile["weights"])
    equal(total, stalled_ns(), "sum of all weights")
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
    equal([e["args"]["duration_ns"] for e in slices], [s["duration_ns"] for s in stalls()], "durations")
    equal([round(e["ts"] * 1000) for e in slices], [s["start_ns"] for s in stalls()], "starts, to the nanosecond")
    equal({e["args"]["cause"] for e in slices}, set(CAUSES), "causes")
    equal(len({e["cname"] for e in slices}), len(CAUSES), "colours")
    # The outer stall's slice holds the inner one's time too.
    outer = [e for e in slices if e["args"].get("task") == "Task-14"]
    equal(round(outer[0]["dur"] * 1000), 250000678 + 40000678, "wall time of a stall with one inside")
    ends = {"s": {}, "f": {}}
    for event in events:
        if event["ph"] in ends:
            ends[event["ph"]][event["id"]] = event
    equal(set(ends["s"]), set(ends["f"]), "arrows with both ends")
    equal(len(ends["s"]), sum(len(s["victims"]["tasks"]) for s in stalls()), "arrows")
    for event in [*ends["s"].values(), *ends["f"].values()]:
        at = round(event["ts"] * 1000)
        check(any(a <= at <= b for a, b in tracks[event["pid"], event["tid"]]), "an arrow from nowhere: %r", event)
    busy = [e["args"]["value"] for e in events if e["ph"] == "C" and "busy" in e["name"]]
    equal(len(busy), 11, "seconds")
    check(all(0 <= value <= 100 for value in busy), "busy %r", busy)


def pprof_module(folder):
    subprocess.run(["protoc", "--proto_path", HERE, "--python_out", folder, "profile.proto"], check=True)
    sys.path.insert(0, folder)
    return importlib.import_module("profile_pb2")


def test_pprof():
    raw = gzip.open(path("pb.gz")).read()
    with tempfile.TemporaryDirectory() as folder:
        profile = pprof_module(folder).Profile.FromString(raw)
    equal(len(profile.SerializeToString()), len(raw), "bytes after reading and writing again")
    equal(len(profile.UnknownFields()), 0, "unknown fields")
    strings = profile.string_table
    equal(strings[0], "", "the first string")
    equal(len(set(strings)), len(strings), "different strings")
    equal([(strings[t.type], strings[t.unit]) for t in profile.sample_type],
          [("stalls", "count"), ("stall_time", "nanoseconds"), ("starved", "nanoseconds")], "types of values")
    equal(strings[profile.default_sample_type], "stall_time", "default type")
    functions = {f.id: f for f in profile.function}
    locations = {entry.id: entry for entry in profile.location}
    check(0 not in functions and 0 not in locations, "an id of 0")
    for location in profile.location:
        equal([line.function_id in functions for line in location.line], [True], "lines of a location")
    sums = [0, 0, 0]
    labels = {}
    for sample in profile.sample:
        check(sample.location_id and all(i in locations for i in sample.location_id), "locations of %r", sample)
        equal(len(sample.value), 3, "values")
        sums = [a + b for a, b in zip(sums, sample.value)]
        for label in sample.label:
            labels.setdefault(strings[label.key], set()).add(strings[label.str])
        leaf = functions[locations[sample.location_id[0]].line[0].function_id]
        check(strings[leaf.name].strip("[]") in CAUSES, "leaf %r", strings[leaf.name])
    equal(sums, [len(stalls()), stalled_ns(), sum(s["victims"]["starved_ns"] for s in stalls())], "sums")
    equal(labels["cause"], set(CAUSES), "labels cause")
    check(QUOTES in labels["task"] and TAG in labels["coroutine"], "hostile labels changed: %r", labels)
    equal(profile.duration_nanos, 10 * 10**9, "duration")
    lost = [strings[c] for c in profile.comment]
    check(any("records lost" in line for line in lost), "losses in %r", lost)


def test_pprof_by_protoc():
    raw = gzip.open(path("pb.gz")).read()
    done = subprocess.run(["protoc", "--proto_path", HERE, "--decode=pprof.Profile", "profile.proto"], input=raw,
                          capture_output=True, check=True)
    unknown = [line for line in done.stdout.decode().split("\n") if re.match(r"\s*\d+[:{ ]", line)]
    check(not unknown, "fields without a name: %r", unknown[:5])
