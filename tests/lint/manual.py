# SPDX-License-Identifier: BSD-2-Clause
"""The program's own help against the man page, the README and the commands that the docs show.

The help is made from the option tables, so the built program is asked. Without one these checks
fail.
"""

import functools
import os
import re
import subprocess

import tree

MAN = "docs/loopstall.8"
HELP_SCREEN = "src/view/screen_help.c"
OPTION = re.compile(r"^  (?:-(\w), |    )--([a-z0-9-]+)(?: (\S+))? +(.*)$", re.M)
# Help rows about keys that are words, not keys.
NO_KEYS = {"...", "arrows", "mouse"}


def program():
    return os.environ.get("LOOPSTALL") or tree.full(
        os.path.join(os.environ.get("BUILD", "build"), "loopstall")
    )


@functools.cache
def ask(path, *arguments):
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout


def fault_of_program():
    if not os.path.exists(program()):
        return (
            f"{os.path.relpath(program(), tree.ROOT)} is not there to be compared: run `make` first"
        )
    return None


def commands():
    return re.findall(r"^  ([a-z]+) {2,}", ask(program(), "--help").split("Exit codes:")[0], re.M)


def options(command):
    """(letter or "", long name, argument or "", help) of each option."""
    return OPTION.findall(ask(program(), command, "--help"))


def plain(roff):
    """The text of man source, without its fonts and escapes."""
    roff = re.sub(r"\\f.", "", roff).replace("\\-", "-").replace("\\e", "\\")
    return re.sub(r"^\.(?:BR|RB|BI|IR|RI|B|I) ", "", roff.replace('"', ""), flags=re.M)


def paragraphs():
    """The tagged paragraphs of the man page: those that begin with .TP, each as (tag, all of
    it)."""
    for part in re.split(r"^\.TP\n", tree.text(MAN), flags=re.M)[1:]:
        part = re.split(r"^\.(?:SH|SS|PP)", part, flags=re.M)[0]
        yield plain(part).split("\n")[0], " ".join(plain(part).split())


def in_tag(name, tag):
    return re.search(r"(?<![\w-])" + re.escape(name) + r"(?![\w-])", tag)


def check_option(command, letter, name, help_text):
    found = [text for tag, text in paragraphs() if in_tag("--" + name, tag)]
    if not found:
        yield f"{MAN}: no paragraph about --{name} of {command}"
        return
    if letter and not any(in_tag("-" + letter, text) for text in found):
        yield f"{MAN}: -{letter}, short for --{name} of {command}, is missing"
    default = re.search(r"\(default:? ([^,)]+)", help_text)
    if default and not any("default" in text and default.group(1) in text for text in found):
        yield f"{MAN}: --{name} of {command}: the default is {default.group(1)}"


def check_options():
    fault = fault_of_program()
    if fault:
        yield fault
        return
    known = set()
    for command in commands():
        if not re.search(r"^\.B " + command + "$", tree.text(MAN), re.M):
            yield f"{MAN}: no paragraph about the command {command}"
        for letter, name, _, help_text in options(command):
            if name not in known:
                yield from check_option(command, letter, name, help_text)
            known.add(name)
    for name in sorted(set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", plain(tree.text(MAN))))):
        if name not in known:
            yield f"{MAN}: --{name} is no option"


def exit_codes():
    return re.findall(r"^  (\d)  (.*)$", ask(program(), "--help").split("Exit codes:")[1], re.M)


def check_exit_codes():
    fault = fault_of_program()
    if fault:
        yield fault
        return
    man, readme = dict(paragraphs()), tree.text("README.md").replace("`", "")
    for code, sentence in exit_codes():
        if man.get(code) != f"{code} {sentence}":
            yield f"{MAN}: exit code {code} is not \"{sentence}\", as in --help"
        if f"| {code} | {sentence} |" not in readme:
            yield f"README.md: exit code {code} is not \"{sentence}\", as in --help"


def check_version():
    match = re.search(r'^#define LOOPSTALL_VERSION "(.*)"$', tree.text("src/app/version.h"), re.M)
    if not match:
        yield "src/app/version.h: no LOOPSTALL_VERSION"
    elif f'"loopstall {match.group(1)}"' not in tree.text(MAN).split("\n.SH")[0]:
        yield (
            f"{MAN}: .TH does not say \"loopstall {match.group(1)}\", "
            "the version of src/app/version.h"
        )


def keys_of_help_screen():
    rows = re.findall(
        r'\{\s*"((?:[^"\\]|\\.)*)",(?:[^{}]|"(?:[^"\\]|\\.)*")*?(ATTR_\w+)\s*\}',
        tree.text(HELP_SCREEN),
    )
    return {
        key
        for word, attr in rows
        if attr == "ATTR_KEY"
        for key in word.replace("\\\\", "\\").split()
    } - NO_KEYS


def check_keys():
    """Each key of the dashboard's help screen is in the man page."""
    section = plain(re.split(r"^\.SH KEYS$", tree.text(MAN), flags=re.M)[-1].split("\n.SH")[0])
    words = {word.rstrip(",") or word for word in section.split()}
    found = keys_of_help_screen()
    if not found:
        yield f"{HELP_SCREEN}: no row with ATTR_KEY"
    for key in sorted(found - words):
        yield f"{MAN}: the key {key} of {HELP_SCREEN} is not in KEYS"


def shown_commands(page):
    """(line number, command, its arguments) of each command line of loopstall in a page."""
    for number, line in enumerate(tree.lines(page), 1):
        for match in re.finditer(r"loopstall (" + "|".join(commands()) + r")\b([^`|#]*)", line):
            yield number, match.group(1), re.split(r" -- | > ", match.group(2))[0]


def check_shown_commands():
    """The options in the command lines of the docs exist."""
    fault = fault_of_program()
    if fault:
        yield fault
        return
    for page in tree.pages():
        for number, command, arguments in shown_commands(page):
            known = {"--" + name for _, name, _, _ in options(command)}
            known |= {"-" + letter for letter, _, _, _ in options(command) if letter}
            for option in re.findall(r"(?<!\S)(--[a-z][a-z-]*|-[a-zA-Z])(?![\w-])", arguments):
                if option not in known:
                    yield f"{page}:{number}: {option} is no option of loopstall {command}"


CHECKS = (check_options, check_exit_codes, check_version, check_keys, check_shown_commands)
