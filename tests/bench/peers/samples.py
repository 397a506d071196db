# SPDX-License-Identifier: BSD-2-Clause
"""Stalls as a careful reader sees them in a row of samples of one thread.

Samplers tell stacks, not stalls. Samples in a row that lie in the same coroutine (or callback) are
taken for one step; where they add up to the threshold, it is a stall, and the stack most of them
have says where. That is more than the samplers' own reports show, which are sums over the whole
run.
"""

import collections

from .base import THRESHOLD_NS, Finding

Sample = collections.namedtuple("Sample", "start_ns weight_ns stack task")


def asyncio_step(stack):
    """The frames inside a step or callback that asyncio runs, innermost first; () outside."""
    for index in range(len(stack) - 1, -1, -1):
        function, file, _ = stack[index]
        if function.rsplit(".", 1)[-1] == "_run" and file.endswith("events.py"):
            return tuple(stack[:index])
    return ()


def stalls(samples, threshold_ns=THRESHOLD_NS):
    """From samples whose stacks are steps' already (see asyncio_step); an empty stack is the loop
    itself."""
    found, run = [], []
    last = None
    for sample in samples:
        key = (sample.task, sample.stack[-1][:2]) if sample.stack else None
        if key != last:
            found += _stall(run, threshold_ns)
            run, last = [], key
        if key is not None:
            run.append(sample)
    return found + _stall(run, threshold_ns)


def _stall(run, threshold_ns):
    duration_ns = sum(sample.weight_ns for sample in run)
    if not run or duration_ns < threshold_ns:
        return []
    weights = collections.Counter()
    for sample in run:
        weights[sample.stack] += sample.weight_ns
    stack = max(weights, key=weights.get)
    return [
        Finding(
            coroutine=stack[-1][0],
            duration_ns=duration_ns,
            start_ns=run[0].start_ns,
            stack=stack,
            task=run[0].task,
        )
    ]
