# SPDX-License-Identifier: BSD-2-Clause
"""Has many mappings of one file and no event loop, until its input ends.

    mappings.py COUNT
"""

import ctypes
import json
import mmap
import os
import sys

PAGE = mmap.PAGESIZE


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    fd = os.open(sys.executable, os.O_RDONLY)
    for number in range(int(sys.argv[1])):
        # Neighbours with offsets that do not continue each other are not merged.
        libc.mmap(None, PAGE, mmap.PROT_READ, mmap.MAP_PRIVATE, fd, number % 2 * 7 * PAGE)
    with open("/proc/self/maps") as file:
        count = sum(1 for _ in file)
    print(json.dumps({"event": "ready", "count": count}), flush=True)
    sys.stdin.read()


main()
