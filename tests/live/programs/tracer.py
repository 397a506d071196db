# SPDX-License-Identifier: BSD-2-Clause
"""Attaches to a process as a debugger does when it gets a line with the pid, and lets it go at the
next line."""

import ctypes
import os
import sys

import protocol

PTRACE_ATTACH, PTRACE_DETACH = 16, 17

if __name__ == "__main__":
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    protocol.say("ready")
    pid = int(protocol.hear())
    if ptrace(PTRACE_ATTACH, pid, None, None):
        sys.exit(os.strerror(ctypes.get_errno()))
    os.waitpid(pid, 0)
    protocol.say("traces")
    protocol.hear()
    ptrace(PTRACE_DETACH, pid, None, None)
    protocol.hear()
