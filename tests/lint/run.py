#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks what a compiler does not: module boundaries, licence lines, sizes; how C files look
(style.py); that the man page, the README and the docs say what the program does (manual.py); links
(links.py); words of one runtime (runtime_words.py) and of one architecture (arch_words.py).

Each check is one test. Prints what is wrong with file and line, and "N passed, N failed, N skipped"
last.
"""

import ast
import os
import re
import subprocess
import sys

import arch_words
import links
import manual
import runtime_words
import style
import tree
from tree import lines, sources

MAX_LINES = 600
# What is no text of ours: binary or bulk data a test reads.
NO_SPDX = (".md", ".json", ".bin", ".maps", ".png", ".svg")
# What has a format without comments.
NO_COMMENTS = (
    "packaging/debian/changelog",
    "packaging/debian/copyright",
    "packaging/debian/source/format",
)
# Screens and reports as they are expected, and nothing else in the file.
GOLDEN = ("tests/screens/", "tests/golden/")
BSD = "BSD-2-Clause"
DUAL = "(GPL-2.0-only OR BSD-2-Clause)"
THIRD_PARTY = (
    "bpf/",
    "loopstall.skel.h",
    "libelf.h",
    "gelf.h",
    "dwarf.h",
    "elfutils/",
    "capstone/",
    "libiberty/",
    "lzma.h",
    "jansson.h",
    "zlib.h",
    "cap-ng.h",
    "ini.h",
    "uthash.h",
    "utlist.h",
    "zstd.h",
    "curses.h",
    "term.h",
)


def read_layers():
    layers = {}
    for line in lines("tests/lint/layers.txt"):
        line = line.split("#")[0].strip()
        if line:
            folder, rest = line.split(":")
            own, third = rest.split("|")
            layers[folder.strip()] = (own.split(), third.split())
    return layers


def is_allowed(header, names):
    return any(
        header == n
        or (
            header.startswith(n) if n.endswith("/") else "/" not in n and header.startswith(n + "/")
        )
        for n in names
    )


def check_layers():
    layers = read_layers()
    for path in sources():
        folder = os.path.dirname(path)
        if not path.endswith((".c", ".h")) or path.startswith("tests/"):
            continue
        if folder not in layers:
            yield f"{path}: {folder} is not in tests/lint/layers.txt"
            continue
        own, third = layers[folder]
        for number, line in enumerate(lines(path), 1):
            match = re.match(r'#\s*include\s+([<"])(.*?)[>"]', line)
            if not match:
                continue
            kind, header = match.groups()
            where = f"{path}:{number}: {folder} may not include {header}"
            if is_allowed(header, third):
                continue
            if any(header == t or t.endswith("/") and header.startswith(t) for t in THIRD_PARTY):
                yield where
            elif (
                kind == '"'
                and "/" in header
                and not header.startswith(os.path.basename(folder) + "/")
                and not is_allowed(header, own)
            ):
                yield where


def check_spdx():
    for path in sources():
        if path.endswith(NO_SPDX) or path.startswith((*GOLDEN, *NO_COMMENTS)):
            continue
        text = "\n".join(lines(path)[:3])
        match = re.search(r"SPDX-License-Identifier: (.*?)(?: \*/)?$", text, re.M)
        wanted = DUAL if path.startswith(("bpf/", "include/")) or path.endswith(".bpf.c") else BSD
        if not match:
            yield f"{path}:1: no SPDX-License-Identifier in the first three lines"
        elif match.group(1).strip() != wanted:
            yield f"{path}:1: licence is {match.group(1).strip()}, should be {wanted}"


def check_sizes():
    for path in sources():
        if path.endswith((".c", ".h", ".py", ".sh")) and len(lines(path)) > MAX_LINES:
            yield f"{path}: {len(lines(path))} lines, more than {MAX_LINES}"


def check_left_overs():
    """Words that say the work is not done. Written apart, so that this file passes."""
    words = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "XX" "X")) + r")\b")
    for path in sources():
        for number, line in enumerate(lines(path), 1):
            if words.search(line):
                yield f"{path}:{number}: {line.strip()}"


def check_blank_ends():
    for path in sources():
        if not path.endswith((".c", ".h", ".py", ".sh", "Makefile")):
            continue
        for number, line in enumerate(lines(path), 1):
            if line != line.rstrip():
                yield f"{path}:{number}: blanks at the end of the line"


def check_file_heads():
    """Every C file says what it owns."""
    for path in sources():
        if path.startswith(("src/", "bpf/", "include/")) and path.endswith((".c", ".h")):
            head = lines(path)
            if len(head) < 3 or head[1] != "/*":
                yield f"{path}:2: no comment that says what the file owns"


def check_printing():
    """Only src/app and the formats of src/report write to stdout or stderr; base/log.c is the one
    sink."""
    pattern = re.compile(r"\b(printf|puts|putchar|perror)\s*\(|\b(stdout|stderr)\b")
    for path in sources():
        if not path.startswith("src/") or not path.endswith(".c"):
            continue
        if path.startswith(("src/app/", "src/report/")) or path == "src/base/log.c":
            continue
        for number, line in enumerate(lines(path), 1):
            if pattern.search(line) and not line.lstrip().startswith(("*", "/*")):
                yield f"{path}:{number}: prints: {line.strip()}"


def check_scripts():
    """Shell scripts and Python files parse."""
    for path in sources():
        if path.endswith(".sh") or path == ".ci/run":
            done = subprocess.run(
                ["bash", "-n", path], cwd=tree.ROOT, capture_output=True, text=True
            )
            if done.returncode:
                yield f"{path}: {done.stderr.strip().splitlines()[-1]}"
        elif path.endswith(".py"):
            try:
                ast.parse(tree.text(path))
            except SyntaxError as error:
                yield f"{path}:{error.lineno}: {error.msg}"


CHECKS = (
    check_layers,
    check_spdx,
    check_sizes,
    check_left_overs,
    check_blank_ends,
    check_file_heads,
    check_printing,
    check_scripts,
    *style.CHECKS,
    *manual.CHECKS,
    *links.CHECKS,
    *runtime_words.CHECKS,
    *arch_words.CHECKS,
)


def main():
    failed = 0
    for check in CHECKS:
        name = check.__name__.replace("check_", "")
        faults = list(check())
        for fault in faults:
            print(fault)
        print(f"{'FAIL' if faults else 'ok  '} lint {name}")
        failed += bool(faults)
    print(f"{len(CHECKS) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
