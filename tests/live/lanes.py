# SPDX-License-Identifier: BSD-2-Clause
"""What runs at the same time: cases are sorted into lanes, and their processes come before other
work.

A lane is what a case allows to happen beside it:
  timed     judges times: no other timed case beside it
  beside    judges none, or generous ones: may run beside a timed case
  alone     takes all CPUs or measures small costs: no other case beside it
"""

import contextlib
import os
import threading

# Of the processes of a lane. For ten steps, a CPU that two want is shared 10 to 1.
NICE = {"timed": -20, "beside": -10, "alone": -20}
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


class _Lane(threading.Thread):
    """Runs the cases of one lane, one after the other."""

    def __init__(self, lane, runs, perform):
        super().__init__()
        self._lane, self._runs, self._perform = lane, runs, perform
        self._error = None
        self._is_stopped = False

    def run(self):
        _enter(self._lane)
        try:
            for run in self._runs:
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


def run(runs, lane_of, perform):
    """Calls perform(run) for all of them."""
    for together in (("timed", "beside"), ("alone",)):
        lanes = [_Lane(lane, [r for r in runs if lane_of(r) == lane], perform) for lane in together]
        for lane in lanes:
            lane.start()
        try:
            for lane in lanes:
                lane.end()
        finally:
            for lane in lanes:
                lane.stop()
