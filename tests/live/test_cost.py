# SPDX-License-Identifier: BSD-2-Clause
"""What loopstall says it costs, held against a measurement from outside.

The target makes a bounded number of steps again and again, in turn with and without loopstall, and
tells its own CPU time. What it took more with loopstall, and the CPU time of loopstall as /proc
tells it, must be what the summary says. docs/overhead.md has how far it is off.
"""

import contextlib
import copy
import ctypes
import os
import shutil
import statistics
import time

from lib import MS, TOOL, Skip, check, check_equal, live

ROUNDS = 9
COUNTED_ROUNDS = 5
STEPS = {"none": 60000, "work": 25000}
# What the sum may be off, as factor: the noise of both measurements, and what the calibration
# cannot know of a target.
MOST_OFF = 1.35

# linux: include/uapi/linux/bpf.h; x86-64's number of the system call
BPF_SYSCALL, BPF_ENABLE_STATS = 321, 32
# The kernel takes two readings of its clock for each run and books one of them to the program: some
# 40 ns here.
MOST_ACCOUNTING_NS = 80


def cpu_ns_of(pid):
    """utime + stime of /proc/PID/stat, in ns."""
    total = 0
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as file:
            total += int(file.read().split()[0])
    return total


def own_copy(bench):
    """The interpreter and its _asyncio as files of their own: another tool's probes on the same
    file would make ours dearer."""
    python = copy.copy(bench.python)
    asking = bench.start(
        python.command + ["-c", "import _asyncio; print(getattr(_asyncio, '__file__', ''))"],
        env=python.env,
    )
    module = asking.read_line().decode().strip()
    python.path = os.path.join(bench.folder, "python3")
    shutil.copy(os.path.realpath(bench.python.path), python.path)
    if module:
        shutil.copy(module, bench.folder)
        python.env = dict(python.env, PYTHONPATH=bench.folder)
    return python


class Slices:
    """A target and what its steps cost, with and without loopstall."""

    def __init__(self, bench, python, kind):
        self.bench = bench
        self.steps = STEPS[kind]
        self.target = bench.target("cheap_steps.py", kind, python=python)
        self.pid = self.target.hear("ready")["pid"]
        self.run()

    def run(self):
        return self.target.ask("run %d" % self.steps, "done", timeout=60)["cpu_ns"]

    def run_watched(self):
        """CPU time of the target, of loopstall, and the summary."""
        tool = self.bench.tool("trace", "-p", str(self.pid), "--threshold", "1s")
        tool.wait_start()
        before_ns = cpu_ns_of(tool.pid)
        cpu_ns = self.run()
        tool_ns = cpu_ns_of(tool.pid) - before_ns
        return cpu_ns, tool_ns, tool.finish()

    def round(self):
        """Seen from outside and as the summary says, both ns; the summary."""
        before_ns = self.run()
        cpu_ns, tool_ns, summary = self.run_watched()
        after_ns = self.run()
        cost = summary["own_cost"]
        seen_ns = cpu_ns - (before_ns + after_ns) / 2 + tool_ns
        said_ns = cost["programs_ns"] + cost["traps_ns"] + cost["self_ns"]
        return seen_ns, said_ns, summary


def check_contract(summary, steps):
    cost = summary["own_cost"]
    for name in ("programs_ns", "traps_ns", "self_ns", "hits", "ns_per_hit", "program_ns_per_hit"):
        check(isinstance(cost[name], int) and cost[name] > 0, "own_cost.%s is %r", name, cost[name])
    total = cost["programs_ns"] + cost["traps_ns"] + cost["self_ns"]
    share = total / summary["duration_ns"]
    check(abs(cost["share"] - share) < 1e-6, "share is %r, expected %r", cost["share"], share)
    check_equal(cost["self_ns"], summary["own"]["cpu_ns"], "self_ns")
    # Two for each step, one for each turn, and no more than the few of starting and telling.
    least, most = 2 * steps, 2 * steps + summary["turns"] + 1000
    check(
        least <= cost["hits"] <= most,
        "%d hits of %d steps and %d turns",
        cost["hits"],
        steps,
        summary["turns"],
    )
    check(cost["hits"] * cost["ns_per_hit"] <= cost["traps_ns"], "traps of %r", cost)


