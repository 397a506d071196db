# SPDX-License-Identifier: BSD-2-Clause
"""What decides between one advice and another is observed, and following it helps."""

import os

from lib import MS, brief, check, check_equal, live, own_ns

THRESHOLD_NS = 20 * MS
SLACK_NS = MS


def _trace(bench, program, *args, mode="exact"):
    """Stalls of its steps, the answer, what it said at first, the summary."""
    target = bench.target(program, *args)
    ready = target.hear("ready", timeout=60)
    tool = bench.tool(
        "trace", "-p", str(target.pid), "--mode", mode, "--threshold", "20ms", "--no-follow"
    )
    tool.wait_start()
    done = target.ask("go", "done", timeout=60)
    tool.finish()
    target.finish()
    return [s for s in tool.stalls if s["unit"] == "step"], done, ready, tool.summary


def _own_stalls(bench, kind):
    return [s for s in _trace(bench, "advised.py", kind)[0] if own_ns(s) >= THRESHOLD_NS]


@live()
def native_code_to_a_thread(bench):
    stalls = _own_stalls(bench, "native")
    check(len(stalls) >= 5, "stalls: %s", [brief(s) for s in stalls])
    for stall in stalls:
        check_equal(stall["releases_gil"], True, "releases_gil of %s" % brief(stall))
        check("cpu" in (stall["cause"], stall["own_cause"]), "own_cause of %s", brief(stall))
    for stall in stalls:
        check(not stall["repeated_await"], "no await: %s", brief(stall))
    stalls = _own_stalls(bench, "native-thread")
    check_equal([brief(s) for s in stalls], [], "stalls with a thread")


@live()
def a_library_that_sleeps_to_a_thread(bench):
    stalls, *_, summary = _trace(bench, "advised.py", "locked")
    stalls = [s for s in stalls if own_ns(s) >= THRESHOLD_NS]
    check(len(stalls) >= 5, "stalls: %s", [brief(s) for s in stalls])
    for stall in stalls:
        check("sleep" in (stall["cause"], stall["own_cause"]), "cause of %s", brief(stall))
    modules = {frame["module"] for stall in stalls for frame in stall["native_stack"] or ()}
    check("_sqlite3" in modules, "modules: %s", modules)
    said = [f for f in summary["findings"] if f["cause"] == "sleep"]
    check_equal([f["call"] for f in said], ["sleep in a native library"], "calls")
    check("to_thread" in said[0]["advice"], "advice: %s", said[0]["advice"])
    stalls = _own_stalls(bench, "locked-thread")
    check_equal([brief(s) for s in stalls], [], "stalls with a thread")


@live()
def an_open_that_waits_to_a_thread(bench):
    """That it is a FIFO cannot be seen while it is opened: it is said that it may be one."""
    stalls, *_, summary = _trace(bench, "advised.py", "fifo")
    stalls = [s for s in stalls if own_ns(s) >= THRESHOLD_NS]
    check(len(stalls) >= 5, "stalls: %s", [brief(s) for s in stalls])
    for stall in stalls:
        check("file" in (stall["cause"], stall["own_cause"]), "cause of %s", brief(stall))
    # A slow disk may make another line block, too.
    said = [f for f in summary["findings"] if f["call"] == "open of a file or FIFO"]
    check_equal([f["where"]["function"] for f in said], ["fifo"], "opens")
    check("other end" in said[0]["verdict"], "verdict: %s", said[0]["verdict"])
    check("to_thread(open" in said[0]["advice"], "advice: %s", said[0]["advice"])
    stalls = _own_stalls(bench, "fifo-thread")
    check_equal([brief(s) for s in stalls], [], "stalls with a thread")


@live()
def the_result_of_a_thread_is_awaited(bench):
    stalls, *_, summary = _trace(bench, "advised.py", "result")
    stalls = [s for s in stalls if own_ns(s) >= THRESHOLD_NS]
    check(len(stalls) >= 5, "stalls: %s", [brief(s) for s in stalls])
    for stall in stalls:
        check("lock" in (stall["cause"], stall["own_cause"]), "cause of %s", brief(stall))
        check_equal(stall["lock_holder"], None, "holder of what is no lock")
    said = [f for f in summary["findings"] if f["cause"] == "lock"]
    check_equal([f["call"] for f in said], ["wait for another thread"], "calls")
    check("wrap_future" in said[0]["advice"], "advice: %s", said[0]["advice"])
    stalls = _own_stalls(bench, "result-thread")
    check_equal([brief(s) for s in stalls], [], "stalls when it is awaited")


def line_of(mark):
    path = os.path.join(os.path.dirname(__file__), "programs", "advised.py")
    with open(path) as file:
        return next(n for n, line in enumerate(file, 1) if line.rstrip().endswith("# " + mark))


