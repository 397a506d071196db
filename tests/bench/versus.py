# SPDX-License-Identifier: BSD-2-Clause
"""loopstall against what a user would pick instead: what each costs, and what it finds of stalls
that are known.

Cost: a slice of work without a tool, one with it, one without, and so on through all tools, on the
same running process (tools that live inside the process have one of their own, which starts with
them). The ratio is that to the mean of the slices before and behind. Truth: the truth program of
the live tests under each tool.
"""

import contextlib
import os
import sys
import tempfile
import time

from harness import ROOT, BenchError, Process, cpu_time_ns, spread, status_bytes
from judge import judge
from peers import PEERS, pythons
from versus_table import NO_TRUTH
from workloads import can_serve, echo, steps, web

TRUTH = os.path.join(ROOT, "tests", "live", "programs", "truth.py")
SETTLE_S = 0.3  # a sampler that is behind catches up
WARM_UP_S = 2  # what a tool does once, at its start, is none of what it costs on a service


def workloads(python):
    """(key, what makes it from the words before the program's path), or (key, why not)."""
    yield "sleep(0), 100 tasks", lambda command: steps(command, 100)
    yield "streams echo", echo
    for kind in ("asyncio", "uvloop"):
        serves = can_serve(python.command, kind)
        yield f"uvicorn, {kind}", (
            lambda command, kind=kind: web(command, kind)
        ) if serves else None
    yield "100 busy, 10 000 idle tasks", lambda command: steps(command, 100, idle=10000)
    yield "8 loops in threads", lambda command: steps(command, 10, loops=8)
    yield "beside 200 threads", lambda command: steps(command, 100, threads=200)


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def peers_for(python):
    """([peer], {name: why it is absent})"""
    chosen = [peer for peer in PEERS if python.origin in peer.origins]
    absent = {peer.name: reason for peer in chosen if (reason := peer.missing(python))}
    return [peer for peer in chosen if peer.name not in absent], absent


class Output:
    """A file that a tool writes, in a folder that every tree shares."""

    def __init__(self, folder):
        self.folder, self.number = folder, 0

    def new(self):
        self.number += 1
        return os.path.join(self.folder, f"output-{self.number}")


def beside(peer, python, pid, slice_once, output):
    """One slice while an outside tool watches."""
    watch = peer.watch(python, pid, output)
    try:
        time.sleep(WARM_UP_S)
        cpu_ns, wall_ns = cpu_time_ns(watch.pid), time.monotonic_ns()
        sample = slice_once()
        sample["tool_cpu"] = (cpu_time_ns(watch.pid) - cpu_ns) / (time.monotonic_ns() - wall_ns)
        sample["tool_rss"] = status_bytes(watch.pid, "VmRSS")
    finally:
        watch.end()
    return sample


def within(pid, base_pid, slice_once):
    """One slice of a process with an inside tool: its memory is what the process has more than one
    without."""
    sample = slice_once()
    sample["tool_rss"] = max(0, status_bytes(pid, "VmRSS") - status_bytes(base_pid, "VmRSS"))
    return sample


def rated(sample, before, after):
    """The sample's ratios to its neighbours without a tool."""
    for key in ("rate", "ns", "p99_ns"):
        if sample[key] is not None:
            sample["x_" + key] = 2 * sample[key] / (before[key] + after[key])
    return sample


def measure_cost(python, peers, make, rounds, output):
    """{name of the peer: [sample of each round]} and {name: why it failed}."""
    samples, failed = {peer.name: [] for peer in peers}, {}
    with contextlib.ExitStack() as stack:
        base_pid, base_slice, _, _ = stack.enter_context(make(python.command))
        inside = {}
        for peer in peers:
            if peer.is_inside:
                inside[peer.name] = stack.enter_context(make(peer.command(python, output.new())))
        for number in range(rounds):
            turned = peers[number % len(peers) :] + peers[: number % len(peers)]
            before = base_slice()
            for peer in turned:
                if peer.name in failed:
                    continue
                try:
                    if peer.is_inside:
                        pid, slice_once, _, _ = inside[peer.name]
                        sample = within(pid, base_pid, slice_once)
                    else:
                        sample = beside(peer, python, base_pid, base_slice, output.new())
                except RuntimeError as error:  # the tool's own failure
                    failed[peer.name] = str(error)
                    continue
                except (BenchError, OSError) as error:
                    # The target's answers can no longer be told apart: what was measured before
                    # stays.
                    failed[peer.name] = f"ended this load: {error}"
                    return samples, failed
                after = base_slice()
                samples[peer.name].append(rated(sample, before, after))
                before = after
            say(f"round {number + 1}/{rounds}")
    return samples, failed


