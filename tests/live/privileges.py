# SPDX-License-Identifier: BSD-2-Clause
"""Ordinary users, limited roots, and programs with file capabilities, for the tests that need
them."""

import os
import re
import shutil
import subprocess

import lib
from lib import check, check_equal, wait_for

# Nobody's: what they own, these tests made.
USER, OTHER = 64711, 64712
# What the file needs (docs/privileges.md).
FILE_CAPS = ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE")
# What a container needs besides, whose root is to open any program.
CONTAINER_CAPS = FILE_CAPS + ("CAP_DAC_READ_SEARCH", "CAP_CHECKPOINT_RESTORE")
# What the part of it that speaks HTTP needs to have a user of its own, and to be ended.
HTTP_CAPS = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL")
# linux: include/uapi/linux/capability.h
NUMBERS = {
    "CAP_DAC_OVERRIDE": 1,
    "CAP_DAC_READ_SEARCH": 2,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_SETPCAP": 8,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
    "CAP_CHECKPOINT_RESTORE": 40,
}


def as_user(uid, *extra):
    return ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups"] + list(extra)


def as_root_with(caps):
    """Root as a container has it: no more than these, and no way to more."""
    words = ["+" + cap[len("CAP_") :].lower() for cap in caps]
    return ["setpriv", "--inh-caps=-all", "--bounding-set=" + ",".join(["-all"] + words)]


def set_caps(path, caps, how="p"):
    if caps:
        command = ["setcap", "%s+%s" % (",".join(caps).lower(), how), path]
    else:
        command = ["setcap", "-r", path]
    subprocess.run(command, check=True)


def public_tool(bench, caps=(), how="p"):
    """A copy of the tool that everybody can run."""
    path = os.path.join(bench.folder, "loopstall")
    shutil.copy(lib.TOOL, path)
    os.chmod(path, 0o755)
    if caps:
        set_caps(path, caps, how)
    return path


def public_folder(bench, name, mode=0o755, owner=OTHER):
    path = os.path.join(bench.folder, name)
    os.makedirs(path)
    os.chown(path, owner, owner)
    os.chmod(path, mode)
    return path


def public_program(bench, name="steady.py"):
    """A test program where everybody can read it."""
    folder = os.path.join(bench.folder, "programs")
    if not os.path.exists(folder):
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        for file in os.listdir(lib.PROGRAMS):
            if file.endswith(".py"):
                shutil.copy(os.path.join(lib.PROGRAMS, file), folder)
                os.chmod(os.path.join(folder, file), 0o644)
    return os.path.join(folder, name)


def steady_of(bench, uid, *args, env=None, command=None):
    """A service with a known stall that runs as this user. Returns its process; its pid is that of
    the service."""
    words = as_user(uid) + (command or bench.python.command) + ["-u", public_program(bench)]
    target = bench.own(
        lib.Target(words + list(args), dict(bench.python.env, **(env or {})), cwd="/")
    )
    check_equal(target.hear("ready")["pid"], target.pid, "pid")
    return target


def check_finds_the_stall(tool):
    """What it says is complete: a tool that lacks a right must not be half blind."""
    stall = next((s for s in tool.stalls if s["cause"] == "sleep"), None)
    check(stall is not None, "no sleep among %d stalls", len(tool.stalls))
    check_equal(stall["task"]["name"], "staller", "task")
    check_equal(stall["coroutine"]["name"].split(".")[-1], "_stall", "coroutine")
    check(stall["call"] is not None, "no call in %r", stall)
    check_equal(stall["call"]["function"].split(".")[-1], "_stall_here", "function")
    with open(os.path.join(lib.PROGRAMS, "steady.py")) as file:
        line = file.read().split("\n")[stall["call"]["line"] - 1]
    check("time.sleep" in line, "line %d is %r", stall["call"]["line"], line)
    check_equal(stall["call"]["syscall"], "clock_nanosleep", "system call")
    check(stall["call"]["native"], "no native name in %r", stall["call"])
    return stall


def traced(bench, pid, wrap, tool=None, *args):
    """Traces for a moment. Returns the tool, which has ended well."""
    command = list(wrap) + [tool or lib.TOOL]
    run = bench.own(
        lib.Tool(["trace", "-p", str(pid), "-d", "900ms", *args], program=command, cwd="/")
    )
    run.end()
    return run


def refused(bench, pid, wrap, *words, tool=None, args=()):
    """Exit code 3, and one line that holds all the words."""
    command = list(wrap) + [tool or lib.TOOL, "trace", "-p", str(pid), "-d", "900ms", *args]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, cwd="/"
    )
    errors = done.stderr.decode("utf-8", "replace")
    check_equal(done.returncode, 3, "exit code (%s)" % errors.strip())
    check_equal(done.stdout, b"", "stdout")
    check_equal(len(errors.splitlines()), 1, "lines of stderr %r" % errors)
    for word in words:
        check(re.search(word, errors), "%r is not in %r", word, errors)


def caps_of(pid, field):
    """The names of a set of a process; those that no test speaks of go by number."""
    names = {number: name for name, number in NUMBERS.items()}
    value = int(lib.status_of(pid)[field], 16)
    return {names.get(i, i) for i in range(64) if value >> i & 1}


def wait_caps(pid, field, wanted, seconds, when):
    try:
        wait_for(lambda: caps_of(pid, field) == set(wanted), seconds, "%s %s" % (field, when))
    except AssertionError:
        check_equal(
            sorted(caps_of(pid, field), key=str), sorted(wanted, key=str), "%s %s" % (field, when)
        )
