# SPDX-License-Identifier: BSD-2-Clause
"""Finds the Pythons of this machine: the system's, those of the Debian trees under the build
folder, and every other one it can.

Looks at $PYTHONS (a colon list of executables), PATH, and the usual layouts of version managers.
"""

import glob
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SYSTEM = "/usr/bin/python3"
MINORS = range(8, 16)
# What `make interpreters` fetches: its absence is a failure.
TREES = {"sid": (13, 14, 15)}
SHARED_FOLDERS = (HERE, "/var/tmp")
_ASK = (
    "import json, sys, os, sysconfig; print(json.dumps({'version': list(sys.version_info[:3]),"
    "'path': os.path.realpath(sys.executable), 'name': sys.implementation.name,"
    "'has_gil': not sysconfig.get_config_var('Py_GIL_DISABLED')}))"
)
_HOMES = (
    "$PYENV_ROOT/versions/*/bin",
    "~/.pyenv/versions/*/bin",
    "~/.asdf/installs/python/*/bin",
    "~/.local/share/uv/python/*/bin",
    "~/.local/share/mise/installs/python/*/bin",
    "/opt/python/*/bin",
)
_MODULES = ("uvloop", "greenlet", "trio", "anyio", "twisted", "nest_asyncio", "gevent")
_TRY = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        print(name)
    except Exception:
        pass
"""


class Interpreter:
    """One Python, with what it can import. `path` is where it lies in its own tree: `command`
    starts it from outside."""

    def __init__(self, answer, origin="", root=""):
        self.path = answer["path"]
        self.version = tuple(answer["version"])
        self.has_gil = answer["has_gil"]
        self.origin = origin  # "system", the name of a tree, or "" for one that was found
        self.root = root  # folder of its tree, "" for this machine's own
        self.env = clean_environment()
        self.modules = set()

    @property
    def is_system(self):
        return self.origin == "system"

    @property
    def version_text(self):
        """As the tool writes it."""
        return "%d.%d.%d" % self.version + ("" if self.has_gil else "t")

    @property
    def label(self):
        return self.version_text + (self.origin and "-" + self.origin)

    @property
    def command(self):
        return _entry(self.root) + [self.path]

    def loops(self):
        return ["asyncio", "uvloop"] if "uvloop" in self.modules else ["asyncio"]

    def importable(self, env):
        """Those of _MODULES that it can import."""
        command = self.command + ["-c", _TRY, *_MODULES]
        answer = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return set(answer.stdout.decode().split())


def clean_environment():
    """Ours, without what would change the targets."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    env.update(PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")
    return env


def tree_folder(name):
    return os.path.join(ROOT, os.environ.get("BUILD", "build"), "debian", name)


def _entry(root):
    """What runs a command inside a tree."""
    if not root:
        return []
    return ["unshare", "-m", os.path.join(HERE, "enter_tree.sh"), root, *SHARED_FOLDERS, "--"]


def _ask(path, root=""):
    try:
        answer = subprocess.run(
            _entry(root) + [path, "-c", _ASK],
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
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


def _of_machine():
    """The system's first, then the others by version."""
    found, seen = [], set()
    for path in [SYSTEM] + list(_candidates()):
        answer = _ask(path) if os.access(path, os.X_OK) else None
        if answer is None or answer["name"] != "cpython" or answer["path"] in seen:
            continue
        version = answer["version"]
        if not (path == SYSTEM or (version[0] == 3 and version[1] in MINORS)):
            continue
        seen.add(answer["path"])
        found.append(Interpreter(answer, "system" if path == SYSTEM else ""))
    return sorted(found, key=lambda p: (not p.is_system, p.version))


def _of_trees():
    # Only root can enter one.
    for name, minors in TREES.items() if os.geteuid() == 0 else ():
        for minor in minors:
            answer = _ask("/usr/bin/python3.%d" % minor, tree_folder(name))
            if answer is not None:
                yield Interpreter(answer, name, tree_folder(name))


def _add_modules(python):
    """What it can import, if more, with the packages of a system interpreter of the same
    version."""
    environments = [python.env]
    if not python.root:
        environments.append(dict(python.env, PYTHONPATH="/usr/lib/python3/dist-packages"))
    for env in environments:
        modules = python.importable(env)
        if len(modules) > len(python.modules):
            python.modules, python.env = modules, env


def find():
    """All interpreters, the system's first."""
    found = _of_machine() + list(_of_trees())
    for python in found:
        _add_modules(python)
    return found


def missing(pythons):
    """What is wrong with this choice, a sentence each."""
    if not any(python.is_system for python in pythons):
        yield "%s is missing" % SYSTEM
    for name, minors in TREES.items():
        for minor in minors:
            if not any(python.origin == name and python.version[1] == minor for python in pythons):
                yield "python3.%d of Debian %s is missing: `make interpreters` fetches it" % (
                    minor,
                    name,
                )


def find_unsupported():
    """(path, "3.N") of a Python too old for the tool, or None."""
    for path in _candidates((6, 7)):
        answer = _ask(path) if os.access(path, os.X_OK) else None
        if answer is not None and answer["version"][1] in (6, 7):
            return answer["path"], "3.%d" % answer["version"][1]
    return None
