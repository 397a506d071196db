# SPDX-License-Identifier: BSD-2-Clause
"""A bpftrace script that does what loopstall does, as far as one gets by hand: see bpftrace.bt."""

import os
import subprocess

from harness import BUILD, ROOT

from .base import THRESHOLD_NS, Finding, Peer, Watch, has_program, read, wait_until

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bpftrace.bt")
SPOTS = os.path.join(ROOT, BUILD, "bench", "empty_probes")
# It wants the tracing file system, which a container may lack: in a mount namespace of its own
# there is room for one.
WITH_TRACEFS = [
    "unshare",
    "-m",
    "sh",
    "-c",
    '[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@" '
    '>"$0"',
]
# How the kernel function begins that tells what a thread waits for, most telling first.
CAUSES = (
    ("hrtimer_nanosleep", "sleep"),
    ("do_wait", "process"),
    ("kernel_wait", "process"),
    ("pipe_read", "pipe"),
    ("anon_pipe_read", "pipe"),
    ("flock", "lock"),
    ("futex_", "lock"),
    ("handle_userfault", "pagefault"),
    ("inet_csk_accept", "network"),
    ("__skb_wait", "network"),
    ("sk_wait", "network"),
    ("unix_", "network"),
    ("ep_poll", "network"),
    ("do_epoll", "network"),
    ("poll_schedule", "network"),
    ("do_select", "network"),
    ("do_sys_poll", "network"),
    ("ext4_sync", "file"),
    ("do_fsync", "file"),
    ("vfs_fsync", "file"),
    ("exc_page_fault", "pagefault"),
    ("irqentry", "runqueue"),
)


class Bpftrace(Peer):
    name = "bpftrace"
    package = "bpftrace"
    settings = "bpftrace tests/bench/peers/bpftrace.bt, 10 ms"
    claims = frozenset({"cause", "task", "duration"})
    note = "offsets and probe places of one build, found by hand or by loopstall"

    def missing(self, python):
        if not has_program("bpftrace"):
            return self.must_have(False)
        return None if python.version[:2] == (3, 11) else "its offsets are those of CPython 3.11"

    def watch(self, python, pid, output):
        script = output + ".bt"
        with open(script, "w") as file:
            file.write(
                script_for(
                    subprocess.run(
                        [SPOTS, "spots", str(pid)], capture_output=True, text=True
                    ).stdout
                )
            )
        watch = Watch(
            [*WITH_TRACEFS, output, "bpftrace", "--unsafe", "-B", "line", "-p", str(pid), script],
            {"BPFTRACE_STRLEN": "100"},
        )
        if not wait_until(lambda: os.path.exists(output) and "ready" in read(output), watch):
            raise RuntimeError(watch.end().strip() or "bpftrace does not start")
        return watch

    def findings(self, output, text):
        return parse(read(output).splitlines())


def script_for(spots):
    """Fills the script from lines "entry|exit ADDRESS FILE"."""
    places = {"entry": [], "exit": []}
    for kind, address, path in (line.split(" ", 2) for line in spots.splitlines()):
        # Given -p, bpftrace itself looks for the file in the process's root.
        places[kind].append(f"uprobe:{path.split('/root', 1)[1]}:{address}")
    if not places["entry"] or not places["exit"]:
        raise RuntimeError("no step was found to probe")
    script = read(SCRIPT).replace("@THRESHOLD@", str(THRESHOLD_NS))
    return script.replace("@ENTRIES@", ",\n".join(places["entry"])).replace(
        "@EXITS@", ",\n".join(places["exit"])
    )


def cause_of(stack, duration_ns, off_ns):
    if off_ns < duration_ns // 2:
        return "cpu"
    for function, cause in CAUSES:
        if any(frame.startswith(function) for frame in stack):
            return cause
    return "other"


def parse(lines):
    found, stall, stack = [], None, []
    for line in lines:
        if line.startswith("stall\t"):
            stall, stack = line.split("\t"), []
        elif line == "end" and stall and len(stall) == 6:
            start_ns, duration_ns, off_ns = map(int, stall[1:4])
            found.append(
                Finding(
                    coroutine=stall[4],
                    duration_ns=duration_ns,
                    start_ns=start_ns,
                    cause=cause_of(stack, duration_ns, off_ns),
                    task=stall[5],
                )
            )
            stall = None
        else:
            stack.append(line.strip())
    return found
