# SPDX-License-Identifier: BSD-2-Clause
"""Pauses of the garbage collector, stops from outside and CPU quotas have their own causes: the
line that runs then is not to blame."""

import os
import signal
import time

import cgroups
from lib import MS, both_loops, brief, check, check_equal, live, overlap_ns

LONG_NS = 15 * MS
BLOCKED = "sleep network file pipe process lock dns pagefault other stopped".split()


def _overlap_ns(stall, collection):
    return min(stall["start_ns"] + stall["duration_ns"], collection["end_ns"]) - max(
        stall["start_ns"], collection["start_ns"]
    )


def _check_pause(stalls, collection, period_ns):
    """Of one long collection."""
    found = [stall for stall in stalls if _overlap_ns(stall, collection) > LONG_NS / 2]
    check_equal(len(found), 1, "stalls in a collection: %s" % [brief(s) for s in found])
    stall = found[0]
    slack = 2 * period_ns + stall["stolen_ns"] + collection["cpu_ns"] // 20
    off = stall["causes_ns"].get("gc", 0) - collection["cpu_ns"]
    check(abs(off) <= slack, "gc of %s is %.3f ms off", brief(stall), off / MS)
    check_equal(stall["gc_generation"], collection["generation"], "generation")
    check(stall["cause"] in ("gc", "runqueue"), "cause of %s", brief(stall))


def _check_run(bench, mode):
    target = bench.target("collector.py")
    target.hear("ready")
    tool = bench.tool("trace", "-p", str(target.pid), "--mode", mode, "--threshold", "10ms")
    tool.wait_start()
    done = target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    period_ns = tool.start_line["sample_period_ns"]
    long = [c for c in done["collections"] if c["cpu_ns"] >= LONG_NS]
    check(long, "no long collection")
    for collection in long:
        _check_pause(tool.stalls, collection, period_ns)
    for stall in tool.stalls:
        # In light mode the ends of a stall are known to two samples.
        if not any(_overlap_ns(stall, c) > -2 * period_ns for c in done["collections"]):
            check(stall["causes_ns"].get("gc", 0) == 0, "invented: %s", brief(stall))


@live()
def collector(bench):
    _check_run(bench, "exact")


@live()
def collector_light(bench):
    _check_run(bench, "light")


@live()
def shutdown_behind_the_last_callback(bench):
    """The interpreter's shutdown, with its collections, belongs to no callback."""
    for mode in bench.modes():
        target = bench.target("shut_down.py")
        target.hear("ready")
        tool = bench.tool("trace", "-p", str(target.pid), "--mode", mode, "--threshold", "20ms")
        tool.wait_start()
        true = target.ask("go", "done")
        said_ns = time.monotonic_ns()
        target.finish()
        shutdown_ns = time.monotonic_ns() - said_ns
        tool.finish()
        check(shutdown_ns > 60 * MS, "the shutdown took %.1f ms", shutdown_ns / MS)
        check_equal(len(tool.stalls), 1, "stalls: %s" % [brief(s) for s in tool.stalls])
        stall = tool.stalls[0]
        check_equal(stall["unit"], "callback", "unit")
        check_equal(stall["call"]["function"].rsplit(".", 1)[-1], "last", "function")
        own_ns = stall["duration_ns"] - stall["causes_ns"].get("runqueue", 0)
        off_ns = own_ns - 40 * MS
        slack_ns = 3 * tool.start_line["sample_period_ns"] + 40 * MS // 10
        check(abs(off_ns) < slack_ns, "%.1f ms off: %s (%r)", off_ns / MS, brief(stall), true)
        check(stall["causes_ns"].get("gc", 0) < slack_ns, "gc: %s", brief(stall))