def measure_truth(python, peer, output):
    """The judgement of one run of the truth program."""
    path = output.new()
    command = peer.command(python, path) if peer.is_inside else python.command
    with tempfile.TemporaryDirectory(prefix="loopstall-bench-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        with Process(*command, TRUTH, "--loop", "asyncio", folder) as program:
            program.answer()
            watch = None if peer.is_inside else peer.watch(python, program.pid, path)
            try:
                program.tell("go")
                done = program.answer()
                time.sleep(SETTLE_S)
            finally:
                text = watch.end() if watch else ""
            program.end()
    return judge(done, peer.findings(path, text), peer.claims)


def together(runs):
    """Sums over runs of the truth program."""
    total = {key: sum(run[key] for run in runs) for key in ("planned", "found")}
    total.update(
        {key: [name for run in runs for name in run[key]] for key in ("missed", "unplanned")}
    )
    for name in ("line", "cause", "task", "victims"):
        if name in runs[0]:
            total[name] = {
                "right": sum(run[name]["right"] for run in runs),
                "of": sum(run[name]["of"] for run in runs),
                "wrong": [text for run in runs for text in run[name]["wrong"]],
            }
    errors = [value for run in runs for value in run.get("error_ns", {}).get("all", [])]
    if errors:
        total["error_ns"] = {**spread(errors), "max": max(errors)}
    return total


def condense(samples):
    keys = ("x_rate", "x_ns", "x_p99_ns", "tool_cpu", "tool_rss")
    return {
        key: spread([sample[key] for sample in samples])
        for key in keys
        if all(key in s for s in samples)
    }


def cost_of(python, peers, make, rounds, output, truth):
    """A cell for each peer. Who cannot watch the truth program is not asked to watch others."""
    failed = {peer.name: NO_TRUTH for peer in peers if "failed" in truth[peer.name]}
    able = [peer for peer in peers if peer.name not in failed]
    try:
        samples, more = measure_cost(python, able, make, rounds, output)
    except (BenchError, OSError) as error:
        samples, more = {}, {peer.name: f"the target: {error}" for peer in able}
    cells = {name: {"failed": reason} for name, reason in {**failed, **more}.items()}
    return {
        **{name: {**condense(rows), "rounds": rows} for name, rows in samples.items() if rows},
        **cells,
    }


def measure(rounds, truth_runs):
    """One result for each interpreter."""
    results = []
    with tempfile.TemporaryDirectory(prefix="loopstall-bench-", dir="/var/tmp") as folder:
        output = Output(folder)
        for python in pythons.find():
            peers, absent = peers_for(python)
            say(f"Python {python.label}: {', '.join(peer.name for peer in peers)}")
            result = {
                "python": python.label,
                "absent": absent,
                "load_before": os.getloadavg()[0],
                "cost": {},
                "truth": {},
                "peers": [
                    {
                        "name": peer.name,
                        "settings": peer.settings,
                        "note": peer.note,
                        "claims": sorted(peer.claims),
                    }
                    for peer in peers
                ],
            }
            for peer in peers:
                say(f"truth: {peer.name}")
                try:
                    result["truth"][peer.name] = together(
                        [measure_truth(python, peer, output) for _ in range(truth_runs)]
                    )
                except (BenchError, RuntimeError, OSError) as error:
                    result["truth"][peer.name] = {"failed": str(error)}
            for key, make in workloads(python):
                if make is None:
                    result["cost"][key] = {}
                    continue
                say(f"cost: {key}")
                result["cost"][key] = cost_of(python, peers, make, rounds, output, result["truth"])
            result["load_after"] = os.getloadavg()[0]
            results.append(result)
    return results
