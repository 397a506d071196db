#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a program of another architecture as if this machine could, with all that it starts.

    emulated.py TREE PROGRAM [ARGUMENT...]

TREE has the libraries of that architecture (tests/packages_tree.sh). The kernel is told to start
such programs in an emulator, but only inside a user namespace of its own, which takes Linux 6.7 or
newer: nothing changes for the rest of the machine. Run by root, the namespace has all users that
the machine has; else there is one.
"""

import ctypes
import os
import sys

EMULATOR = "/usr/bin/qemu-aarch64-static"
BINFMT = "/proc/sys/fs/binfmt_misc"
# The first bytes of an ELF file for arm64, and which bits of them count. Flags: the file is opened
# for the emulator, with the file's own privileges, and the emulator when this line is written.
FORMAT = (
    r":arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    ":" + EMULATOR + ":OCF"
)
# linux: include/uapi/linux/sched.h, mount.h
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_REC_PRIVATE = 0x44000
LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _map_users(pid, uid, gid):
    """Called outside the namespace, where root may map anybody."""
    if uid == 0:
        _write("/proc/%d/uid_map" % pid, "0 0 65536")
        _write("/proc/%d/gid_map" % pid, "0 0 65536")
        return
    _write("/proc/%d/setgroups" % pid, "deny")
    _write("/proc/%d/uid_map" % pid, "0 %d 1" % uid)
    _write("/proc/%d/gid_map" % pid, "0 %d 1" % gid)


def _enter_namespaces():
    """A child maps the users, because a process must not map more than itself."""
    pid, uid, gid = os.getpid(), os.geteuid(), os.getegid()
    is_inside, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(tell)
        os.read(is_inside, 1)
        _map_users(pid, uid, gid)
        os._exit(0)
    os.close(is_inside)
    _checked(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    os.write(tell, b".")
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError("the users of the namespace could not be mapped")


def main():
    tree, command = sys.argv[1], sys.argv[2:]
    _enter_namespaces()
    _checked(LIBC.mount(b"none", b"/", None, MS_REC_PRIVATE, None), "mount /")
    _checked(LIBC.mount(b"binfmt_misc", BINFMT.encode(), b"binfmt_misc", 0, None), BINFMT)
    _write(BINFMT + "/register", FORMAT)
    os.environ["QEMU_LD_PREFIX"] = os.path.abspath(tree)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
