# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard on a real terminal: tmux runs it, keys are sent, what the pane shows is checked."""

import os
import re
import signal
import subprocess
import time

import lib
from lib import check, check_equal, live, run_tool, wait_for
from terminal import WIDE, terminal_of

NARROW = (60, 16)


def _steady(bench):
    target = bench.target("steady.py")
    target.hear("ready")
    return target


@live(on="once")
def shows_who_stalls_and_gives_the_terminal_back(bench):
    target = _steady(bench)
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


@live(on="once")
def fits_a_small_window_and_a_new_size(bench):
    target = _steady(bench)
    with terminal_of(bench, NARROW) as terminal:
        terminal.run("top", "-p", str(target.pid))
        text = terminal.wait(r"_stall\b")
        check(max(len(line) for line in text.splitlines()) <= NARROW[0], "too wide:\n%s", text)
        for size in (WIDE, NARROW, (200, 50), WIDE):
            terminal.resize(size)
        terminal.wait(r"_stall\b")
        terminal.keys("q")
        terminal.wait_end(0)
    target.finish()


@live(on="once")
def draws_ascii_where_the_locale_has_no_utf8(bench):
    target = _steady(bench)
    with terminal_of(bench, LC_ALL="C", NO_COLOR="1") as terminal:
        terminal.run("top", "-p", str(target.pid))
        text = terminal.wait(r"_stall\b")
        check(text.isascii(), "not ASCII:\n%s", text)
        terminal.keys("C-c")
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
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(target.pid))
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
        terminal.keys("q")
        terminal.wait_end(0)
    target.finish()


@live(on="once")
def names_who_waits_for_a_stuck_loop(bench):
    target = bench.target("hangs.py", "lock")
    target.hear("ready")
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait(r"100\.0% of \d+ steps named")
        target.ask("go", "stuck")
        terminal.keys("3")
        text = terminal.wait(r"STUCK [\d.]+ s  hangs\.py:\d+ in lock .* 1 task waiting")
        check(re.search(r"(?m)^\S? +now .* lock .*the-task", text), "no row:\n%s", text)
        terminal.keys("Enter")
        # The ticker's timer is due; the main task awaits the one that is stuck.
        terminal.wait(r"waiting 1 task   Task-\d+")
        terminal.wait(r"awaited by   Task-\d+  main")
        terminal.keys("q")
        terminal.wait_end(0)
    target.close()


@live(on="once")
def outlives_a_target_that_dies(bench):
    target = _steady(bench)
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait(r"_stall\b")
        target.signal(signal.SIGKILL)
        target.wait()
        # What is known stays to be looked at.
        terminal.wait("has ended|exited")
        terminal.wait(r"_stall\b")
        terminal.keys("q")
        terminal.wait_end(0)


@live(on="once")
def restores_the_terminal_when_signalled(bench):
    target = _steady(bench)
    for number, code in ((signal.SIGTERM, 0), (signal.SIGSEGV, 139), (signal.SIGHUP, 129)):
        with bench.part(number.name), terminal_of(bench) as terminal:
            terminal.run("top", "-p", str(target.pid))
            terminal.wait(r"_stall\b")
            os.kill(terminal.tool_pid(), number)
            terminal.wait_end(code)
    target.finish()


@live(on="once")
def shows_the_tasks_of_trio(bench):
    target = bench.target("kinds.py", "trio-tasks")
    target.hear("ready")
    target.ask("go", "waiting")
    with terminal_of(bench, size=(150, 40)) as terminal:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait("F1 Help")
        terminal.keys("2")
        text = terminal.wait(r"sleeper-19\b")
        lines = [line for line in text.splitlines() if re.search(r"\bsleeper-\d+\b", line)]
        check_equal(len(lines), 20, "sleepers on\n%s" % text)
        for line in lines:
            check(
                "waiting" in line and re.search(r"_timeouts\.py:\d+ in sleep", line),
                "line %r",
                line,
            )
        check("__main__._tri" in text and "<init>" in text, "trio's own tasks on\n%s", text)
        check("23 tasks" in text, "the header of\n%s", text)
        terminal.keys("q")
        terminal.wait_end(0)
    target.write("go on")
    target.hear("done")
    target.finish()


@live(on="once")
def saves_what_it_knows(bench):
    target = _steady(bench)
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(target.pid))
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
        terminal.keys("q")
        terminal.wait_end(0)
    names = _saved(bench)
    check_equal(
        sorted(name.split(".", 1)[1] for name in names),
        ["html", "json", "md", "stalls.csv", "txt"],
        "files",
    )
    for name in names:
        with open(os.path.join(bench.folder, name)) as file:
            check("_stall" in file.read(), "no stall in %s", name)
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
    target, path = _steady(bench), os.path.join(bench.folder, "a.ls")
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
        played = terminal.wait("STOPPED x5 ")
        at, _ = _position(played)
        check(3 <= at <= 5, "it stopped at %d s", at)
        time.sleep(0.5)
        check_equal(terminal.screen(), played, "the screen while it stands still")
        # There by playing, and there by seeking: the same to the letter.
        terminal.keys(".")
        check_equal(_position(terminal.wait("00:00:1[345] of"))[0], at + 10, "10 s further")
        check(terminal.screen() != played, "nothing has changed in 10 s")
        terminal.keys(",")
        check_equal(terminal.wait("00:00:0%d of" % at), played, "the screen after seeking")
        terminal.keys("r")
        check("_stall" not in terminal.wait("00:00:00 of"), "stalls at the beginning")
        terminal.keys("}")
        end = terminal.wait_still(r"00:00:1([56]) of 00:00:1\1")
        terminal.keys("{")
        terminal.wait("00:00:00 of")
        # At the end it had stopped; from there it plays again.
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
        terminal.type("clear")
        terminal.run("top", os.path.join(bench.folder, "tmux.conf"))
        terminal.wait("is not a recording")
        terminal.wait_end(2)
    with open(os.path.join(bench.folder, _saved(bench)[0])) as file:
        check("_stall" in file.read(), "no stall in the page")


