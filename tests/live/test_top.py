# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard on a real terminal: tmux runs it, keys are sent, what the pane shows is checked."""

import os
import re
import signal
import sys
import time

from lib import ROOT, check, check_equal, live, run_tool
from terminal import steady, terminal_of, top_on

sys.path.append(os.path.join(ROOT, "tests", "formats"))

import packed  # noqa: E402 (tests/formats)


@live(on="once")
def shows_who_stalls_and_gives_the_terminal_back(bench):
    target = steady(bench)
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(target.pid))
        text = terminal.wait(r"_stall\b.*")
        check(str(target.pid) in text.splitlines()[0], "no pid in the header:\n%s", text)
        check("CPython" in text, "no interpreter in the header:\n%s", text)
        terminal.keys("Enter")
        terminal.wait(r"time\.sleep")
        terminal.keys("Escape", "?")
        terminal.wait("(?i)help")
        terminal.keys("Escape", "q")
        terminal.wait_end(0)
    target.finish()


# AGO, LASTED and COROUTINE of the row of an open stall.
OPEN_ROW = r"(?m)^\S? +now +([\d.]+)(m?s) +_hang\b"


def _open_seconds(text):
    number, unit = re.search(OPEN_ROW, text).groups()
    return float(number) / (1000 if unit == "ms" else 1)


@live(on="once", loops=("asyncio", "uvloop"))
def a_stuck_loop_is_shown_while_it_is_stuck(bench):
    target = bench.target("stuck.py", "--loop", bench.loop)
    target.hear("ready")
    with top_on(bench, target) as terminal:
        terminal.wait("CPython")
        # The first task shows the loop to the tool.
        target.ask("0.01", "goes_on")
        time.sleep(1.5)
        terminal.keys("3")
        terminal.wait(r"\[Stalls\]")
        since = target.ask("4", "hangs")["since"]
        terminal.wait(OPEN_ROW, timeout=2.0)
        # Captures and the terminal itself take their time as well.
        took = (time.monotonic_ns() - since) / 1e9
        check(took < 0.5, "shown after %.2f s", took)
        check("STUCK" not in terminal.screen() or took > 0.45, "an alarm after %.2f s", took)
        text = terminal.wait(r"STUCK [\d.]+ s  stuck\.py:\d+ in _hang", timeout=2.0)
        took = (time.monotonic_ns() - since) / 1e9
        check(took < 1.0, "the alarm came after %.2f s", took)
        check("clock_nanosleep" in text or "sleep" in text, "no cause:\n%s", text)
        first = _open_seconds(terminal.wait(OPEN_ROW))
        time.sleep(0.5)
        check(_open_seconds(terminal.wait(OPEN_ROW)) > first, "it does not count")
        terminal.keys("Enter")
        terminal.wait(r"time\.sleep, of the open stall: [\d.]+s so far")
        terminal.wait(r"_hang  \S*stuck\.py:\d+")
        target.hear("goes_on")
        # It is over: the same stall, and still the one that is shown.
        terminal.wait(r"time\.sleep, of this stall: 4\.0s in ")
        terminal.keys("Escape")
        text = terminal.wait(r"(?m)^\S? +[\d.]+m?s +4\.0s +_hang")
        check(not re.search(OPEN_ROW, text), "it is there twice:\n%s", text)
        terminal.wait("was stuck 4.0")
    target.finish()


@live(on="once")
def names_who_waits_for_a_stuck_loop(bench):
    target = bench.target("hangs.py", "lock")
    target.hear("ready")
    with top_on(bench, target) as terminal:
        terminal.wait(r"100\.0% of \d+ steps named")
        target.ask("go", "stuck")
        terminal.keys("3")
        text = terminal.wait(r"STUCK [\d.]+ s  hangs\.py:\d+ in lock .* 1 task waiting")
        check(re.search(r"(?m)^\S? +now .* lock .*the-task", text), "no row:\n%s", text)
        terminal.keys("Enter")
        # The ticker's timer is due; the main task awaits the one that is stuck.
        terminal.wait(r"waiting 1 task   Task-\d+")
        terminal.wait(r"awaited by   Task-\d+  main")
    target.close()


@live(on="once")
def outlives_a_target_that_dies(bench):
    target = steady(bench)
    with top_on(bench, target) as terminal:
        terminal.wait(r"_stall\b")
        target.signal(signal.SIGKILL)
        target.wait()
        # What is known stays to be looked at.
        terminal.wait("has ended|exited")
        terminal.wait(r"_stall\b")


