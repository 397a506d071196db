#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures `loopstall check --baseline` on real runs: how often an unchanged program is called
worse, how often one that takes 20 % or 50 % longer is found. Prints a table. Not part of `make
test`: it takes minutes and its result is a rate.

    false_alarms.py [--runs 200] [--worse 20] [--baselines 4] [--baseline-runs 5]
                    [--regression 10%] [--seconds 0.7]
"""

import argparse
import collections
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "build", "loopstall")
PROGRAM = os.path.join(ROOT, "tests", "live", "programs", "checked.py")
STEP_MS = 1.0


def judge(options, seconds, step_ms):
    command = [
        TOOL,
        "check",
        "--json",
        "-q",
        *options,
        "--",
        "/usr/bin/python3",
        PROGRAM,
        str(seconds),
        str(step_ms),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if not done.stdout:
        sys.exit("no verdict: " + done.stderr)
    return json.loads(done.stdout)


def save_baseline(path, args):
    """Bounded: a host on which no run passes has nothing to tell."""
    saved = 0
    for _ in range(5 * args.baseline_runs):
        saved += judge(["--save-baseline", path], args.seconds, STEP_MS)["outcome"] == "pass"
        if saved == args.baseline_runs:
            return
    sys.exit(
        "only %d of %d runs passed: this host is too busy to measure anything"
        % (saved, 5 * args.baseline_runs)
    )


def kind(reason):
    """A reason without its numbers, so that equal ones are counted together."""
    return re.sub(r"[0-9]+(\.[0-9]+)?", "N", reason)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--worse", type=int, default=20)
    parser.add_argument("--baselines", type=int, default=4)
    parser.add_argument("--baseline-runs", type=int, default=5)
    parser.add_argument("--regression", default="10%")
    parser.add_argument("--seconds", type=float, default=0.7)
    args = parser.parse_args()
    outcomes = {factor: collections.Counter() for factor in (1.0, 1.2, 1.5)}
    stolen = {factor: [] for factor in outcomes}
    reasons = collections.Counter()
    for number in range(args.baselines):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "baseline.json")
            save_baseline(path, args)
            options = ["--baseline", path, "--max-regression", args.regression]
            for factor, counter in outcomes.items():
                for _ in range((args.runs if factor == 1.0 else args.worse) // args.baselines):
                    verdict = judge(options, args.seconds, STEP_MS * factor)
                    counter[verdict["outcome"]] += 1
                    reasons.update((factor, kind(reason)) for reason in verdict["reasons"])
                    stolen[factor].append(verdict["host"]["steal_share"])
        print(
            "baseline %d of %d done: %s" % (number + 1, args.baselines, dict(outcomes[1.0])),
            file=sys.stderr,
        )
    print(
        "%d baselines of %d runs of %g s, --max-regression %s"
        % (args.baselines, args.baseline_runs, args.seconds, args.regression)
    )
    print("%-24s %6s %6s %6s %13s" % ("steps take", "runs", "fail", "pass", "inconclusive"))
    for factor, counter in outcomes.items():
        print(
            "%-24s %6d %6d %6d %13d"
            % (
                "%g times as long" % factor,
                sum(counter.values()),
                counter["fail"],
                counter["pass"],
                counter["inconclusive"],
            )
        )
    print("\nwhy runs were inconclusive:")
    for (factor, reason), count in sorted(reasons.items()):
        print("%-24s %6d %s" % ("%g times as long" % factor, count, reason))
    print(
        "\nCPU time that the hypervisor took: "
        + ", ".join(
            "%.1f %% (median of the runs %g times as long)"
            % (100 * statistics.median(shares), factor)
            for factor, shares in stolen.items()
        )
    )


if __name__ == "__main__":
    main()
