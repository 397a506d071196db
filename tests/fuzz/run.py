#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs each fuzzer for some time, beginning with its corpus (tests/fuzz/corpus/NAME), and says how
often. What an input breaks is kept under the build folder. Needs `make fuzzers`. Prints "N passed,
N failed, N skipped" last.

    run.py [--seconds N] [-k PART] [--keep FOLDER]

    --keep FOLDER   what reaches new code is added to FOLDER/NAME, and read from there
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
ROOT = os.path.dirname(TESTS)
FOLDER = os.path.join(ROOT, os.environ.get("BUILD", "build"), "fuzz")
CORPUS = os.path.join(HERE, "corpus")
# Longest input. A fuzzer that is not here: 4096 bytes.
MAX_BYTES = {"elf": 200000, "player": 65536, "baseline": 16384}
# Together with what the corpus takes to read, this is far from what a machine has.
MEMORY_MIB = 2048
INPUT_SECONDS = 20
# Beyond --seconds: for the corpus to be read.
PATIENCE_SECONDS = 120
EXECUTED = re.compile(r"stat::number_of_executed_units: *(\d+)")

sys.path[:0] = [TESTS, os.path.join(TESTS, "live")]

import interpreters  # noqa: E402 (tests/live/interpreters.py)
import suite  # noqa: E402 (tests/suite.py)


class Target:
    """An interpreter whose memory is read, as a context."""

    def __init__(self, interpreter):
        self.interpreter = interpreter
        self.process = None

    def __enter__(self):
        with open(os.path.join(HERE, "target.py"), encoding="utf-8") as file:
            program = file.read()
        self.process = subprocess.Popen(
            [*self.interpreter.command, "-c", program],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=self.interpreter.env,
        )
        if self.process.stdout.readline() != b"ready\n":
            raise AssertionError("the target does not start")
        return self.process.pid

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def _seeds(name, folder):
    """What the corpus in the tree is too large for."""
    if name == "player":
        subprocess.run([os.path.join(FOLDER, "seeds"), folder], check=True)
    if name == "elf":
        for module in glob.glob("/usr/lib/python3*/lib-dynload/_asyncio*.so")[:1]:
            shutil.copy(module, folder)


def fuzz(program, seconds, kept, pid=None):
    with tempfile.TemporaryDirectory() as found:
        _seeds(program, found)
        folders = [kept or found, found, os.path.join(CORPUS, program)]
        done = subprocess.run(
            [
                os.path.join(FOLDER, program),
                "-max_total_time=%d" % seconds,
                "-timeout=%d" % INPUT_SECONDS,
                "-rss_limit_mb=%d" % MEMORY_MIB,
                "-max_len=%d" % MAX_BYTES.get(program, 4096),
                "-print_final_stats=1",
                "-artifact_prefix=%s/%s-" % (FOLDER, program),
                *dict.fromkeys(folder for folder in folders if os.path.isdir(folder)),
            ],
            env={**os.environ, "FUZZ_PID": str(pid)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            errors="replace",
            timeout=seconds + PATIENCE_SECONDS,
        )
    count = EXECUTED.search(done.stderr)
    if done.returncode or not count:
        raise AssertionError("exit %d\n%s" % (done.returncode, done.stderr[-6000:]))
    print("%s: %s executions in %d s" % (program, count.group(1), seconds), flush=True)


def _fuzz_memory(interpreter, seconds, kept):
    with Target(interpreter) as pid:
        fuzz("memory", seconds, kept, pid)


def tests(seconds, keep):
    def kept(name):
        folder = os.path.join(keep, name) if keep else None
        if folder:
            os.makedirs(folder, exist_ok=True)
        return folder

    names = sorted(
        os.path.basename(source)[5:-2] for source in glob.glob(os.path.join(HERE, "fuzz_*.c"))
    )
    for name in names:
        if name != "memory":
            yield name, lambda name=name: fuzz(name, seconds, kept(name))
    # The oldest and the newest layouts that are known exactly here.
    found = [i for i in interpreters.find() if i.has_gil]
    for i in {i.version[1]: i for i in (found[0], found[-1])}.values():
        yield "memory-" + i.version_text, lambda i=i: _fuzz_memory(i, seconds, kept("memory"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each fuzzer")
    parser.add_argument("-k", dest="part", default="", help="only those with this in their name")
    parser.add_argument("--keep", help="folder for inputs that reach new code")
    args = parser.parse_args()
    chosen = [(n, t) for n, t in tests(args.seconds, args.keep) if args.part in n]
    return suite.run("fuzz", chosen)


if __name__ == "__main__":
    sys.exit(main())
