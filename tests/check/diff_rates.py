#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures `loopstall report --diff` on real runs: how often two runs of an unchanged service are
called anything but "same", how often a part that takes 1.5 times as long is found. Prints a table.
Not part of `make test`: it takes minutes and its result is a rate.

    diff_rates.py [--runs 12] [--slower 4] [--seconds 15] [--factor 1.5] [--keep FOLDER]

Each unchanged run is compared with each other one, each slower one with each unchanged one. With
--keep the recordings are left in FOLDER, and what is there already is not recorded again.
"""

import argparse
import collections
import itertools
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "build", "loopstall")
PROGRAM = os.path.join(ROOT, "tests", "live", "programs", "varied.py")
PARTS = ("parse", "pack", "refresh")


def record(path, seconds, *slower):
    if os.path.exists(path):
        return path
    command = [TOOL, "record", "-q", "-o", path, "--", "/usr/bin/python3", PROGRAM, str(seconds)]
    done = subprocess.run(command + list(slower), capture_output=True, text=True)
    if done.returncode:
        sys.exit("cannot record: " + done.stderr)
    return path


def compare(older, newer):
    done = subprocess.run(
        [TOOL, "report", newer, "--diff", older, "--json"], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit("cannot compare: " + done.stderr)
    return json.loads(done.stdout)


def is_worse(line, name):
    return any(
        row["name"] == name and row["change"] in ("worse", "new") for row in line["coroutines"]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--slower", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--factor", type=float, default=1.5)
    parser.add_argument("--keep")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or scratch
        os.makedirs(folder, exist_ok=True)
        # In turn, so that a busy minute of the host touches both kinds.
        same, slower = [], collections.defaultdict(list)
        for i in range(max(args.runs, args.slower)):
            if i < args.runs:
                same.append(record(os.path.join(folder, "same-%d.ls" % i), args.seconds))
            for name in PARTS if i < args.slower else ():
                path = os.path.join(folder, "%s-%d.ls" % (name, i))
                slower[name].append(record(path, args.seconds, name, str(args.factor)))
        verdicts = collections.Counter()
        for pair in itertools.combinations(same, 2):
            line = compare(*pair)["verdict"]
            verdicts[line["change"]] += 1
            if line["change"] != "same":
                print(*pair, line["sentence"], file=sys.stderr)
        print("unchanged, %d pairs: %s" % (sum(verdicts.values()), dict(verdicts)))
        for name, paths in slower.items():
            found = [is_worse(compare(*pair), name) for pair in itertools.product(same, paths)]
            print("%s %g times as long: found in %d of %d"
                  % (name, args.factor, sum(found), len(found)))


if __name__ == "__main__":
    main()