@live(on="once")
def shows_the_tasks_of_trio(bench):
    target = bench.target("kinds.py", "trio-tasks")
    target.hear("ready")
    target.ask("go", "waiting")
    with top_on(bench, target, size=(150, 40)) as terminal:
        terminal.wait("F1 Help")
        terminal.keys("2", "v")  # rows instead of a preview
        text = terminal.wait(r"sleeper-19\b")
        lines = [line for line in text.splitlines() if re.search(r"\bsleeper-\d+\b", line)]
        check_equal(len(lines), 20, "sleepers on\n%s" % text)
        for line in lines:
            check(
                "waiting" in line and re.search(r"_timeouts\.py:\d+ in sleep", line),
                "line %r",
                line,
            )
        check(re.search(r"__main__\.\S*main\b", text), "no main task on\n%s", text)
        check("<init>" in text, "trio's own tasks on\n%s", text)
        check("23 tasks" in text, "the header of\n%s", text)
    target.write("go on")
    target.hear("done")
    target.finish()


@live(on="once")
def saves_what_it_knows(bench):
    target = steady(bench)
    with top_on(bench, target) as terminal:
        terminal.wait(r"_stall\b")
        terminal.keys("S")
        terminal.wait("Save as")
        terminal.keys("Escape")
        terminal.wait("F1 Help")
        check_equal(_saved(bench), [], "files saved before one was chosen")
        # It stands on the format chosen last.
        for keys, extension in (
            (("Enter",), "txt"),
            (("Down", "Enter"), "json"),
            (("Down", "Down", "Enter"), "stalls.csv"),
            (("End", "Enter"), "md"),
            (("Up", "Enter"), "html"),
        ):
            count = len(_saved(bench))
            terminal.keys("S")
            terminal.wait("Save as")
            terminal.keys(*keys)
            terminal.wait(r"saved loopstall-[\d-]+\.%s\b" % re.escape(extension))
            check_equal(len(_saved(bench)), count + 1, "files after %s" % extension)
    names = _saved(bench)
    check_equal(
        sorted(name.split(".", 1)[1] for name in names),
        ["html", "json", "md", "stalls.csv", "txt"],
        "files",
    )
    for name in names:
        check("_stall" in packed.text_of(os.path.join(bench.folder, name)), "no stall in %s", name)
    target.finish()


def _saved(bench):
    return [name for name in os.listdir(bench.folder) if name.startswith("loopstall-")]


def _without_clock(text):
    """What a screen shows besides the word for stopped or playing."""
    return text.replace("STOPPED", "       ").replace("\u25b6", " ")


def _position(text):
    """Seconds of the recording that were played, and all of them."""
    found = re.search(r"x([\d.]+)  (\d+):(\d+):(\d+) of (\d+):(\d+):(\d+)", text)
    check(found, "no position in the header:\n%s", text)
    numbers = [int(n) for n in found.groups()[1:]]
    return [3600 * h + 60 * m + s for h, m, s in (numbers[:3], numbers[3:])]


@live(on="once")
def plays_a_recording(bench):
    target, path = steady(bench), os.path.join(bench.folder, "a.ls")
    code, _, errors = run_tool(
        bench, "record", "-p", str(target.pid), "-d", "16s", "-o", path, timeout=40
    )
    check_equal(code, 0, "exit code (%s)" % errors)
    target.finish()
    with terminal_of(bench) as terminal:
        terminal.run("top", path)
        text = terminal.wait(r"\u25b6 x1 .*of 00:00:1[56]")
        check(str(target.pid) in text.splitlines()[0] and "recorded" in text, "header:\n%s", text)
        terminal.wait(r"_stall\b")
        terminal.keys("+")
        terminal.wait("x2 ")
        terminal.keys("-", "-")
        terminal.wait("x0.5 ")
        terminal.keys("+", "+", "+")
        terminal.wait("x5 ")
        terminal.wait("00:00:0[345] of")
        terminal.keys("p")
        played = terminal.wait_still("STOPPED x5 ")
        at, _ = _position(played)
        check(3 <= at <= 5, "it stopped at %d s", at)
        time.sleep(0.5)
        check_equal(terminal.screen(), played, "the screen while it stands still")
        # There by playing, and there by seeking: the same to the letter.
        terminal.keys(".")
        check_equal(_position(terminal.wait("00:00:1[345] of"))[0], at + 10, "10 s further")
        check(terminal.screen() != played, "nothing has changed in 10 s")
        terminal.keys(",")
        sought = terminal.wait_still("00:00:0%d of" % at)
        check_equal(sought, played, "the screen after seeking")
        terminal.keys("r")
        check("_stall" not in terminal.wait("00:00:00 of"), "stalls at the beginning")
        terminal.keys("}")
        end = terminal.wait_still(r"00:00:1([56]) of 00:00:1\1")
        terminal.keys("{")
        terminal.wait("00:00:00 of")
        # It was stopped by hand, so it stays so after its end; from there it plays again.
        terminal.wait("STOPPED x5 ")
        terminal.keys("p")
        terminal.wait("\u25b6 x5 ")
        terminal.keys("+", "+")
        # By playing it comes to the same end.
        terminal.wait(r"STOPPED x20  00:00:1([56]) of 00:00:1\1")
        terminal.keys("-", "-")
        check_equal(
            _without_clock(terminal.wait("STOPPED x5 ")),
            _without_clock(end),
            "the screen at the end",
        )
        terminal.keys("S")
        terminal.wait("Save as")
        terminal.keys("End", "Up", "Enter")
        terminal.wait(r"saved loopstall-[\d-]+\.html")
        terminal.keys("q")
        terminal.wait_end(0)
        terminal.clear()
        terminal.run("top", os.path.join(bench.folder, "tmux.conf"))
        terminal.wait("is not a recording")
        terminal.wait_end(2)
    page = os.path.join(bench.folder, _saved(bench)[0])
    check("_stall" in packed.text_of(page), "no stall in the page")