@live()
def a_collection_that_was_asked_for(bench):
    for mode in bench.modes():
        *_, summary = _trace(bench, "advised.py", "cleans", mode=mode)
        said = [f for f in summary["findings"] if f["lint"] == "gc-pause" and f["where"]]
        check_equal([f["where"]["line"] for f in said], [line_of("cleans")], "lines in %s" % mode)
        check("calls gc.collect()" in said[0]["what"], "what: %s", said[0]["what"])
        check("gc.freeze()" in said[0]["advice"], "advice: %s", said[0]["advice"])
    stalls = _own_stalls(bench, "cleans-frozen")
    check_equal([brief(s) for s in stalls], [], "stalls with frozen objects")


def _is_own(finding):
    return finding["subject"] == "line" and finding["where"]


@live()
def each_line_that_blocks_has_its_share(bench):
    for mode in bench.modes():
        *_, summary = _trace(bench, "advised.py", "lines", mode=mode)
        said = {f["where"]["line"]: f for f in summary["findings"] if _is_own(f)}
        for mark, least_ms in ("first", 60), ("second", 50):
            finding = said[line_of(mark)]
            mean_ms = finding["time_ns"] / finding["stalls"] / MS
            check(least_ms - 2 < mean_ms < least_ms + 25, "%s: %.1f ms", mark, mean_ms)


@live()
def each_cause_of_a_step_is_said(bench):
    for mode in bench.modes():
        *_, summary = _trace(bench, "advised.py", "causes", mode=mode)
        causes = {f["cause"] for f in summary["findings"] if _is_own(f)}
        check(causes >= {"cpu", "sleep", "process"}, "causes in %s: %s", mode, causes)


@live()
def python_code_to_a_process(bench):
    stalls = _own_stalls(bench, "python")
    check(len(stalls) >= 5, "stalls: %s", [brief(s) for s in stalls])
    for stall in stalls:
        check_equal(stall["releases_gil"], False, "releases_gil of %s" % brief(stall))
    in_kernel = [s for s in stalls if (s["kernel_ns"] or 0) > s["cpu_ns"] / 2]
    check(2 * len(in_kernel) < len(stalls), "in the kernel: %s", [brief(s) for s in in_kernel])
    stalls = _own_stalls(bench, "python-process")
    check_equal([brief(s) for s in stalls], [], "stalls with a process")


@live()
def pauses_in_a_loop_that_awaits(bench):
    stalls = [s for s in _own_stalls(bench, "gets") if s["coroutine"]["name"] == "gets"]
    check(len(stalls) >= 5, "stalls: %s", [brief(s) for s in stalls])
    found = [s for s in stalls if s["repeated_await"]]
    # A short stall has few samples.
    check(2 * len(found) > len(stalls), "repeated_await in %d of %d", len(found), len(stalls))
    for stall in found:
        check_equal(stall["repeated_await"]["function"], "gets", "where it awaits")
    stalls = [s for s in _own_stalls(bench, "gets-sleep") if s["repeated_await"]]
    check_equal([brief(s) for s in stalls], [], "stalls with pauses")


