# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel side keeps beside stalls, driven by hand: tasks one by one, turns, a threshold
that moves, who suffered."""

import json
import os
import time

from lib import (
    BUILD_FOLDER,
    CAUSES,
    MS,
    Process,
    both_loops,
    build_drivers,
    check,
    check_equal,
    live,
)

STEP, CALLBACK, TURN = 1, 2, 3  # enum ls_unit
# Not under test here: see test_counts.py.
ALLOWED_LOSSES = {
    "stack_no_thread",
    "stack_unreadable",
    "return_unseen",
    "leave_unseen",
    "step_unmatched",
    "sites_full",
    # A stall that a busy host makes has more victims than are read, in a loop of many tasks.
    "victim_cut",
}


class KernelSide(Process):
    """kernel_side.c: told lines, answers in JSON."""

    def __init__(self, pid, threshold_ns, *words):
        build_drivers()
        self.stalls = []
        self.victims = []
        super().__init__(
            [os.path.join(BUILD_FOLDER, "live", "kernel_side"), str(pid), str(threshold_ns), *words]
        )
        self.hear("ready")

    def hear(self, event):
        while True:
            line = self.read_line()
            check(line is not None, "kernel_side ended; stderr: %s", self.stderr.strip())
            message = json.loads(line.decode())
            if message["event"] == "stall":
                self.stalls.append(message)
            elif message["event"] == "victim":
                self.victims.append(message)
            if message["event"] == event:
                return message

    def set(self, what, value):
        self.write("%s %d" % (what, value))
        check_equal(self.hear("done")["code"], 0, "setting %s to %d" % (what, value))

    def dump(self):
        self.write("dump")
        message = self.hear("dump")
        lost = {name: n for name, n in message["lost"].items() if name not in ALLOWED_LOSSES}
        check_equal(lost, {}, "losses")
        return message


def _start(bench, threshold_ns, *words, workers=10):
    target = bench.target("tasks.py", "--loop", bench.loop, "--workers", str(workers))
    ready = target.hear("ready")
    kernel = bench.own(KernelSide(ready["pid"], threshold_ns, *words))
    return target, kernel, ready


def _check_tasks(dump, before, after, tolerance_ns):
    """The kernel side counted what the workers did between two of their answers."""
    tasks = {task["task"]: task for task in dump["tasks"]}
    for old, new in zip(before, after):
        check_equal(old["task"], new["task"], "order of the workers")
        task = tasks.get(new["task"])
        check(task is not None, "worker %#x was not counted", new["task"])
        steps, busy_ns = new["steps"] - old["steps"], new["busy_ns"] - old["busy_ns"]
        check_equal(task["steps"], steps, "steps of worker %#x" % new["task"])
        check(
            0 <= task["total_ns"] - busy_ns <= steps * tolerance_ns,
            "time is %.3f ms, true is %.3f ms",
            task["total_ns"] / MS,
            busy_ns / MS,
        )
        check(
            task["total_ns"] / steps <= task["max_ns"] <= task["total_ns"],
            "longest step of %r",
            task,
        )


@live(loops=both_loops)
def each_task(bench):
    target, kernel, _ = _start(bench, 1000 * MS)
    before = target.ask("naps 3 1000", "done")["workers"]
    check_equal(kernel.dump()["tasks"], [], "tasks counted while off")
    kernel.set("tasks", 1)
    after = target.ask("naps 20 1000000", "done")["workers"]
    dump = kernel.dump()
    _check_tasks(dump, before, after, 300000)
    workers = {worker["task"] for worker in after}
    others = [task for task in dump["tasks"] if task["task"] not in workers]
    check(len(others) <= 1, "tasks that are done are still there: %r", others)
    # Off: nothing more. On: anew.
    kernel.set("tasks", 0)
    target.ask("naps 5 1000", "done")
    again = {task["task"]: task["steps"] for task in kernel.dump()["tasks"]}
    check_equal(
        {key: again.get(key) for key in workers},
        {key: 21 for key in workers},
        "steps counted while off",
    )
    kernel.set("tasks", 1)
    # The step of the main task that answered may end after this.
    kept = [task["task"] for task in kernel.dump()["tasks"]]
    check_equal([task for task in kept if task in workers], [], "tasks left from before")
    check(len(kept) <= 1, "more than the main task is left from before: %r", kept)
    ended = target.ask("end 4", "done")["workers"]
    left = {worker["task"] for worker in ended}
    target.ask("naps 5 1000", "done")
    counted = {task["task"]: task["steps"] for task in kernel.dump()["tasks"]}
    check_equal(
        {key: counted.get(key) for key in workers},
        {key: 6 if key in left else None for key in workers},
        "steps after some have ended",
    )
    target.finish()


@live(on="once")
def each_task_by_perf_uprobes(bench):
    """Where the kernel has no uprobe_multi."""
    target, kernel, _ = _start(bench, 1000 * MS, "perf")
    kernel.set("tasks", 1)
    before = target.ask("naps 3 1000", "done")["workers"]
    kernel.set("tasks", 1)
    after = target.ask("naps 20 1000000", "done")["workers"]
    dump = kernel.dump()
    check_equal(dump["transport"], "perf uprobe", "transport")
    _check_tasks(dump, before, after, 300000)
    target.finish()


@live(on="once")
def many_tasks_are_cheap_to_read(bench):
    target, kernel, _ = _start(bench, 1000 * MS, workers=10000)
    kernel.set("tasks", 1)
    target.ask("naps 0 0", "done")
    costs = []
    for _ in range(5):
        dump = kernel.dump()
        costs.append(dump["tasks_cpu_ns"])
    check(len(dump["tasks"]) >= 10000, "only %d tasks", len(dump["tasks"]))
    # Read four times a second, 1 % of a core is 2.5 ms; well below that is asked for.
    check(min(costs) < MS, "reading 10000 tasks takes %.2f ms", min(costs) / MS)
    target.finish()


def _step_stalls(kernel):
    return [stall for stall in kernel.stalls if stall["unit"] == STEP]


@live(loops=both_loops)
def threshold_moves(bench):
    target, kernel, _ = _start(bench, 500 * MS)
    naps = 10 * 4

    def stalls_of(order):
        n_before = len(kernel.stalls)
        workers = {worker["task"] for worker in target.ask(order, "done")["workers"]}
        kernel.dump()
        return [
            stall
            for stall in kernel.stalls[n_before:]
            if stall["unit"] == STEP and stall["task"] in workers
        ]

    check_equal(kernel.dump()["sample_period_ns"], 2 * MS, "sampling period")
    check_equal(stalls_of("naps 3 4000000"), [], "stalls under the threshold")
    kernel.set("threshold", 3 * MS)
    check_equal(kernel.dump()["sample_period_ns"], MS, "sampling period")
    check_equal(len(stalls_of("naps 3 4000000")), naps, "stalls over a lowered threshold")
    kernel.set("threshold", 1000 * MS)
    check_equal(stalls_of("naps 3 4000000"), [], "stalls under a raised threshold")
    kernel.set("threshold", 3 * MS)
    check_equal(len(stalls_of("naps 3 4000000")), naps, "stalls over a threshold lowered again")
    stalls = sum(row["stalls"] for row in kernel.dump()["coroutines"])
    check_equal(stalls, len(_step_stalls(kernel)), "stalls of all coroutines")
    target.finish()


@live(on="once")
def threshold_flips(bench):
    """However often it moves, a step is a stall for the record, its coroutine and its task, or for
    none of them."""
    target, kernel, _ = _start(bench, 1000 * MS)
    kernel.set("tasks", 1)
    target.ask("naps 0 0", "done")  # by now the kernel side knows the loop's queue
    target.write("naps 40 3000000")
    for _ in range(100):
        kernel.set("threshold", 2 * MS)
        time.sleep(0.005)
        kernel.set("threshold", 1000 * MS)
        time.sleep(0.005)
    workers = {worker["task"] for worker in target.hear("done")["workers"]}
    dump = kernel.dump()
    stalls = _step_stalls(kernel)
    check(10 < len(stalls) < 400, "%d stalls of 410 naps", len(stalls))
    check(
        min(stall["duration_ns"] for stall in stalls) >= 2 * MS,
        "stalls under any threshold: %r",
        stalls,
    )
    check_equal(
        sum(row["stalls"] for row in dump["coroutines"]), len(stalls), "stalls of all coroutines"
    )
    of_workers = sum(stall["task"] in workers for stall in stalls)
    check_equal(
        sum(row["stalls"] for row in dump["tasks"] if row["task"] in workers),
        of_workers,
        "stalls of the tasks",
    )
    target.finish()


@live()
def sampler_follows_threshold(bench):
    target, kernel, _ = _start(bench, 20 * MS)

    def samples():
        kernel.stalls.clear()
        workers = {each["task"] for each in target.ask("burns 0 40000000", "done")["workers"]}
        kernel.dump()
        # A step of the main task may be a stall, too, where it waits for a CPU.
        counts = sorted(
            stall["samples"] for stall in _step_stalls(kernel) if stall["task"] in workers
        )
        check_equal(len(counts), 10, "stalls")
        return counts[5]

    slow = samples()
    check(15 <= slow <= 25, "%d samples in 40 ms at 2 ms", slow)
    kernel.set("threshold", 3 * MS)
    fast = samples()
    check(30 <= fast <= 50, "%d samples in 40 ms at 1 ms", fast)
    target.finish()


@live(loops=both_loops)
def turns_and_causes(bench):
    target, kernel, ready = _start(bench, 1000 * MS)
    first = target.ask("naps 0 1000", "done")["workers"]
    last = target.ask("naps 9 2000000", "done")["workers"]
    asked_ns = 100 * 2 * MS
    if ready["is_eager"]:
        asked_ns += 3 * 10 * MS
        last = target.ask("eager %d" % (10 * MS), "done")["workers"]
    true_ns = sum(worker["busy_ns"] for worker in last) - sum(worker["busy_ns"] for worker in first)
    (thread,) = [row for row in kernel.dump()["threads"] if row["tid"] == ready["tid"]]
    check_equal(
        sum(count for _, count in thread["turn_hist"]), thread["turns"], "turns in the histogram"
    )
    top = max(floor for floor, count in thread["turn_hist"] if count)
    check(
        top <= thread["worst_turn_ns"] <= top * 9 // 8 + 1,
        "worst turn is %d ns, in the bucket from %d",
        thread["worst_turn_ns"],
        top,
    )
    # Ten naps of 2 ms in one turn; how much longer the longest was, the host decides.
    check(
        20 * MS <= thread["worst_turn_ns"] < asked_ns,
        "worst turn is %.3f ms",
        thread["worst_turn_ns"] / MS,
    )
    slow_turns = sum(count for floor, count in thread["turn_hist"] if floor >= 17 * MS)
    check(10 <= slow_turns <= 12, "%d slow turns", slow_turns)
    causes = dict(zip(CAUSES, thread["causes_ns"]))
    check_equal(causes["cpu"], 0, "off-CPU time on the CPU")
    # Nothing sleeps shorter than it asked for, nor longer than the program's clock says; twice
    # counted would be more.
    check(
        asked_ns * 99 // 100 <= causes["sleep"] <= true_ns,
        "slept %.3f ms, asked for %.3f ms, took %.3f ms",
        causes["sleep"] / MS,
        asked_ns / MS,
        true_ns / MS,
    )
    check(
        sum(causes.values()) <= thread["step_ns"] + thread["callbacks_ns"],
        "more causes than time: %r",
        thread,
    )
    target.finish()


@live(loops=both_loops)
def who_suffered(bench):
    """What stalls cost their victims is what the victims' coroutines are said to have suffered."""
    target, kernel, _ = _start(bench, 15 * MS)
    target.ask("naps 0 0", "done")  # by now the kernel side knows the loop's queue
    for _ in range(3):
        target.ask("crowd 40", "done")
    dump = kernel.dump()
    stalls = [stall for stall in kernel.stalls if stall["unit"] != TURN]
    check(len(stalls) >= 3, "stalls: %r", stalls)
    check_equal([stall["flags"] for stall in stalls], [0] * len(stalls), "flags")
    check(max(stall["victims"] for stall in stalls) >= 45, "victims: %r", stalls)
    rows = dump["coroutines"]
    check_equal(
        sum(row["suffered"] for row in rows), sum(stall["victims"] for stall in stalls), "victims"
    )
    check_equal(
        sum(row["suffered_ns"] for row in rows),
        sum(stall["starved_ns"] for stall in stalls),
        "time",
    )
    check(sum(row["suffered_ns"] for row in rows) >= 3 * 40 * 15 * MS, "time: %r", rows)
    suffered = sorted(row["suffered"] for row in rows if row["suffered"])
    check(120 in suffered and 15 in suffered, "by coroutine: %r", suffered)
    names = {row["code"]: row["qualname"] for row in rows}
    check(kernel.victims, "no named victim")
    for victim in kernel.victims:
        check(
            victim["code"] in names and victim["qualname"] == names[victim["code"]],
            "victim %r",
            victim,
        )
    target.finish()
