# SPDX-License-Identifier: BSD-2-Clause
"""Turns and victims: what a long turn consisted of and who waited for its end, whose tasks a step
made, who waits for a loop that is woken late, and sockets in both modes."""

from lib import MS, both_loops, brief, check, check_equal, live

N_TASKS = 1500
N_SOCKETS = 3


def _overlap_ns(a, b):
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def _span(stall):
    return stall["start_ns"], stall["start_ns"] + stall["duration_ns"]


def _perform(bench, names, mode):
    """What the acts of these names did, and what the tool saw of each, by name."""
    target = bench.target("turns.py", "--loop", bench.loop)
    target.hear("ready")
    tool = bench.tool(
        "trace", "-p", str(target.pid), "--threshold", "10ms", "--mode", mode, "-d", "60s"
    )
    tool.wait_start()
    done = {name: target.ask(name, "done") for name in names}
    tool.finish()
    target.finish()
    return {name: Act(true, tool.stalls) for name, true in done.items()}


class Act:
    """What an act of turns.py did, and the stalls that the tool saw meanwhile."""

    def __init__(self, true, stalls):
        self.true = true
        during = (true["begun_ns"], true["ended_ns"])
        self.stalls = [s for s in stalls if _overlap_ns(_span(s), during)]

    def only(self, what, stalls):
        check(stalls, "no %s among %s", what, [brief(s) for s in self.stalls])
        return max(stalls, key=lambda s: s["duration_ns"])

    def units(self, unit):
        return [s for s in self.stalls if s["unit"] == unit]

    def waited_ns(self, stall):
        """How long the heartbeat was due during a stall, as it knows itself."""
        return sum(_overlap_ns(_span(stall), beat) for beat in self.true["beats"])


def _check_heart(act, stall, slack_ns=1.5 * MS):
    """The heartbeat waited as long as it says. Its timers are a millisecond coarse on uvloop."""
    waited_ns = act.waited_ns(stall)
    victims = stall["victims"]
    check(victims["is_known"], "victims of %s", brief(stall))
    check("heart" in victims["tasks"], "the heartbeat is none of %r", victims)
    check(
        victims["starved_ns"] >= waited_ns - slack_ns,
        "%r, but the heartbeat waited %.2f ms",
        victims,
        waited_ns / MS,
    )
    if victims["count"] == 1:
        check(
            victims["starved_ns"] <= waited_ns + slack_ns,
            "%r, but the heartbeat waited %.2f ms only",
            victims,
            waited_ns / MS,
        )


def _turn_of(act, function):
    """The turn that ran most steps of this coroutine, as one turn or, where the machine was busy,
    not at all."""

    def has(turn):
        return any(p["coroutine"]["name"] == function for p in turn["made_of"])

    return act.only("turn of %s()" % function, [t for t in act.units("turn") if has(t)])


def _check_sums(turn):
    rest = turn["made_of_rest"] or {"steps": 0, "duration_ns": 0}
    parts = turn["made_of"]
    check_equal(sum(p["steps"] for p in parts) + rest["steps"], turn["steps"], "steps")
    whole_ns = sum(p["duration_ns"] for p in parts) + rest["duration_ns"] + turn["callbacks_ns"]
    check(abs(whole_ns - turn["duration_ns"]) < 0.01 * MS, "parts of %r", turn)
    check_equal(turn["coroutine"], parts[0]["coroutine"], "the largest part")
    check_equal(turn["coroutine_share"], parts[0]["share"], "its share")


