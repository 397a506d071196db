# SPDX-License-Identifier: BSD-2-Clause
"""Control groups of version 2 that a test makes for itself."""

import os
import time


def new_freezer():
    """The folder of a new one, or None."""
    for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        if os.path.exists(os.path.join(root, "cgroup.controllers")):
            folder = os.path.join(root, "loopstall-test-%d-%d" % (os.getpid(), time.monotonic_ns()))
            os.mkdir(folder)
            return folder
    return None


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def remove(folder):
    """Its processes must have ended, or are about to."""
    time.sleep(0.2)
    os.rmdir(folder)
