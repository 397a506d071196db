# SPDX-License-Identifier: BSD-2-Clause
"""Links and paths in the docs lead somewhere."""

import glob
import os
import re

import tree

LINK = re.compile(r"\]\(([^()\s]+)\)|\b(?:src|href)=\"([^\"]+)\"")
# A path of this tree in backticks. With a wildcard, or a word in capitals that stands for a name,
# one match is enough.
PATH = re.compile(r"`((?:src|bpf|include/loopstall|tests|docs|scripts)/[\w./*-]+)`")
PLACEHOLDER = re.compile(r"[A-Z]{4,}")
PAGE = re.compile(r"\bdocs/[a-z-]+\.md\b")


def prose(page):
    """The page with its code blocks blanked out, line numbers kept."""

    def blank(match):
        return "\n" * match.group(0).count("\n")

    return re.sub(r"^```.*?^```$", blank, tree.text(page), flags=re.M | re.S)


def anchors(page):
    """The anchors that GitHub makes of a page's headings."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        anchor = base = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        n = 0
        while anchor in found:
            n += 1
            anchor = f"{base}-{n}"
        found.add(anchor)
    return found


def fault_of(page, link):
    path, _, anchor = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
    if not os.path.exists(tree.full(target)):
        return f"{target} does not exist"
    if anchor and target.endswith(".md") and anchor not in anchors(target):
        return f"{target} has no heading #{anchor}"
    return None


def check_links():
    for page in tree.pages():
        for number, line in enumerate(prose(page).split("\n"), 1):
            for match in LINK.finditer(line):
                link = match.group(1) or match.group(2)
                fault = None if re.match(r"[a-z]+:", link) else fault_of(page, link)
                if fault:
                    yield f"{page}:{number}: {fault}"


def check_paths():
    """Files and folders that the docs name exist."""
    for page in tree.pages():
        if page == "CHANGELOG.md":
            continue
        for number, line in enumerate(tree.lines(page), 1):
            for path in PATH.findall(line):
                if not glob.glob(tree.full(PLACEHOLDER.sub("*", path))):
                    yield f"{page}:{number}: {path} does not exist"


def check_pages():
    """Pages that sources and messages name exist."""
    for path in tree.sources():
        if not path.endswith((".c", ".h", ".py", ".sh", ".8", "Makefile")) or path.startswith(
            "tests/lint/"
        ):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            for page in PAGE.findall(line):
                if not os.path.exists(tree.full(page)):
                    yield f"{path}:{number}: {page} does not exist"


CHECKS = (check_links, check_paths, check_pages)
