# SPDX-License-Identifier: BSD-2-Clause
"""A Python wheel with the program, for `pip install` and its like (PyPA: binary distribution
format). It has no Python code: the program is one of its scripts."""

import base64
import hashlib

import archives
import tree

# It needs no C library, so it runs on machines with any of them. Known by pip 19.3 and newer.
PLATFORMS = "manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}"
METADATA = """\
Metadata-Version: 2.1
Name: loopstall
Version: {version}
Summary: Find what blocks the event loop of a running Python service, from outside, with eBPF
License: BSD-2-Clause
Classifier: Environment :: Console
Classifier: Framework :: AsyncIO
Classifier: License :: OSI Approved :: BSD License
Classifier: Operating System :: POSIX :: Linux
Classifier: Topic :: Software Development :: Debuggers
Classifier: Topic :: System :: Monitoring
Description-Content-Type: text/markdown

loopstall attaches to a running Python service (asyncio, uvloop, trio) and reports, for each task
step that takes too long, the cause, the source line and the tasks that had to wait. It changes
neither the code nor the process.

    sudo "$(command -v loopstall)" top -p PID

It needs Linux 6.1 or newer, and root or three capabilities: `loopstall doctor` says what is
missing. The package is one static program; it runs no Python code and is independent of the
interpreter that installed it.
"""
WHEEL = """\
Wheel-Version: 1.0
Generator: loopstall packaging
Root-Is-Purelib: false
"""


def platforms(machine):
    return PLATFORMS.format(machine)


def _record(entries, path):
    lines = []
    for entry in entries:
        digest = base64.urlsafe_b64encode(hashlib.sha256(entry.data).digest()).decode()
        lines.append(f"{entry.path},sha256={digest.rstrip('=')},{len(entry.data)}\n")
    return "".join(lines) + f"{path},,\n"


def _entries(release):
    name = f"loopstall-{release.version}"
    info, data = f"{name}.dist-info", f"{name}.data"
    tags = [f"Tag: py3-none-{tag}\n" for tag in platforms(release.machine).split(".")]
    found = []
    for entry in tree.entries(release):
        if entry.path.startswith(tree.DOC):
            path = info + entry.path.removeprefix(tree.DOC)
        elif entry.path == "bin/loopstall":
            path = f"{data}/scripts/loopstall"
        else:
            path = f"{data}/data/{entry.path}"
        found.append(entry._replace(path=path))
    metadata = METADATA.format(version=release.version)
    found.append(tree.Entry(f"{info}/METADATA", 0o644, metadata.encode()))
    found.append(tree.Entry(f"{info}/WHEEL", 0o644, (WHEEL + "".join(tags)).encode()))
    # The format wants the folder with the metadata at the end.
    found.sort(key=lambda entry: (entry.path.startswith(info), entry.path))
    record = f"{info}/RECORD"
    return [*found, tree.Entry(record, 0o644, _record(found, record).encode())]


def make(release):
    """Yields its name and its bytes."""
    name = f"loopstall-{release.version}-py3-none-{platforms(release.machine)}.whl"
    yield name, archives.zipped(_entries(release), release.epoch)
