#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the checks themselves, on made-up trees: each accepts a good tree and finds the fault
that it is there for.

Prints "N passed, N failed, N skipped" last.
"""

import os
import shutil
import sys
import tempfile

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import suite  # noqa: E402 (tests/suite.py)

import arch_words
import links
import manual
import style
import tree

HEADER = "#ifndef LOOPSTALL_BASE_X_H\n#define LOOPSTALL_BASE_X_H\n\n#endif\n"
MAN = r""".TH LOOPSTALL 8 "" "loopstall 1.2.3" "System Administration"
.TP
.B trace
Prints stalls.
.TP
.BR \-p ", " \-\-pid " " \fIPID\fR[,\fIPID\fR...]
Watch these.
.TP
.BI \-\-max\-size " SIZE"
Of a file (default: 5M).
.SH KEYS
.BR \e ", " F4
Filter.
.SH EXIT STATUS
.TP
.B 0
fine
.TP
.B 4
nothing: or too little
"""
README = "| 0 | fine |\n| 4 | `nothing`: or too little |\n"
PROGRAM = """#!/bin/sh
case "$1" in
--help) cat <<'END'
Usage: loopstall COMMAND [options]

  trace       Prints stalls

Exit codes:
  0  fine
  4  nothing: or too little
END
;;
trace) cat <<'END'
  -p, --pid PID[,PID...]      watch these
      --max-size SIZE         of a file (default 5M)
END
;;
esac
"""
VERSION = """#ifndef LOOPSTALL_APP_VERSION_H
#define LOOPSTALL_APP_VERSION_H

#define LOOPSTALL_VERSION "1.2.3"

#endif
"""
HELP_SCREEN = """/* clang-format off */
static const struct help_row help_rows[] = {
	{ "busy", "a share { not a key", ATTR_COLUMN },
	{ "\\\\  F4",
	  "show only rows",
	  ATTR_KEY },
};
"""
ARCH_WORDS = r"""words: x86\w* r[abcd]x
words: CS_\w+
fields: di
folders: src/ tests/unit/
own: src/arch/

