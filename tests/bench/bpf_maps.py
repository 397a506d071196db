# SPDX-License-Identifier: BSD-2-Clause
"""How full the maps of a running loopstall are, asked of the kernel by bpf(2): nothing in the tool
is made for it."""

import ctypes
import json
import mmap
import os
import platform
import re
import struct
import subprocess

from harness import BenchError, ROOT

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
MAP_LOOKUP_ELEM, MAP_GET_NEXT_KEY, MAP_GET_FD_BY_ID = 1, 4, 14
TASK_BYTES = 64  # struct ls_task, whose first word is 0 where it is free
COUNTED = ("coroutine_index", "thread_stats", "procs", "loops")

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, *words):
    """`words` are what the kernel's union has for the command, as (format, value)."""
    packed = struct.pack("=" + "".join(kind for kind, _ in words), *(value for _, value in words))
    attr = ctypes.create_string_buffer(packed, max(len(packed), 128))
    result = _libc.syscall(SYS_BPF, command, attr, len(attr))
    return result if result >= 0 else -ctypes.get_errno()


def loss_names():
    """In the order of the kernel side's table."""
    with open(os.path.join(ROOT, "include", "loopstall", "counters.h")) as file:
        return re.findall(r'^\s_\(\w+,\s"(\w+)"', file.read(), re.M)


class Maps:
    """Those of one process."""

    def __init__(self, pid):
        ids = set()
        for name in os.listdir(f"/proc/{pid}/fdinfo"):
            try:
                with open(f"/proc/{pid}/fdinfo/{name}") as file:
                    ids.update(
                        int(number) for number in re.findall(r"^map_id:\s+(\d+)", file.read(), re.M)
                    )
            except FileNotFoundError:
                pass
        bpftool = next(
            (
                path
                for path in ("/usr/sbin/bpftool", "/usr/local/sbin/bpftool")
                if os.path.exists(path)
            ),
            "bpftool",
        )
        self.maps = {}
        for number in sorted(ids):
            shown = json.loads(
                subprocess.run(
                    [bpftool, "-j", "map", "show", "id", str(number)],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            fd = _bpf(MAP_GET_FD_BY_ID, ("I", number))
            if fd < 0:
                raise BenchError(f"map {number} of {pid}: {os.strerror(-fd)}")
            self.maps[shown.get("name", "?")] = (fd, shown)

    def close(self):
        for fd, _ in self.maps.values():
            os.close(fd)

    def _get(self, name):
        return next(value for key, value in self.maps.items() if name.startswith(key))

    def count(self, name):
        fd, shown = self._get(name)
        key, following = None, ctypes.create_string_buffer(shown["bytes_key"])
        count = 0
        while not _bpf(
            MAP_GET_NEXT_KEY,
            ("I", fd),
            ("I", 0),
            ("Q", ctypes.addressof(key) if key else 0),
            ("Q", ctypes.addressof(following)),
        ):
            count += 1
            key = ctypes.create_string_buffer(following.raw, len(following))
        return count

    def count_tasks(self):
        fd, shown = self._get("tasks")
        with mmap.mmap(
            fd, shown["max_entries"] * TASK_BYTES, mmap.MAP_SHARED, mmap.PROT_READ
        ) as memory:
            words = struct.unpack("=%dQ" % (len(memory) // 8), memory[:])
        return sum(word != 0 for word in words[:: TASK_BYTES // 8])

    def losses(self):
        """Name to count, of those there are."""
        fd, _ = self._get("losses")
        with open("/sys/devices/system/cpu/possible") as file:
            n_cpus = int(file.read().strip().split("-")[-1]) + 1
        found = {}
        for index, name in enumerate(loss_names()):
            key, values = struct.pack("=I", index), ctypes.create_string_buffer(8 * n_cpus)
            key = ctypes.create_string_buffer(key, 4)
            if not _bpf(
                MAP_LOOKUP_ELEM,
                ("I", fd),
                ("I", 0),
                ("Q", ctypes.addressof(key)),
                ("Q", ctypes.addressof(values)),
                ("Q", 0),
            ):
                count = sum(struct.unpack("=%dQ" % n_cpus, values.raw))
                if count:
                    found[name] = count
        return found

    def fill(self):
        """Name to number of elements in use."""
        found = {name: self.count(name) for name in COUNTED}
        found["tasks"] = self.count_tasks()
        return found