@live(on="once")
def sum_is_what_it_costs(bench):
    python = own_copy(bench)
    for kind in STEPS:
        with bench.part(kind):
            slices = Slices(bench, python, kind)
            rounds = [slices.round() for _ in range(ROUNDS)]
            check_contract(rounds[0][2], slices.steps)
            seen_ns, said_ns = (statistics.median(r[i] for r in rounds) for i in (0, 1))
            bench.note(
                "%.1f ms seen, %.1f ms said, %.2f of it; by round %s"
                % (
                    seen_ns / MS,
                    said_ns / MS,
                    said_ns / seen_ns,
                    " ".join("%.2f" % (r[1] / r[0]) for r in rounds),
                )
            )
            check(
                said_ns < seen_ns * MOST_OFF and seen_ns < said_ns * MOST_OFF,
                "%.1f ms from outside, %.1f ms said",
                seen_ns / MS,
                said_ns / MS,
            )
            slices.target.finish()


@contextlib.contextmanager
def kernel_accounting():
    """The kernel takes the time of all BPF programs meanwhile."""
    attr = ctypes.create_string_buffer(
        128
    )  # union bpf_attr: enable_stats.type 0 is BPF_STATS_RUN_TIME
    fd = ctypes.CDLL(None, use_errno=True).syscall(BPF_SYSCALL, BPF_ENABLE_STATS, attr, len(attr))
    if fd < 0:
        raise Skip("the kernel does not account for programs: %s" % os.strerror(ctypes.get_errno()))
    try:
        yield
    finally:
        os.close(fd)


def off_by(said_ns, kernel_ns, hits):
    """How far what is said lies outside of what the kernel counted, as factor: 1 is within. Runs
    for others and for context switches are few beside the hits."""
    most_ns = kernel_ns
    least_ns = kernel_ns - 1.2 * hits * MOST_ACCOUNTING_NS
    return max(1, said_ns / most_ns, least_ns / said_ns)


@live(on="once")
def programs_as_the_kernel_counts_them(bench):
    """The median of several rounds: times are those of one run in 64, so that one which the host
    interrupts counts 64 times."""
    slices = Slices(bench, own_copy(bench), "none")
    off = []
    with kernel_accounting():
        for _ in range(COUNTED_ROUNDS):
            _, _, summary = slices.run_watched()
            cost, kernel_ns = summary["own_cost"], summary["own"]["bpf_ns"]
            off.append(off_by(cost["programs_ns"], kernel_ns, cost["hits"]))
            bench.note(
                "%.1f ms said, %.1f ms by the kernel, %d hits"
                % (cost["programs_ns"] / MS, kernel_ns / MS, cost["hits"])
            )
    check(statistics.median(off) < 1.1, "off by %s", " ".join("%.2f" % one for one in off))
    slices.target.finish()


@live(on="once")
def a_recording_tells_the_same(bench):
    slices = Slices(bench, own_copy(bench), "none")
    path = os.path.join(bench.folder, "cost.ls")
    tool = bench.start(
        [os.path.abspath(TOOL), "record", "-q", "-p", str(slices.pid), "-o", path, "-d", "3s"]
    )
    time.sleep(1)  # it is attached by then
    slices.run()
    check_equal(tool.wait(timeout=20), 0, "exit code of record (stderr: %s)" % tool.stderr)
    report = bench.tool("report", path, "--format", "json", json_output=False)
    report.read_all()
    check_equal(report.wait(), 0, "exit code of report")
    cost = report.summary["own_cost"]
    check(
        cost["hits"] > 0 and cost["traps_ns"] > 0 and cost["programs_ns"] > 0,
        "own cost of a recording: %r",
        cost,
    )
    check_equal(cost["self_ns"], report.summary["own"]["cpu_ns"], "self_ns")
    slices.target.finish()
