# SPDX-License-Identifier: BSD-2-Clause
"""The units in packaging/systemd, and what they allow, without systemd: its settings by unshare,
mount, setpriv and a seccomp filter."""

import json
import os
import shutil
import socket
import subprocess

import lib
from lib import check, check_equal
from privileges import USER

FOLDER = os.path.join(lib.ROOT, "packaging", "systemd")
INSTALLED = "/usr/local/bin/loopstall"
# Each of them is in _ROOT, in sandbox.py, or in a command of Unit.wrap(). Another one fails the
# test, so that none is only believed.
DONE_HERE = """AmbientCapabilities CapabilityBoundingSet DynamicUser LockPersonality
    MemoryDenyWriteExecute NoNewPrivileges PrivateDevices PrivateMounts PrivateNetwork PrivateTmp
    ProtectControlGroups ProtectHome ProtectKernelTunables ProtectProc ProtectSystem
    RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID SystemCallFilter
    UMask""".split()
# They take away what the capabilities and the filter do not give, or what only a manager can.
BY_SYSTEMD = """IPAddressAllow IPAddressDeny MemoryMax ProtectClock ProtectHostname
    ProtectKernelLogs ProtectKernelModules RemoveIPC SystemCallArchitectures TasksMax""".split()
HOW_IT_RUNS = """Environment EnvironmentFile ExecStart Restart RestartPreventExitStatus RestartSec
    StateDirectory StateDirectoryMode TimeoutStopSec""".split()
_ROOT = """
    mkdir -p {root}; mount --bind / {root}; mount -o remount,bind,ro {root}
    mount -t tmpfs -o mode=1777 tmpfs {root}/tmp; mount -t tmpfs tmpfs {root}/home
    mount -t tmpfs -o mode=700 tmpfs {root}/root
    mkdir -p {root}{folder}; mount --bind {folder} {root}{folder}
    mount -o remount,bind,{rights} {root}{folder}
    mount -t tmpfs -o mode=755 tmpfs {root}/dev
    for name in null zero full random urandom tty; do
        touch {root}/dev/$name; mount --bind /dev/$name {root}/dev/$name
    done
    mount -t proc -o hidepid=2 proc {root}/proc
    mount --bind {root}/proc/sys {root}/proc/sys; mount -o remount,bind,ro {root}/proc/sys
    mount -t sysfs -o ro sysfs {root}/sys
    cd {root}; pivot_root . mnt; umount -l mnt; umask {umask}; exec "$@"
"""


def _set_of(name):
    """The system calls of a group, with those of the groups in it."""
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], stdout=subprocess.PIPE, check=True
    )
    found = set()
    for word in done.stdout.decode().split("\n")[1:]:
        word = word.strip()
        if word.startswith("@"):
            found |= _set_of(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def _pairs_of(text):
    body = text.replace("\\\n", "").split("[Service]\n")[1].split("\n[")[0]
    return [line.split("=", 1) for line in body.splitlines() if line and line[0] != "#"]


def _read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


class Unit:
    """A unit, maybe with an override."""

    def __init__(self, name, override=None):
        self.name = name
        self._text = _read(name)
        self._pairs = _pairs_of(self._text) + (_pairs_of(_read(override)) if override else [])
        strange = {k for k, _ in self._pairs} - {*DONE_HERE, *BY_SYSTEMD, *HOW_IT_RUNS}
        check_equal(strange, set(), "settings that no test knows")
        self._values = {}
        for key, text in self._pairs:
            before = self._values.get(key, "") if key.endswith(("Set", "Capabilities")) else ""
            self._values[key] = (before + " " + text).strip() if text else ""

    def __getitem__(self, key):
        return self._values[key]

    def text_for(self, program):
        """For another place of the program."""
        return self._text.replace(INSTALLED, program)

    def calls(self):
        """All system calls that it allows."""
        allowed = set()
        for key, text in self._pairs:
            if key != "SystemCallFilter":
                continue
            words = text.lstrip("~").split()
            calls = set().union(*(_set_of(w) if w.startswith("@") else {w} for w in words))
            allowed = allowed - calls if text.startswith("~") else allowed | calls
        return allowed

    def _families(self):
        text = self["RestrictAddressFamilies"]
        return [] if text == "none" else [int(getattr(socket, name)) for name in text.split()]

    def _capabilities(self):
        words = ["+" + w[len("CAP_") :].lower() for w in self["CapabilityBoundingSet"].split()]
        sets = ["--bounding-set=" + ",".join(["-all", *words])]
        if self._values.get("DynamicUser") != "yes":
            return [*sets, "--inh-caps=-all"]
        check_equal(self["AmbientCapabilities"], self["CapabilityBoundingSet"], "ambient ones")
        user = ["--reuid=%d" % USER, "--regid=%d" % USER, "--clear-groups"]
        given = ",".join(["-all", *words])
        return [*sets, *user, "--inh-caps=" + given, "--ambient-caps=" + given]

    def wrap(self, bench):
        """What a command is started by, to run as the unit says."""
        settings = os.path.join(bench.folder, "filter.json")
        with open(settings, "w", encoding="utf-8") as file:
            json.dump({"calls": sorted(self.calls()), "families": self._families()}, file)
        helper = shutil.copy(os.path.join(lib.HERE, "sandbox.py"), bench.folder)
        for path in (settings, helper):
            os.chmod(path, 0o644)
        script = _ROOT.format(
            root=os.path.join(bench.folder, "root"),
            folder=bench.folder,
            rights="rw" if "StateDirectory" in self._values else "ro",
            umask=self["UMask"],
        )
        network = ["-n"] if self._values.get("PrivateNetwork") == "yes" else []
        return [
            *["unshare", "-m", *network, "sh", "-ec", script, "sh"],
            *["setpriv", *self._capabilities(), "--no-new-privs"],
            *["/usr/bin/python3", helper, settings],
        ]

    def check_sound(self, bench, worst_tenths):
        """By systemd's own word."""
        path = os.path.join(bench.folder, self.name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text_for(os.path.abspath(lib.TOOL)))
        code = bench.start(["systemd-analyze", "verify", "--man=no", path]).wait(30)
        check_equal(code, 0, "exit code of verify")
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--no-pager"]
            + ["--threshold=%d" % worst_tenths, path],
            stdout=subprocess.PIPE,
            timeout=30,
        )
        last = done.stdout.decode().strip().split("\n")[-1]
        check(done.returncode == 0, "more exposed than %.1f: %s", worst_tenths / 10, last)
