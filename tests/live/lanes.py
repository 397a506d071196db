# SPDX-License-Identifier: BSD-2-Clause
"""What runs at the same time: cases are sorted into lanes, and their processes come before other
work.

A lane is what a case allows to happen beside it:
  timed     judges times: no other timed case beside it
  beside    judges none, or generous ones: may run beside any other that is not alone
  alone     takes all CPUs or measures small costs: no other case beside it
"""

import collections
import contextlib
import os
import threading

# Of the processes of a lane. For ten steps, a CPU that two want is shared 10 to 1.
NICE = {"timed": -20, "beside": -10, "alone": -20}
# Threads of a lane. Most of a case is waiting: one of them wants a quarter of a CPU.
WORKERS = {"timed": 1, "beside": 3, "alone": 1}
_here = threading.local()


def favour(pid):
    """Gives a session that a case has started the priority of its lane.

    Where the kernel groups processes by session (sched_autogroup), the groups share the CPUs and a
    process's own nice value only counts within its group.
    """
    nice = getattr(_here, "nice", None)
    if nice is not None:
        with contextlib.suppress(OSError), open("/proc/%d/autogroup" % pid, "w") as file:
            file.write(str(nice))


def _enter(lane):
    """The thread's children inherit its nice value."""
    _here.nice = NICE[lane]
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _here.nice)


def _groups(runs, topic_of):
    """The runs by topic, the longest list first. Cases of one topic share programs and names, so
    they never run beside each other."""
    topics = collections.defaultdict(list)
    for run in runs:
        topics[topic_of(run)].append(run)
    return collections.deque(sorted(topics.values(), key=len, reverse=True))


class _Worker(threading.Thread):
    """Takes groups of runs from its lane, and runs the cases of each one after the other."""

    def __init__(self, lane, groups, perform):
        super().__init__()
        self._lane, self._groups, self._perform = lane, groups, perform
        self._error = None
        self._is_stopped = False

    def _all_runs(self):
        while True:
            try:
                group = self._groups.popleft()
            except IndexError:
                return
            yield from group

    def run(self):
        _enter(self._lane)
        try:
            for run in self._all_runs():
                if self._is_stopped:
                    return
                self._perform(run)
        except BaseException as error:
            self._error = error

    def stop(self):
        """After the case that it is at."""
        self._is_stopped = True

    def end(self):
        self.join()
        if self._error:
            raise self._error


def _workers(runs, lane, topic_of, perform):
    groups = _groups(runs, topic_of)
    return [_Worker(lane, groups, perform) for _ in range(min(WORKERS[lane], len(groups)))]


def run(runs, lane_of, topic_of, perform):
    """Calls perform(run) for all of them."""
    for together in (("timed", "beside"), ("alone",)):
        workers = [
            worker
            for lane in together
            for worker in _workers([r for r in runs if lane_of(r) == lane], lane, topic_of, perform)
        ]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.end()
        finally:
            for worker in workers:
                worker.stop()
