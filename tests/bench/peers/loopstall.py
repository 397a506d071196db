# SPDX-License-Identifier: BSD-2-Clause
"""loopstall itself, in each of its modes."""

import json
import os
import subprocess

from harness import BUILD, ROOT

from .base import Finding, Peer, Watch, wait_until

PROGRAM = os.path.join(ROOT, BUILD, "loopstall")


class Loopstall(Peer):
    package = "this tree"
    origins = ("system", "3.15")
    claims = frozenset({"line", "cause", "task", "victims", "duration"})

    def __init__(self, mode):
        self.mode = mode
        self.name = f"loopstall {mode}"
        self.settings = f"trace --json --mode {mode} --threshold 10ms"

    def arguments(self):
        return self.settings.split()

    def missing(self, python):
        """A mode that this loopstall has not is refused before it looks for the process."""
        if not os.access(PROGRAM, os.X_OK):
            return f"{PROGRAM} is not built"
        done = subprocess.run(
            [PROGRAM, *self.arguments(), "-p", "1", "-d", "1ms"],
            capture_output=True,
            text=True,
            timeout=20,
        )
        return done.stderr.strip() if done.returncode == 2 else None

    def watch(self, python, pid, output):
        with open(output, "wb") as file:
            watch = Watch(
                [
                    "sh",
                    "-c",
                    'exec "$0" "$@" >' + output,
                    PROGRAM,
                    *self.arguments(),
                    "-p",
                    str(pid),
                ]
            )
            file.flush()
        if not wait_until(lambda: os.path.getsize(output) > 0, watch):
            raise RuntimeError(watch.end().strip() or "loopstall does not start")
        return watch

    def findings(self, output, text):
        with open(output) as file:
            return parse(file)


def parse(lines):
    found = []
    for line in lines:
        record = json.loads(line)
        if record["type"] != "stall" or record["unit"] == "turn":
            continue
        found.append(
            Finding(
                coroutine=(record["coroutine"] or {}).get("name", ""),
                duration_ns=record["duration_ns"],
                start_ns=record["start_ns"],
                stack=tuple(
                    (frame["function"], frame["file"], frame["line"]) for frame in record["stack"]
                ),
                cause=record["cause"],
                task=(record["task"] or {}).get("name"),
                victims=record["victims"]["count"],
            )
        )
    return found
