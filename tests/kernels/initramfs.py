# SPDX-License-Identifier: BSD-2-Clause
"""The first file system of a guest: a "newc" archive of files of this machine, with the shared
libraries they need.

The format is that of the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import os
import re
import stat
import subprocess


class Archive:
    """Files at the places where they are to lie in the guest. Times are kept: Python trusts
    compiled files by them."""

    def __init__(self):
        self._entries = {}  # {path in the guest, without the first slash: (mode, time, bytes)}

    def add_folder(self, path, mode=0o755):
        path = path.strip("/")
        if path and path not in self._entries:
            self.add_folder(os.path.dirname(path))
            self._entries[path] = (stat.S_IFDIR | mode, 0, b"")

    def add_bytes(self, path, content, mode=0o644, time=0):
        path = path.strip("/")
        self.add_folder(os.path.dirname(path))
        self._entries[path] = (stat.S_IFREG | mode, time, content)

    def add_file(self, source, path=None):
        with open(source, "rb") as file:
            st = os.stat(source)
            self.add_bytes(path or source, file.read(), st.st_mode & 0o777, int(st.st_mtime))

    def add_link(self, path, to):
        self.add_folder(os.path.dirname(path.strip("/")))
        self._entries[path.strip("/")] = (stat.S_IFLNK | 0o777, 0, to.encode())

    def add_program(self, source, path=None):
        """A program or library, with what the dynamic linker will look for."""
        self.add_file(source, path)
        answer = subprocess.run(
            ["ldd", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for library in re.findall(r"(/\S+) \(0x", answer.stdout):
            self.add_file(library)

    def write(self, path):
        with open(path, "wb") as file:
            for number, (name, entry) in enumerate(self._entries.items(), 1):
                _write_entry(file, number, name, *entry)
            _write_entry(file, 0, "TRAILER!!!", 0, 0, b"")


def _write_entry(file, number, name, mode, time, content):
    name = os.fsencode(name) + b"\0"
    n_links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, n_links, time, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    file.write(head + b"\0" * (-len(head) % 4))
    file.write(content + b"\0" * (-len(content) % 4))