# STALLS of the coroutine that stalls, between MAX and the bar.
STALLS_ROW = r"(?m)^.*\b_stall\b.* (\S+) +[\u2593\u2592\u2591\u00b7]{4}"


def _stalls_of(text):
    return re.search(STALLS_ROW, text).group(1)


@live(on="once")
def counts_since_a_moment_and_compares_with_it(bench):
    target = steady(bench)
    with top_on(bench, target, (140, 40)) as terminal:
        terminal.wait(r"_stall\b.*time\.sleep|_stall\b.* sleep")
        terminal.keys("w")
        text = terminal.wait(r"\[Coroutines\].* last 10s ")
        check(int(_stalls_of(terminal.wait(STALLS_ROW))) > 0, "no stall in 10 s:\n%s", text)
        terminal.keys("w")
        terminal.wait(r"\[Coroutines\].* last 1m00s ")
        check(int(_stalls_of(terminal.wait(STALLS_ROW))) > 0, "no stall in a minute")
        terminal.keys("w")
        terminal.wait(r"\[Coroutines\] Tasks(?!.*last)")
        terminal.keys("b")
        terminal.wait(r"\[Coroutines\].* change since \S+ ago ")
        # A stall every 130 ms before and after: the same, or nearly. It is no number of stalls.
        change = _stalls_of(terminal.wait(STALLS_ROW.replace(r"(\S+)", r"(=|[+-]\d+%|x[\d.]+)")))
        check(not change.isdigit(), "no change, but %s", change)
        terminal.keys("b")
        terminal.wait(r"\[Coroutines\] Tasks(?!.*change)")
        check(_stalls_of(terminal.wait(STALLS_ROW)).isdigit(), "no number of stalls")
    target.finish()


@live(on="once")
def a_row_has_a_preview_and_leads_to_its_stalls(bench):
    target = steady(bench)
    with top_on(bench, target, (120, 40)) as terminal:
        # Verdict, source line and stack, without a key.
        text = terminal.wait(r"(?s)v hides.*of the worst stall")
        check("time.sleep(" in text and "steady.py" in text, "no source line:\n%s", text)
        terminal.resize((120, 30))
        terminal.wait(r"(?s)\A(?!.*v hides).*_stall\b.*q Quit")
        terminal.resize((80, 60))
        terminal.wait(r"(?s)v hides.*of the worst stall")
        terminal.resize((120, 40))
        terminal.keys(*"ggggggg")
        terminal.wait(r"\[Coroutines\].* by process ")
        terminal.keys("Enter")
        terminal.wait(r"(?s)\[Stalls\].* of python.*now|\[Stalls\].* of python.*_stall\b")
        terminal.keys("Enter")
        terminal.wait(r"\[Detail\]")
        terminal.keys("BSpace")
        terminal.wait(r"\[Stalls\].* of python")
        terminal.keys("Escape")
        terminal.wait(r"\[Coroutines\].* by process ")
        terminal.keys("6")
        terminal.wait(r"\[Loops\]")
        terminal.keys("Enter")
        terminal.wait(r"\[Stalls\].* of thread %d of " % target.pid)
    target.finish()


