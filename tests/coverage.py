#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints the line coverage of each folder by the unit tests, and fails below the floors.

`make coverage` builds with --coverage in a folder of its own, runs the unit tests and calls this.
gcovr reads what gcc left there.
"""

import collections
import json
import subprocess
import sys

# Part of the tree -> lowest line coverage in percent.
FLOORS = {
    "bpf": 95,
    "src/app": 78,
    "src/dump": 85,
    "src/probe": 55,
    "src/session": 88,
    "src/view": 92,
}


def main():
    command = ["gcovr", "-r", ".", "-f", "src/", "-f", "bpf/", "--json-summary", "-", sys.argv[1]]
    summary = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    covered, total = collections.Counter(), collections.Counter()
    for file in summary["files"]:
        top, folder = file["filename"].split("/")[:2]
        for name in {top, f"{top}/{folder}"}:
            covered[name] += file["line_covered"]
            total[name] += file["line_total"]
    failed = 0
    for name in sorted(total):
        percent = 100 * covered[name] / max(1, total[name])
        floor = FLOORS.get(name)
        print(
            f"{name:14} {covered[name]:6} of {total[name]:6} lines {percent:6.1f} %"
            + (f"   floor {floor} %" if floor else "")
        )
        failed += floor is not None and percent < floor
    for name in FLOORS:
        if name not in total:
            print(f"{name}: nothing was measured")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
