#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the named test suites and adds them up.

The last line is "N passed, N failed, N skipped", the sum over all suites; the exit code is 1 if
anything failed. With CI set, a skipped test counts as failed: there, privileges and packages are
expected to be there. A suite that breaks, or that finds no test at all, is a failure as well.

The live tests wait for most of their time, and their processes come before all others. So the
other suites run meanwhile, in two rows, and each is printed when it has ended. Not so the emulated
kernels: a guest cannot know that its CPU was taken, and its cases are timed, too.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD", "build")
ASAN_BUILD = "build-asan"
CLANG_BUILD = "build-clang"
SYNTHESIS = re.compile(
    r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)"
)
COUNTS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


class Output(threading.local):
    """Where this thread's lines go: to stdout, or to a list for later."""

    def __init__(self):
        self.kept = None

    def write(self, text):
        if self.kept is None:
            with PRINTING:
                sys.stdout.write(text)
                sys.stdout.flush()
        else:
            self.kept.append(text)

    def keep(self):
        self.kept = []

    def show(self):
        kept, self.kept = self.kept, None
        self.write("".join(kept or ()))


PRINTING = threading.Lock()
OUTPUT = Output()
# How the suites, and Criterion, mark what failed.
FAILURE = re.compile(r"([\w ]+: )?(FAIL |\[(FAIL|CRASH|ERR)\] )")
failures = []  # their lines


def say(text):
    OUTPUT.write(text + "\n")
    note_failure(text)


def note_failure(line):
    if FAILURE.match(line):
        failures.append(line.rstrip())


