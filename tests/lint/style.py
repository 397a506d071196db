# SPDX-License-Identifier: BSD-2-Clause
"""How files look: columns, and of C files clang-format and header guards."""

import os
import re
import shutil
import subprocess

import tree

MAX_COLUMNS = 100
WITH_COLUMNS = (".c", ".h", ".py", ".sh", ".8", "Makefile")
TAB_WIDTH = 8
# Other versions format some lines in another way.
FORMATTER = "clang-format"
FORMATTER_VERSION = "14"


def has_columns(path, line):
    """A row of a table cannot be wrapped; the README is read first and has none that wide."""
    if path.endswith(".md"):
        return path == "README.md" or not line.lstrip().startswith("|")
    return True


def check_columns():
    paths = [path for path in tree.sources() if path.endswith(WITH_COLUMNS)]
    for path in [*paths, *tree.pages()]:
        for number, line in enumerate(tree.lines(path), 1):
            if not has_columns(path, line):
                continue
            columns = len(line.expandtabs(TAB_WIDTH))
            if columns > MAX_COLUMNS:
                yield f"{path}:{number}: {columns} columns, more than {MAX_COLUMNS}"


def formatter_fault():
    """Why the formatter cannot be used; None if it can."""
    if not shutil.which(FORMATTER):
        return f"{FORMATTER} {FORMATTER_VERSION} is missing: `make deps` installs it"
    answer = subprocess.run([FORMATTER, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"version (\d+)", answer)
    if not match or match.group(1) != FORMATTER_VERSION:
        return f"{FORMATTER} must be version {FORMATTER_VERSION}, this is: {answer.strip()}"
    return None


def check_format():
    fault = formatter_fault()
    if fault:
        yield fault
        return
    files = tree.c_files()
    n = os.cpu_count() or 1
    parts = [files[i::n] for i in range(n) if files[i::n]]
    running = [
        subprocess.Popen(
            [FORMATTER, "--dry-run", "-Werror", "-ferror-limit=1", *part],
            cwd=tree.ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in parts
    ]
    wrong = set()
    for process in running:
        _, errors = process.communicate()
        wrong.update(re.findall(r"^(.+?):\d+:\d+: error:", errors, re.M))
        if process.returncode and not wrong:
            yield errors.strip()
    for path in sorted(wrong):
        yield f"{path}: not formatted: run `make format`"


def expected_guard(path):
    """Of a header in src/: the path. Others need only be unique and begin with the project's
    name."""
    return (
        "LOOPSTALL_" + re.sub(r"[/.]", "_", path[len("src/") :]).upper()
        if path.startswith("src/")
        else None
    )


def check_header_guards():
    seen = {}
    for path in tree.c_files():
        if not path.endswith(".h"):
            continue
        match = re.search(r"^#ifndef (\w+)\n#define (\w+)$", tree.text(path), re.M)
        if not match or match.group(1) != match.group(2):
            yield f"{path}: no header guard"
            continue
        guard = match.group(1)
        expected = expected_guard(path)
        if guard in seen:
            yield f"{path}: the header guard {guard} is that of {seen[guard]}"
        elif expected and guard != expected:
            yield f"{path}: the header guard is {guard}, should be {expected}"
        seen[guard] = path


CHECKS = (check_columns, check_format, check_header_guards)