def _check_faults(bench, mode):
    stalls, _, ready, _ = _trace(bench, "advised.py", "writes", mode=mode)
    stalls = [s for s in stalls if s["coroutine"]["name"] == "_direct"]
    stalls = [s for s in stalls if s["cpu_ns"] >= THRESHOLD_NS]
    check(len(stalls) >= 4, "stalls: %s", [brief(s) for s in stalls])
    for stall in stalls:
        faults = stall["page_faults"]
        # Those before the first sample are not counted.
        check(ready["pages"] // 2 < faults < 1.1 * ready["pages"], "%d page faults", faults)
    # The kernel books by its tick: one stall may have too few.
    told = [s for s in stalls if s["kernel_ns"] and s["kernel_ns"] > s["cpu_ns"] / 2]
    check(2 * len(told) > len(stalls), "in the kernel: %d of %d", len(told), len(stalls))


@live()
def memory_shared_with_a_child(bench):
    _check_faults(bench, "exact")
    stalls = _trace(bench, "advised.py", "writes-spawn")[0]
    check(all(s["page_faults"] < 2000 for s in stalls), "page faults without a fork")


@live(on="once")
def memory_shared_with_a_child_light(bench):
    _check_faults(bench, "light")


@live(on="once")
def native_code_light(bench):
    stalls, *_ = _trace(bench, "advised.py", "native", mode="light")
    stalls = [s for s in stalls if own_ns(s) >= THRESHOLD_NS]
    check(stalls, "no stall")
    check_equal({s["releases_gil"] for s in stalls}, {True}, "releases_gil")


def _trace_loop(bench, *args):
    """Stalls of its own time, and the findings about them."""
    target = bench.target("advised_loops.py", *args)
    target.hear("ready", timeout=60)
    tool = bench.tool(
        "trace", "-p", str(target.pid), "--mode", "exact", "--threshold", "20ms", "--no-follow"
    )
    tool.wait_start()
    target.ask("go", "done", timeout=60)
    summary = tool.finish()
    target.write("")
    stalls = [s for s in tool.stalls if own_ns(s) >= THRESHOLD_NS]
    return stalls, [f for f in summary["findings"] if f["subject"] == "line"]


# What the advice for each names, and what it must not name.
LOOPS = {
    "asyncio": ({"sleep": "loop.call_later", "native": "run_in_executor"}, ("await asyncio.",)),
    "trio": ({"sleep": "await trio.sleep", "native": "trio.to_thread.run_sync"}, ("asyncio",)),
    "twisted": ({"sleep": "reactor.callLater", "native": "deferToThread"}, ("asyncio", "await")),
    "gevent": (
        {"sleep": "gevent.sleep(", "native": "threadpool.apply", "python": "gevent.sleep(0)"},
        ("asyncio", "await"),
    ),
    "hub": ({"sleep": "gevent.spawn"}, ("asyncio", "await")),
    "eventlet": (
        {"sleep": "eventlet.sleep(", "native": "eventlet.tpool.execute"},
        ("asyncio", "await"),
    ),
    "server": ({"sleep": "ThreadingHTTPServer"}, ("asyncio", "await")),
    "select": ({"sleep": "timeout", "native": "thread"}, ("asyncio", "await")),
}


def _check_loop(bench, loop):
    named, unnamed = LOOPS[loop]
    for work, words in named.items():
        with bench.part("%s-%s" % (loop, work)):
            stalls, findings = _trace_loop(bench, loop, work)
            check(len(stalls) >= 5, "stalls: %s", [brief(s) for s in stalls])
            check(findings, "no finding about a line")
            cause = "sleep" if work == "sleep" else "cpu"
            said = [f for f in findings if f["cause"] == cause]
            check(said, "findings: %s", findings)
            check(words in said[0]["advice"], "advice: %s", said[0]["advice"])
            for finding in findings:
                for word in unnamed:
                    check(word not in finding["advice"], "%r in advice: %s", word, finding)
                check("step" not in finding["what"], "a step: %s", finding["what"])
            stalls, _ = _trace_loop(bench, loop, work, "mended")
            check_equal([brief(s) for s in stalls], [], "stalls when the advice is followed")


@live()
def callbacks_of_asyncio(bench):
    _check_loop(bench, "asyncio")


@live(needs="trio", since=(3, 11))
def steps_of_trio(bench):
    _check_loop(bench, "trio")


@live(on="once", needs="twisted")
def callbacks_of_twisted(bench):
    _check_loop(bench, "twisted")


@live(on="once", needs="gevent")
def greenlets_of_gevent(bench):
    _check_loop(bench, "gevent")
    _check_loop(bench, "hub")


@live(on="once", needs="eventlet")
def greenlets_of_eventlet(bench):
    _check_loop(bench, "eventlet")


@live()
def requests_of_a_server(bench):
    _check_loop(bench, "server")


@live()
def work_of_an_own_loop(bench):
    _check_loop(bench, "select")


def _rivals(bench, kind, mode):
    """Their CPU is not free on a busy machine either: then others are among the holders."""
    stalls, done, ready, _ = _trace(bench, "cpu_rivals.py", kind, mode=mode)
    waited = [s for s in stalls if s["causes_ns"].get("runqueue", 0) >= THRESHOLD_NS]
    check(waited, "no stall without a CPU: %s", [brief(s) for s in stalls])
    for stall in waited:
        holder = stall["cpu_holder"]
        check(holder, "no holder: %s", brief(stall))
        check(
            holder["duration_ns"] <= stall["runqueue_ns"] + SLACK_NS, "too long: %s", brief(stall)
        )
        check_equal(holder["is_own_process"], holder["pid"] == stall["pid"], "is_own_process")
        check(holder["name"], "no name: %r", holder)
        check(stall["pinned_ns"] <= stall["runqueue_ns"], "pinned_ns of %s", brief(stall))
    found = [s["cpu_holder"]["pid"] for s in waited]
    check(ready["rival"] in found, "%d is not among %s", ready["rival"], found)
    if done["free"] > 0.9:
        check(any(s["pinned_ns"] for s in waited), "pinned_ns is 0, a CPU was free")


@live(on="once")
def another_process_has_the_cpu(bench):
    _rivals(bench, "process", "exact")


@live(on="once")
def another_process_has_the_cpu_light(bench):
    _rivals(bench, "process", "light")


@live(on="once")
def own_threads_have_the_cpu(bench):
    _rivals(bench, "thread", "exact")
