#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs live cases on older kernels: Debian's, each booted in an emulated machine with nothing on it
but this tree's program; on one of them systemd, for the shipped units.

    run.py [-v] [--arch ARCHITECTURE] [-k CASE] [SUITE...]

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
import machines
import with_systemd

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = machines.ROOT
FOLDER = os.path.join(machines.BUILD, "kernels")
# Debian's suites, and what their kernels must be seen to use.
TRANSPORTS = {"bookworm": "perf uprobe", "trixie": "uprobe_multi"}
# One guest more, of that suite: systemd is its init, and it has cases of its own.
MANAGED_SUITE, MANAGED, MANAGED_CASES = "trixie", "-systemd", "systemd."
# Wall time; on an idle machine a guest takes less than a tenth of it.
TIMEOUT_S = 1500
CONSOLE_LINES = 25
FETCHING = threading.Lock()
FOLDERS = ("proc", "sys", "dev", "tmp", "var/tmp", "etc")
COUNTS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped$")
# Imported in a guest, by the tests or their programs; the last ones only when they are used.
MODULES = (
    "interpreters lanes lib test_causes test_counts test_flight test_groups test_kernel test_light"
    " test_open test_safety test_systemd test_truth counts truth steady lock_holders guest"
    " concurrent.futures.thread encodings.idna encodings.ascii encodings.latin_1"
)
# Of the cases with other libraries, and where Debian has these.
MORE_MODULES = " greenlets uvloop greenlet"
MORE_FOLDER = "/usr/lib/python3/dist-packages"
STATIC = "/build/static/loopstall"
MODULE_FOLDERS = ("tests/live", "tests/live/programs", "tests/kernels")


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


def add_all(archive, machine, files):
    """Returns how a program is added, with its libraries."""
    archive.add_link("bin", "usr/bin")
    for folder in FOLDERS:
        archive.add_folder(folder)

    def add_program(source, path):
        archive.add_file(source, path)
        for library in files.libraries(source):
            archive.add_file(files.here(library), library)

    add_program(files.here(files.python), files.python)
    archive.add_link("/usr/bin/python3", files.python)
    for name in machines.PROGRAMS:
        add_program(files.here(files.program(name)), "/usr/bin/" + name)
    add_program(machine.tool, "/build/loopstall")
    if machine.static:
        archive.add_file(machine.static, STATIC)
    folders = [os.path.join(ROOT, folder) for folder in MODULE_FOLDERS]
    modules = MODULES
    if machine.has_more:
        modules += MORE_MODULES
        folders.append(files.here(MORE_FOLDER))
    for module in files.modules(modules, folders):
        if module.endswith(".so"):
            add_program(files.here(module), module)
        else:
            archive.add_file(files.here(module), module)
    for folder in MODULE_FOLDERS:
        for name in os.listdir(os.path.join(ROOT, folder)):
            if name.endswith(".py"):
                archive.add_file(os.path.join(ROOT, folder, name), os.path.join(folder, name))
    return add_program


def write_initramfs(path, machine, files, is_managed):
    archive = initramfs.Archive()
    add_program = add_all(archive, machine, files)
    if is_managed:
        with_systemd.add_to(archive, files, add_program)
        archive.add_link("/init", with_systemd.INIT)
    else:
        archive.add_file(os.path.join(HERE, "guest.py"), "/init")
    archive.write(path)


def qemu_command(machine, kernel, folder, words):
    append = "console=%s quiet panic=-1 mitigations=off " % machine.console
    return [
        machine.qemu,
        *machine.options(os.path.join(folder, "console")),
        "-kernel",
        os.path.join(kernel, "vmlinuz"),
        "-initrd",
        os.path.join(folder, "initramfs"),
        "-append",
        append + " ".join('"%s=%s"' % word for word in words.items()),
    ]