def _check_stopped(bench, mode, stop, resume, wanted):
    """A stop of 100 ms in a step that computes for 100 ms of CPU time."""
    target = bench.target("stopped.py")
    pid = target.hear("ready")["pid"]
    tool = bench.tool("trace", "-p", str(pid), "--mode", mode, "--threshold", "20ms")
    tool.wait_start()
    target.write("go")
    target.hear("computes")
    stop(pid)
    stopped = -time.monotonic_ns()
    time.sleep(0.1)
    stopped += time.monotonic_ns()
    resume(pid)
    done = target.hear("done")
    tool.finish()
    target.finish()
    found = [s for s in tool.stalls if s["causes_ns"].get("cpu", 0) > 50 * MS]
    check_equal(len(found), 1, "stalls: %s" % [brief(s) for s in tool.stalls])
    stall = found[0]
    off = stall["causes_ns"].get("stopped", 0) - stopped
    late = done["runqueue_ns"] + 10 * MS
    check(-5 * MS <= off <= late, "stopped is %.3f ms off: %s", off / MS, brief(stall))
    check_equal(stall["stopped_by"], wanted, "stopped_by")
    check("pagefault" not in stall["causes_ns"], "causes of %s", brief(stall))
    check_equal(
        stall["blocked_ns"], sum(stall["causes_ns"].get(c, 0) for c in BLOCKED), "blocked_ns"
    )


def _signal_stop(bench, mode):
    _check_stopped(
        bench,
        mode,
        lambda pid: os.kill(pid, signal.SIGSTOP),
        lambda pid: os.kill(pid, signal.SIGCONT),
        {"kind": "signal", "signal": "SIGSTOP", "pid": None},
    )


@live(on="once")
def stopped(bench):
    _signal_stop(bench, "exact")


@live(on="once")
def stopped_light(bench):
    _signal_stop(bench, "light")


@live(on="once")
def traced(bench):
    tracer = bench.target("tracer.py")
    _check_stopped(
        bench,
        "exact",
        lambda pid: tracer.ask(str(pid), "traces"),
        lambda pid: tracer.write("release"),
        {"kind": "tracer", "signal": None, "pid": tracer.hear("ready")["pid"]},
    )


def _check_frozen(bench, check_it):
    folder = cgroups.new_freezer()
    if folder is None:
        return

    def freeze(pid):
        cgroups.write(folder, "cgroup.procs", str(pid))
        cgroups.write(folder, "cgroup.freeze", "1")

    def thaw(pid):
        cgroups.write(folder, "cgroup.freeze", "0")

    try:
        check_it(bench, "exact", freeze, thaw, {"kind": "freezer", "signal": None, "pid": None})
    finally:
        cgroups.remove(folder)


@live(on="once")
def frozen(bench):
    _check_frozen(bench, _check_stopped)


def _trace_idle_stop(bench, mode, seconds, stop, resume):
    """The loop waits for a timer of so many seconds while it is stopped for 200 ms."""
    target = bench.target("stopped_idle.py", seconds, "--loop", bench.loop)
    pid = target.hear("ready")["pid"]
    tool = bench.tool("trace", "-p", str(pid), "--mode", mode, "--threshold", "20ms")
    tool.wait_start()
    time.sleep(0.3)
    stop(pid)
    time.sleep(0.2)
    resume(pid)
    time.sleep(0.2)
    lates = target.ask("end", "done")["lates"]
    tool.finish()
    target.finish()
    return lates, [s for s in tool.stalls if s["causes_ns"].get("stopped", 0) > 20 * MS]


def _check_idle_stop(bench, mode, stop, resume, wanted):
    lates, stalls = _trace_idle_stop(bench, mode, "0.005", stop, resume)
    check_equal(len(stalls), 1, "stalls: %s" % [brief(s) for s in stalls])
    stall = stalls[0]
    late = max(lates, key=lambda late: overlap_ns(stall, late))
    check(stall["causes_ns"]["stopped"] > 150 * MS, "stopped for less: %s", brief(stall))
    off_ns = late["duration_ns"] - stall["duration_ns"]
    check(abs(off_ns) < 10 * MS + stall["runqueue_ns"], "%d ns off: %s", off_ns, brief(stall))
    check_equal(stall["unit"], "callback", "unit")
    check_equal(stall["cause"], "stopped", "cause")
    check_equal(stall["stopped_by"], wanted, "stopped_by")
    victims = stall["victims"]
    check(victims["is_known"] and victims["count"], "victims: %r", victims)
    check(victims["starved_ns"] > 150 * MS, "starved: %r", victims)


