# SPDX-License-Identifier: BSD-2-Clause
"""Control groups that a test makes for itself: of version 2, those for memory also of version 1."""

import contextlib
import os
import time

# What limits memory: (the file of the limit, those that keep the rest from being swapped out or
# from living on, if they are there), by the folder of a hierarchy.
_UNIFIED = ("memory.max", {"memory.swap.max": "0", "memory.oom.group": "1"})
_MEMORY = {
    "/sys/fs/cgroup/memory": ("memory.limit_in_bytes", {"memory.swappiness": "0"}),
    "/sys/fs/cgroup/unified": _UNIFIED,
    "/sys/fs/cgroup": _UNIFIED,
}


def _new(root):
    folder = os.path.join(root, "loopstall-test-%d-%d" % (os.getpid(), time.monotonic_ns()))
    os.mkdir(folder)
    return folder


def new_freezer():
    """The folder of a new one, or None."""
    for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        if os.path.exists(os.path.join(root, "cgroup.controllers")):
            return _new(root)
    return None


def new_memory_limit(most_bytes):
    """The folder of a new one whose processes get no more memory, or None."""
    for root, (limit, others) in _MEMORY.items():
        if not os.path.exists(os.path.join(root, "cgroup.procs")):
            continue
        with contextlib.suppress(OSError):
            folder = _new(root)
            if os.path.exists(os.path.join(folder, limit)):
                write(folder, limit, str(most_bytes))
                for name, text in others.items():
                    if os.path.exists(os.path.join(folder, name)):
                        write(folder, name, text)
                return folder
            os.rmdir(folder)
    return None


def oom_kills(folder):
    """How often its processes were killed for lack of memory. As a group, they are killed at once,
    and the kernel may count one of them twice."""
    for name, key in (("memory.events", "oom_group_kill"), ("memory.oom_control", "oom_kill")):
        with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, name)) as file:
            return int(dict(line.split() for line in file)[key])
    raise AssertionError("%s does not count what it kills" % folder)


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def remove(folder):
    """Its processes must have ended, or are about to."""
    time.sleep(0.2)
    os.rmdir(folder)
