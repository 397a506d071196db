# SPDX-License-Identifier: BSD-2-Clause
"""Signals that come when a command has been asked to end already."""

import signal
import threading

from lib import check, live


@live(on="once")
def more_while_it_ends(bench):
    """People press Ctrl-C again while the probes of many processes are removed, which takes a
    while: what was measured is not lost."""
    targets = [bench.target("steady.py") for _ in range(16)]
    watched = [w for t in targets for w in ("-p", str(t.hear("ready")["pid"]))]
    for number in (signal.SIGINT, signal.SIGTERM):
        with bench.part(number.name):
            tool = bench.tool("trace", *watched)
            tool.wait_start()
            ended = threading.Event()

            def repeat(tool=tool, number=number, ended=ended):
                while not ended.wait(0.005) and tool.is_alive():
                    tool.signal(number)

            sender = threading.Thread(target=repeat)
            sender.start()
            try:
                tool.end()
            finally:
                ended.set()
                sender.join()
            check("lost" not in tool.stderr, "it says %r", tool.stderr)
    for target in targets:
        target.finish()
