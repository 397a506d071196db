# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard on a real terminal: tmux runs it, keys are sent, what the pane shows is checked."""

import contextlib
import os
import re
import signal
import subprocess
import time

import lib
from lib import check, check_equal, live, run_tool

WIDE = (100, 30)
NARROW = (60, 16)


class Terminal:
    """A tmux server of its own with one window, in which a shell runs the tool."""

    def __init__(self, bench, size, env):
        # Never that of a server that is still ending.
        self._socket = os.path.join(bench.folder, "tmux-%d" % time.monotonic_ns())
        self._folder = bench.folder
        config = os.path.join(bench.folder, "tmux.conf")
        with open(config, "w") as file:
            file.write("set -g status off\nset -g default-terminal screen-256color\nset -s escape-time 0\n")
        shell = ["env"] + ["%s=%s" % item for item in env.items()] + ["PS1=READY> ", "sh"]
        self._tmux("-f", config, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *shell)
        self.wait("READY>")

    def _tmux(self, *args):
        done = subprocess.run(
            ["tmux", "-S", self._socket] + list(args), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=10, cwd=self._folder)
        check_equal(done.returncode, 0, "tmux %s: %s" % (args, done.stdout))
        return done.stdout.decode("utf-8", "replace")

    def run(self, *args):
        """Starts the tool; its exit code will be shown as END followed by the number."""
        command = " ".join([os.path.abspath(lib.TOOL)] + list(args))
        self._tmux("send-keys", "-t", ":0", "-l", command + "; echo END$?")
        self.keys("Enter")

    def keys(self, *names):
        for name in names:
            self._tmux("send-keys", "-t", ":0", name)

    def resize(self, size):
        self._tmux("resize-window", "-t", ":0", "-x", str(size[0]), "-y", str(size[1]))

    def screen(self):
        return self._tmux("capture-pane", "-t", ":0", "-p")

    def state(self, name):
        return self._tmux("display-message", "-t", ":0", "-p", "#{%s}" % name).strip()

    def wait(self, pattern, timeout=15.0):
        """Waits until the pane shows the pattern; returns the pane's text."""
        deadline = time.monotonic() + timeout
        while True:
            text = self.screen()
            if re.search(pattern, text):
                return text
            check(time.monotonic() < deadline, "no %r on the terminal:\n%s", pattern, text)
            time.sleep(0.02)

    def wait_end(self, code):
        """The tool has ended with this code, and the terminal is as it was."""
        self.wait(r"(?m)^END\d+\n+READY>")
        check_equal(re.search(r"END(\d+)\n", self.screen()).group(1), str(code), "exit code")
        check_equal(self.state("alternate_on"), "0", "alternate screen")
        check_equal(self.state("cursor_flag"), "1", "cursor is visible")
        check_equal(self.state("mouse_any_flag"), "0", "mouse reports")
        self.keys("Enter")
        self._tmux("send-keys", "-t", ":0", "-l", "stty -a")
        self.keys("Enter")
        self.wait(r"\bicanon\b[^-]*(.|\n)*\becho\b")

    def tool_pid(self):
        shell = self.state("pane_pid")
        with open("/proc/%s/task/%s/children" % (shell, shell)) as file:
            return int(file.read().split()[0])

    def close(self):
        with contextlib.suppress(AssertionError):
            self._tmux("kill-server")


@contextlib.contextmanager
def _terminal(bench, size=WIDE, **env):
    env = dict({"LC_ALL": "C.UTF-8"}, **env)
    terminal = Terminal(bench, size, env)
    try:
        yield terminal
    finally:
        terminal.close()


def _steady(bench):
    target = bench.target("steady.py")
    target.hear("ready")
    return target


@live(on="once")
def shows_who_stalls_and_gives_the_terminal_back(bench):
    target = _steady(bench)
    with _terminal(bench) as terminal:
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
    with _terminal(bench, NARROW) as terminal:
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
    with _terminal(bench, LC_ALL="C", NO_COLOR="1") as terminal:
        terminal.run("top", "-p", str(target.pid))
        text = terminal.wait(r"_stall\b")
        check(text.isascii(), "not ASCII:\n%s", text)
        terminal.keys("C-c")
        terminal.wait_end(0)
    target.finish()


@live(on="once", loops=("asyncio", "uvloop"))
def a_stuck_loop_is_shown_while_it_is_stuck(bench):
    target = bench.target("stuck.py", "--loop", bench.loop)
    target.hear("ready")
    with _terminal(bench) as terminal:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait("CPython")
        # The first task shows the loop to the tool.
        target.ask("0.01", "goes_on")
        time.sleep(1.5)
        since = target.ask("2.5", "hangs")["since"]
        terminal.wait("STUCK", timeout=2.0)
        # Captures and the terminal itself take their time as well.
        took = (time.monotonic_ns() - since) / 1e9
        check(took < 0.5, "shown after %.2f s", took)
        text = terminal.wait("STUCK.*_hang")
        check("clock_nanosleep" in text or "sleep" in text, "no cause:\n%s", text)
        target.hear("goes_on")
        terminal.keys("q")
        terminal.wait_end(0)
    target.finish()


@live(on="once")
def outlives_a_target_that_dies(bench):
    target = _steady(bench)
    with _terminal(bench) as terminal:
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
        with bench.part(number.name), _terminal(bench) as terminal:
            terminal.run("top", "-p", str(target.pid))
            terminal.wait(r"_stall\b")
            os.kill(terminal.tool_pid(), number)
            terminal.wait_end(code)
    target.finish()


@live(on="once")
def saves_what_it_knows(bench):
    target = _steady(bench)
    with _terminal(bench) as terminal:
        terminal.run("top", "-p", str(target.pid))
        terminal.wait(r"_stall\b")
        terminal.keys("S")
        terminal.wait(r"saved loopstall-\S+\.txt")
        terminal.keys("q")
        terminal.wait_end(0)
    saved = sorted(name for name in os.listdir(bench.folder) if name.startswith("loopstall-"))
    check_equal([os.path.splitext(name)[1] for name in saved], [".json", ".txt"], "files")
    with open(os.path.join(bench.folder, saved[1])) as file:
        check("_stall" in file.read(), "no stall in the report")
    target.finish()


@live(on="once")
def refuses_without_a_terminal_and_bad_options(bench):
    code, output, errors = run_tool(bench, "top", "-p", "1")
    check_equal((code, output), (2, b""), "answer")
    check("terminal" in errors and "trace" in errors, "message: %s", errors)
    with _terminal(bench) as terminal:
        terminal.run("top", "-p", str(os.getpid()), "--screen", "nonsense")
        terminal.wait_end(2)
