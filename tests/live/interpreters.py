# SPDX-License-Identifier: BSD-2-Clause
"""Finds the Pythons of this machine: the system's always, and every other 3.8 ... 3.13 it can.

Looks at $PYTHONS (a colon list of executables), PATH, and the usual layouts of version managers.
"""

import glob
import json
import os
import subprocess

SYSTEM = "/usr/bin/python3"
MINORS = range(8, 14)
_ASK = (
    "import json, sys, os; print(json.dumps({'version': list(sys.version_info[:3]),"
    "'path': os.path.realpath(sys.executable), 'name': sys.implementation.name}))"
)
_HOMES = (
    "$PYENV_ROOT/versions/*/bin",
    "~/.pyenv/versions/*/bin",
    "~/.asdf/installs/python/*/bin",
    "~/.local/share/uv/python/*/bin",
    "~/.local/share/mise/installs/python/*/bin",
    "/opt/python/*/bin",
)


class Interpreter:
    """One Python, with what it can import."""

    def __init__(self, path, version, is_system):
        self.path = path
        self.version = tuple(version)
        self.is_system = is_system
        self.env = clean_environment()
        self.modules = set()

    @property
    def label(self):
        return "%d.%d.%d" % self.version + ("-system" if self.is_system else "")

    def loops(self):
        return ["asyncio", "uvloop"] if "uvloop" in self.modules else ["asyncio"]

    def can_import(self, module, env):
        command = [self.path, "-c", "import " + module]
        return subprocess.run(command, env=env, stderr=subprocess.DEVNULL).returncode == 0


def clean_environment():
    """Ours, without what would change the targets."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    env.update(PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")
    return env


def _ask(path):
    try:
        answer = subprocess.run(
            [path, "-c", _ASK], env=clean_environment(), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=20,
        )
        return json.loads(answer.stdout.decode())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _candidates(minors=MINORS):
    yield from filter(None, os.environ.get("PYTHONS", "").split(":"))
    folders = os.environ.get("PATH", "").split(":")
    for pattern in _HOMES:
        folders += sorted(glob.glob(os.path.expanduser(os.path.expandvars(pattern))))
    for folder in folders:
        for minor in minors:
            yield os.path.join(folder, "python3.%d" % minor)


def _add_modules(python, system_folder):
    """uvloop and greenlet, if need be those of a system interpreter of the same version."""
    for env in (python.env, dict(python.env, PYTHONPATH=system_folder)):
        python.modules = {m for m in ("uvloop", "greenlet") if python.can_import(m, env)}
        if python.modules:
            python.env = env
            return


def find():
    """All interpreters, the system's first."""
    found, seen = [], set()
    for path in [SYSTEM] + list(_candidates()):
        if not os.access(path, os.X_OK):
            continue
        answer = _ask(path)
        if answer is None or answer["name"] != "cpython" or answer["path"] in seen:
            continue
        version = answer["version"]
        if not (path == SYSTEM or (version[0] == 3 and version[1] in MINORS)):
            continue
        seen.add(answer["path"])
        found.append(Interpreter(answer["path"], version, path == SYSTEM))
    others = sorted((p for p in found if not p.is_system), key=lambda p: p.version)
    found = [p for p in found if p.is_system] + others
    for python in found:
        _add_modules(python, "/usr/lib/python3/dist-packages")
    return found


def find_unsupported():
    """(path, "3.N") of a Python too old for the tool, or None."""
    for path in _candidates((6, 7)):
        answer = _ask(path) if os.access(path, os.X_OK) else None
        if answer is not None and answer["version"][1] in (6, 7):
            return answer["path"], "3.%d" % answer["version"][1]
    return None
