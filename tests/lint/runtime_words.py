# SPDX-License-Identifier: BSD-2-Clause
"""Words of one runtime that neutral folders may not say (runtime_words.txt)."""

import re

import tree


def read_runtime_words():
    words, folders, allowed = [], [], []
    for line in tree.lines("tests/lint/runtime_words.txt"):
        if line.startswith("words:"):
            words = line.split()[1:]
        elif line.startswith("folders:"):
            folders = line.split()[1:]
        elif line and not line.startswith("#"):
            path, text, _ = (part.strip() for part in line.split(" | "))
            allowed.append((path, text))
    return words, folders, allowed


def check_runtime_words():
    """What is above a runtime speaks of none."""
    words, folders, allowed = read_runtime_words()
    pattern = re.compile(r"\b(" + "|".join(words) + r")\b")
    used = set()
    for path in tree.sources():
        if not path.startswith(tuple(f + "/" for f in folders)):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if not pattern.search(line):
                continue
            excused = [(p, text) for p, text in allowed if p == path and text in line]
            used.update(excused)
            if not excused:
                yield f"{path}:{number}: a word of one runtime: {line.strip()}"
    for path, text in allowed:
        if (path, text) not in used:
            yield f"tests/lint/runtime_words.txt: no longer needed: {path} | {text}"


CHECKS = (check_runtime_words,)