def run(command, pass_fds=(), **env):
    """Runs a command, passes its output on as it comes, and returns it with the exit code."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=ROOT,
        pass_fds=pass_fds,
        env={**os.environ, **env},
    )
    lines = []
    for line in process.stdout:
        OUTPUT.write(line)
        note_failure(line)
        lines.append(line)
    return "".join(lines), process.wait()


def make(*words):
    """A build besides the main one. A make above us has a job server that is closed to us, and
    variables that are not meant for this build."""
    command = ["make", "--no-print-directory", f"-j{os.cpu_count()}", *words]
    return run(command, MAKEFLAGS="", MAKELEVEL="0")


def criterion(build, *options, emulator=(), **env):
    """Returns passed, failed and crashed tests."""
    output, code = run([*emulator, f"{build}/unit-tests", *options], **env)
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


# What depends on the architecture, and the kernel side. Others would say something about the
# emulator: it has neither seccomp nor openat2(), and /proc shows its own mappings.
ARM64_SUITES = "@(arch|arch_facts|insn|cfi|unwind|elfsym|spots|py_sends|known_files|golden|bpf_*)"


def arm64():
    """Cross built, each test in an emulator."""
    _, code = make(f"BUILD={BUILD}", "ARM64_GOALS=all unit-tests", "arm64")
    if code:
        return 0, 1, 0
    passed, failed, crashed = criterion(
        f"{BUILD}/arm64/build",
        "--filter",
        ARM64_SUITES + "/*",
        emulator=("tests/emulated.py", f"{BUILD}/arm64/bookworm"),
    )
    return passed, failed + crashed, 0


def kernels_arm64():
    """That the programs load and stalls are told right; `make check-kernels-arm64` runs all."""
    _, code = make(f"BUILD={BUILD}", "ARM64_GOALS=all static", "arm64")
    if code:
        return 0, 1, 0
    cases = "-k kernel.attaches_as_doctor_says -k truth.loop_after_attach".split()
    return by_last_line([sys.executable, "tests/kernels/run.py", "--arch", "arm64", *cases])


def asan():
    """Criterion forks each test and forgets what a child reports after its body, so a leak would
    not show in its verdict: the sanitizers write to files, and any file is a failure."""
    # At -O2 the compiler takes nearly twice as long, and the sanitizers see no more; line numbers
    # are all that a report needs, and with all of -g it takes a third longer. At a fixed address
    # each test's process need not relocate 20 MB of data.
    flags = ("SAN=1", "CFLAGS=-O1 -g1", "LDFLAGS=-no-pie")
    _, code = make(f"BUILD={ASAN_BUILD}", *flags, "unit-tests")
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
        say(f"--- {os.path.relpath(report, ROOT)}")
        with open(report, errors="replace") as f:
            say(f.read(4000))
    # A report from within a test crashed it and is counted; one from after it (a leak) is not yet.
    silent = min(passed, max(0, len(reports) - crashed))
    return passed - silent, failed + crashed + silent, 0


def by_last_line(*commands, pass_fds=()):
    """Runs commands that end with a line of counts, and adds these up."""
    total = [0, 0, 0]
    for command in commands:
        output, code = run(command, pass_fds)
        found = COUNTS.findall(output)
        passed, failed, skipped = map(int, found[-1]) if found else (0, 1, 0)
        if code and not failed:
            failed = 1
        total = [sum(pair) for pair in zip(total, (passed, failed, skipped))]
    return tuple(total)


def clang():
    """Everything compiles with clang, without a warning. Nothing is linked or run."""
    output, code = make(f"BUILD={CLANG_BUILD}", "CC=clang", "CFLAGS=-O0", "objects")
    results = {"compiles": code == 0, "has no warning": "warning:" not in output}
    for name, is_good in results.items():
        say(f"{'ok  ' if is_good else 'FAIL'} clang {name}")
    failed = list(results.values()).count(False)
    return len(results) - failed, failed, 0


def http():
    _, code = make(f"BUILD={BUILD}", "http-driver")
    if code:
        return 0, 1, 0
    return by_last_line([sys.executable, "tests/http/run.py"])


def fuzz():
    """All fuzzers, together less than a minute."""
    _, code = make(f"BUILD={BUILD}", "fuzzers")
    if code:
        return 0, 1, 0
    return by_last_line([sys.executable, "tests/fuzz/run.py", "--seconds", "3"])


def with_packages(command):
    """After `make dist-all`, which has nothing to do when it was done."""
    _, code = make(f"BUILD={BUILD}", "dist-all")
    return (0, 1, 0) if code else by_last_line(command)


class Beside:
    """Whether suites still run beside the live tests: a pipe that ends when they have."""

    def __init__(self):
        self.watched, self._held = os.pipe()

    def end(self):
        os.close(self._held)


BESIDE = Beside()


def live():
    """What fails in it runs again when nothing is beside it any more."""
    command = [sys.executable, "tests/live/run.py", "--quiet-after", str(BESIDE.watched)]
    return by_last_line(command, pass_fds=(BESIDE.watched,))


SUITES = {
    "unit": unit,
    "asan": asan,
    "clang": clang,
    "packaging": lambda: with_packages([sys.executable, "tests/packaging/run.py"]),
    "dist": lambda: with_packages([sys.executable, "tests/dist/run.py"]),
    "lint": lambda: by_last_line(
        [sys.executable, "tests/lint/run.py"], [sys.executable, "tests/lint/test_lint.py"]
    ),
    "faults": lambda: by_last_line([sys.executable, "tests/faults/run.py"]),
    "fuzz": fuzz,
    "http": http,
    "formats": lambda: by_last_line([sys.executable, "tests/formats/run.py"]),
    "capture": lambda: by_last_line([sys.executable, "tests/capture/run.py"]),
    "peers": lambda: by_last_line([sys.executable, "tests/bench/test_peers.py"]),
    "live": live,
    "kernels": lambda: by_last_line([sys.executable, "tests/kernels/run.py"]),
    "arm64": arm64,
    "kernels-arm64": kernels_arm64,
}


# Suites that do not run beside the live tests; they run one after the other.
ALONE = ("live", "kernels", "kernels-arm64")
# Of the others, those that make nothing in the build folder: two makes at once would write the same
# files.
MAKE_ELSEWHERE = ("unit", "asan", "clang")


def count(name):
    """Runs a suite. Returns passed, failed, skipped."""
    begun = time.monotonic()
    say(f"== {name}")
    passed, failed, skipped = SUITES[name]()
    if passed + failed + skipped == 0:
        say(f"{name}: no test ran")
        failed = 1
    if skipped and os.environ.get("CI"):
        say(f"{name}: {skipped} skipped, which is a failure in CI")
        failed, skipped = failed + skipped, 0
    say(f"== {name}: {passed} passed, {failed} failed, {skipped} skipped")
    say(f"== {name}: took {time.monotonic() - begun:.0f} s")
    return passed, failed, skipped


def count_row(names, results):
    """Suites that run while others do."""
    try:
        for name in names:
            OUTPUT.keep()
            results[name] = count(name)
            OUTPUT.show()
    finally:
        OUTPUT.show()


def count_beside(names, results):
    """Two rows, in threads of their own."""
    rows = [[], []]
    for name in names:
        rows[name in MAKE_ELSEWHERE].append(name)
    threads = [threading.Thread(target=count_row, args=(row, results)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    BESIDE.end()


def main():
    names = sys.argv[1:]
    results = {name: (0, 1, 0) for name in names}  # for one that does not come to its end
    beside = [name for name in names if name not in ALONE] if "live" in names else []
    thread = threading.Thread(target=count_beside, args=(beside, results))
    thread.start()
    for name in names:
        if name not in beside:
            if name != "live":
                thread.join()
            results[name] = count(name)
    thread.join()
    passed, failed, skipped = (sum(result[i] for result in results.values()) for i in range(3))
    # Once more where they are found: the output of a whole run is long.
    print("".join(f"{line}\n" for line in failures), end="")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
