#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the named test suites and adds them up.

The last line is "N passed, N failed, N skipped", the sum over all suites; the exit code is 1 if anything
failed. With CI set, a skipped test counts as failed: there, privileges and packages are expected to be
there. A suite that breaks, or that finds no test at all, is a failure as well.
"""

import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD", "build")
ASAN_BUILD = "build-asan"
SYNTHESIS = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")
COUNTS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


def run(command, **env):
    """Runs a command, shows its output as it comes, and returns it with the exit code."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", cwd=ROOT, env={**os.environ, **env})
    lines = []
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        lines.append(line)
    return "".join(lines), process.wait()


def criterion(build, **env):
    """Returns passed, failed and crashed tests."""
    output, code = run([f"{build}/unit-tests"], **env)
    found = SYNTHESIS.findall(output)
    if not found:
        return 0, 1, 0
    _, passing, failing, crashing = map(int, found[-1])
    if code and not failing + crashing:
        failing = 1
    return passing, failing, crashing


def unit():
    passed, failed, crashed = criterion(BUILD)
    return passed, failed + crashed, 0


def asan():
    """Criterion forks each test and forgets what a child reports after its body, so a leak would not
    show in its verdict: the sanitizers write to files, and any file is a failure."""
    # A make above us has a job server that is closed to us, and variables that are not meant for this build.
    _, code = run(["make", "--no-print-directory", f"-j{os.cpu_count()}", f"BUILD={ASAN_BUILD}", "SAN=1",
                   "unit-tests"], MAKEFLAGS="", MAKELEVEL="0")
    if code:
        return 0, 1, 0
    logs = os.path.join(ROOT, ASAN_BUILD, "logs")
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(logs)
    passed, failed, crashed = criterion(
        ASAN_BUILD,
        ASAN_OPTIONS=f"log_path={logs}/asan:detect_stack_use_after_return=1",
        UBSAN_OPTIONS=f"log_path={logs}/ubsan:print_stacktrace=1",
    )
    reports = sorted(glob.glob(os.path.join(logs, "*")))
    for report in reports:
        print(f"--- {os.path.relpath(report, ROOT)}")
        with open(report, errors="replace") as f:
            print(f.read(4000))
    # A report from within a test crashed it and is counted; one from after it (a leak) is not yet.
    silent = min(passed, max(0, len(reports) - crashed))
    return passed - silent, failed + crashed + silent, 0


def by_last_line(command):
    if not os.path.exists(os.path.join(ROOT, command[1])):
        print(f"{command[1]} does not exist")
        return 0, 1, 0
    output, code = run(command)
    found = COUNTS.findall(output)
    if not found:
        return 0, 1, 0
    passed, failed, skipped = map(int, found[-1])
    if code and not failed:
        failed = 1
    return passed, failed, skipped


SUITES = {
    "unit": unit,
    "asan": asan,
    "lint": lambda: by_last_line([sys.executable, "tests/lint/run.py"]),
    "formats": lambda: by_last_line([sys.executable, "tests/formats/run.py"]),
    "capture": lambda: by_last_line([sys.executable, "tests/capture/run.py"]),
    "peers": lambda: by_last_line([sys.executable, "tests/bench/test_peers.py"]),
    "live": lambda: by_last_line([sys.executable, "tests/live/run.py"]),
    "kernels": lambda: by_last_line([sys.executable, "tests/kernels/run.py"]),
}


def main():
    total = [0, 0, 0]
    for name in sys.argv[1:]:
        print(f"== {name}", flush=True)
        passed, failed, skipped = SUITES[name]()
        if passed + failed + skipped == 0:
            print(f"{name}: no test ran")
            failed = 1
        if skipped and os.environ.get("CI"):
            print(f"{name}: {skipped} skipped, which is a failure in CI")
            failed, skipped = failed + skipped, 0
        print(f"== {name}: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
        for i, n in enumerate((passed, failed, skipped)):
            total[i] += n
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
