# SPDX-License-Identifier: BSD-2-Clause
"""What /proc says of a process: CPU time, threads, status, changed code, pids of its namespace."""

import contextlib
import os


def cpu_s_of(pid, with_children=False):
    """CPU time of all its threads, also of those that have ended."""
    last = 15 if with_children else 13
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:last])) / os.sysconf("SC_CLK_TCK")


def cpu_wait_s_of(pid):
    """How long its first thread was ready and had no CPU."""
    with open("/proc/%d/schedstat" % pid) as file:
        return int(file.read().split()[1]) / 1e9


def threads_of(pid):
    return set(os.listdir("/proc/%d/task" % pid))


def status_of(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def code_mappings(pid):
    """Executable mappings as (start, end, file offset, path)."""
    found = []
    with open("/proc/%d/maps" % pid) as file:
        for line in file:
            words = line.split(None, 5)
            if "x" in words[1]:
                start, end = (int(word, 16) for word in words[0].split("-"))
                path = words[5].strip() if len(words) > 5 else ""
                found.append((start, end, int(words[2], 16), path))
    return found


def changed_code(pid):
    """Bytes of mapped code that differ from their file: (address, byte in memory). Breakpoints show
    here."""
    changed = []
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for start, end, offset, path in code_mappings(pid):
            if not path.startswith("/"):
                continue
            memory.seek(start)
            mapped = memory.read(end - start)
            # Not by its path, which leads elsewhere in a tree of its own.
            with open("/proc/%d/map_files/%x-%x" % (pid, start, end), "rb") as file:
                file.seek(offset)
                original = file.read(end - start)
            mapped = mapped[: len(original)]
            if mapped != original:
                changed += [
                    (start + i, mapped[i]) for i in range(len(mapped)) if mapped[i] != original[i]
                ]
    return changed


def outer_pid(pid, inner_pid):
    """Our pid of a process in the session that `pid` leads, which calls itself `inner_pid`."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            status = status_of(int(name))
            if status["NSpid"].split()[-1] == str(inner_pid) and os.getsid(int(name)) == pid:
                return int(name)
    raise AssertionError("process %d of session %d is not found" % (inner_pid, pid))