def _check_created(loop, act):
    turn = _turn_of(act, "large")
    _check_sums(turn)
    parts = {p["coroutine"]["name"]: p for p in turn["made_of"]}
    check_equal(parts["small"]["steps"], N_TASKS * 3 // 4, "small steps")
    check_equal(parts["large"]["steps"], N_TASKS // 4, "large steps")
    # Around what a step logs of itself are its own probes and the interpreter's work.
    for name, inside_ns in act.true["in_steps"].items():
        part = parts[name]
        outside_ns = part["duration_ns"] - inside_ns
        check(
            0 <= outside_ns <= part["steps"] * 30000 + turn["runqueue_ns"],
            "%s: %.2f ms, of which it logs %.2f",
            name,
            part["duration_ns"] / MS,
            inside_ns / MS,
        )
    maker = turn["made_by"]
    check(maker is not None, "nothing made %s", brief(turn))
    check_equal(maker["coroutine"]["name"], "created", "what made them")
    check_equal(maker["is_created"], True, "they are new")
    check_equal(maker["steps"], N_TASKS, "how many it made")
    # A sample has to fall into the making, which takes longer than two of their periods.
    if maker["call"]:
        check(abs(maker["call"]["line"] - act.true["lines"][0]) <= 1, "line of %r", maker)
    if loop == "asyncio":
        _check_heart(act, turn)


def _check_woken(_, act):
    turn = _turn_of(act, "waiter")
    _check_sums(turn)
    check_equal(turn["made_of"][0]["steps"], N_TASKS, "steps")
    maker = turn["made_by"]
    check_equal(maker["coroutine"]["name"], "woken", "what made them")
    check_equal(maker["is_created"], False, "they had run before")


def _check_children(_, act):
    """Children that a step creates are none of its victims; a task that it wakes is one."""
    steps = [s for s in act.units("step") if s["coroutine"]["name"] == "parent"]
    stall = act.only("step of parent()", steps)
    victims = stall["victims"]
    check_equal(victims["count"], 2, "the heartbeat and the one that was woken: %r" % victims)
    heart_ns = act.waited_ns(stall)
    woken_ns = act.true["end_ns"] - act.true["woke_ns"]
    off_ns = heart_ns + woken_ns - victims["starved_ns"]
    # It is first seen in the queue at a sample or switch-out.
    check(-2 * MS < off_ns < 8 * MS + stall["runqueue_ns"], "%.2f ms off", off_ns / MS)


def _check_sockets(act, mode):
    steps = [s for s in act.units("step") if s["coroutine"]]
    stall = act.only("step", [s for s in steps if s["coroutine"]["name"].endswith("ing_step")])
    check_equal(stall["mode"], mode, "mode")
    check_equal(stall["victims"]["sockets"], N_SOCKETS, "sockets")


def _check_gil(loop, act, mode):
    stall = act.only("wait for the GIL", [s for s in act.stalls if s["gil_ns"] > 20 * MS])
    check_equal(stall["unit"], "callback", "unit")
    if loop == "uvloop" and mode == "light":
        # While its callback waits, a timer that has fired is in no queue.
        check_equal(stall["victims"]["is_cut"], True, "a lower bound")
        return
    # In light mode its start and end are known to two sampling periods.
    _check_heart(act, stall, 1.5 * MS if mode == "exact" else 8 * MS)


def _check_runqueue(_, act):
    stalls = [s for s in act.units("callback") if s["runqueue_ns"] > 20 * MS]
    stall = act.only("wait for a CPU", stalls)
    check_equal(stall["cause"], "runqueue", "cause")
    _check_heart(act, stall)


@live(loops=both_loops, lane="alone")
def main(bench):
    checks = {
        "created": _check_created,
        "woken": _check_woken,
        "children": _check_children,
        "gil": lambda loop, act: _check_gil(loop, act, "exact"),
        "runqueue": _check_runqueue,
    }
    acts = _perform(bench, checks, "exact")
    for name, act in acts.items():
        with bench.part(name):
            checks[name](bench.loop, act)


@live(on="once", loops=both_loops, lane="alone")
def modes(bench):
    """Sockets that have unread data are the same in both modes: only the kernel is asked for them.
    So are those who wait for a loop without the GIL."""
    for mode in ("exact", "light"):
        acts = _perform(bench, ("sleeping", "computing", "gil"), mode)
        for name in ("sleeping", "computing"):
            with bench.part("%s-%s" % (name, mode)):
                _check_sockets(acts[name], mode)
        with bench.part("gil-%s" % mode):
            _check_gil(bench.loop, acts["gil"], mode)