@live(on="once")
def lets_one_choose_where_no_target_is_named(bench):
    target, stuck = steady(bench), bench.target("hangs.py", "lock")
    stuck.hear("ready")
    stuck.ask("go", "stuck")
    with terminal_of(bench, (140, 50)) as terminal:
        terminal.run("top")
        terminal.wait(r"(?m)^. +%d .*\b100 +[\d.]+m?s futex" % stuck.pid)
        # Its stalls take a quarter of its time: some look finds one. It is not stuck in them.
        terminal.wait(r"(?m)^. +%d .* [1-9]\d* +python\S* .*steady" % target.pid)
        # Other programs of this machine may be in the list as well.
        for _ in range(200):
            if re.search(r"(?m)^\u25b8 +%d " % target.pid, terminal.screen()):
                break
            terminal.keys("j" if _is_below(terminal, target) else "k")
            time.sleep(0.1)
        terminal.keys("Enter")
        terminal.wait(r"(?s)loopstall .*\b%d\b.*_stall\b" % target.pid)
        terminal.keys("q")
        terminal.wait_end(0)
        terminal.clear()
        terminal.run("top")
        terminal.wait(r"(?m)^. +%d " % target.pid)
        os.kill(terminal.tool_pid(), signal.SIGTERM)
        terminal.wait_end(0)
    stuck.close()
    target.finish()


def _is_below(terminal, target):
    text = terminal.screen()
    return text.index("%d " % target.pid) > text.index("\u25b8")


@live(on="once")
def waits_for_a_name(bench):
    token = "waits-for-a-name-%d" % time.monotonic_ns()
    with terminal_of(bench, (200, 40)) as terminal:
        terminal.run("top", "-n", token)
        terminal.wait(r"waiting\s+for\s+one")
        target = bench.target("steady.py", "--becomes", token)
        target.hear("ready")
        terminal.wait(r"_stall\b")
        header = terminal.screen().splitlines()[0]
        check(str(target.pid) in header, "not %d: %s", target.pid, header)
        terminal.keys("q")
        terminal.wait_end(0)
        terminal.clear()
        terminal.run("trace", "--wait", "-n", token + "-and-more")
        terminal.wait(r"waiting\s+for\s+one")
        terminal.keys("C-c")
        terminal.wait(r"a\s+signal\s+came\s+before")
        terminal.wait_end(3)
    target.finish()


@live(on="once")
def a_target_that_dies_while_it_is_attached_to(bench):
    for delay in (0.0, 0.03, 0.1, 0.2):
        target = steady(bench)
        with bench.part("after %g s" % delay), terminal_of(bench) as terminal:
            terminal.run("top", "-p", str(target.pid))
            time.sleep(delay)
            target.signal(signal.SIGKILL)
            target.wait()
            text = terminal.wait(r"END\d|has ended")
            if not re.search(r"END\d", text):
                terminal.keys("q")
                terminal.wait(r"END\d")
            # Too late to attach, or attached and then ended.
            terminal.wait_end(re.search(r"END([03])\n", terminal.screen()).group(1))


def _write_config(bench, text):
    path = os.path.join(bench.folder, "loopstall", "config.ini")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)
    return path


@live(on="once")
def configuration_file(bench):
    target = steady(bench)
    path = _write_config(bench, "[top]\nscreen = stalls\n\n[measure]\nthreshold = 15ms\n")
    with bench.part("used"), top_on(bench, target, XDG_CONFIG_HOME=bench.folder) as terminal:
        terminal.wait(r"\[Stalls\]")
        terminal.wait("threshold 15ms")
        terminal.keys("5", "F2")
        terminal.wait(r"Setup")
        terminal.keys("End", "Enter")
        terminal.wait("top begins with this screen")
        terminal.keys("q")
        terminal.wait_end(0)
        with open(path) as file:
            text = file.read()
        check_equal(
            text,
            "[top]\nscreen = sites\nsort = total\ngroup = auto\ntheme = auto\n\n"
            "[measure]\nthreshold = 15ms\n",
            "the configuration file",
        )
        terminal.clear()
        terminal.run("top", "-p", str(target.pid))
        terminal.wait(r"\[Sites\]")
        terminal.keys("q")
        terminal.wait_end(0)
        terminal.clear()
        terminal.run("top", "-p", str(target.pid), "--screen", "loops")
        terminal.wait(r"\[Loops\]")
    none = ("--config", "/dev/null")
    with bench.part("left out"), top_on(
        bench, target, options=none, XDG_CONFIG_HOME=bench.folder
    ) as terminal:
        terminal.wait(r"\[Coroutines\]")
    target.finish()
    for text, word in (
        ("[top]\nscreen = nonsense\n", r":2: screen 'nonsense' is no screen"),
        ("[top]\n\ncolour = red\n", r":3: \[top\] has no 'colour'"),
        ("[measure]\nthreshold = 10\n", r":2: threshold: '10' has no unit"),
    ):
        _write_config(bench, text)
        with bench.part(repr(text)), terminal_of(bench, (160, 30)) as terminal:
            terminal.run("top", "-p", str(os.getpid()), "--config", path)
            terminal.wait_end(2)
            check(
                re.search(re.escape(path) + word, terminal.screen()),
                "message:\n%s",
                terminal.screen(),
            )