SIGSTOP = {"kind": "signal", "signal": "SIGSTOP", "pid": None}


@live(loops=both_loops)
def stopped_while_it_waits(bench):
    """What was due while the loop was stopped had to wait; where nothing was, nobody did."""
    stop, resume = (
        lambda pid: os.kill(pid, signal.SIGSTOP),
        lambda pid: os.kill(pid, signal.SIGCONT),
    )
    for mode in bench.modes():
        with bench.part(mode):
            _check_idle_stop(bench, mode, stop, resume, SIGSTOP)
        with bench.part(mode + "-nothing-due"):
            lates, stalls = _trace_idle_stop(bench, mode, "60", stop, resume)
            check_equal(lates, [], "the timer was late")
            check_equal(stalls, [], "stalls: %s" % [brief(s) for s in stalls])


@live(on="once")
def traced_while_it_waits(bench):
    tracer = bench.target("tracer.py")
    wanted = {"kind": "tracer", "signal": None, "pid": tracer.hear("ready")["pid"]}
    _check_idle_stop(
        bench,
        "exact",
        lambda pid: tracer.ask(str(pid), "traces"),
        lambda pid: tracer.write("release"),
        wanted,
    )


@live(on="once")
def frozen_while_it_waits(bench):
    _check_frozen(bench, _check_idle_stop)


def _limited_group():
    """A new cgroup with 30 ms of CPU time in each 100 ms, or None."""
    name = "loopstall-test-%d" % os.getpid()
    for root, files in (
        ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "30000"}),
        ("/sys/fs/cgroup", {"cpu.max": "30000 100000"}),
    ):
        folder = os.path.join(root, name)
        if not os.path.exists(os.path.join(root, "cgroup.procs")):
            continue
        os.mkdir(folder)
        if all(os.path.exists(os.path.join(folder, file)) for file in files):
            for file, text in files.items():
                cgroups.write(folder, file, text)
            return folder
        os.rmdir(folder)
    return None


def _check_throttled(tool, step):
    found = [s for s in tool.stalls if _overlap_ns(s, step) > 50 * MS]
    check_equal(len(found), 1, "stalls in a step: %s" % [brief(s) for s in found])
    causes = found[0]["causes_ns"]
    off = causes.get("throttled", 0) - step["throttled_ns"]
    check(abs(off) <= 5 * MS, "throttled of %s is %.3f ms off", brief(found[0]), off / MS)
    check_equal(
        found[0]["runqueue_ns"],
        causes.get("runqueue", 0) + causes.get("throttled", 0),
        "runqueue_ns",
    )
    # A host that leaves the group less than its quota does not throttle it.
    wanted = {"quota_ns": 30 * MS, "period_ns": 100 * MS} if causes.get("throttled") else None
    check_equal(found[0]["cpu_quota"], wanted, "cpu_quota")


def _throttle(bench, mode):
    folder = _limited_group()
    if folder is None:
        return
    try:
        target = bench.target("throttled.py", folder)
        target.hear("ready")
        tool = bench.tool("trace", "-p", str(target.pid), "--mode", mode, "--threshold", "20ms")
        tool.wait_start()
        done = target.ask("go", "done")
        tool.finish()
        target.finish()
        throttled_ns = max(step["throttled_ns"] for step in done["steps"])
        check(throttled_ns > 50 * MS, "the host throttled no step: %r", done["steps"])
        for step in done["steps"]:
            _check_throttled(tool, step)
    finally:
        time.sleep(0.2)
        os.rmdir(folder)


@live(on="once", lane="alone")
def throttled(bench):
    _throttle(bench, "exact")


@live(on="once", lane="alone")
def throttled_light(bench):
    _throttle(bench, "light")
