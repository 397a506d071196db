#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs live cases on older kernels: Debian's, each booted in an emulated machine with nothing on it
but this tree's program.

    run.py [-v] [SUITE...]

Needs no root. The emulator counts instructions instead of time (-icount): two nanoseconds each, and
none while the guest idles. So a guest's clocks know nothing of how slow the emulation or how busy
this machine is, and the live cases hold their own tolerances. The last line is "N passed, N failed,
N skipped"; the exit code is 1 if any failed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True

import initramfs

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
FOLDER = os.path.join(BUILD, "kernels")
TOOL = os.path.join(BUILD, "loopstall")
QEMU = "qemu-system-x86_64"
# Debian's suites, and what their kernels must be seen to use.
TRANSPORTS = {"bookworm": "perf uprobe", "trixie": "uprobe_multi"}
# Wall time; on an idle machine a guest takes less than a tenth of it.
TIMEOUT_S = 1500
CONSOLE_LINES = 25
PROGRAMS = ("mount", "rm", "setpriv", "sleep")
FOLDERS = ("proc", "sys", "dev", "tmp", "var/tmp", "etc")
COUNTS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped$")
# Imported in a guest, by the tests or their programs; the last ones only when they are used.
MODULES = (
    "interpreters lanes lib test_counts test_light test_truth test_kernel counts truth steady guest"
    " concurrent.futures.thread encodings.idna encodings.ascii encodings.latin_1"
)
MODULE_FOLDERS = ("tests/live", "tests/live/programs", "tests/kernels")
ASK = """
import importlib, sys
sys.path[:0] = sys.argv[2:]
for name in sys.argv[1].split():
    importlib.import_module(name)
for module in list(sys.modules.values()):
    for path in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if path and path.startswith(sys.base_prefix):
            print(path)
"""


class Results:
    """The sum over all guests, which report at once."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self._lock = threading.Lock()

    def add(self, passed, failed, skipped):
        with self._lock:
            self.passed, self.failed, self.skipped = (
                self.passed + passed,
                self.failed + failed,
                self.skipped + skipped,
            )

    def fail(self, suite, reason):
        self.add(0, 1, 0)
        print("%s: FAIL %s" % (suite, reason))

    def skip(self, suite, reason):
        self.add(0, 0, 1)
        print("%s: SKIP %s" % (suite, reason))


def standard_library():
    """The files of it that a guest needs, as this interpreter finds them."""
    folders = [os.path.join(ROOT, folder) for folder in MODULE_FOLDERS]
    answer = subprocess.run(
        [sys.executable, "-SB", "-c", ASK, MODULES, *folders],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [path for path in answer.stdout.splitlines() if os.path.exists(path)]


def write_initramfs(path):
    archive = initramfs.Archive()
    archive.add_link("bin", "usr/bin")
    for folder in FOLDERS:
        archive.add_folder(folder)
    archive.add_program(os.path.realpath(sys.executable))
    archive.add_link("/usr/bin/python3", os.path.realpath(sys.executable))
    for name in PROGRAMS:
        archive.add_program(os.path.realpath(shutil.which(name)), "/usr/bin/" + name)
    archive.add_program(TOOL, "/build/loopstall")
    for source in standard_library():
        (archive.add_program if source.endswith(".so") else archive.add_file)(source)
    for folder in MODULE_FOLDERS:
        for name in os.listdir(os.path.join(ROOT, folder)):
            if name.endswith(".py"):
                archive.add_file(os.path.join(ROOT, folder, name), os.path.join(folder, name))
    archive.add_file(os.path.join(HERE, "guest.py"), "/init")
    archive.write(path)


def qemu_command(folder, is_verbose, transport):
    append = "console=ttyS0 quiet panic=-1 mitigations=off" + (" VERBOSE=1" if is_verbose else "")
    return [
        QEMU,
        "-machine",
        "pc",
        "-accel",
        "tcg",
        "-icount",
        "shift=1,sleep=off",
        "-cpu",
        "max",
        "-smp",
        "1",
        "-m",
        "512",
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-serial",
        "file:" + os.path.join(folder, "console"),
        "-serial",
        "stdio",
        "-kernel",
        os.path.join(folder, "vmlinuz"),
        "-initrd",
        os.path.join(FOLDER, "initramfs"),
        "-append",
        '%s "TRANSPORT=%s"' % (append, transport),
    ]


def fetch(suite, folder):
    """None, or why there is no kernel."""
    done = subprocess.run(
        [os.path.join(HERE, "fetch.sh"), suite, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return "; ".join(done.stdout.splitlines()[-2:]) if done.returncode else None


def show_console(suite, folder):
    with open(os.path.join(folder, "console"), errors="replace") as file:
        for line in file.read().splitlines()[-CONSOLE_LINES:]:
            print("%s: console: %s" % (suite, line))


def run_guest(suite, folder, is_verbose, results):
    begun = time.monotonic()
    guest = subprocess.Popen(
        qemu_command(folder, is_verbose, TRANSPORTS[suite]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    killer = threading.Timer(TIMEOUT_S, guest.kill)
    killer.start()
    counts = None
    for line in guest.stdout:
        print("%s: %s" % (suite, line.rstrip()))
        counts = COUNTS.match(line.rstrip()) or counts
    guest.wait()
    killer.cancel()
    seconds = time.monotonic() - begun
    if counts:
        results.add(*map(int, counts.groups()))
        print("%s: took %.0f s" % (suite, seconds))
    else:
        results.fail(
            suite,
            "the guest came to no end within %.0f s (exit code %d of %s)"
            % (seconds, guest.returncode, QEMU),
        )
        show_console(suite, folder)


def run_suite(suite, is_verbose, results):
    folder = os.path.join(FOLDER, suite)
    obstacle = fetch(suite, folder)
    if obstacle:
        results.skip(suite, obstacle)
    else:
        run_guest(suite, folder, is_verbose, results)


def obstacle():
    """Why nothing can run here, or None."""
    return None if shutil.which(QEMU) else "%s is missing: `make deps` installs it" % QEMU


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument(
        "suites", metavar="SUITE", nargs="*", default=[], help="one of " + ", ".join(TRANSPORTS)
    )
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    results = Results()
    if obstacle():
        results.skip("all", obstacle())
    else:
        os.makedirs(FOLDER, exist_ok=True)
        write_initramfs(os.path.join(FOLDER, "initramfs"))
        threads = [
            threading.Thread(target=run_suite, args=(suite, args.verbose, results))
            for suite in args.suites or TRANSPORTS
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("%d passed, %d failed, %d skipped" % (results.passed, results.failed, results.skipped))
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
