# SPDX-License-Identifier: BSD-2-Clause
"""Words of one architecture, which only its own files may say (arch_words.txt)."""

import re

import tree

LIST = "tests/lint/arch_words.txt"


def read_arch_words():
    lists, allowed = {}, []
    for line in tree.lines(LIST):
        key, _, rest = line.partition(":")
        if key in ("words", "fields", "folders", "own"):
            lists.setdefault(key, []).extend(rest.split())
        elif line and not line.startswith("#"):
            path, text, _ = (part.strip() for part in line.split(" | "))
            allowed.append((path, text))
    return lists, allowed


def check_arch_words():
    """Registers, relocations, decoder: behind src/arch/arch.h and bpf/arch/regs.h."""
    lists, allowed = read_arch_words()
    words, fields = "|".join(lists["words"]), "|".join(lists["fields"])
    pattern = re.compile(rf"\b(?:{words})\b|(?:\.|->)(?:{fields})\b")
    used = set()
    for path in tree.c_files():
        if not path.startswith(tuple(lists["folders"])) or path.startswith(tuple(lists["own"])):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            found = pattern.search(line)
            if not found:
                continue
            excused = [(p, text) for p, text in allowed if p == path and text in line]
            used.update(excused)
            if not excused:
                word = found.group().lstrip(".->")
                yield f"{path}:{number}: {word} is a word of one architecture: {line.strip()}"
    for path, text in allowed:
        if (path, text) not in used:
            yield f"{LIST}: no longer needed: {path} | {text}"


CHECKS = (check_arch_words,)
