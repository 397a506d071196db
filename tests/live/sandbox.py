# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command in the seccomp filter that systemd makes from a unit's settings. By itself:

    sandbox.py SETTINGS COMMAND [ARG...]

SETTINGS is a file with JSON: "calls" (all that is allowed) and "families" (of sockets). As in
systemd, a call that is not allowed ends the process; so does one with an argument that is not
allowed, to which systemd returns an error, so that nothing is overlooked. Needs no_new_privs.
"""

import json
import os
import sys

import seccomp
from seccomp import ALLOW, EQ, KILL_PROCESS, MASKED_EQ, Arg

# linux: include/uapi/linux/sched.h, asm-generic/mman-common.h, include/uapi/linux/shm.h
CLONE_NEWANY = 0x7E020080
PROT_WRITE, PROT_EXEC = 2, 4
SHM_EXEC = 0o100000
POLICIES = (0, 3, 5)  # SCHED_OTHER, SCHED_BATCH, SCHED_IDLE
ENOSYS = 38
# Their flags are in memory, which a filter does not see. So systemd says that the kernel has no
# such calls: because of RestrictNamespaces, and RestrictSUIDSGID, which DynamicUser has in it.
UNSEEN = ("clone3", "openat2")


def _restricted(families):
    """Calls that are allowed with some arguments only: RestrictAddressFamilies, RestrictNamespaces,
    MemoryDenyWriteExecute, RestrictRealtime, RestrictSUIDSGID."""
    return {
        "socket": [Arg(0, EQ, family) for family in families],
        "clone": [Arg(0, MASKED_EQ, CLONE_NEWANY, 0)],
        "mmap": [
            Arg(2, MASKED_EQ, PROT_WRITE | PROT_EXEC, bits) for bits in (0, PROT_WRITE, PROT_EXEC)
        ],
        "mprotect": [Arg(2, MASKED_EQ, PROT_EXEC, 0)],
        "pkey_mprotect": [Arg(2, MASKED_EQ, PROT_EXEC, 0)],
        "shmat": [Arg(2, MASKED_EQ, SHM_EXEC, 0)],
        "sched_setscheduler": [Arg(1, EQ, policy) for policy in POLICIES],
        "unshare": [],
        "setns": [],
        **{name: [] for name in UNSEEN},
    }


def _is_known(name):
    try:
        return seccomp.resolve_syscall(seccomp.Arch(), name) >= 0
    except (ValueError, RuntimeError):
        return False


def install(calls, families):
    filters = seccomp.SyscallFilter(KILL_PROCESS)
    restricted = _restricted(families)
    for name in filter(_is_known, calls):
        if name not in restricted:
            filters.add_rule(ALLOW, name)
        for argument in restricted.get(name, ()):
            filters.add_rule(ALLOW, name, argument)
    for name in UNSEEN:
        filters.add_rule(seccomp.ERRNO(ENOSYS), name)
    filters.load()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        settings = json.load(file)
    install(settings["calls"], settings["families"])
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