tests/unit/x.c | "x86.so" | a name
"""
GOOD = {
    "src/base/x.h": HEADER,
    "src/base/x.c": "int x;\n",
    "src/app/version.h": VERSION,
    "src/view/screen_help.c": HELP_SCREEN,
    "src/arch/x86.c": "int rax = CS_OPT_ON;\n",
    "tests/unit/x.c": 'const char *name = "x86.so";\n',
    "tests/lint/arch_words.txt": ARCH_WORDS,
    "docs/loopstall.8": MAN,
    "docs/page.md": "# One: `two` three\n\n"
    "See [above](#one-two-three), [the first](../README.md) and `src/base/x.c`.\n\n"
    "    sudo build/loopstall trace -p 1 --max-size 5M -- python3 --no-option\n",
    "README.md": README
    + "[page](docs/page.md#one-two-three) [site](https://example.org/x) `src/base/NAME.c`\n",
    "build/loopstall": PROGRAM,
    ".clang-format": "UseTab: Always\n",
    "Makefile": "all:\n",
    "tests/x.py": "# " + "x" * 98 + "\n",
    "docs/table.md": "| " + "x" * 99 + "\n",
}
CHECKS = (
    style.check_columns,
    style.check_header_guards,
    style.check_format,
    *manual.CHECKS,
    *links.CHECKS,
)


class Tree:
    """A tree of files that the checks read instead of ours."""

    def __init__(self, files=None):
        self.files = {**GOOD, **(files or {})}

    def __enter__(self):
        self.root, self.before = tempfile.mkdtemp(prefix="loopstall-lint-"), tree.ROOT
        for path, text in self.files.items():
            full = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as f:
                f.write(text)
        program = os.path.join(self.root, "build/loopstall")
        if os.path.exists(program):
            os.chmod(program, 0o755)
        tree.ROOT = self.root

    def __exit__(self, *_):
        tree.ROOT = self.before
        shutil.rmtree(self.root)


def expect(check, path, text, *words):
    """The check finds one fault in the good tree with that one file changed, in these words."""
    with Tree(files={path: text}):
        found = list(check())
    assert len(found) == 1, (check.__name__, found)
    for word in words:
        assert word in found[0], (check.__name__, word, found)


def test_good_tree_has_no_fault():
    for check in CHECKS:
        with Tree():
            found = list(check())
        assert not found, (check.__name__, found)


def test_columns():
    expect(
        style.check_columns,
        "src/base/x.c",
        "\t\t/* " + "x" * 81 + " */\n",
        "src/base/x.c:1: 103 columns",
    )
    for path in "tests/x.py", "scripts/x.sh", "Makefile", "tests/live/Makefile":
        expect(style.check_columns, path, "#\n# " + "x" * 99 + "\n", path + ":2: 101 columns")
    for path in ("CHANGELOG.md", "docs/page.md", "docs/loopstall.8"):
        expect(style.check_columns, path, "x\n" + "x" * 101 + "\n", path + ":2: 101 columns")
    expect(style.check_columns, "README.md", README + "| " + "x" * 99 + "\n", "3: 101 columns")


def test_format():
    expect(style.check_format, "src/base/x.c", "int  x;\n", "src/base/x.c: not formatted")
    style.FORMATTER, before = "no-such-formatter", style.FORMATTER
    try:
        expect(style.check_format, "src/base/x.c", "int x;\n", "no-such-formatter 14 is missing")
    finally:
        style.FORMATTER = before


def test_header_guards():
    expect(
        style.check_header_guards,
        "src/base/x.h",
        HEADER.replace("BASE", "BSAE"),
        "should be LOOPSTALL_BASE_X_H",
    )
    expect(style.check_header_guards, "src/base/x.h", "int x;\n", "no header guard")
    expect(style.check_header_guards, "tests/unit/y.h", HEADER, "is that of src/base/x.h")


def test_options():
    with Tree(files={"docs/loopstall.8": MAN.replace(r"\-\-max\-size", r"\-\-maximum")}):
        found = list(manual.check_options())
    assert found == [
        "docs/loopstall.8: no paragraph about --max-size of trace",
        "docs/loopstall.8: --maximum is no option",
    ], found
    expect(
        manual.check_options,
        "docs/loopstall.8",
        MAN.replace(r"\-p ", r"\-x "),
        "-p, short for --pid of trace",
    )
    expect(
        manual.check_options,
        "docs/loopstall.8",
        MAN.replace("5M", "50K"),
        "--max-size of trace: the default is 5M",
    )
    expect(
        manual.check_options,
        "docs/loopstall.8",
        MAN.replace(".B trace", ".B follow"),
        "about the command trace",
    )


def test_a_missing_program_is_a_fault():
    os.environ["LOOPSTALL"] = "/nonexistent/loopstall"
    try:
        for check in (manual.check_options, manual.check_exit_codes, manual.check_shown_commands):
            expect(check, "README.md", README, "run `make` first")
    finally:
        del os.environ["LOOPSTALL"]


def test_exit_codes():
    expect(
        manual.check_exit_codes,
        "docs/loopstall.8",
        MAN.replace("or too little", "or none"),
        "loopstall.8: exit code 4",
    )
    expect(
        manual.check_exit_codes,
        "README.md",
        README.replace("fine", "good"),
        "README.md: exit code 0",
    )


def test_version():
    expect(
        manual.check_version,
        "src/app/version.h",
        VERSION.replace("1.2.3", "1.2.4"),
        '"loopstall 1.2.4"',
    )
    expect(manual.check_version, "src/app/version.h", "\n", "no LOOPSTALL_VERSION")


def test_keys():
    expect(manual.check_keys, "docs/loopstall.8", MAN.replace("F4", "F5"), "the key F4")
    expect(manual.check_keys, "docs/loopstall.8", MAN.replace(r"\e", "/"), "the key \\ of")


def test_shown_commands():
    expect(
        manual.check_shown_commands,
        "docs/page.md",
        "    loopstall trace --pid 1 --sort x | head -n 1\n",
        "docs/page.md:1: --sort is no option of loopstall trace",
    )
    expect(
        manual.check_shown_commands,
        "docs/page.md",
        "`loopstall trace -q -- ls -l`\n",
        "-q is no option",
    )


def test_links():
    expect(
        links.check_links,
        "docs/page.md",
        "# One: `two` three\n[x](other.md)\n",
        "page.md:2: docs/other.md does not",
    )
    expect(
        links.check_links,
        "docs/page.md",
        "# One\n",
        "README.md:3: docs/page.md has no heading #one-two-three",
    )
    expect(
        links.check_links,
        "docs/page.md",
        "# One: two three\n<img src=\"x.svg\">\n",
        "docs/x.svg does not exist",
    )
    expect(
        links.check_links,
        "docs/page.md",
        "# One: two three\n```\n[x](y)\n```\n[x](#none)\n",
        "page.md:5: ",
    )


def test_paths():
    expect(
        links.check_paths,
        "docs/page.md",
        "`src/base/y.c`\n",
        "docs/page.md:1: src/base/y.c does not exist",
    )


def test_pages():
    expect(
        links.check_pages,
        "src/base/x.c",
        "/* see docs/other.md */\n",
        "src/base/x.c:1: docs/other.md does not exist",
    )


def test_arch_words():
    check = arch_words.check_arch_words
    for text in ("/* in rax */", "int x = CS_OPT_ON;", "int x = regs->di;", "#ifdef x86_64"):
        expect(check, "src/base/x.c", text + "\n", "src/base/x.c:1: ", "of one architecture")
    expect(check, "tests/unit/x.c", '"x86.so"\nregs.di\n', "tests/unit/x.c:2: di ")
    expect(check, "tests/unit/x.c", "int x;\n", "no longer needed: tests/unit/x.c")
    for path, text in (
        ("src/base/x.c", "int fair_raxes = task.dict + specs_CS_;\n"),
        ("src/arch/arm64.c", "int x = regs->di;\n"),
        ("docs/page.md", "rax\n"),
    ):
        with Tree(files={path: text}):
            found = list(check())
        assert not found, found


if __name__ == "__main__":
    sys.exit(suite.run("lint's own", suite.tests_of(globals())))