@live(on="once")
def refuses_without_a_terminal_and_bad_options(bench):
    code, output, errors = run_tool(bench, "top", "-p", "1")
    check_equal((code, output), (2, b""), "answer")
    check("terminal" in errors and "trace" in errors, "message: %s", errors)
    with terminal_of(bench) as terminal:
        terminal.run("top", "-p", str(os.getpid()), "--screen", "nonsense")
        terminal.wait_end(2)


@live(on="once")
def no_color_means_none(bench):
    target = _steady(bench)
    for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with terminal_of(bench, **env) as terminal:
            terminal.run("top", "-p", str(target.pid))
            terminal.wait(r"_stall\b")
            codes = re.findall(r"\x1b\[([0-9;]*)m", terminal.screen("-e"))
            colours = [
                code
                for code in codes
                if re.search(r"(^|;)([34]8|3[0-7]|4[0-7]|9[0-7]|10[0-7])(;|$)", code)
            ]
            check_equal(bool(colours), is_coloured, "colours with %s: %s" % (env, colours[:5]))
            terminal.keys("q")
            terminal.wait_end(0)
    target.finish()


@live(on="once")
def survives_a_tiny_window(bench):
    target = _steady(bench)
    with terminal_of(bench, WIDE) as terminal:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait(r"_stall\b")
        for size in ((30, 8), (2, 2), (1, 30), (300, 1)):
            terminal.resize(size)
            time.sleep(0.3)
            terminal.keys("j")
        terminal.resize(WIDE)
        terminal.wait(r"_stall\b")
        terminal.keys("q")
        terminal.wait_end(0)
    target.finish()


@live(on="once")
def stops_and_goes_on_with_its_job(bench):
    target = _steady(bench)
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


@live(on="once")
def a_target_that_dies_while_it_is_attached_to(bench):
    for delay in (0.0, 0.03, 0.1, 0.2):
        target = _steady(bench)
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
    target = _steady(bench)
    path = _write_config(bench, "[top]\nscreen = stalls\n\n[measure]\nthreshold = 15ms\n")
    with bench.part("used"), terminal_of(bench, XDG_CONFIG_HOME=bench.folder) as terminal:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait(r"\[Stalls\]")
        terminal.wait("threshold 15ms")
        terminal.keys("q")
        terminal.wait_end(0)
        terminal.type("clear")
        terminal.run("top", "-p", str(target.pid), "--screen", "loops")
        terminal.wait(r"\[Loops\]")
        terminal.keys("q")
        terminal.wait_end(0)
    with bench.part("left out"), terminal_of(bench, XDG_CONFIG_HOME=bench.folder) as terminal:
        terminal.run("top", "-p", str(target.pid), "--config", "/dev/null")
        terminal.wait(r"\[Coroutines\]")
        terminal.keys("q")
        terminal.wait_end(0)
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


DEMO = os.path.join(lib.HERE, "..", "demo", "run.sh")


def _demo_processes(pid):
    """The service and what else runs in a session."""
    return [
        line
        for line in subprocess.run(["ps", "-s", str(pid), "-o", "args="], stdout=subprocess.PIPE)
        .stdout.decode()
        .splitlines()
        if "demo" in line or "loopstall" in line
    ]


@live(on="once")
def the_demo_opens_the_dashboard_and_leaves_nothing(bench):
    build = os.path.dirname(os.path.abspath(lib.TOOL))
    for key in ("q", "C-c", None):
        with bench.part(str(key or "SIGTERM")), terminal_of(bench, (120, 32)) as terminal:
            shell = terminal.state("pane_pid")
            terminal.type(
                "env -u CI -u DEMO BUILD=%s PYTHON=%s %s; echo END$?"
                % (build, bench.python.path, os.path.relpath(DEMO, bench.folder))
            )
            terminal.wait("orders_page")
            check(len(_demo_processes(shell)) >= 4, "processes: %s", _demo_processes(shell))
            if key:
                terminal.keys(key)
            else:
                os.kill(terminal.tool_pid(), signal.SIGTERM)
            terminal.wait_end(0)
            check("q ends it" in terminal.screen(), "no hint:\n%s", terminal.screen())
            check_equal(_demo_processes(shell), [], "processes left")


@live(on="once")
def the_demo_prints_stalls_without_aterminal_of(bench):
    build = os.path.dirname(os.path.abspath(lib.TOOL))
    env = dict(os.environ, BUILD=build, PYTHON=bench.python.path, SECONDS_WATCHED="2")
    env.pop("DEMO", None)
    demo = bench.start([DEMO], env=env)
    output = b""
    while True:
        line = demo.read_line()
        if line is None:
            break
        output += line
    check_equal(demo.wait(), 0, "exit code (stderr: %s)" % demo.stderr)
    check(b" steps in 2.0" in output and b"service.py:" in output, "output: %s", output.decode())