def fetch(machine, suite, folder):
    """None, or why there is no kernel. Two guests may have the same one."""
    with FETCHING:
        done = subprocess.run(
            [os.path.join(HERE, "fetch.sh"), machine.name, suite, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return "; ".join(done.stdout.splitlines()[-2:]) if done.returncode else None


class Guest:
    """One kernel, booted once."""

    def __init__(self, machine, suite, cases, words, results):
        self._machine = machine
        self._is_managed = suite.endswith(MANAGED)
        self._suite = suite[: -len(MANAGED)] if self._is_managed else suite
        self._words = dict(
            words, TRANSPORT=TRANSPORTS[self._suite], REPORT="/dev/" + machine.report
        )
        if cases:
            self._words["CASES"] = " ".join(cases)
        if self._is_managed:
            self._words["MANAGED"] = "1"
        if machine.static:
            self._words["STATIC"] = STATIC
        if machine.has_more:
            self._words["MORE"] = "1"
        self._results = results
        self._name = suite if machine.name == machines.own_architecture() else (
            "%s %s" % (machine.name, suite)
        )
        self._folder = os.path.join(FOLDER, machine.name + "-" + suite)
        self._kernel = os.path.join(FOLDER, machine.name + "-" + self._suite)

    def _show_console(self):
        with open(os.path.join(self._folder, "console"), errors="replace") as file:
            for line in file.read().splitlines()[-CONSOLE_LINES:]:
                print("%s: console: %s" % (self._name, line))

    def _boot(self):
        begun = time.monotonic()
        guest = subprocess.Popen(
            qemu_command(self._machine, self._kernel, self._folder, self._words),
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
            print("%s: %s" % (self._name, line.rstrip()))
            counts = COUNTS.match(line.rstrip()) or counts
        guest.wait()
        killer.cancel()
        seconds = time.monotonic() - begun
        if counts:
            self._results.add(*map(int, counts.groups()))
            print("%s: took %.0f s" % (self._name, seconds))
            return
        self._results.fail(
            self._name,
            "the guest came to no end within %.0f s (exit code %d of %s)"
            % (seconds, guest.returncode, self._machine.qemu),
        )
        self._show_console()

    def run(self):
        try:
            self._run()
        except Exception as error:
            self._results.fail(self._name, "%s: %s" % (type(error).__name__, error))

    def _run(self):
        obstacle = fetch(self._machine, self._suite, self._kernel)
        if obstacle:
            self._results.skip(self._name, obstacle)
            return
        files = machines.files_of(self._machine, self._suite)
        os.makedirs(self._folder, exist_ok=True)
        path = os.path.join(self._folder, "initramfs")
        write_initramfs(path, self._machine, files, self._is_managed)
        self._boot()


def obstacle(machine):
    """Why nothing can run here, or None."""
    if shutil.which(machine.qemu):
        return None
    return "%s is missing: `make deps` installs it" % machine.qemu


def what_to_boot(machine, args):
    """(suite, cases; all if there are none) of each guest."""
    asked = args.k or []
    managed = [case for case in asked if case.startswith(MANAGED_CASES)]
    plain = [case for case in asked if case not in managed]
    suites = args.suites or list(TRANSPORTS)
    if plain or not asked:
        yield from ((suite, plain) for suite in suites)
    if managed or not asked:
        if machine.name == machines.own_architecture() and MANAGED_SUITE in suites:
            yield MANAGED_SUITE + MANAGED, managed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument(
        "--arch",
        choices=machines.MACHINES,
        default=machines.own_architecture(),
        help="whose kernels, programs and interpreters (default: this machine's)",
    )
    parser.add_argument("-k", metavar="CASE", action="append", help="only these live cases")
    parser.add_argument(
        "suites", metavar="SUITE", nargs="*", default=[], help="one of " + ", ".join(TRANSPORTS)
    )
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    results = Results()
    machine = machines.MACHINES[args.arch]
    words = {"VERBOSE": "1"} if args.verbose else {}
    if obstacle(machine):
        results.skip("all", obstacle(machine))
    else:
        threads = [
            threading.Thread(target=Guest(machine, suite, cases, words, results).run)
            for suite, cases in what_to_boot(machine, args)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("%d passed, %d failed, %d skipped" % (results.passed, results.failed, results.skipped))
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
