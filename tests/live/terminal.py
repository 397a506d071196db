# SPDX-License-Identifier: BSD-2-Clause
"""A real terminal: tmux runs the tool, keys are sent, what the pane shows is read."""

import contextlib
import os
import re
import subprocess
import time

import lib
from lib import check, check_equal

WIDE = (100, 30)


def steady(bench):
    """A program that stalls every 130 ms, for what is shown of it."""
    target = bench.target("steady.py")
    target.hear("ready")
    return target


class Terminal:
    """A tmux server of its own with one window, in which a shell runs the tool."""

    def __init__(self, bench, size, env):
        # Never that of a server that is still ending.
        self._socket = os.path.join(bench.folder, "tmux-%d" % time.monotonic_ns())
        self._folder = bench.folder
        config = os.path.join(bench.folder, "tmux.conf")
        with open(config, "w") as file:
            file.write(
                "set -g status off\nset -g default-terminal screen-256color\nset -s escape-time 0\n"
            )
        shell = ["env"] + ["%s=%s" % item for item in env.items()] + ["PS1=READY> ", "sh"]
        self._tmux(
            "-f", config, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *shell
        )
        self.wait("READY>")
        self._settings_before = self._settings()

    def _tmux(self, *args):
        done = subprocess.run(
            ["tmux", "-S", self._socket] + list(args),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=10,
            cwd=self._folder,
        )
        check_equal(done.returncode, 0, "tmux %s: %s" % (args, done.stdout))
        return done.stdout.decode("utf-8", "replace")

    def type(self, text):
        self._tmux("send-keys", "-t", ":0", "-l", text)
        self.keys("Enter")

    def run(self, *args):
        """Starts the tool; its exit code will be shown as END followed by the number."""
        self.type(" ".join([os.path.abspath(lib.TOOL)] + list(args)) + "; echo END$?")

    def clear(self):
        """What was shown is gone, and the shell waits for a command."""
        self.type("clear")
        self.wait(r"\AREADY>\s*\Z")

    def _settings(self):
        """All that stty knows of the terminal."""
        path = os.path.join(self._folder, "stty-%d" % time.monotonic_ns())
        self.type("stty -g >%s; echo SET$?" % path)
        # What is typed before the prompt stands there is echoed in another place.
        self.wait(r"(?m)^SET0\n+READY>\s*\Z")
        with open(path) as file:
            return file.read()

    def keys(self, *names):
        for name in names:
            self._tmux("send-keys", "-t", ":0", name)

    def literally(self, text):
        """What a terminal may send that no key is named for."""
        self._tmux("send-keys", "-t", ":0", "-l", text)

    def paste(self, text):
        self._tmux("set-buffer", text)
        self._tmux("paste-buffer", "-p", "-t", ":0")

    def set_background(self, colour):
        """What tmux answers to those that ask for it, and draws behind text."""
        self._tmux("set-option", "-g", "window-style", "bg=%s" % colour)

    def resize(self, size):
        self._tmux("resize-window", "-t", ":0", "-x", str(size[0]), "-y", str(size[1]))

    def screen(self, *options):
        return self._tmux("capture-pane", "-t", ":0", "-p", *options)

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

    def wait_still(self, pattern):
        """The same once the pane does not change any more: it may show half of what was drawn."""
        text = None
        while text != self.screen():
            text = self.wait(pattern)
            time.sleep(0.1)
        return text

    def wait_end(self, code):
        """The tool has ended with this code, and the terminal is as it was."""
        self.wait(r"(?m)^END\d+\n+READY>")
        check_equal(re.search(r"END(\d+)\n", self.screen()).group(1), str(code), "exit code")
        check_equal(self.state("alternate_on"), "0", "alternate screen")
        check_equal(self.state("cursor_flag"), "1", "cursor is visible")
        check_equal(self.state("mouse_any_flag"), "0", "mouse reports")
        check_equal(self._settings(), self._settings_before, "settings of the terminal")

    def tool_pid(self):
        shell = self.state("pane_pid")
        with open("/proc/%s/task/%s/children" % (shell, shell)) as file:
            return int(file.read().split()[0])

    def close(self):
        with contextlib.suppress(AssertionError):
            self._tmux("kill-server")


@contextlib.contextmanager
def terminal_of(bench, size=WIDE, **env):
    # Nobody's own configuration file.
    env = dict({"LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": "/nowhere"}, **env)
    terminal = Terminal(bench, size, env)
    try:
        yield terminal
    finally:
        terminal.close()


@contextlib.contextmanager
def top_on(bench, target, size=WIDE, options=(), **env):
    """The dashboard on a process; it ends by its key."""
    with terminal_of(bench, size, **env) as terminal:
        terminal.run("top", "-p", str(target.pid), *options)
        yield terminal
        terminal.keys("q")
        terminal.wait_end(0)
