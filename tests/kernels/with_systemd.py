# SPDX-License-Identifier: BSD-2-Clause
"""What a guest has besides where systemd is its init: systemd, the shipped units as they are, and a
service for them to watch.

There is no device manager and no bus: the units need none.
"""

import os

import machines

FOLDER = os.path.join(machines.ROOT, "tests", "kernels", "managed")
SHIPPED = os.path.join(machines.ROOT, "packaging", "systemd")
INIT = "/usr/lib/systemd/systemd"
PROGRAMS = (INIT, "/usr/lib/systemd/systemd-journald", "/usr/bin/systemctl")
# No service is started without these targets.
OF_SYSTEMD = (
    "sysinit.target basic.target shutdown.target multi-user.target"
    " systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket"
).split()
UNITS = "/etc/systemd/system"
FOLDERS = ("run", "home/shop", "root", "usr/local/bin", "var/lib")
TEXTS = {
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/os-release": "ID=debian\n",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    # The console is what is seen of a guest that does not end.
    "/etc/systemd/system.conf": "[Manager]\nLogTarget=console\n",
    "/etc/systemd/journald.conf": "[Journal]\nStorage=none\nForwardToConsole=yes\n",
}


def add_to(archive, files, add_program):
    """`add_program` adds a file with its libraries."""
    for folder in FOLDERS:
        archive.add_folder(folder)
    for path in PROGRAMS:
        add_program(files.here(files.real(path)), path)
    for name in OF_SYSTEMD:
        archive.add_file(files.here("/usr/lib/systemd/system/" + name))
    for name in os.listdir(SHIPPED):
        if name.endswith(".service"):
            archive.add_file(os.path.join(SHIPPED, name), os.path.join(UNITS, name))
    for name in os.listdir(FOLDER):
        folder = "/home/shop" if name.endswith(".py") else UNITS
        archive.add_file(os.path.join(FOLDER, name), os.path.join(folder, name))
    for path, text in TEXTS.items():
        archive.add_bytes(path, text.encode())
    archive.add_link("/usr/local/bin/loopstall", "/build/loopstall")
    archive.add_link("/lib/systemd", "/usr/lib/systemd")
    archive.add_link("/var/run", "/run")
