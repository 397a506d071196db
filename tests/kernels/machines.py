# SPDX-License-Identifier: BSD-2-Clause
"""What differs between the architectures of guests: the emulator, and where files come from.

Of this machine's own architecture the guest gets this machine's files. Of another it gets those of
a tree of Debian's packages, one for each suite; what has to run while the archive is made runs in
the emulator of single programs.
"""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
COMMON = (
    "-accel tcg -icount shift=1,sleep=off -smp 1 -nodefaults -display none -no-reboot"
).split()
# A guest has them besides Python.
PROGRAMS = ("mount", "rm", "setpriv", "sleep")
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


class Machine:
    """Its console and its report are serial lines, which the kernels number differently."""

    def __init__(
        self, name, qemu, options, console, report, packages, tool, static=None, has_more=False
    ):
        self.name = name
        self.qemu = qemu
        self.console = console
        self.report = report
        self.packages = packages
        self.tool = os.path.join(BUILD, tool)
        # The program without shared libraries, where one is used.
        self.static = static and os.path.join(BUILD, static)
        # Whether the cases of uvloop and greenlets, which the live tests have on this machine's
        # own architecture, run in the guest.
        self.has_more = has_more
        self._options = options

    def options(self, console_file):
        return COMMON + [option.format(console_file) for option in self._options]


class Files:
    """The files of a guest. Paths are those in the guest; below `root` they lie here."""

    def __init__(self, root="", prefix=(), python=sys.executable):
        self._root = root
        self._prefix = list(prefix)
        self.python = self.real(python)

    def here(self, path):
        return self._root + path

    def _there(self, path):
        return path[len(self._root) :]

    def real(self, path):
        return self._there(os.path.realpath(self.here(path)))

    def program(self, name):
        if self._root:
            return self.real("/usr/bin/" + name)
        return self.real(shutil.which(name))

    def _ask(self, command, check=False):
        return subprocess.run(
            self._prefix + command,
            stdout=subprocess.PIPE,
            stderr=None if check else subprocess.DEVNULL,
            text=True,
            check=check,
        ).stdout

    def libraries(self, file):
        """What the dynamic linker will look for."""
        if not self._root:
            return re.findall(r"(/\S+) \(0x", self._ask(["ldd", file]))
        loader = "/lib/ld-linux-aarch64.so.1"
        folder = self.here("/usr/lib/aarch64-linux-gnu")
        answer = self._ask([self.here(loader), "--library-path", folder, "--list", file])
        return [loader] + [self._there(path) for path in re.findall(r"=> (/\S+) \(0x", answer)]

    def modules(self, names, folders):
        """The files of the standard library that a guest needs, as its interpreter finds them.

        It writes compiled ones into a tree, which has none.
        """
        options = "-S" if self._root else "-SB"
        answer = self._ask(
            [self.here(self.python), options, "-c", ASK, names, *folders], check=True
        )
        return [self._there(path) for path in answer.splitlines() if os.path.exists(path)]


MACHINES = {
    machine.name: machine
    for machine in (
        Machine(
            "amd64",
            "qemu-system-x86_64",
            "-machine pc -cpu max -m 512 -serial file:{} -serial stdio".split(),
            "ttyS0",
            "ttyS1",
            "qemu-system-x86",
            "loopstall",
        ),
        Machine(
            "arm64",
            "qemu-system-aarch64",
            # Signs addresses by a method of the emulator's own: Arm's takes most of its time.
            "-machine virt -cpu max,pauth-impdef=on -m 768 -serial file:{} -chardev stdio,id=report"
            " -device pci-serial,chardev=report".split(),
            "ttyAMA0",
            "ttyS0",
            "qemu-system-arm",
            "arm64/build/loopstall",
            "arm64/build/static/loopstall",
            has_more=True,
        ),
    )
}
EMULATOR = "qemu-aarch64-static"


def own_architecture():
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def files_of(machine, suite):
    if machine.name == own_architecture():
        return Files()
    root = os.path.join(BUILD, machine.name, suite)
    return Files(root, [EMULATOR, "-L", root], "/usr/bin/python3")
