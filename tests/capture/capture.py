#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Takes pictures of the dashboard on the demo service, in a tmux of its own. Run by `make capture`,
as root.

    capture.py [--size 120x32] [--seconds 20] [--text] [FOLDER]

Writes top.svg and top-detail.svg to FOLDER (docs). With --text, prints the screens as text as well.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time

import ansi_svg

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(ROOT, "tests", "demo")
TOOL = os.path.join(ROOT, os.environ.get("BUILD", "build"), "loopstall")
MAX_BYTES = 60000
# File, the keys before it, what shows that the screen is there, its title.
SHOTS = (
    (
        "top.svg",
        (),
        r"(?m)^.*COROUTINE",
        "loopstall top: the coroutines of a service, those first that starved others",
    ),
    (
        "top-detail.svg",
        ("/", "quote_page", "Enter", "Enter"),
        r"(?m)^ *stack",
        "loopstall top: what is known of one coroutine",
    ),
)


# Where the service seems to lie, so that no picture tells where the tree does.
PLACE = "/srv"


@contextlib.contextmanager
def python(script, *arguments):
    """A program of the demo, which ends when its stdin closes."""
    bind = f'mount --bind "$0" {PLACE} && exec "$@"'
    process = subprocess.Popen(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            bind,
            DEMO,
            sys.executable,
            os.path.join(PLACE, script),
            *arguments,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class Terminal:
    """A tmux server with one window in which the dashboard runs."""

    def __init__(self, columns, rows, command):
        self.folder = tempfile.TemporaryDirectory(prefix="loopstall-capture-")
        config = os.path.join(self.folder.name, "tmux.conf")
        with open(config, "w") as file:
            file.write(
                "set -g status off\nset -g default-terminal screen-256color\nset -s escape-time 0\n"
            )
        # Not the choices of whoever runs this.
        words = ["env", "-u", "NO_COLOR", "LC_ALL=C.UTF-8", *command]
        self.tmux("-f", config, "new-session", "-d", "-x", str(columns), "-y", str(rows), *words)

    def tmux(self, *words):
        done = subprocess.run(
            ["tmux", "-S", os.path.join(self.folder.name, "socket"), *words], capture_output=True
        )
        if done.returncode:
            raise SystemExit(f"capture: tmux {words[0]}: {done.stderr.decode().strip()}")
        return done.stdout.decode()

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def wait(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.screen()):
            if time.monotonic() > end:
                raise SystemExit(f"capture: no {pattern} on the screen:\n{self.screen()}")
            time.sleep(0.1)

    def close(self):
        with contextlib.suppress(SystemExit):
            self.tmux("kill-server")
        self.folder.cleanup()


def shoot(terminal, shot, folder, size, with_text):
    name, keys, pattern, title = shot
    for key in keys:
        terminal.tmux("send-keys", key)
        time.sleep(0.5)
    terminal.wait(pattern)
    time.sleep(1.5)
    picture = ansi_svg.svg(terminal.screen("-e"), *size, title).encode()
    if len(picture) > MAX_BYTES:
        raise SystemExit(
            f"capture: {name} would have {len(picture)} bytes, at most {MAX_BYTES} are wanted"
        )
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(picture)
    print(f"{os.path.relpath(path)}: {len(picture)} bytes")
    if with_text:
        print(terminal.screen())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="120x32")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--text", action="store_true")
    parser.add_argument("folder", nargs="?", default=os.path.join(ROOT, "docs"))
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("capture: the dashboard attaches probes: run it as root (sudo make capture)")
    size = tuple(map(int, args.size.split("x")))
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(python("service.py"))
        port, pid = service.stdout.readline().split()
        stack.enter_context(python("load.py", port))
        terminal = Terminal(*size, [TOOL, "top", "-p", pid, "--config", "/dev/null"])
        stack.callback(terminal.close)
        terminal.wait("COROUTINE")
        # Long enough for the strip and the sparkline of the header.
        time.sleep(args.seconds)
        for shot in SHOTS:
            shoot(terminal, shot, args.folder, size, args.text)
        terminal.tmux("send-keys", "Escape")
        terminal.tmux("send-keys", "q")


main()
