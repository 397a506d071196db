# SPDX-License-Identifier: BSD-2-Clause
"""Known stalls, known truth: every stall found once, none invented, everything said about it
right."""

import os

from lib import (
    MS,
    both_loops,
    brief,
    by_host,
    check,
    check_books,
    check_equal,
    check_losses,
    live,
    outer_pid,
)

THRESHOLD_NS = 10 * MS
MAX_FRAMES = 64
BRIEF_COLLECTION_NS = 2 * MS  # a sample's period


def _tolerance(duration_ns):
    return max(duration_ns // 100, 200000)


def _matches(stall, truth):
    """Do they overlap for the most part, on the same thread?"""
    overlap = min(stall["start_ns"] + stall["duration_ns"], truth["end_ns"]) - max(
        stall["start_ns"], truth["start_ns"]
    )
    return stall["tid"] == truth["tid"] and overlap > 0


def _early_ns(stall, truth):
    """By how much a callback's span began before it: at the wake-up of the loop, whose thread then
    waited for a CPU. The program does not see that wait; nothing else may be before the callback.
    """
    early_ns = truth["start_ns"] - stall["start_ns"]
    unseen_ns = max(0, stall["runqueue_ns"] - truth["runqueue_ns"])
    return min(max(0, early_ns), unseen_ns) if truth["kind"] == "callback" else 0


def _check_times(stall, truth):
    early_ns = _early_ns(stall, truth)
    duration = truth["end_ns"] - truth["start_ns"] + early_ns
    # What the hypervisor took between the ends of the step and those that the program logs, only
    # the tool sees.
    slack = _tolerance(duration) + truth["outside_ns"] + stall["stolen_ns"] + truth["looks_ns"]
    end_ns = stall["start_ns"] + stall["duration_ns"]
    check(
        abs(stall["duration_ns"] - duration) <= slack,
        "duration is %.3f ms, true is %.3f ms",
        stall["duration_ns"] / MS,
        duration / MS,
    )
    start_ns = truth["start_ns"] - early_ns
    check(
        abs(stall["start_ns"] - start_ns) <= slack,
        "starts %.3f ms off",
        (stall["start_ns"] - start_ns) / MS,
    )
    check(
        abs(end_ns - truth["end_ns"]) <= slack, "ends %.3f ms off", (end_ns - truth["end_ns"]) / MS
    )


def _split_slack(truth):
    # For each switch: the kernel's own clocks start when the CPU that was woken from idle has taken
    # the thread over, some microseconds (in a virtual machine up to 20) after the wake-up. Some
    # kernels do not report every return to a CPU; the tool counts these and learns of it from the
    # next sample.
    own = max((truth["end_ns"] - truth["start_ns"]) // 50, MS) + 20000 * truth["switches"]
    return own + truth["unseen_ns"] + truth["looks_ns"]


def _check_split(stall, truth):
    slack = _split_slack(truth)
    runqueue_ns = truth["runqueue_ns"] + _early_ns(stall, truth)
    # The kernel may charge the program for time that the hypervisor took.
    least_ns = truth["cpu_ns"] - slack - stall["stolen_ns"]
    check(
        least_ns <= stall["cpu_ns"] <= truth["cpu_ns"] + slack,
        "cpu_ns is %.3f ms (%.3f ms stolen), true is %.3f ms",
        stall["cpu_ns"] / MS,
        stall["stolen_ns"] / MS,
        truth["cpu_ns"] / MS,
    )
    # Waiting for a CPU to go on with a taken GIL may count as either.
    waits_ns = stall["runqueue_ns"] + (stall["gil_ns"] if "gil" in truth["cause"] else 0)
    check(
        waits_ns >= runqueue_ns - slack,
        "runqueue_ns is %.3f ms, true is %.3f ms",
        stall["runqueue_ns"] / MS,
        runqueue_ns / MS,
    )
    # What the hypervisor took the program cannot see, except that its own CPU time lacks it.
    check(
        stall["runqueue_ns"] - stall["stolen_ns"] <= runqueue_ns + slack,
        "runqueue_ns is %.3f ms (%.3f ms stolen), true is %.3f ms",
        stall["runqueue_ns"] / MS,
        stall["stolen_ns"] / MS,
        runqueue_ns / MS,
    )


def _busy_host(stall, truth):
    """Where the program itself saw that it had no CPU for long, the tool may call this the
    cause."""
    early_ns = _early_ns(stall, truth)
    duration = truth["end_ns"] - truth["start_ns"] + early_ns
    # A program that does not wait for anything else was without a CPU whenever its CPU time stood
    # still.
    lacking = (
        duration - truth["cpu_ns"]
        if truth["cause"] == "cpu"
        else (truth["runqueue_ns"] + early_ns + stall["stolen_ns"])
    )
    return ["runqueue"] if lacking + _split_slack(truth) > duration // 3 else []


def _check_cause(stall, truth):
    duration = truth["end_ns"] - truth["start_ns"]
    wanted = truth["cause"].split(" or ")
    if truth["expect"].get("blocked"):
        # A disk or a scheduler decides how long this waits: its share must be right whatever it is.
        waited = (
            truth["runqueue_ns"]
            if truth["cause"] == "runqueue"
            else (duration - truth["cpu_ns"] - truth["runqueue_ns"] - stall["stolen_ns"])
        )
        got = stall["causes_ns"].get(truth["cause"], 0)
        check(
            abs(got - waited) <= _split_slack(truth),
            "%s is %.3f ms, true is %.3f ms",
            truth["cause"],
            got / MS,
            waited / MS,
        )
        if waited < max(truth["cpu_ns"], duration - waited - truth["cpu_ns"]) + 2 * _split_slack(
            truth
        ):
            wanted += ["cpu", "runqueue"]
    wanted += _busy_host(stall, truth)
    check(
        stall["cause"] in wanted,
        "cause is %s, true is %s; split %r",
        stall["cause"],
        truth["cause"],
        stall.get("causes_ns"),
    )
    # Python collects its youngest objects when it likes, and a sample may see that.
    is_brief = stall["causes_ns"].get("gc", 0) <= BRIEF_COLLECTION_NS
    if "generation" in truth["expect"] or not is_brief:
        check_equal(stall["gc_generation"], truth["expect"].get("generation"), "generation")
    if truth["cause"] == "gil":
        # With the GIL it may still lack a CPU.
        had_cpu = duration - truth["runqueue_ns"] - stall["stolen_ns"]
        check(
            stall["gil_ns"] > had_cpu // 2,
            "gil_ns is %.3f of %.3f ms with a CPU",
            stall["gil_ns"] / MS,
            had_cpu / MS,
        )
    if truth["holder"] and truth["cause"] == "gil":
        check_equal(stall["gil_holder_tid"], truth["holder"], "GIL holder")
        _check_holder(stall["gil_holder"], "hog", "_hog")


def _check_holder(holder, name, function):
    """Its own function is in the stack, or else the stack is not known: never another one."""
    check_equal(holder["name"], name, "name of the thread that held the GIL")
    functions = [frame["function"].rsplit(".")[-1] for frame in holder["stack"]]
    check(not functions or function in functions, "the holder ran %r", functions)


def _check_call(stall, truth):
    call, inner = stall["call"], truth["expect"].get("inner")
    check(call is not None, "no call")
    if inner:
        check_equal(os.path.basename(call["file"]), inner, "file of the call")
    else:
        top = truth["stack"][0]
        for field in ("function", "file", "line"):
            check_equal(call[field], top[field], "call.%s" % field)
    syscalls = truth["expect"].get("syscalls")
    if syscalls:
        check(
            call["syscall"] in syscalls,
            "call.syscall is %r, expected one of %r",
            call["syscall"],
            syscalls,
        )


def _check_stack(stall, truth):
    got = [(f["function"], os.path.basename(f["file"]), f["line"]) for f in stall["stack"]]
    wanted = [(f["function"], os.path.basename(f["file"]), f["line"]) for f in truth["stack"]]
    if truth["expect"].get("cut"):
        check_equal(len(got), MAX_FRAMES, "frames of a stack that is too deep")
        check(stall["is_stack_cut"], "the stack is cut and it does not say so")
        wanted = wanted[: MAX_FRAMES // 2] + wanted[-MAX_FRAMES // 2 :]
    else:
        check(not stall["is_stack_cut"], "stack is cut")
    if truth["kind"] == "callback":
        # What called the callback may follow.
        check_equal(got[: len(wanted)], wanted, "stack of the callback")
    elif truth["expect"].get("inner"):
        check(len(got) > len(wanted), "stack without the frames of the library: %r", got)
        check_equal(got[-len(wanted) :], wanted, "end of the stack")
    else:
        check_equal(got, wanted, "stack")


def _check_names(stall, truth):
    coroutine = dict(stall["coroutine"] or {})
    for field in ("name", "file", "line"):
        check_equal(coroutine.get(field), truth["coroutine"][field], "coroutine.%s" % field)
    if truth["kind"] == "callback":
        check_equal(stall["unit"], "callback", "unit")
        return
    check_equal(stall["unit"], "step", "unit")
    name, wanted = stall["task"]["name"], truth["task"]["name"]
    check_equal(stall["task"]["id"], truth["task"]["id"], "task.id")
    if "\udc80" in wanted:
        check_equal(name, wanted.replace("\udc80", "\ufffd"), "task.name")
    elif len(wanted) > 128:
        check(
            name.endswith("...") and len(name) > 67 and wanted.startswith(name[:-3]),
            "task.name %r is not a cut of %r",
            name,
            wanted,
        )
    else:
        check_equal(name, wanted, "task.name")


def _victim_bounds(truth, sleeps, edge_ns, early_ns):
    """Least and most victims and starved time, from what those who slept say themselves.

    Who was due within `edge_ns` of the stall's end may be a victim or not. The stall began
    `early_ns` before what the program logs.
    """
    start, end = truth["start_ns"] - early_ns, truth["end_ns"]
    slack = max(_tolerance(end - start), edge_ns)
    count = [0, 0]
    starved = [0, 0]
    for due, woke in sleeps:
        if due >= end + edge_ns or woke <= end - edge_ns:
            continue
        waited = max(0, end - max(start, due))
        count[1] += 1
        starved[1] += waited + slack
        if due < end - edge_ns and woke > end:
            count[0] += 1
            starved[0] += max(0, waited - slack)
    return count, starved


def check_victims(stall, truth, witness, loop):
    victims = stall["victims"]
    names = set(witness["names"]) | {"Task-1"}
    queued = witness["queued"]
    early_ns = _early_ns(stall, truth)
    duration = truth["end_ns"] - truth["start_ns"]
    # The timers of uvloop count in milliseconds of a clock that is read once a turn.
    edge_ns = (2 * MS if loop == "uvloop" else 200000) + truth["looks_ns"]
    count, starved = _victim_bounds(truth, witness["sleeps"], edge_ns, early_ns)
    least = count[0] + queued
    check(
        least <= victims["count"] <= count[1] + queued,
        "%d victims, true are %d to %d",
        victims["count"],
        least,
        count[1] + queued,
    )
    # Who is woken in the step counts from when he is seen in the queue, at a wait or a sample
    # (docs/measuring.md). Light mode, which does not see the step begin, counts him from there.
    low = 0
    if not truth["has_waited_before"]:
        unseen_ns = _tolerance(duration) + truth["looks_ns"] + truth["unsampled_ns"]
        low = queued * (duration - unseen_ns)
    if truth["kind"] != "callback":
        # Behind a callback the loop may fire timers before a step ends the span: who was woken so
        # has come to the queue after the first look.
        low += starved[0]
    high = starved[1] + queued * (duration + early_ns + _tolerance(duration) + truth["looks_ns"])
    # What was taken from the thread between the end of the step and the program's look at its
    # clock, everybody waited for.
    high += (count[1] + queued) * (truth["outside_ns"] + stall["stolen_ns"])
    check(
        low <= victims["starved_ns"] <= high,
        "starved %.2f ms, true are %.2f to %.2f ms",
        victims["starved_ns"] / MS,
        low / MS,
        high / MS,
    )
    strangers = [name for name in victims["tasks"] if name not in names]
    check(not strangers, "victims that are none: %r", strangers)
    check_equal(len(victims["tasks"]), min(16, victims["count"]), "number of victims named")
    check_equal(len(set(victims["tasks"])), len(victims["tasks"]), "distinct victims named")


def _witnesses_of(stall, loops):
    """Those of the loop on the stall's thread, which its known stalls name; of all if there is none
    of that thread."""
    mine = [
        loop["witness"]
        for loop in loops
        if any(truth["tid"] == stall["tid"] for truth in loop["stalls"])
    ]
    return mine or [loop["witness"] for loop in loops]


def _check_not_invented(stall, witnesses):
    """No innocent task may have run inside a stall; a turn of theirs is long only where another had
    the CPU or the GIL."""
    if stall["unit"] == "turn":
        check(
            stall["duration_ns"] - stall["runqueue_ns"] - stall["gil_ns"] < THRESHOLD_NS,
            "invented: %s",
            brief(stall),
        )
        return
    check_equal(
        len(witnesses),
        1,
        "unknown stall on thread %d in %r: loops that it may be of"
        % (stall["tid"], stall["coroutine"]),
    )
    witness = witnesses[0]
    start, end = stall["start_ns"] + 300000, stall["start_ns"] + stall["duration_ns"] - 300000
    inside = [woke for _, woke in witness["sleeps"] if start < woke < end]
    check(
        not inside,
        "invented: %s stall of %.2f ms in %s while %d innocent tasks ran",
        stall["cause"],
        stall["duration_ns"] / MS,
        stall["coroutine"],
        len(inside),
    )
    check(
        stall["duration_ns"] >= THRESHOLD_NS,
        "a stall of %d ns is under the threshold",
        stall["duration_ns"],
    )


def _check_turn(stall, truth):
    """No single step is to blame: the turn holds them all, and a bit of the loop's own work."""
    check_equal(stall["unit"], "turn", "unit")
    check(stall["steps"] >= 30, "%d steps in the turn", stall["steps"])
    longer = stall["duration_ns"] - (truth["end_ns"] - truth["start_ns"])
    check(
        -200000 <= longer <= 3 * MS + truth["outside_ns"], "the turn is %.3f ms longer", longer / MS
    )
    check(stall["cause"] in ["cpu"] + _busy_host(stall, truth), "cause of %s", brief(stall))


def matching(stalls, truth):
    return [stall for stall in stalls if _matches(stall, truth)]


def _check_taken_place(stall, truth):
    """The host had the CPU for most of the time: `call` is where the program lost it, in the same
    step but perhaps in what it does to keep the truth."""
    functions = [frame["function"] for frame in stall["stack"]]
    stalled = truth["stack"][0]["function"]
    check(stalled in functions, "lost the CPU in %r, not under %s", functions, stalled)


def check_stall(stall, truth):
    """All but who had to wait."""
    _check_times(stall, truth)
    _check_split(stall, truth)
    _check_cause(stall, truth)
    _check_names(stall, truth)
    if stall["cause"] == "runqueue" != truth["cause"] and "inner" not in truth["expect"]:
        _check_taken_place(stall, truth)
        return
    _check_call(stall, truth)
    _check_stack(stall, truth)


def _check_truth(bench, truth, stalls, witness, loop):
    if truth["kind"] == "spoiled":
        return
    with bench.part(truth["part"]):
        found = matching(stalls, truth)
        if truth["kind"] == "none":
            check(not found, "reported although under the threshold: %s", [brief(s) for s in found])
            return
        check_equal(len(found), 1, "times the stall was reported: %s" % [brief(s) for s in found])
        stall = found[0]
        if truth["kind"] == "turn":
            _check_turn(stall, truth)
            return
        check_stall(stall, truth)
        check_victims(stall, truth, witness, loop)
        check_equal(
            stall["victims"]["sockets"], truth["expect"].get("sockets", 0), "sockets that waited"
        )


def name_parts(done):
    """Each stall is a part of the case with a name of its own, also where several loops have it: a
    second attempt is compared with the first part by part."""
    for number, loop in enumerate(done["loops"]):
        for truth in loop["stalls"]:
            label = "%d:" % number if len(done["loops"]) > 1 else ""
            truth["part"] = label + truth["name"]


def check_all(bench, tool, done, *losses):
    name_parts(done)
    unseen = tool.summary["lost"].get("return_unseen", 0)
    # A thread that holds the GIL runs on while its stack is read.
    losses += ("return_unseen", "holder_unreadable")
    stalls = tool.stalls
    sampled_ns = 2 * tool.start_line["sample_period_ns"]
    for loop in done["loops"]:
        for truth in loop["stalls"]:
            truth["unseen_ns"] = sampled_ns if unseen else 0
            truth["looks_ns"] = 0  # how far off a span's ends may be that nobody saw
            truth["unsampled_ns"] = sampled_ns  # its longest time before the first sample
            _check_truth(bench, truth, stalls, loop["witness"], bench.loop)
    truths = [truth for loop in done["loops"] for truth in loop["stalls"]]
    with bench.part("none-invented"):
        for stall in stalls:
            known = [t for t in truths if _matches(stall, t)]
            if not known:
                _check_not_invented(stall, _witnesses_of(stall, done["loops"]))
    with bench.part("summary"):
        if any(truth["expect"].get("cut") for truth in truths):
            check(tool.summary["lost"].get("stack_truncated"), "a cut stack is not counted")
            losses += ("stack_truncated",)
        unknown = [stall for stall in stalls if not stall["victims"]["is_known"]]
        if "victim_no_queue" in losses:
            counted = tool.summary["lost"].get("victim_no_queue", 0)
            check_equal(counted, len(unknown), "stalls whose victims are not known")
            planned = [stall for stall in unknown if any(_matches(stall, t) for t in truths)]
            check_equal(planned, [], "planned stalls whose victims are not known")
        check_losses(tool.summary, *losses)
        check_books(tool.summary)
        check_equal(tool.summary["stalls"], len(stalls), "stalls of the summary")


class TruthProgram:
    """A program that waits to be told to stall, and then says what it did. `pid` is the one
    outside."""

    def __init__(self, bench, *args, wrap=()):
        self.target = bench.target("truth.py", "--loop", bench.loop, *args, bench.folder, wrap=wrap)
        self._inner_pid = self.target.hear("ready")["pid"]
        self.pid = outer_pid(self.target.pid, self._inner_pid)

    def stall(self):
        done = self.target.ask("go", "done", timeout=60)
        for truth in (truth for loop in done["loops"] for truth in loop["stalls"]):
            if truth["tid"] == self._inner_pid:
                truth["tid"] = self.pid
        return done


def check_target(bench, start, pid, has_loop=True):
    check_equal([t["pid"] for t in start["targets"]], [pid], "pids of the targets")
    check_equal(start["targets"][0]["python"], bench.python.version_text, "version")
    if has_loop:
        check_equal(start["targets"][0]["loop"], bench.loop, "loop of the start line")


def trace(bench, *args, wrap=(), options=(), start_tool=None):
    """Runs the truth program under the tool, or under what `start_tool` makes of its pid. Returns
    the tool and the truth."""
    program = TruthProgram(bench, *args, wrap=wrap)
    target = program.target
    if start_tool:
        tool = start_tool(program.pid)
    else:
        tool = bench.tool("trace", "-p", str(program.pid), "--threshold", "10ms", *options)
    check_target(
        bench,
        tool.wait_start(),
        program.pid,
        has_loop="--late" not in args and "--threads" not in args,
    )
    done = program.stall()
    tool.finish()
    check(target.is_alive(), "the target died")
    target.finish()
    return tool, done


@live(loops=both_loops)
def main(bench):
    check_all(bench, *trace(bench))


@live()
def runqueue(bench):
    check_all(bench, *trace(bench, "--plan", "runqueue"))


@live()
def pagefault(bench):
    check_all(bench, *trace(bench, "--plan", "pagefault"))


@live(loops=both_loops)
def loops_in_threads(bench):
    """Three loops at once, each in its own thread, started after attach."""
    # Threads younger than the trace may be sampled before they are known.
    check_all(bench, *trace(bench, "--plan", "threads", "--threads", "3"), "stack_no_thread")


@live(loops=both_loops)
def loop_after_attach(bench):
    # On a slow machine its first turn may be a stall, before anybody knows the loop's queue. The
    # stalls of the plan come later, and their victims are checked one by one.
    check_all(bench, *trace(bench, "--plan", "threads", "--late"), "victim_no_queue")


@live()
def own_loop(bench):
    """A loop without a frame of asyncio's own."""
    check_all(bench, *trace(bench, "--own-loop"))


@live()
def idle_loop_without_the_gil(bench):
    """A loop that waits for nothing but the GIL stalls in frames of the loop alone: those of
    asyncio, and those of a loop of another library. Its heartbeat waits."""
    # Up to 3.10 trio's callbacks are not seen.
    has_trio = "trio" in bench.python.modules and bench.python.version >= (3, 11)
    for kind in ("asyncio", "own", "trio") if has_trio else ("asyncio", "own"):
        with bench.part(kind):
            target = bench.target("idle_gil.py", kind)
            target.hear("ready")
            tool = bench.tool("trace", "-p", str(target.pid), "--threshold", "20ms")
            tool.wait_start()
            done = target.ask("go", "done", timeout=60)
            tool.finish()
            for held in done["holds"]:
                stall = _longest_within(tool.stalls, held)
                check(stall, "no stall while the GIL was held: %r", held)
                waited_ns = stall["gil_ns"] + stall["runqueue_ns"]
                check(waited_ns >= 0.9 * stall["duration_ns"], "it did not wait: %r", stall)
                victims = stall["victims"]
                check(victims["is_known"] and victims["count"], "who waits: %r", victims)
                starved_ns = victims["starved_ns"]
                check(starved_ns > 0.8 * stall["duration_ns"], "it waits: %r", victims)
                if by_host(stall):
                    continue
                check_equal(stall["gil_holder_tid"], done["tid"], "thread that held the GIL")
                _check_holder(stall["gil_holder"], "holder", "hold")
                check(stall["gil_holder"]["stack"], "no stack of the holder: %r", stall)
                check_equal(stall["gil_holder"]["stack"][0]["line"], done["line"], "its line")
            target.finish()


def _longest_within(stalls, held):
    """The stall that covers most of the time."""
    least_ns = 0.8 * (held["end_ns"] - held["start_ns"])
    for stall in stalls:
        start_ns = max(stall["start_ns"], held["start_ns"])
        if min(stall["start_ns"] + stall["duration_ns"], held["end_ns"]) - start_ns > least_ns:
            return stall
    return None


@live(loops=both_loops)
def dns(bench):
    """In namespaces of its own, where a slow name server answers."""
    texts = {"resolv.conf": "nameserver 127.0.0.1\n", "nsswitch.conf": "hosts: files dns\n"}
    script = ""
    for name, text in texts.items():
        path = os.path.join(bench.folder, name)
        with open(path, "w") as file:
            file.write(text)
        script += "mount --bind %s %s/etc/%s && " % (path, bench.python.root, name)
    wrap = ["unshare", "-m", "-n", "sh", "-c", script + 'exec "$@"', "sh"]
    check_all(bench, *trace(bench, "--plan", "dns", wrap=wrap))


@live(on="once")
def pid_namespace(bench):
    """Inside a container a process has another pid than outside."""
    wrap = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    check_all(bench, *trace(bench, "--plan", "threads", wrap=wrap))
