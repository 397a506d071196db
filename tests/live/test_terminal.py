# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard as a guest of its terminal: sizes, colours, characters, signals, and how it gives
it back."""

import os
import re
import signal
import time

import lib
from lib import check, check_equal, live, run_tool
from terminal import WIDE, steady, terminal_of, top_on

NARROW = (60, 16)


@live(on="once")
def fits_a_small_window_and_a_new_size(bench):
    target = steady(bench)
    with top_on(bench, target, NARROW) as terminal:
        text = terminal.wait(r"_stall\b")
        check(max(len(line) for line in text.splitlines()) <= NARROW[0], "too wide:\n%s", text)
        for size in (WIDE, NARROW, (200, 50), WIDE):
            terminal.resize(size)
        terminal.wait(r"_stall\b")
    target.finish()


@live(on="once")
def what_is_not_typed_is_no_command(bench):
    """Reports of the terminal, the mouse of another kind, and a paste: `[` would move the
    threshold, `e` would open an editor, `q` would quit."""
    target = steady(bench)
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(target.pid), "--threshold", "20ms")
        terminal.wait(r"_stall\b")
        for text in ("\033[I", "\033[O", "\033[1~", "\033[4~", "\033[<2;10;9M", "\033[?62;1;4c"):
            terminal.literally(text)
        terminal.literally("\033]11;rgb:ff/ff/ff\033\\")
        terminal.paste("hello [query]")
        terminal.literally("\033[6~")
        terminal.keys("5")
        text = terminal.wait_still(r"\[Sites\]")
        check("what lasts at least" not in text, "the threshold moved:\n%s", text)
        terminal.keys("/")
        terminal.paste("steady")
        terminal.wait("steady_")
        terminal.keys("Escape", "q")
        terminal.wait_end(0)
    target.finish()


@live(on="once")
def draws_ascii_where_the_locale_has_no_utf8(bench):
    target = steady(bench)
    with terminal_of(bench, LC_ALL="C", NO_COLOR="1") as terminal:
        terminal.run("top", "-p", str(target.pid))
        text = terminal.wait(r"_stall\b")
        check(text.isascii(), "not ASCII:\n%s", text)
        terminal.keys("C-c")
        terminal.wait_end(0)
    target.finish()


@live(on="once")
def restores_the_terminal_when_signalled(bench):
    target = steady(bench)
    for number, code in ((signal.SIGTERM, 0), (signal.SIGSEGV, 139), (signal.SIGHUP, 129)):
        with bench.part(number.name), terminal_of(bench) as terminal:
            terminal.run("top", "-p", str(target.pid))
            terminal.wait(r"_stall\b")
            os.kill(terminal.tool_pid(), number)
            terminal.wait_end(code)
    target.finish()


@live(on="once")
def refuses_without_a_terminal_and_bad_options(bench):
    code, output, errors = run_tool(bench, "top", "-p", "1")
    check_equal((code, output), (2, b""), "answer")
    check("terminal" in errors and "trace" in errors, "message: %s", errors)
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(os.getpid()), "--screen", "nonsense")
        terminal.wait_end(2)
    with terminal_of(bench, TERM="dumb") as terminal:
        terminal.run("top", "-p", str(os.getpid()))
        terminal.wait("TERM is dumb")
        terminal.wait_end(2)


@live(on="once")
def no_color_means_none(bench):
    target = steady(bench)
    for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with top_on(bench, target, **env) as terminal:
            terminal.wait(r"_stall\b")
            codes = re.findall(r"\x1b\[([0-9;]*)m", terminal.screen("-e"))
            colours = [
                code
                for code in codes
                if re.search(r"(^|;)([34]8|3[0-7]|4[0-7]|9[0-7]|10[0-7])(;|$)", code)
            ]
            check_equal(bool(colours), is_coloured, "colours with %s: %s" % (env, colours[:5]))
    target.finish()


def _title_colour(terminal):
    """That of the tab of the screen that is shown."""
    return re.search(r"\x1b\[([0-9;]*)m\[\w+\]", terminal.screen("-e")).group(1)


@live(on="once")
def colours_suit_the_background(bench):
    """The terminal is asked for it; what it answers is no key, and no key is lost meanwhile."""
    target = steady(bench)
    for background, options, colour in (
        ("#ffffff", "", "38;5;24"),
        ("#10151c", "", "38;5;80"),
        ("#ffffff", "--theme dark", "38;5;80"),
        ("#ffffff", "--theme 16", "34"),
    ):
        with bench.part(background + options), terminal_of(bench) as terminal:
            terminal.set_background(background)
            terminal.run("top", "-p", str(target.pid), options)
            terminal.keys("5")
            terminal.wait(r"\[Sites\]")
            found = _title_colour(terminal)
            check(found.endswith(colour), "%r, not %r", found, colour)
            # Another one is chosen: the last before the line that saves.
            terminal.keys("F2")
            terminal.wait(r"\(x\) theme")
            terminal.keys("End", "Up", "Enter", "Escape")
            terminal.wait(r"F1 Help")
            check_equal(re.findall(r"\x1b\[[0-9;]*[34]8;5;", terminal.screen("-e")), [], "colours")
            terminal.keys("q")
            terminal.wait_end(0)
    target.finish()


@live(on="once")
def survives_a_tiny_window(bench):
    target = steady(bench)
    with top_on(bench, target) as terminal:
        terminal.wait(r"_stall\b")
        for size in ((30, 8), (2, 2), (1, 30), (300, 1)):
            terminal.resize(size)
            time.sleep(0.3)
            terminal.keys("j")
        terminal.resize(WIDE)
        terminal.wait(r"_stall\b")
    target.finish()


@live(on="once")
def stops_and_goes_on_with_its_job(bench):
    target = steady(bench)
    with terminal_of(bench) as terminal:
        terminal.type("%s top -p %d" % (os.path.abspath(lib.TOOL), target.pid))
        terminal.wait(r"_stall\b")
        for _ in range(2):
            terminal.keys("C-z")
            terminal.wait("Stopped")
            check_equal(terminal.state("alternate_on"), "0", "alternate screen")
            terminal.type("clear; fg; echo END$?")
            terminal.wait(r"_stall\b")
            check_equal(terminal.state("alternate_on"), "1", "alternate screen")
        terminal.keys("q")
        terminal.wait_end(0)
    target.finish()
